"""ICE501 to ICE507: hosts and mail addresses."""

from __future__ import annotations

from typing import Final

from icesync.diagnostics.finding import Severity
from icesync.diagnostics.rule import Rule

__all__ = ["ROWS"]

ROWS: Final = (
    Rule(
        "ICE501",
        "not an email address",
        what="A mailbox or the spoofing address is no `local@domain`, its domain has no dot, or "
        "it is longer than 254 characters (64 before the @).",
        why="No mail server takes it as a sender.",
        before="smtp: {mailbox: desk.example.org}\nimap: {mailbox: desk.example.org}\n",
        after="smtp: {mailbox: desk@example.org}\nimap: {mailbox: desk@example.org}\n",
        source="RFC 5321, sections 4.1.2 and 4.5.3",
    ),
    Rule(
        "ICE502",
        "an address that needs SMTPUTF8",
        Severity.WARNING,
        what="The part before the @ has characters outside of ASCII.",
        why="Many relays do not know the extension that it needs, and refuse the mail.",
        before='spoofing: {enabled: true, address: "jörg@example.org"}\n',
        after='spoofing: {enabled: true, address: "joerg@example.org"}\n',
        source="RFC 6531",
    ),
    Rule(
        "ICE503",
        "not a host name",
        what="A host is no bare name: it has a blank, an underscore, a scheme, a port, a slash, "
        "an empty label, or a dash at a label's edge.",
        why="It cannot be looked up; port and host are two settings.",
        before='smtp: {host: "smtp.example.org:587"}\n',
        after="smtp: {host: smtp.example.org, port: 587}\n",
        source="RFC 1123, section 2.1; RFC 5891",
    ),
    Rule(
        "ICE504",
        "a host name with characters outside of ASCII",
        Severity.WARNING,
        what="A host is an internationalized name.",
        why="It is sent as it stands, and whether the service converts it is unknown.",
        before="smtp: {host: smtp.bücher.example}\n",
        after="smtp: {host: smtp.xn--bcher-kva.example}\n",
        source="RFC 5891; that ICE converts is unknown",
    ),
    Rule(
        "ICE505",
        "a host that ICE cannot reach",
        Severity.WARNING,
        what="A host is an IP address, `localhost`, a single word, or ends in `.local`, "
        "`.internal`, `.lan` or `.home.arpa`.",
        why="It works where you try it and fails where ICE runs; and certificates rarely name an "
        "IP address.",
        before="smtp: {host: mail.corp.internal}\n",
        after="smtp: {host: mail.example.org}\n",
        source="RFC 6762, RFC 8375",
    ),
    Rule(
        "ICE506",
        "a host name with a slip in its spelling",
        Severity.WARNING,
        what="A host has upper case, blanks around it, or a final dot.",
        why="It is sent as it stands. Certificates name no final dot, and two spellings of one "
        "host read as a change.",
        before="smtp: {host: SMTP.example.org}\n",
        after="smtp: {host: smtp.example.org}\n",
        source="RFC 4343",
    ),
    Rule(
        "ICE507",
        "a placeholder",
        what="A text is a placeholder: `sample string 19`, `changeme`, `xxx`, `<host>`, `TODO`, or "
        "the values of the vendor's sample. A warning in a block that is not in use; and for the "
        "hosts of `example.org` and its kind, where calls go to the real service.",
        why="Somebody meant to come back to it.",
        before="smtp: {username: changeme}\n",
        after="smtp: {username: desk@example.org}\n",
        source="doc:sample; RFC 2606",
    ),
)
