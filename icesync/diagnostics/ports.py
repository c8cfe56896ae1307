"""
ICE301 to ICE312: ports, encryption, polling and what providers offer.

The vendor documents two flags, SSL and TLS, for three protocols, and says
neither which protocol they concern nor what they switch. So a port decides what
is spoken, and the flags only whether encryption is wanted (assumed).
"""

from __future__ import annotations

from typing import Final

from icesync.diagnostics.finding import Severity
from icesync.diagnostics.rule import Rule

__all__ = ["ROWS"]

_IMPLICIT: Final = "RFC 8314: 465, 993 and 995 speak TLS from the first byte"

ROWS: Final = (
    Rule(
        "ICE301",
        "a port outside of 1 to 65535",
        what="A port is no decimal number from 1 to 65535.",
        why="Ports are texts on the wire, so `0587` or `-1` would reach the record as they are.",
        before="smtp: {port: 70000}\n",
        after="smtp: {port: 587}\n",
        source="doc:sample",
        waivable=False,
    ),
    Rule(
        "ICE302",
        "both encryption flags are on",
        Severity.WARNING,
        what="`ssl` and `tls` are both true.",
        why="The vendor does not say which of the two wins, so a reviewer cannot tell what is "
        "meant.",
        before="ssl: true\ntls: true\n",
        after="ssl: false\ntls: true\n",
        source="doc:table",
    ),
    Rule(
        "ICE303",
        "a port that speaks TLS, with both flags off",
        Severity.WARNING,
        what="A block in use has port 465, 2465, 586, 993 or 995, and `ssl` and `tls` are both "
        "false.",
        why="These ports speak TLS from the first byte. In clear text such a connection works "
        "nowhere. The vendor's own sample has this slip: 995 with both flags off.",
        before="ssl: false\ntls: false\nimap: {port: 993}\n",
        after="ssl: false\ntls: true\nimap: {port: 993}\n",
        source=f"doc:sample; {_IMPLICIT}",
    ),
    Rule(
        "ICE304",
        "sending on a port with implicit TLS",
        Severity.WARNING,
        what="`smtp.port` is 465 or 2465.",
        why="Mail libraries of .NET, which the service is built on, cannot do TLS from the first "
        "byte: System.Net.Mail hangs on 465. Port 587 with STARTTLS works with all of them.",
        before="smtp: {port: 465}\n",
        after="smtp: {port: 587}\n",
        source="learn.microsoft.com: SmtpClient.EnableSsl; that ICE uses it is assumed",
    ),
    Rule(
        "ICE305",
        "a provider that does not offer this",
        Severity.WARNING,
        what="The host or the port of a block in use is not what its preset offers, or a host "
        "looks like one of a known provider and is none of its hosts.",
        why="A value of your own always wins over a preset, so a leftover one sends mail "
        "elsewhere than the preset says.",
        before="imap: {preset: gmail, host: imap.example.org}\n",
        after="imap: {preset: gmail, host: imap.gmail.com}\n",
        source="the provider's own page, which the finding names with the day it was checked",
    ),
    Rule(
        "ICE306",
        "a provider that takes no passwords",
        what="A block in use is with a provider that refuses passwords for this protocol; a "
        "warning where it will refuse them, or end, at a known date.",
        why="ICE has a field for a password and none for OAuth, so no login can succeed.",
        before="incoming: imap\nimap: {host: outlook.office365.com}\n",
        after="incoming: imap\nimap: {host: imap.example.org}\n",
        source="learn.microsoft.com: deprecation of basic authentication in Exchange Online",
    ),
    Rule(
        "ICE307",
        "a port of another protocol",
        Severity.WARNING,
        what="`smtp` has a port of POP3 or IMAP, or one of these has a port of another.",
        why="Copy and paste: the server at that port speaks another language.",
        before="imap: {port: 995}\n",
        after="imap: {port: 993}\n",
        source="IANA service names and port numbers",
    ),
    Rule(
        "ICE308",
        "a password in clear text",
        Severity.WARNING,
        what="A block in use has a port without implicit TLS, and `ssl` and `tls` are both false.",
        why="The password travels in clear text through every network on the way.",
        before="ssl: false\ntls: false\nimap: {port: 143}\n",
        after="ssl: false\ntls: true\nimap: {port: 143}\n",
        source="RFC 8314",
    ),
    Rule(
        "ICE309",
        "an unusual port",
        Severity.WARNING,
        what="A port is none that mail servers use: 25, 110, 143, 465, 586, 587, 993, 995, 2465, "
        "2525, 2587.",
        why="Often a slip of a digit. The vendor's own sample has 589 for IMAP.",
        before="imap: {port: 994}\n",
        after="imap: {port: 993}\n",
        source="doc:sample; IANA service names and port numbers",
    ),
    Rule(
        "ICE310",
        "a poll rate that is not a positive integer",
        what="A poll rate is no whole number from 1.",
        why="0 or nothing may stop polling, or make a storm of it; the vendor says neither.",
        before="imap: {poll_rate: 0}\n",
        after="imap: {poll_rate: 10}\n",
        source="doc:sample",
        waivable=False,
    ),
    Rule(
        "ICE311",
        "a poll rate that may be in another unit",
        Severity.WARNING,
        what="A poll rate is above 1440, or 60 times that of the server's other block.",
        why="The vendor names no unit; the sample has 10. 3600 looks like seconds where minutes "
        "are likely, and would mean a poll every two days and a half.",
        before="imap: {poll_rate: 3600}\n",
        after="imap: {poll_rate: 10}\n",
        source="doc:sample",
    ),
    Rule(
        "ICE312",
        "eager polling of a big provider",
        Severity.INFO,
        what="Poll rate 1 with a provider of the presets.",
        why="Big providers throttle eager polling, and a lock-out looks like a wrong password.",
        before="preset: fastmail\nsmtp: {host: smtp.fastmail.com, port: 587}\n"
        "imap: {host: imap.fastmail.com, port: 993, poll_rate: 1}\n",
        after="preset: fastmail\nsmtp: {host: smtp.fastmail.com, port: 587}\n"
        "imap: {host: imap.fastmail.com, port: 993, poll_rate: 10}\n",
        source="assumed",
    ),
)
