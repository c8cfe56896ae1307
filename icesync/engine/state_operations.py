"""Use cases: operate on the state under its lock, and make all its fingerprints anew."""

from __future__ import annotations

import secrets
import uuid
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.codec.fingerprint import (
    SALT_BYTES,
    FingerprintKey,
    broken_seals,
    fingerprint,
    fits,
    seals_of,
)
from icesync.codec.state import encode_state
from icesync.config.discover import place_of
from icesync.engine import state_transfer
from icesync.engine.secret_resolution import (
    Resolution,
    open_key,
    read_stored_reference,
    resolve_references,
    run_parallel,
)
from icesync.engine.session import SILENT, Session, Work, demand_private, hold_lock, interrupted
from icesync.engine.state import (
    Writer,
    load,
    load_to_look,
    locked,
    move,
    remove,
    save,
    sealing_key,
)
from icesync.engine.state_merge import United, resolve
from icesync.engine.validate import all_organizations, organizations_of
from icesync.errors import ConfigInvalid, SecretMissing, StateLocked, UsageError, listed, printable
from icesync.frozen import NamedTuple, frozen
from icesync.model.desired import Address, parse_address
from icesync.model.project import SIDE_BY_SIDE, Backend, Project
from icesync.model.snapshot import Entry, SecretRecord, SentSecret, Snapshot
from icesync.planner import check_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from icesync.model.report import Notify
    from icesync.model.secret import SecretRef
    from icesync.ports import SecretProvider, StateStore

_NAMED: Final = 5
"""So many of a list are named in a message."""


@frozen
class StateRequest:
    """
    Whose state is operated on, and how.

    *organization* names it where each has its own. A *dry_run* writes nothing.
    """

    organization: int | None = None
    dry_run: bool = False
    lock_timeout_s: float = 0.0


@frozen
class StateChange:
    """
    The state at *place* before and after an operation; *after* was not written in a dry run.

    *united* is what two merged sides came to.
    """

    place: str
    before: Mapping[Address, Entry]
    after: Mapping[Address, Entry]
    serial: int
    united: United | None = None


@frozen
class StateView:
    """The state at *place*, at the moment *now*."""

    place: str
    snapshot: Snapshot
    now: datetime


_SAVED: Final = "the state is saved"


def _saved(request: StateRequest) -> str | None:
    return None if request.dry_run else _SAVED


def read_address(text: str) -> Address:
    """
    Return the address that *text* spells.

    Raises:
        UsageError: it spells none.

    """
    address = parse_address(text)
    if address is None:
        raise UsageError(f"invalid address {printable(text)}", "use ORG/SKILL, such as 59/663")
    return address


def read_state(
    session: Session, organization: int | None = None, notify: Notify = SILENT.notify
) -> StateView:
    """Return the state as it is, with what a killed run left in its journal."""
    store = session.store_of(organization)
    stored = load_to_look(session, store, notify)
    return StateView(store.describe(), stored.snapshot, session.clock.now())


def read_entry(
    session: Session,
    organization: int | None,
    address: Address,
    notify: Notify = SILENT.notify,
) -> tuple[StateView, Entry]:
    """
    Return the state and the entry of *address* in it.

    Where each organization has a state, the address says whose is meant.

    Raises:
        UsageError: there is none.

    """
    found = read_state(session, organization or _owner(session, address), notify)
    check_patterns("ADDR", (str(address),), found.snapshot.entries.keys())
    return found, found.snapshot.entries[address]


def _owner(session: Session, *addresses: Address) -> int | None:
    """Return the one organization of *addresses*, where each has a state of its own."""
    found = {address.organization for address in addresses}
    own = session.project.state.per is not None and len(found) == 1
    return found.pop() if own else None


def change_state(
    session: Session,
    request: StateRequest,
    operation: str,
    change: Callable[[Snapshot], Mapping[Address, Entry]],
    notify: Notify = SILENT.notify,
) -> StateChange:
    """Store what *change* makes of the entries; *operation* is what the lock says it is for."""
    store, base_url = session.store_of(request.organization), session.project.api.base_url
    if request.dry_run:
        before = load_to_look(session, store, notify).snapshot
        return StateChange(store.describe(), before.entries, change(before), before.serial)
    with locked(session, store, operation, request.lock_timeout_s, notify) as work:
        stored = load(store, base_url)
        key = sealing_key(session, stored.snapshot)
        entries = change(stored.snapshot)
        with work.saving(_SAVED):
            after = save(store, stored, entries, Writer(__version__, key=key)).snapshot
    return StateChange(store.describe(), stored.snapshot.entries, after.entries, after.serial)


