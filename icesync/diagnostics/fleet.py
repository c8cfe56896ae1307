"""ICE601 to ICE606: what only shows across servers."""

from __future__ import annotations

from typing import Final

from icesync.diagnostics.finding import Severity
from icesync.diagnostics.rule import Rule

__all__ = ["ROWS"]

_TWO: Final = """\
version: 1
organization: 59
servers:
  - skill: 663
    incoming: {first}
    {first}: {{{host}, username: {user}, mailbox: {user}}}
    smtp: {{username: {user}, mailbox: {user}}}
  - skill: 664
    incoming: {second}
    {second}: {{{host2}, username: {user2}, mailbox: {user2}}}
    smtp: {{username: {user2}, mailbox: {sender}}}
"""

_DESK: Final = "desk@example.org"
_SALES: Final = "sales@example.org"
_POP3: Final = "host: mail.example.org, port: 995, password: ref+env://ICE_IN, poll_rate: 10"
_IMAP: Final = "host: mail.example.org, port: 993, password: ref+env://ICE_IN, poll_rate: 10"


def _two(first: str, second: str, user2: str, sender: str = "") -> str:
    hosts = {"pop3": _POP3, "imap": _IMAP}
    return _TWO.format(
        first=first,
        second=second,
        host=hosts[first],
        host2=hosts[second],
        user=_DESK,
        user2=user2,
        sender=sender or user2,
    )


ROWS: Final = (
    Rule(
        "ICE601",
        "two skills poll one POP3 mailbox",
        what="Two enabled servers collect by POP3 from the same host with the same user name.",
        why="POP3 clients usually delete what they fetched: the two take each other's mail, and "
        "customers are answered by the wrong team or not at all.",
        before=_two("pop3", "pop3", _DESK),
        after=_two("pop3", "pop3", _SALES),
        source="RFC 1939, section 8",
    ),
    Rule(
        "ICE602",
        "two skills read one IMAP mailbox",
        Severity.WARNING,
        what="Two enabled servers collect by IMAP from the same host with the same user name.",
        why="Every mail becomes two tickets, or the two race for the flag that says seen.",
        before=_two("imap", "imap", _DESK),
        after=_two("imap", "imap", _SALES),
        source="assumed",
    ),
    Rule(
        "ICE603",
        "one mailbox by POP3 and by IMAP",
        Severity.WARNING,
        what="One enabled server collects by POP3 what another one reads by IMAP.",
        why="The one by POP3 may empty what the other one reads.",
        before=_two("pop3", "imap", _DESK),
        after=_two("pop3", "imap", _SALES),
        source="RFC 1939, section 8",
    ),
    Rule(
        "ICE604",
        "answers land at another skill",
        Severity.WARNING,
        what="A server sends from an address whose mailbox another server collects.",
        why="A customer's answer goes to the other team; with an automatic reply on both sides, "
        "round and round.",
        before=_two("imap", "imap", _SALES, _DESK),
        after=_two("imap", "imap", _SALES),
        source="assumed",
    ),
    Rule(
        "ICE605",
        "answers are not collected here",
        Severity.WARNING,
        what="The mailbox that a server collects is neither the one that it sends from nor its "
        "spoofing address.",
        why="Legal, but often a slip: answers to this skill's mail go to a mailbox that this "
        "skill does not read. The vendor's own sample does it.",
        before="smtp: {mailbox: desk@example.org}\nimap: {mailbox: support@example.org}\n",
        after="smtp: {mailbox: support@example.org}\nimap: {mailbox: support@example.org}\n",
        source="doc:sample",
    ),
    Rule(
        "ICE606",
        "more change than a limit permits",
        what="One run would update, disable or add more servers than `limits:` permits.",
        why="A slip in a defaults file changes a whole fleet at once. `--allow` lets it through "
        "when it is meant.",
        waivable=False,
        offline=False,
    ),
)
