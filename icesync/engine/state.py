"""
Use case: read, write and operate on the snapshot.

A committed state that was put back to an older one, as ``git revert`` of a range does, is
noticed. Files and memory go back together then, while ICE keeps what it was sent since:
without this, nothing would differ. What the newer state of git's history says otherwise is
in doubt.

Guards stand on what the state remembers. So an empty state is not begun where git's history
knows another one, and what does not fit its seals is refused: in the state, and in what a
run that never ended left in its journal. Where each organization has a state, a secret that
is new to one may be known to another.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import uuid
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.codec.fingerprint import (
    KeySealing,
    LineSealing,
    broken_seals,
    fits_file_seal,
    has_file_seal,
    seals_of,
)
from icesync.codec.state import decode_state, encode_state, is_state_of, seal
from icesync.engine.secret_resolution import absent_key, open_key
from icesync.engine.session import Work, hold_lock
from icesync.errors import (
    ConfigInvalid,
    IcesyncError,
    PolicyRefused,
    SecretMissing,
    StateCorrupt,
    StateError,
    UsageError,
    printable,
)
from icesync.frozen import NamedTuple, frozen
from icesync.model.plan import SAFEGUARDS, STATE_EDITED, Reason, Refusal
from icesync.model.project import EMULATOR
from icesync.model.report import Note
from icesync.model.snapshot import EntryStatus, Snapshot, remember
from icesync.planner import check_patterns, matches
from icesync.planner.plan import without_leftovers
from icesync.ports import Joined
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.engine.session import Session
    from icesync.model.desired import Address, DesiredServer
    from icesync.model.plan import Plan
    from icesync.model.project import Project
    from icesync.model.report import Notify
    from icesync.model.safety import SafetyProfile
    from icesync.model.snapshot import Entry, JournalHead, LockInfo, SentSecret
    from icesync.planner.recovery import Recovered
    from icesync.ports import StateStore


class Checked(Enum):
    """How it is known that the entries of a state are as icesync wrote them."""

    EACH_DIGEST = auto()
    """the digest of each was computed; whoever has the key checks their seals, too"""
    NOT_YET = auto()
    """left to the seal of the file, for which the key must be opened first"""
    FILE_SEAL = auto()
    """the seal of the file fits: so do all others"""


class Left(NamedTuple):
    """The journal of a run that never ended, its head, and what the state is with it."""

    data: bytes
    head: JournalHead
    recovered: Recovered


@frozen
class Stored:
    """
    A snapshot with what a killed run left in the journal, and the very bytes that are stored.

    *left* is that journal, until :func:`fold` knows that icesync wrote it. *recovered* says
    how much came from it; None where there was none. *running*
    is the apply that is going on: what it did until now is in its journal, not here.
    *as_read* is what the bytes say, before anything was folded in or dropped; *parts* are
    the states by organization that it was joined of, None where there is one state.
    *checked* says how its entries were.
    """

    snapshot: Snapshot
    data: bytes | None
    recovered: Recovered | None = None
    running: LockInfo | None = None
    as_read: Snapshot | None = None
    parts: Mapping[int, Snapshot] | None = None
    checked: Checked = Checked.EACH_DIGEST
    left: Left | None = None

    @property
    def keyed(self) -> Snapshot:
        """The snapshot with the id of its key: a first run that died left it in its journal."""
        key_id = self.left.head.key_id if self.left is not None else None
        return replace(self.snapshot, key_id=self.snapshot.key_id or key_id)

    def without_bytes(self) -> Stored:
        """Return this with empty *data*, a third of its memory, for a run that saves nothing."""
        return self if self.data is None else replace(self, data=b"")

    def sealed_parts(self) -> tuple[tuple[int | None, Snapshot], ...]:
        """Return each state that is sealed by itself as it was read, and of which organization."""
        if self.parts is not None:
            return tuple(self.parts.items())
        return () if self.data is None or self.as_read is None else ((None, self.as_read),)


def load(
    store: StateStore,
    base_url: str,
    *,
    holding: bool = False,
    wanted: Mapping[Address, DesiredServer] | None = None,
    by_file: bool = False,
) -> Stored:
    """
    Return what *store* holds; an empty snapshot at the first use of a new place.

    The journal of a run that died must be given to :func:`fold` next. That of a run that
    goes on is left alone; whoever is *holding* the lock knows that there is none.
    Settings that are those of *wanted* are held once. With *by_file* a file with a seal
    must be given to :func:`check_by_file` next.

    Raises:
        StateError: it is not there, cannot be read, is damaged, or is of another target.

    """
    data = store.read()
    left = store.journals.read() if store.journals is not None else None
    if data is None:
        store.demand_first_use(partial(is_state_of, base_url=base_url))
    snapshot, checked = Snapshot(base_url), Checked.EACH_DIGEST
    if data is not None and isinstance(store, Joined):
        snapshot = store.joined
    elif data is not None:
        snapshot = decode_state(data, store.recovery, wanted, by_file=by_file)
        checked = Checked.NOT_YET if by_file and has_file_seal(data) else checked
    if snapshot.base_url != base_url:
        raise StateCorrupt(
            f"this state belongs to {printable(snapshot.base_url)}, but `api.base_url` is "
            f"{printable(base_url)}",
            "run `icesync init --go-live` to put the emulator's state aside"
            if snapshot.base_url == EMULATOR
            else "use a separate state for each target: set `state.path`",
        )
    as_read, snapshot = snapshot, without_leftovers(snapshot)
    snapshot = replace(snapshot, memory=remember((as_read,), snapshot.entries))
    if left is None:
        running = None if holding else _running(store, snapshot)
        parts = store.parts if isinstance(store, Joined) else None
        return Stored(
            snapshot, data, running=running, as_read=as_read, parts=parts, checked=checked
        )
    running = None if holding else store.lock_owner()
    if running is not None:
        return Stored(snapshot, data, running=running, as_read=as_read, checked=checked)
    from icesync.codec.journal import decode_journal
    from icesync.planner.recovery import recover

    log = decode_journal(left)
    recovered = recover(snapshot, digest_of(data), log)
    stored = Stored(snapshot, data, as_read=as_read, checked=checked)
    if log is None or recovered.run is None:
        return replace(stored, recovered=recovered)
    return replace(stored, left=Left(left, log.head, recovered))


def fold(stored: Stored, key: FingerprintKey | None, allowed: Collection[str] = ()) -> Stored:
    """
    Return *stored* with its journal folded in, in memory only: the next save makes that durable.

    Whoever can write the file can write a journal, so what does not bear the seals of *key*
    stays out, until a person *allowed* it. Without a key nobody can tell.
    """
    left = stored.left
    if left is None:
        return stored
    if key is not None and STATE_EDITED not in allowed:
        from icesync.codec.journal import is_signed

        if not is_signed(left.data, LineSealing(key, left.head.run)):
            return stored
    folded = left.recovered.snapshot
    sealed = {a: e if e.digest else seal(a, e) for a, e in folded.entries.items()}
    memory = remember((stored.as_read or stored.snapshot,), sealed)
    folded = replace(folded, entries=sealed, memory=memory)
    return replace(stored, snapshot=folded, recovered=left.recovered, left=None)


def load_to_look(session: Session, store: StateStore, notify: Notify) -> Stored:
    """
    Return what *store* holds for whoever only looks at it; the key need not be at hand.

    A journal that is not signed is left out, and that is said.
    """
    stored = load(store, session.project.api.base_url)
    key = None
    if stored.left is not None:
        with suppress(SecretMissing, ConfigInvalid):
            key = sealing_key(session, stored.keyed)
    stored = fold(stored, key)
    if stored.left is not None:
        notify(Note(f"{unsigned_journal(session.project)}; it is left out"))
    return stored


def unsigned_journal(project: Project) -> str:
    """Return what is to be said of a journal that was not written with the fingerprint key."""
    return (
        f"the journal {printable(project.state.path)}.journal is not signed with the "
        "fingerprint key: an older icesync wrote it, or somebody edited it"
    )


def check_by_file(store: StateStore, stored: Stored, key: FingerprintKey | None) -> Stored:
    """
    Return *stored*, checked by the seal of its file, or where that does not fit, by each digest.

    Raises:
        StateCorrupt: an entry was edited or damaged.

    """
    if stored.checked is not Checked.NOT_YET or stored.data is None:
        return stored
    if key is not None and fits_file_seal(key, stored.data):
        return replace(stored, checked=Checked.FILE_SEAL)
    decode_state(stored.data, store.recovery)
    return replace(stored, checked=Checked.EACH_DIGEST)


def _running(store: StateStore, snapshot: Snapshot) -> LockInfo | None:
    """
    Return which run the pending entries of a store far away belong to, if it goes on.

    Only they are a reason to ask: a store that cannot say who holds its lock takes
    it for an instant.
    """
    if not any(entry.status is EntryStatus.PENDING for entry in snapshot.entries.values()):
        return None
    try:
        return store.lock_owner()
    except IcesyncError:
        return None


def sealing_key(session: Session, snapshot: Snapshot) -> FingerprintKey | None:
    """
    Return the key that seals the state, or None where there is none.

    Raises:
        SecretMissing: *snapshot* was stored with a key, and none is here.
        ConfigInvalid: it was stored with another one.

    """
    reference = session.project.fingerprint_key
    if reference is None:
        if (missing := absent_key(snapshot)) is not None:
            raise missing
        return None
    try:
        return open_key(reference, session.providers, snapshot)
    except (SecretMissing, ConfigInvalid):
        if snapshot.key_id is not None:
            raise
        return None


@contextmanager
def locked(
    session: Session,
    store: StateStore,
    operation: str,
    timeout_s: float,
    notify: Notify,
    nothing: str = "nothing was written",
    *,
    planning: bool = False,
) -> Iterator[Work]:
    """
    Hold the lock of *store* for *operation*; what a dead run left is saved first, and said.

    Whoever does something notes in the Work what it came to; *nothing* is said
    of a run that was interrupted before. Where what was left cannot be believed, whoever is
    *planning* finds it again, and refuses it when the plan is shown.

    Raises:
        PolicyRefused: what a dead run left is not signed.
        StateLocked: another run holds it.
        StateError: it cannot be had, or what a dead run left cannot be read or saved.

    """
    with hold_lock(session, store, operation, timeout_s, nothing) as work:
        if store.journals is not None and store.journals.read() is not None:
            try:
                _save_what_was_left(session, store, notify, nothing)
            except (PolicyRefused, SecretMissing, ConfigInvalid):
                if not planning:
                    raise
        yield work


def _save_what_was_left(session: Session, store: StateStore, notify: Notify, nothing: str) -> None:
    stored = load(store, session.project.api.base_url, holding=True)
    key = sealing_key(session, stored.keyed)
    stored = fold(stored, key)
    if stored.left is not None:
        raise PolicyRefused(
            f"{unsigned_journal(session.project)}; {nothing}",
            "run `git log -p` to see who changed it",
            f"run `icesync apply --allow {STATE_EDITED}` to accept it",
        )
    with session.signals.finishing():
        save(store, stored, stored.snapshot.entries, Writer(__version__, key=key))
    if stored.recovered is not None and stored.recovered.calls:
        notify(Note(describe_dead_run(stored.recovered, saved=True)))


def describe_dead_run(found: Recovered, *, saved: bool) -> str:
    """Return what is to be said of an apply that never ended."""
    ending = "they are in the state now" if saved else "the next apply saves them"
    unknown = (
        f"; {found.uncertain} with unknown outcome will be sent again" if found.uncertain else ""
    )
    is_one = found.calls == 1
    calls = "1 call" if is_one else f"{found.calls} calls"
    ending = ending.replace("they are", "it is").replace("them", "it") if is_one else ending
    return f"an interrupted apply left {calls} in its journal; {ending}{unknown}"


def describe_running(run: LockInfo) -> str:
    """Return what is to be said while an apply is going on."""
    purpose = run.operation or "a run"
    link = f": {run.info}" if run.info else ""
    return (
        f"{purpose} by {run.who or 'somebody'} has been running since "
        f"{run.created}{link}; its results are not in this plan"
    )


def digest_of(data: bytes | None) -> str | None:
    """Return the SHA-256 of a stored snapshot, by which a journal knows it again."""
    return None if data is None else hashlib.sha256(data).hexdigest()


@frozen
class Writer:
    """
    What a save writes beside the entries: the version, the key, the run, its lineage, safety.

    With *key* the state is sealed; *trusted* seals also what was not written by icesync,
    because a person allowed it.
    """

    icesync_version: str
    key_id: str | None = None
    run: str | None = None
    lineage: str | None = None
    safety: SafetyProfile | None = None
    key: FingerprintKey | None = None
    trusted: bool = False


def save(
    store: StateStore, stored: Stored, entries: Mapping[Address, Entry], writer: Writer
) -> Stored:
    """
    Store *entries* as the successor of *stored* and return what is stored now.

    Equal entries, or none at all in a first save, write nothing. The serial
    rises by one, the lineage is made at the first save, and the store refuses
    if somebody else wrote meanwhile. A journal ends here: its run is named in
    the snapshot before it is removed, so that a crash between the two is seen.

    Raises:
        StateConflict: somebody else wrote.
        StateNotSaved: the store cannot write.

    """
    assert stored.left is None  # it would be removed unread
    before = stored.snapshot
    sealed = {a: entry if entry.digest else seal(a, entry) for a, entry in entries.items()}
    folded = stored.recovered.run if stored.recovered else None
    safety = writer.safety or before.safety
    known = stored.as_read or before
    memory = remember((before,), sealed)
    key_id = writer.key_id or (writer.key.id if writer.key is not None else None)
    if key_id is None and any(map(_has_fingerprint, sealed.values())):
        key_id = before.key_id
    if key_id is None:
        memory = tuple(map(_without_fingerprint, memory))
    if not is_new(stored, sealed, writer):
        # A run that changed nothing leaves nothing: its journal has no say either.
        if store.journals is not None:
            store.journals.drop()
        return stored
    run = writer.run or folded
    after = replace(
        before,
        serial=before.serial + 1,
        lineage=before.lineage or writer.lineage or str(uuid.uuid4()),
        key_id=key_id,
        run=run or before.run,
        entries=sealed,
        safety=safety,
        memory=memory,
    )
    after = replace(after, seals=seals_of(writer.key, after, known, trusted=writer.trusted))
    data = encode_state(after, writer.icesync_version, writer.key)
    if isinstance(store, Joined):
        store.seal_by(KeySealing(writer.key, writer.trusted))
    try:
        store.write(data, stored.data)
    except IcesyncError as error:
        error.document = data
        raise
    if store.journals is not None:
        store.journals.drop()
    parts = store.parts if isinstance(store, Joined) else None
    return Stored(after, data, as_read=after, parts=parts)


def _has_fingerprint(entry: Entry) -> bool:
    attempt = entry.attempt.secrets if entry.attempt else {}
    records = (*entry.secrets.values(), *attempt.values())
    return any(record.fingerprint is not None for record in records)


def _without_fingerprint(sent: SentSecret) -> SentSecret:
    """Return *sent* without what no key can be compared with any more."""
    return sent._replace(secret=sent.secret._replace(fingerprint=None))


def is_new(stored: Stored, sealed: Mapping[Address, Entry], writer: Writer) -> bool:
    """Return whether a save of *sealed* by *writer* would write anything."""
    before, known = stored.snapshot, stored.as_read or stored.snapshot
    if stored.recovered is not None and stored.recovered.run is not None:
        return True
    if stored.data is None:
        return bool(sealed)
    wanted = (sealed, writer.key_id or before.key_id, writer.safety or before.safety)
    same = wanted == (before.entries, before.key_id, before.safety)
    same = same and remember((before,), sealed) == before.memory and before.serial == known.serial
    if same and writer.trusted and writer.key is not None:
        same = not any(broken_seals(writer.key, part) for _, part in stored.sealed_parts())
    return not same


def move(snapshot: Snapshot, source: Address, target: Address) -> dict[Address, Entry]:
    """
    Return the entries with *source* under the name *target*.

    Fingerprints stay bound to the address that they were made for, so no secret
    is needed. That ICE holds the record there is only assumed from then on.

    Raises:
        UsageError: there is no *source*, or there is a *target* already.

    """
    from icesync.model.snapshot import rename

    check_patterns("SOURCE", (str(source),), snapshot.entries.keys())
    if source == target:
        raise UsageError("SOURCE and TARGET are the same server")
    if target in snapshot.entries:
        raise UsageError(
            f"{target} is already in the state",
            f"run `icesync state show {target}` to see what ICE confirmed there",
        )
    entries = dict(snapshot.entries)
    entries[target] = rename(entries.pop(source), source)
    return entries


def remove(snapshot: Snapshot, patterns: Sequence[str]) -> dict[Address, Entry]:
    """
    Return the entries but for those that *patterns* mean.

    Raises:
        UsageError: a pattern means none.

    """
    check_patterns("ADDR", patterns, snapshot.entries.keys())
    return {a: entry for a, entry in snapshot.entries.items() if not matches(a, patterns)}


_SERIAL: Final = regex(rb'"serial":\s*([0-9]{1,18})')


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
    for organization, part in stored.sealed_parts():
        newer = _newer_versions(session, organization, part)
        if not newer:
            continue
        # A sealed one first: what a pull request wrote there must not hide it.
        believed, lost = max(
            ((_is_believed(session, version, key), version) for version in newer),
            key=lambda one: (one[0], one[1].serial),
        )
        own = replace(snapshot, entries=_of(snapshot, organization))
        from icesync.planner.recovery import recall

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


_PUT_BACK: Final = {
    Reason.LAST_WRITE_UNCERTAIN: Reason.STATE_PUT_BACK,
    Reason.DISPUTED: Reason.STATE_PUT_BACK,
    Reason.LEFT_UNCERTAIN: Reason.LEFT_PUT_BACK,
}


def with_reasons(made: Plan, found: PutBack | None) -> Plan:
    """Return *made*, in which the servers that are in doubt for it say so."""
    if found is None:
        return made
    changes = (
        replace(c, reason=_PUT_BACK[c.reason])
        if c.address in found.servers and c.reason in _PUT_BACK
        else c
        for c in made.changes
    )
    return replace(made, changes=tuple(changes))


def _of(snapshot: Snapshot, organization: int | None) -> dict[Address, Entry]:
    entries = snapshot.entries.items()
    return {a: e for a, e in entries if organization in {None, a.organization}}


def _newer_versions(session: Session, organization: int | None, part: Snapshot) -> list[Snapshot]:
    """Return the states of git's history that came after *part*."""
    found = []
    for data in session.stores.committed(organization):
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
    return key is not None and not broken_seals(key, lost)