def move_state(
    session: Session,
    request: StateRequest,
    source: Address,
    target: Address,
    notify: Notify = SILENT.notify,
) -> StateChange:
    """
    Keep the record of *source* under the address *target*; nothing is sent.

    Raises:
        UsageError: one address is of another organization than the state.

    """
    organization = request.organization or _owner(session, source, target)
    request = replace(request, organization=organization)
    if organization is not None and {source.organization, target.organization} != {organization}:
        raise UsageError(
            "`state mv` works only within one organization",
            "use `moved:` in a server file to move between organizations",
        )
    return change_state(
        session, request, "state mv", lambda found: move(found, source, target), notify
    )


def remove_state(
    session: Session,
    request: StateRequest,
    patterns: Sequence[str],
    notify: Notify = SILENT.notify,
) -> StateChange:
    """Drop the entries that *patterns* mean; nothing is sent."""
    return change_state(session, request, "state rm", lambda found: remove(found, patterns), notify)


def resolve_state(session: Session, request: StateRequest) -> StateChange:
    """Unite the two sides of a merge conflict."""
    store = session.store_of(request.organization)
    key = sealing_key(session, Snapshot(session.project.api.base_url))
    with (
        hold_lock(session, store, "state resolve", request.lock_timeout_s) as work,
        work.saving(_saved(request)),
    ):
        united = resolve(store, __version__, key, dry_run=request.dry_run)
    after = united.snapshot
    return StateChange(store.describe(), {}, after.entries, after.serial, united)


def pull_state(
    session: Session, organization: int | None = None, notify: Notify = SILENT.notify
) -> bytes:
    """
    Return the state as it is stored; it holds no secret.

    Raises:
        StateLocked: an apply is going on, and what it did is not in the state yet.
        StateError: there is none, or it cannot be read.

    """
    store = session.store_of(organization)
    if store.journals is not None and store.journals.read() is not None:
        with locked(session, store, "state pull", 0.0, notify):
            return state_transfer.pull(store)
    return state_transfer.pull(store)


def push_state(
    session: Session, request: StateRequest, data: bytes, *, force: bool = False
) -> StateChange:
    """
    Store the state in *data*.

    Raises:
        UsageError: it holds a server of another organization.
        StateConflict: it would replace another lineage, or something as young.

    """
    organization, base_url = request.organization, session.project.api.base_url
    store = session.store_of(organization)
    if organization is not None:
        state_transfer.demand_only(data, organization)
    key = sealing_key(session, Snapshot(base_url))
    with (
        hold_lock(session, store, "state push", request.lock_timeout_s) as work,
        work.saving(_saved(request)),
    ):
        pushed = state_transfer.push(
            store, data, base_url, key, force=force, dry_run=request.dry_run
        )
    return StateChange(store.describe(), {}, pushed.entries, pushed.serial)


def migrate_state(
    source: Session, target: Session, request: StateRequest
) -> tuple[StateChange, str]:
    """
    Copy the state of *source* to where *target* keeps it; return where the old one stays.

    Raises:
        ConfigError: the files, which name the organizations of *source*, are wrong.
        StateConflict: the target holds something else.

    """
    old = all_organizations(source)
    new = target.stores.single()
    if target.project.state.per is not None:
        new = target.stores.joined(state_transfer.organizations_in(old))
    if old.describe() == new.describe():
        # Their locks are one: it would be waited for in vain.
        state_transfer.refuse_same_place(old)
    with (
        hold_lock(source, old, "state migrate", request.lock_timeout_s) as reading,
        hold_lock(target, new, "state migrate", request.lock_timeout_s) as work,
        work.saving(_saved(request)),
    ):
        base_url, reference = target.project.api.base_url, source.project.fingerprint_key
        parted = {s.project.state.per for s in (source, target)} != {None}
        # What is joined or split is sealed anew, as a whole or each part by itself.
        blank = Snapshot(base_url)
        key = open_key(reference, source.providers, blank) if parted and reference else None
        copied = state_transfer.migrate(old, new, base_url, key, dry_run=request.dry_run)
        reading.done = _saved(request)
    return StateChange(new.describe(), {}, copied.entries, copied.serial), old.describe()


