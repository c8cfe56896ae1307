"""
ICE601 to ICE606: what only shows across servers, and who collects the answers.

Each check is a dictionary from what must be unique to who had it first, so the
time grows with the fleet and not with its square.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.config.rules import Violation, declare, on_fleet
from icesync.config.rules.hosts import domain_of
from icesync.diagnostics import Rule, Severity
from icesync.frozen import NamedTuple
from icesync.model.fields import INCOMING_BLOCKS
from icesync.model.presets import find_offer
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.config.rules import Fleet
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


def is_enabled(server: DesiredServer) -> bool:
    """Return whether the files switch *server* on."""
    settings = server.settings
    return settings.get("status") == "Enabled" and settings.get("active") is not False


_KEYS: Final = {
    block: (f"{block}.host", f"{block}.username", f"{block}.mailbox") for block in INCOMING_BLOCKS
}
_Key: TypeAlias = tuple[str, str]
"""A login or a mailbox at a place: a host, or the provider behind it."""


def _collectors(fleet: Fleet) -> Iterator[tuple[DesiredServer, str, list[_Key]]]:
    """
    Yield the enabled servers that log in somewhere, by which protocol, and to what.

    Two servers with a common key collect the same mail.
    """
    for server in fleet.enabled:
        get: Any = server.settings.get
        block = get("incoming")
        if block not in _KEYS:
            continue
        host, username, mailbox = map(get, _KEYS[block])
        if host is None or username is None:
            continue
        place = _place(block, host)
        texts = [canonical_address(username)]
        if mailbox and mailbox != username:
            texts.append(canonical_address(mailbox))
        yield server, block, [(place, text) for text in texts if text]


class _Mailboxes(NamedTuple):
    """
    Who collects what, by protocol.

    *first* is the first server with each key, *again* those that have a key of another one.
    """

    first: Mapping[str, dict[_Key, DesiredServer]]
    again: Mapping[str, list[tuple[DesiredServer, DesiredServer]]]


def _mailboxes(fleet: Fleet) -> _Mailboxes:
    """Return who collects what in *fleet*."""
    found = _Mailboxes({b: {} for b in INCOMING_BLOCKS}, {b: [] for b in INCOMING_BLOCKS})
    for server, block, keys in _collectors(fleet):
        first = found.first[block]
        others = [o for key in keys if (o := first.setdefault(key, server)) is not server]
        if others:
            found.again[block].append((server, others[0]))
    return found


@lru_cache(maxsize=8192)
def _place(block: str, host: str) -> str:
    """Return what all hosts of one service share: its provider, or all but the first label."""
    name = host.strip().rstrip(".").lower()
    found = find_offer(block, name)
    if found is not None and found[1] is not None:
        return found[0].name.partition("/")[0]
    first, _, rest = name.partition(".")
    return rest if first in _SERVICES and "." in rest else name


_SERVICES: Final = frozenset({"imap", "imaps", "imap4", "pop", "pop3", "pops", "pop3s", "mail"})
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})


def canonical_address(text: str) -> str:
    """
    Return the mailbox that an address leads to, as far as its text says.

    Case does not count, nor a tag behind a plus; Gmail ignores dots and has two domains.
    A text that is no address comes back in lower case.
    """
    text = text.strip().lower()
    local, at, domain = text.rpartition("@")
    if not at or not _PLAIN.fullmatch(domain):
        return text
    if "+" in local:
        local = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain_of(domain)}"


_PLAIN: Final = regex(r"[^\\/*%\s]+")


@on_fleet(
    Rule(
        "ICE601",
        "two skills collect one POP3 mailbox",
        what="Two enabled servers collect the same mailbox by POP3: by the same login, or under "
        "the same address at the same provider.",
        why="POP3 clients usually delete mail after fetching it: the two skills take each "
        "other's mail, and customers get replies from the wrong team or none.",
        before=_two("pop3", "pop3", _DESK),
        after=_two("pop3", "pop3", _SALES),
        source="RFC 1939, section 8",
    )
)
def shared_pop3(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find two skills that take each other's mail."""
    return _same_mailbox(
        fleet, "pop3", "collects the same POP3 mailbox as {other}; each takes the other's mail"
    )


