"""
ICE601 to ICE606: what only shows across servers, and who collects the answers.

Each check is a dictionary from what must be unique to who had it first, so the
time grows with the fleet and not with its square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.config.rules.base import Violation, declare, on_fleet, on_server
from icesync.diagnostics import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.rules.base import Fleet
    from icesync.model.desired import DesiredServer

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


class _Pair(NamedTuple):
    """A protocol, a host and a user name: the same pair collects the same mailbox."""

    block: str
    host: str
    user: str


def is_enabled(server: DesiredServer) -> bool:
    """Return whether the files switch *server* on."""
    settings = server.settings
    return settings.get("status") == "Enabled" and settings.get("active") is not False


def _collects(server: DesiredServer) -> _Pair | None:
    settings = server.settings
    block = settings.get("incoming")
    host, user = settings.get(f"{block}.host"), settings.get(f"{block}.username")
    if host is None or user is None:
        return None
    return _Pair(str(block), str(host).lower(), str(user).lower())


@on_fleet(
    Rule(
        "ICE601",
        "two skills poll one POP3 mailbox",
        what="Two enabled servers collect by POP3 from the same host with the same user name.",
        why="POP3 clients usually delete what they fetched: the two take each other's mail, and "
        "customers are answered by the wrong team or not at all.",
        before=_two("pop3", "pop3", _DESK),
        after=_two("pop3", "pop3", _SALES),
        source="RFC 1939, section 8",
    )
)
def shared_pop3(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find two skills that take each other's mail."""
    return _same_mailbox(
        fleet, "pop3", "polls the POP3 mailbox of {other}; they take each other's mail"
    )


@on_fleet(
    Rule(
        "ICE602",
        "two skills read one IMAP mailbox",
        Severity.WARNING,
        what="Two enabled servers collect by IMAP from the same host with the same user name.",
        why="Every mail becomes two tickets, or the two race for the flag that says seen.",
        before=_two("imap", "imap", _DESK),
        after=_two("imap", "imap", _SALES),
        source="assumed",
    )
)
def shared_imap(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find two skills that make two tickets of each mail."""
    return _same_mailbox(fleet, "imap", "reads the IMAP mailbox of {other}; every mail comes twice")


def _same_mailbox(
    fleet: Fleet, block: str, sentence: str
) -> Iterator[tuple[DesiredServer, Violation]]:
    first: dict[_Pair, DesiredServer] = {}
    for server in fleet.enabled:
        pair = _collects(server)
        if pair is None or pair.block != block:
            continue
        other = first.setdefault(pair, server)
        if other is not server:
            message = f"`{block}` {sentence.format(other=other.address)}"
            hint = f"{other.address} is defined at {other.origin.position()}"
            yield server, Violation(f"{block}.username", message, hint)


def _mailbox_key(pair: _Pair) -> tuple[str, str]:
    """Return what POP3 and IMAP of one mailbox share: their hosts differ in the first label."""
    return ("" if "@" in pair.user else pair.host.partition(".")[2], pair.user)


@on_fleet(
    Rule(
        "ICE603",
        "one mailbox by POP3 and by IMAP",
        Severity.WARNING,
        what="One enabled server collects by POP3 what another one reads by IMAP.",
        why="The one by POP3 may empty what the other one reads.",
        before=_two("pop3", "imap", _DESK),
        after=_two("pop3", "imap", _SALES),
        source="RFC 1939, section 8",
    )
)
def two_protocols(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find a mailbox that one skill empties and another reads."""
    emptied: dict[tuple[str, str], DesiredServer] = {}
    readers: list[tuple[tuple[str, str], DesiredServer]] = []
    for server in fleet.enabled:
        pair = _collects(server)
        if pair is not None and pair.block == "pop3":
            emptied.setdefault(_mailbox_key(pair), server)
        elif pair is not None:
            readers.append((_mailbox_key(pair), server))
    for key, server in readers:
        other = emptied.get(key)
        if other is not None:
            message = f"{other.address} collects the same mailbox by POP3 and may empty it"
            yield server, Violation("imap.username", message, "use IMAP for both")


@on_fleet(
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
    )
)
def foreign_answers(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find a skill whose answers another skill collects."""
    collectors: dict[str, DesiredServer] = {}
    for server in fleet.enabled:
        mailbox = server.settings.get(f"{server.settings.get('incoming')}.mailbox")
        if mailbox is not None:
            collectors.setdefault(str(mailbox).lower(), server)
    for server in fleet.enabled:
        key = "spoofing.address" if server.settings.get("spoofing.enabled") else "smtp.mailbox"
        sender = server.settings.get(key)
        own = server.settings.get(f"{server.settings.get('incoming')}.mailbox")
        if sender is None or str(sender).lower() == str(own).lower():
            continue
        other = collectors.get(str(sender).lower())
        if other is not None and other is not server:
            message = f"`{key}` {sender}: answers are collected by {other.address}"
            yield server, Violation(key, message, "send from this skill's own mailbox")


@on_server(
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
    )
)
def uncollected_answers(server: DesiredServer) -> Iterator[Violation]:
    """Find a skill that collects another mailbox than the one that it sends from."""
    settings = server.settings
    key = f"{settings.get('incoming')}.mailbox"
    collected, sender = settings.get(key), settings.get("smtp.mailbox")
    if collected is None or sender is None or collected == sender:
        return
    shown = settings.get("spoofing.address") if settings.get("spoofing.enabled") else None
    senders = {str(text).lower() for text in (sender, shown) if text is not None}
    if str(collected).lower() not in senders:
        message = f"answers go to {shown or sender}, but `{key}` collects {collected}"
        yield Violation(key, message, "use one mailbox, or forward the one to the other")


declare(
    Rule(
        "ICE606",
        "more change than a limit permits",
        what="One run would update, disable or add more servers than `limits:` permits.",
        why="A slip in a defaults file changes a whole fleet at once. `--allow` lets it through "
        "when it is meant.",
        suppressible=False,
        offline=False,
    )
)