def rekey_state(
    session: Session, request: StateRequest, new_key: str, notify: Notify = SILENT.notify
) -> int:
    """
    Make all fingerprints again with the key behind the reference *new_key*; return how many.

    Raises:
        UsageError: *new_key* is no reference.
        ConfigInvalid: a secret was rotated since ICE confirmed it.

    """
    from icesync.model.secret import parse_secret_ref

    reference = parse_secret_ref(new_key)
    if reference is None:
        raise UsageError(
            "`--new-key` takes a reference, not the key itself",
            "icesync state rekey --new-key ref+file://.icesync/next.key",
        )
    if reference.scheme == "file":
        demand_private(place_of(session.project.root, reference))
    store = session.store_of(request.organization)
    with locked(session, store, "state rekey", request.lock_timeout_s, notify) as work:
        return rekey(
            session.project, store, session.providers, reference, __version__,
            dry_run=request.dry_run, saving=lambda: work.saving(_SAVED),
        )  # fmt: skip


def demand_unlocked(session: Session, organization: int | None = None) -> str:
    """
    Return where the state is, once it is known that nobody holds its lock.

    Raises:
        StateLocked: somebody does; the message says who, the hint what frees it.

    """
    store = _lockable(session, organization)
    owner = store.lock_owner()
    if owner is None:
        return store.describe()
    purpose = f" for {owner.operation}" if owner.operation else ""
    info = f", {owner.info}" if owner.info else ""
    hint = (
        f"to end that run cleanly, run `kill {owner.pid}` on its machine"
        if session.project.state.backend is Backend.LOCAL
        else f"if that run is dead for certain: icesync state unlock --force {owner.id}"
    )
    raise StateLocked(
        f"{store.describe()} is locked by {owner.who or 'somebody'} since {owner.created}"
        f"{purpose}{info}",
        hint,
    )


def break_lock(session: Session, organization: int | None, lock_id: str) -> str:
    """Break the lock *lock_id* and return where it was; the locks of one run have one id."""
    store = _lockable(session, organization)
    work = Work(session.signals)
    try:
        with work.saving("the lock is removed"):
            store.break_lock(lock_id)
    except KeyboardInterrupt as error:
        raise interrupted(error, work.done or "whether the lock was removed is not known") from None
    return store.describe()


def init_state(
    session: Session, request: StateRequest, notify: Notify = SILENT.notify
) -> tuple[tuple[str, bool], ...]:
    """
    Begin an empty state where there is none; return each place, and whether it was begun now.

    Where each organization has a state, that is all organizations, unless one is named.
    What a first apply that died left becomes the state.

    Raises:
        ConfigError: the files, which name the organizations, are wrong.
        SecretMissing: the fingerprint key, by which the state is sealed, is not there.
        StateError: a store cannot be read or written.

    """
    if request.organization is None and session.project.state.per is not None:
        stores = [session.stores.of(o) for o in organizations_of(session)]
    else:
        stores = [session.store_of(request.organization)]
    blank = Snapshot(session.project.api.base_url, serial=1)
    reference = session.project.fingerprint_key
    # An empty state without a seal would be one that somebody else put there.
    key = open_key(reference, session.providers, blank) if reference is not None else None
    begun: dict[str, bool] = {}

    def begin(store: StateStore) -> None:
        left = store.journals is not None and store.journals.read() is not None
        if left and not request.dry_run:
            # A first apply that died left what is to be the state.
            with locked(session, store, "state init", request.lock_timeout_s, notify):
                left = False
        new = not left and store.read() is None
        if new and not request.dry_run:
            named = replace(blank, lineage=str(uuid.uuid4()), key_id=key.id if key else None)
            sealed = replace(named, seals=seals_of(key, named, named, trusted=True))
            store.write(encode_state(sealed, __version__), None)
        begun[store.describe()] = new

    run_parallel(begin, stores, workers=SIDE_BY_SIDE)
    return tuple(sorted(begun.items()))


def _lockable(session: Session, organization: int | None) -> StateStore:
    """Return the store of one state, or of all: a run that died left the locks of each."""
    return all_organizations(session) if organization is None else session.store_of(organization)


