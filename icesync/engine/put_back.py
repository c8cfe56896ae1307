"""
Notice that a committed state was put back to an older one, as ``git revert`` of a range does.

Files and memory go back together then, while ICE keeps what it was sent since: without
this, nothing would differ. What the newer state of git's history says otherwise is in doubt.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.codec.fingerprint import broken_seals
from icesync.codec.state import decode_state, seal
from icesync.errors import StateError
from icesync.model.plan import Reason
from icesync.planner.recovery import recall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.engine.session import Session
    from icesync.engine.state import Stored
    from icesync.model.address import Address
    from icesync.model.plan import Plan
    from icesync.model.snapshot import Entry, Snapshot

_SERIAL: Final = re.compile(rb'"serial":\s*([0-9]{1,18})')


class PutBack(NamedTuple):
    """A state that was put back: its serial, the newest one of the history, what is in doubt."""

    serial: int
    newest: int
    servers: frozenset[Address]

    def __str__(self) -> str:
        count = len(self.servers)
        what = "1 server is" if count == 1 else f"{count} servers are"
        return (
            f"the state was put back: its serial is {self.serial}, git's history has "
            f"{self.newest}; {what} planned again, since ICE keeps what was sent meanwhile"
        )


def doubt_what_was_put_back(
    session: Session, stored: Stored, key: FingerprintKey | None
) -> tuple[Stored, PutBack | None]:
    """Return *stored* with what newer states in git's history deny in doubt, and what that is."""
    if stored.data is None:
        return stored, None
    snapshot, found = stored.snapshot, None
    for part, organization in _parts(session, stored):
        newer = _newer_versions(session, organization, part, len(stored.data))
        if not newer:
            continue
        # A sealed one first: what a pull request wrote there must not hide it.
        believed, lost = max(
            ((_is_believed(session, version, key), version) for version in newer),
            key=lambda one: (one[0], one[1].serial),
        )
        own = replace(snapshot, entries=_of(snapshot, organization))
        now = recall(own, lost, believed=believed)
        sealed = {a: e if e.digest else seal(a, e) for a, e in now.entries.items()}
        changed = {a for a, e in sealed.items() if snapshot.entries.get(a) != e}
        # The serial of parts is their sum.
        serial = max(snapshot.serial, stored.snapshot.serial + lost.serial - part.serial)
        entries = dict(sorted({**snapshot.entries, **sealed}.items()))
        snapshot = replace(now, entries=entries, serial=serial)
        servers = frozenset(changed) | (found.servers if found else frozenset())
        found = PutBack(part.serial, lost.serial, servers)
    return replace(stored, snapshot=snapshot), found


def with_reasons(made: Plan, found: PutBack | None) -> Plan:
    """Return *made*, in which the servers that are in doubt for it say so."""
    if found is None:
        return made
    changes = (
        replace(c, reason=Reason.STATE_PUT_BACK)
        if c.address in found.servers and c.reason is Reason.LAST_WRITE_UNCERTAIN
        else c
        for c in made.changes
    )
    return replace(made, changes=tuple(changes))


def _parts(session: Session, stored: Stored) -> Iterator[tuple[Snapshot, int | None]]:
    """Yield each state that is kept by itself, and of which organization it is."""
    if session.project.state.per is None:
        if stored.as_read is not None:
            yield stored.as_read, None
        return
    for organization in sorted({a.organization for a in stored.snapshot.entries}):
        data = session.stores.of(organization).read()
        if data is not None:
            yield decode_state(data), organization


def _of(snapshot: Snapshot, organization: int | None) -> dict[Address, Entry]:
    entries = snapshot.entries.items()
    return {a: e for a, e in entries if organization in {None, a.organization}}


def _newer_versions(
    session: Session, organization: int | None, part: Snapshot, size: int
) -> list[Snapshot]:
    """Return the states of git's history that came after *part*."""
    found = []
    for data in session.stores.committed(organization, size):
        if max(map(int, _SERIAL.findall(data)), default=0) <= part.serial:
            continue
        try:
            version = decode_state(data)
        except StateError:
            continue
        same = (version.lineage, version.base_url) == (part.lineage, part.base_url)
        if same and version.serial > part.serial:
            found.append(version)
    return found


def _is_believed(session: Session, lost: Snapshot, key: FingerprintKey | None) -> bool:
    """Return whether icesync wrote *lost*; without a key, nobody could tell of any state."""
    project = session.project
    if project.fingerprint_key is None:
        return True
    return key is not None and not broken_seals(key, lost, whole=project.state.per is None)