def states_elsewhere(
    session: Session, stored: Stored, desired: Collection[Address], allowed: Collection[str]
) -> tuple[Refusal, ...]:
    """
    Return why an empty state is not begun: another one knows what ICE confirmed of *desired*.

    With it would go what every guard stands on, so it is a safeguard that is lost. Of
    states per organization each may be the one that is gone.
    """
    project, held = session.project, stored.snapshot.entries
    new = set(desired) - held.keys()
    parts: set[str] = set()
    if project.state.per is not None:
        empty = {a.organization for a in new} - {a.organization for a in held}
        parts = {os.path.normpath(project.state.of(o).path) for o in empty}
    if SAFEGUARDS in allowed or not new or (held and not parts):
        return ()
    found = []
    for name, versions in session.stores.others():
        if held and name not in parts:
            continue
        servers = None
        if versions is not None:
            # The newest need not be the one that knows them: somebody may have emptied it first.
            known = (_known_there(data, project.api.base_url) for data in versions)
            servers = next((found for found in known if found & new), None)
            if servers is None:
                continue
        from icesync.engine.plan_rules import place_of

        shown = printable(name)
        if servers is None:
            told = f"the state is empty, and was at {shown} before: run `icesync state migrate`"
        else:
            count = f"{len(servers)} server{'s' * (len(servers) != 1)}"
            way = shlex.quote(os.path.relpath(os.path.join(project.root, name)))  # noqa: PTH118
            told = f"the state is empty, and git's history has one of {count}: `git log -- {way}`"
        place = place_of(project, "state.path")
        told = f"{place.file}:{place.line}: {told}"
        found.append(Refusal(SAFEGUARDS, told, SAFEGUARDS, position=place))
    return tuple(found)