def rekey(
    project: Project,
    store: StateStore,
    providers: Mapping[str, SecretProvider],
    new_reference: SecretRef,
    version: str,
    *,
    dry_run: bool = False,
    saving: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> int:
    """
    Store the snapshot with fingerprints of the key behind *new_reference*; return how many.

    The lock must be held. A fingerprint is made anew only where the secret of
    now is the one that was acknowledged: else a rotation would get lost. The save, and
    nothing that may take longer, is done in the context *saving*.

    Raises:
        ConfigInvalid: there is no old key, or a secret was rotated since or is not there.
        SecretMissing: a key leads nowhere.
        StateError: the snapshot cannot be read or stored.

    """
    if project.fingerprint_key is None:
        raise ConfigInvalid(
            f"{project.config_file} has no `fingerprints.key`, so there is nothing to replace",
            "set it, then run `icesync apply --resend all` to make the first fingerprints",
        )
    stored = load(store, project.api.base_url)
    old = open_key(project.fingerprint_key, providers, stored.snapshot)
    new = open_key(new_reference, providers, Snapshot(project.api.base_url))
    resolution = resolve_references(_references(stored.snapshot), providers)
    entries, count = _refingerprint(stored.snapshot, _Keys(old, new), resolution)
    if not dry_run:
        # Sealed under the old key, all of it: else it would be sealed anew unseen.
        whole = not broken_seals(old, stored.as_read or stored.snapshot)
        memory = _remembered(stored.snapshot, _Keys(old, new), resolution)
        stored = replace(stored, snapshot=replace(stored.snapshot, memory=memory))
        with saving():
            save(store, stored, entries, Writer(version, new.id, key=new, trusted=whole))
    return count


class _Keys(NamedTuple):
    """The key that fingerprints were made with, and the one they are made with from now on."""

    old: FingerprintKey
    new: FingerprintKey


def _references(snapshot: Snapshot) -> list[SecretRef]:
    texts = {
        record.reference
        for entry in snapshot.entries.values()
        for record in entry.secrets.values()
        if record.fingerprint is not None
    }
    texts |= {s.secret.reference for s in snapshot.memory if s.secret.fingerprint is not None}
    return [read_stored_reference(text) for text in sorted(texts)]


def _remembered(snapshot: Snapshot, keys: _Keys, resolution: Resolution) -> tuple[SentSecret, ...]:
    """
    Return the memory of hosts under the new key.

    Of a secret that is not there any more, or not the one that was sent, its reference and
    its host remain: whoever forgot its server need not keep it for this.
    """
    kept = []
    for sent in snapshot.memory:
        secret = sent.secret
        if secret.fingerprint is not None:
            bound = (sent.bound_to or sent.address, sent.key)
            made = _make_anew(secret, bound, keys, resolution)
            secret = secret._replace(fingerprint=None) if isinstance(made, str) else made
        kept.append(sent._replace(secret=secret))
    return tuple(kept)


def _refingerprint(
    snapshot: Snapshot, keys: _Keys, resolution: Resolution
) -> tuple[dict[Address, Entry], int]:
    entries: dict[Address, Entry] = {}
    problems: list[str] = []
    count = 0
    for address, entry in sorted(snapshot.entries.items()):
        records = dict(entry.secrets)
        for key, record in entry.secrets.items():
            if record.fingerprint is None:
                continue
            bound = (entry.bound_to or address, key)
            made = _make_anew(record, bound, keys, resolution)
            if isinstance(made, str):
                problems.append(f"{address} {key} {made}")
            else:
                records[key] = made
                count += 1
        entries[address] = replace(entry, secrets=records, digest="")
    if problems:
        raise ConfigInvalid(
            f"not every secret is the one that ICE confirmed: {listed(problems, _NAMED)}",
            "run `icesync apply` to send what was rotated, then change the key",
        )
    return entries, count


def _make_anew(
    record: SecretRecord, bound: tuple[Address, str], keys: _Keys, resolution: Resolution
) -> SecretRecord | str:
    """Return *record* with a fingerprint of the new key, or in words why it cannot be."""
    value = resolution.values.get(record.reference)
    if value is None:
        failure = resolution.failures.get(record.reference)
        return f"({(failure or SecretMissing('has no reference')).message})"
    assert record.fingerprint is not None
    if not fits(keys.old, record.fingerprint, *bound, value):
        return "(rotated since)"
    salt = secrets.token_bytes(SALT_BYTES)
    return record._replace(fingerprint=fingerprint(keys.new, *bound, salt, value))