@on_fleet(
    Rule(
        "ICE602",
        "two skills read one IMAP mailbox",
        Severity.WARNING,
        what="Two enabled servers read the same mailbox by IMAP: by the same login, or under the "
        "same address at the same provider.",
        why="Every email becomes two tickets, or the two compete for unread mail.",
        before=_two("imap", "imap", _DESK),
        after=_two("imap", "imap", _SALES),
        source="assumed",
    )
)
def shared_imap(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find two skills that make two tickets of each mail."""
    return _same_mailbox(
        fleet, "imap", "reads the same IMAP mailbox as {other}; every email may arrive twice"
    )


def _same_mailbox(
    fleet: Fleet, block: str, sentence: str
) -> Iterator[tuple[DesiredServer, Violation]]:
    for server, other in fleet.once(_mailboxes).again[block]:
        message = f"`{block}` {sentence.format(other=other.address)}"
        hint = f"{other.address} is defined at {other.origin.position()}"
        yield server, Violation(f"{block}.username", message, hint)


@on_fleet(
    Rule(
        "ICE603",
        "one mailbox collected by POP3 and by IMAP",
        Severity.WARNING,
        what="One enabled server collects a mailbox by POP3 that another one reads by IMAP.",
        why="POP3 may delete the mail before IMAP reads it.",
        before=_two("pop3", "imap", _DESK),
        after=_two("pop3", "imap", _SALES),
        source="RFC 1939, section 8",
    )
)
def two_protocols(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find a mailbox that one skill empties and another reads."""
    first = fleet.once(_mailboxes).first
    emptied = first["pop3"]
    if emptied.keys().isdisjoint(first["imap"]):
        return
    for server, block, keys in _collectors(fleet):
        other = next((emptied[key] for key in keys if key in emptied), None)
        if block == "imap" and other is not None:
            message = f"{other.address} collects the same mailbox by POP3 and may delete its mail"
            yield server, Violation("imap.username", message, "use IMAP for both")


@on_fleet(
    Rule(
        "ICE604",
        "replies are collected by another skill",
        Severity.WARNING,
        what="A server sends from an address whose mailbox another server collects.",
        why="A customer's reply goes to the other team. With automatic replies on both "
        "sides, mail loops.",
        before=_two("imap", "imap", _SALES, _DESK),
        after=_two("imap", "imap", _SALES),
        source="assumed",
    )
)
def foreign_answers(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find a skill whose answers another skill collects."""
    for server, key, sender, other in fleet.once(_answers):
        if other is not None:
            message = f"`{key}` {sender}: replies are collected by {other.address}"
            yield server, Violation(key, message, "send from this skill's own mailbox")


def _answers(fleet: Fleet) -> list[tuple[DesiredServer, str, str, DesiredServer | None]]:
    """Return the servers that do not collect their answers: the sender, and who collects them."""
    found = []
    for server in fleet.enabled:
        get: Any = server.settings.get
        key = "spoofing.address" if get("spoofing.enabled") else "smtp.mailbox"
        sender, mailbox = get(key), get(f"{get('incoming')}.mailbox")
        if sender is None or mailbox is None or (sender == mailbox and _PLAIN.fullmatch(sender)):
            continue
        own, shown = _addresses(server), canonical_address(sender)
        if own and shown not in own and "@" in shown:
            found.append((server, key, sender, shown))
    collectors: dict[str, DesiredServer] = {}
    for server in fleet.enabled if found else ():
        for address in _addresses(server):
            collectors.setdefault(address, server)
    return [(server, key, sender, collectors.get(shown)) for server, key, sender, shown in found]


def _addresses(server: DesiredServer) -> list[str]:
    """Return the addresses whose mail *server* collects: its mailbox first."""
    block = server.settings.get("incoming")
    given = [server.settings.get(f"{block}.{key}") for key in ("mailbox", "username")]
    texts = [canonical_address(str(text)) for text in given if text is not None]
    return [text for text in texts if "@" in text and _PLAIN.fullmatch(text)]


@on_fleet(
    Rule(
        "ICE605",
        "replies are not collected by this skill",
        Severity.WARNING,
        what="A server sends from an address (`spoofing.address` where spoofing is on, else "
        "`smtp.mailbox`) that neither it nor another server collects. A tag after a plus and "
        "`noreply` addresses are fine.",
        why="Often a mistake: replies of customers go to a mailbox that no skill reads. "
        "If the address is an alias or is forwarded, suppress the finding. The "
        "vendor's own sample does this.",
        before="smtp: {mailbox: desk@example.org}\nimap: {mailbox: support@example.org}\n",
        after="smtp: {mailbox: support@example.org}\nimap: {mailbox: support@example.org}\n",
        source="doc:sample",
    )
)
def uncollected_answers(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find a skill that sends from an address whose mail no skill collects."""
    for server, key, sender, other in fleet.once(_answers):
        if other is None and not _NO_REPLY.match(sender):
            block = server.settings.get("incoming")
            collected = server.settings.get(f"{block}.mailbox")
            where = key if key == "spoofing.address" else f"{block}.mailbox"
            message = f"replies go to {sender}, but `{block}` collects {collected}"
            yield (
                server,
                Violation(where, message, "use the same mailbox, or forward one to the other"),
            )


_NO_REPLY: Final = regex(r"(?i)(do-?not|no)[._-]?reply|bounces?[@+._-]|mailer-daemon@")


declare(
    Rule(
        "ICE606",
        "a limit is exceeded",
        what="One run would update, disable or add more servers than `limits:` allows.",
        why="One mistake in a defaults file changes all servers at once. If the change is "
        "intended, pass `--allow`.",
        suppressible=False,
        offline=False,
    )
)