def _known_there(data: bytes, base_url: str) -> frozenset[Address]:
    try:
        snapshot = decode_state(data)
    except StateError:
        return frozenset()
    return frozenset(snapshot.entries) if snapshot.base_url == base_url else frozenset()


def seal_refusals(
    project: Project, stored: Stored, key: FingerprintKey | None, allowed: Collection[str]
) -> tuple[Refusal, ...]:
    """Return what in the state was changed, removed or put back outside of icesync."""
    if STATE_EDITED in allowed:
        return ()
    parts = stored.sealed_parts()
    if stored.left is not None:
        told = unsigned_journal(project)
    elif project.fingerprint_key is None and any(part.seals for _, part in parts):
        told = "the state is signed, but there is no fingerprint key to verify it"
    elif key is None or stored.checked is Checked.FILE_SEAL:
        return ()
    else:
        return tuple(
            refusal for organization, part in parts for refusal in _edited(organization, part, key)
        )
    return (Refusal(STATE_EDITED, told, STATE_EDITED),)


def _edited(organization: int | None, part: Snapshot, key: FingerprintKey) -> Iterator[Refusal]:
    """Yield what of *part*, the whole state or that of *organization*, does not fit its seals."""
    broken = broken_seals(key, part)
    state = "the state" if organization is None else f"the state of organization {organization}"
    if broken and not part.seals:
        told = f"{state} is not signed: it was stored without the fingerprint key, or edited"
        yield Refusal(STATE_EDITED, told, STATE_EDITED)
        return
    for address in broken.entries:
        told = f"{address}: its state entry was changed outside icesync"
        yield Refusal(STATE_EDITED, told, STATE_EDITED, address)
    if broken.head and not broken.entries:
        told = f"{state} was changed outside icesync: entries were removed or put back"
        yield Refusal(STATE_EDITED, told, STATE_EDITED)


def look_beyond(
    session: Session,
    others: Collection[Address],
    here: Collection[int],
    key: FingerprintKey | None,
    allowed: Collection[str],
) -> tuple[Snapshot, tuple[Refusal, ...]]:
    """
    Return what the states of other organizations hold, and why they are not to be believed.

    A secret that is new *here* may have been another organization's: what the files say of
    the *others* now is no proof of where it went.
    """
    project = session.project
    organizations = {a.organization for a in others} | session.stores.kept()
    blank = Snapshot(project.api.base_url)
    if not organizations - set(here):
        return blank, ()
    store = session.stores.joined(organizations - set(here))
    data = store.read()
    found = blank if data is None else decode_state(data)
    parts = store.parts if isinstance(store, Joined) else None
    stored = Stored(found, data, as_read=found, parts=parts)
    stored, _ = doubt_what_was_put_back(session, stored, key)
    refusals = states_elsewhere(session, stored, others, allowed)
    return stored.snapshot, (*refusals, *seal_refusals(project, stored, key, allowed))
