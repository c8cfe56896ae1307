"""ICE201 to ICE210: the blocks of a server, which of them is in use, and who is shown as sender."""

from __future__ import annotations

from typing import Final

from icesync.diagnostics.finding import Severity
from icesync.diagnostics.rule import Rule

__all__ = ["ROWS"]

_SERVER: Final = """\
version: 1
organization: 59
servers:
  - skill: 663
    status: Enabled
    active: true
    incoming: {incoming}
    ssl: false
    tls: true
    smtp:
      host: smtp.example.org
      port: 587
      username: desk
      password: ref+env://ICE_SMTP
      mailbox: desk@example.org{smtp}
    {incoming}:
      host: {incoming}.example.org
      port: {port}
      username: desk
      password: ref+env://ICE_IN
      mailbox: desk@example.org{rate}
"""

_RATE: Final = "\n      poll_rate: 10"


def _server(incoming: str = "imap", smtp: str = _RATE, rate: str = _RATE) -> str:
    port = 993 if incoming == "imap" else 995
    return _SERVER.format(incoming=incoming, port=port, smtp=smtp, rate=rate)


ROWS: Final = (
    Rule(
        "ICE201",
        "IMAP in use and incomplete",
        what="`incoming` is imap, and a setting of `imap` has no value.",
        why="It would be sent as empty, and collecting mail would stop.",
        before=_server(rate=""),
        after=_server(),
        source="doc:table: True=Imap, False=Pop3",
    ),
    Rule(
        "ICE202",
        "POP3 in use and incomplete",
        what="`incoming` is pop3, and a setting of `pop3` has no value.",
        why="It would be sent as empty, and collecting mail would stop.",
        before=_server("pop3", rate=""),
        after=_server("pop3"),
        source="doc:table: True=Imap, False=Pop3",
    ),
    Rule(
        "ICE203",
        "SMTP incomplete",
        what="A setting of `smtp` has no value.",
        why="It would be sent as empty, and answers to customers would not leave.",
        before=_server(smtp=""),
        after=_server(),
        source="doc:sample",
    ),
    Rule(
        "ICE204",
        "spoofing without an address",
        what="`spoofing.enabled` is true and `spoofing.address` has no value.",
        why="The service would send with an empty sender, which no mail server takes.",
        before="spoofing: {enabled: true}\n",
        after="spoofing: {enabled: true, address: help@example.org}\n",
        source="doc:table",
    ),
    Rule(
        "ICE205",
        "a spoofing address while spoofing is off",
        Severity.WARNING,
        what="`spoofing.address` is given and `spoofing.enabled` is not true.",
        why="The address is ignored while spoofing is off: likely half an edit.",
        before="spoofing: {address: help@example.org}\n",
        after="spoofing: {enabled: true, address: help@example.org}\n",
        source="doc:table",
    ),
    Rule(
        "ICE206",
        "a spoofing address of another domain",
        Severity.WARNING,
        what="The domain of `spoofing.address` is not that of `smtp.mailbox`, nor above or below "
        "it.",
        why="The SPF and DMARC records of the shown domain rarely permit the mailbox's mail "
        "server, so such mail lands in junk folders or is refused.",
        before="spoofing: {enabled: true, address: help@example.net}\n",
        after="spoofing: {enabled: true, address: help@example.org}\n",
        source="RFC 7489 (DMARC), section 3.1: alignment",
    ),
    Rule(
        "ICE207",
        "nobody left to answer",
        Severity.WARNING,
        what="All servers of an organization are disabled; or a plan disables a server and the "
        "guard `disabled` is off.",
        why="Mail to these skills stops, in silence.",
        before="status: Disabled\nactive: false\n",
        after="status: Enabled\nactive: true\n",
        source="doc:table",
        offline=False,
    ),
    Rule(
        "ICE208",
        "a value outside of its closed list",
        what="`status`, `incoming`, `preset`, an action or a choice of icesync.yaml is none of "
        "those that exist.",
        why="The vendor names two statuses; what it does with a third, or with another case, "
        "nobody knows.",
        before="status: enabled\n",
        after="status: Enabled\n",
        source="doc:table",
        waivable=False,
    ),
    Rule(
        "ICE209",
        "a change in the block that is not in use",
        Severity.INFO,
        what="A plan changes settings of the incoming block that `incoming` does not name.",
        why="Each call replaces the whole record, the block that is not in use too.",
        before="imap: {port: 993}\npop3: {port: 995}\n",
        after="imap: {port: 993}\n",
        source="doc:sample",
        offline=False,
    ),
    Rule(
        "ICE210",
        "the block that is not in use is incomplete",
        Severity.WARNING,
        what="The incoming block that `incoming` does not name has a login or a mailbox, but not "
        "all that belongs to it.",
        why="What is missing is sent as empty and overwrites what the record holds; switching "
        "over later would then fail.",
        before="pop3: {username: desk@example.org, mailbox: desk@example.org}\n",
        after="pop3:\n  host: pop3.example.org\n  port: 995\n  username: desk@example.org\n"
        "  password: ref+env://ICE_POP3\n  mailbox: desk@example.org\n  poll_rate: 10\n",
        source="observed: Json.NET binding",
    ),
)
