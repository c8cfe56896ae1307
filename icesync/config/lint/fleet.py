"""
ICE103, ICE207 and ICE601 to ICE604: what only shows across servers.

Each rule is a dictionary from what must be unique to who had it first, so the
time grows with the fleet and not with its square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icesync.config.lint.problem import UnplacedFinding, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icesync.model.desired import DesiredServer

__all__ = ["check_fleet"]


class _Pair(NamedTuple):
    """A protocol, a host and a user name: the same pair collects the same mailbox."""

    block: str
    host: str
    user: str


def check_fleet(servers: Iterable[DesiredServer]) -> Iterator[UnplacedFinding]:
    """Yield what the rules across servers say; *servers* are sorted by address."""
    everybody = list(servers)
    yield from _same_server_id(everybody)
    yield from _nobody_left(everybody)
    enabled = [server for server in everybody if _is_enabled(server)]
    yield from _same_mailbox(enabled)
    yield from _two_protocols(enabled)
    yield from _foreign_answers(enabled)


def _is_enabled(server: DesiredServer) -> bool:
    settings = server.settings
    return settings.get("status") == "Enabled" and settings.get("active") is not False


def _same_server_id(servers: list[DesiredServer]) -> Iterator[UnplacedFinding]:
    first: dict[object, DesiredServer] = {}
    for server in servers:
        number = server.settings.get("email_server_id")
        if number is not None and (other := first.setdefault(number, server)) is not server:
            told = f"`email_server_id` {number} is used by {other.address} too"
            yield UnplacedFinding(
                server, Violation("ICE103", "email_server_id", told, "correct one of them")
            )


def _is_off(server: DesiredServer) -> bool:
    """Return whether the files switch *server* off; a missing value has a finding of its own."""
    return server.settings.get("status") == "Disabled" or server.settings.get("active") is False


def _nobody_left(servers: list[DesiredServer]) -> Iterator[UnplacedFinding]:
    alive = {server.address.organization for server in servers if not _is_off(server)}
    told = set(alive)
    for server in servers:
        organization = server.address.organization
        if organization not in told:
            told.add(organization)
            message = f"no server of organization {organization} is enabled: its mail stops"
            yield UnplacedFinding(server, Violation("ICE207", "status", message))


def _collects(server: DesiredServer) -> _Pair | None:
    settings = server.settings
    block = settings.get("incoming")
    host, user = settings.get(f"{block}.host"), settings.get(f"{block}.username")
    if host is None or user is None:
        return None
    return _Pair(str(block), str(host).lower(), str(user).lower())


_SHARED = {
    "pop3": ("ICE601", "polls the POP3 mailbox of {other}; they take each other's mail"),
    "imap": ("ICE602", "reads the IMAP mailbox of {other}; every mail comes twice"),
}


def _same_mailbox(servers: list[DesiredServer]) -> Iterator[UnplacedFinding]:
    first: dict[_Pair, DesiredServer] = {}
    for server in servers:
        pair = _collects(server)
        if pair is None:
            continue
        other = first.setdefault(pair, server)
        if other is not server:
            rule, told = _SHARED[pair.block]
            message = f"`{pair.block}` {told.format(other=other.address)}"
            hint = f"{other.address} is defined at {other.origin.position()}"
            yield UnplacedFinding(server, Violation(rule, f"{pair.block}.username", message, hint))


def _mailbox_key(pair: _Pair) -> tuple[str, str]:
    """Return what POP3 and IMAP of one mailbox share: their hosts differ in the first label."""
    return ("" if "@" in pair.user else pair.host.partition(".")[2], pair.user)


def _two_protocols(servers: list[DesiredServer]) -> Iterator[UnplacedFinding]:
    emptied: dict[tuple[str, str], DesiredServer] = {}
    readers: list[tuple[tuple[str, str], DesiredServer]] = []
    for server in servers:
        pair = _collects(server)
        if pair is not None and pair.block == "pop3":
            emptied.setdefault(_mailbox_key(pair), server)
        elif pair is not None:
            readers.append((_mailbox_key(pair), server))
    for key, server in readers:
        other = emptied.get(key)
        if other is not None:
            told = f"{other.address} collects the same mailbox by POP3 and may empty it"
            yield UnplacedFinding(
                server, Violation("ICE603", "imap.username", told, "use IMAP for both")
            )


def _foreign_answers(servers: list[DesiredServer]) -> Iterator[UnplacedFinding]:
    collectors: dict[str, DesiredServer] = {}
    for server in servers:
        mailbox = server.settings.get(f"{server.settings.get('incoming')}.mailbox")
        if mailbox is not None:
            collectors.setdefault(str(mailbox).lower(), server)
    for server in servers:
        key = "spoofing.address" if server.settings.get("spoofing.enabled") else "smtp.mailbox"
        sender = server.settings.get(key)
        own = server.settings.get(f"{server.settings.get('incoming')}.mailbox")
        if sender is None or str(sender).lower() == str(own).lower():
            continue
        other = collectors.get(str(sender).lower())
        if other is not None and other is not server:
            told = f"`{key}` {sender}: answers are collected by {other.address}"
            yield UnplacedFinding(
                server, Violation("ICE604", key, told, "send from this skill's own mailbox")
            )
