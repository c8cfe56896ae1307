"""
A snapshot for each organization, seen as one: of those organizations that a run is about.

Two runs exclude each other only where they share an organization. There is no
journal: outcomes are saved every few seconds, as with a store far away.
"""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeAlias, TypeVar

from icesync.codec.partition import join, lineage_of, split, write_steps
from icesync.codec.state import decode_state, encode_state
from icesync.errors import (
    IcesyncError,
    StateConflict,
    StateError,
    StateLocked,
    StateNotSaved,
    UsageError,
    printable,
)
from icesync.frozen import NamedTuple
from icesync.model.snapshot import LockInfo, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from icesync.ports import Clock, Sealing, StateStore

T = TypeVar("T")
SideBySide: TypeAlias = "Callable[[Callable[[int], None], Sequence[int]], None]"
"""What calls a function with each of some organizations, and returns when all are done."""


def one_by_one(do: Callable[[int], None], organizations: Sequence[int]) -> None:
    """Call *do* with one organization after the other."""
    for organization in organizations:
        do(organization)


class Beside(NamedTuple):
    """What a run is not about: the place with its mark, and the states of other organizations."""

    place: StateStore
    others: Iterable[StateStore]


class PartitionedStore:
    """
    Joins *stores* by organization.

    *template* is where they are, *version* who writes. What is asked of each part is
    asked *side_by_side*, since each is a request to somebody far away.

    One run uses it: what it read last is what its next write must follow.
    """

    journals = None

    def __init__(
        self,
        stores: Mapping[int, StateStore],
        base_url: str,
        template: str,
        version: str,
        clock: Clock,
        beside: Beside | None = None,
        side_by_side: SideBySide = one_by_one,
    ) -> None:
        self._stores = dict(sorted(stores.items()))
        self._base_url = base_url
        self._template = template
        self._version = version
        self._clock = clock
        self._beside = beside
        self._side_by_side = side_by_side
        self._known: bytes | None = None
        self._as_read = False
        self._data: dict[int, bytes | None] = {}
        self._parts: dict[int, Snapshot] = {}
        self._joined = Snapshot(base_url)
        self._narrowed: frozenset[int] | None = None
        self._owner: LockInfo | None = None
        self._held: frozenset[int] = frozenset()
        self._sealing: Sealing | None = None

    @property
    def parts(self) -> Mapping[int, Snapshot]:
        """What was read or written last, by organization, where there is something."""
        return {o: part for o, part in self._parts.items() if part.lineage is not None}

    @property
    def joined(self) -> Snapshot:
        """What was read or written last, as one: what its bytes say, without decoding them."""
        return self._joined

    def seal_by(self, sealing: Sealing) -> None:
        """Seal each part by *sealing* from now on: only here is known what is in which."""
        self._sealing = sealing

    def narrow(self, organizations: frozenset[int]) -> None:
        """Lock only *organizations*: nothing is to be written for the others."""
        self._narrowed = organizations & self._stores.keys()

    @property
    def _concerned(self) -> list[int]:
        return [o for o in self._stores if self._narrowed is None or o in self._narrowed]

    def read(self) -> bytes | None:
        """
        Return all parts as one snapshot, or None when there is none yet.

        Under the lock only what is locked is read again.

        Raises:
            StateError: a part cannot be read, or does not belong here.

        """
        again = self._concerned if self._owner is not None and self._data else self._stores
        found = self._of_each(self._read_part, list(again))
        if self._as_read and found.items() <= self._data.items():
            return self._known
        self._data |= found
        self._parts = {o: self._decode(o, data) for o, data in self._data.items()}
        places = {o: store.describe() for o, store in self._stores.items()}
        lineage = lineage_of(self._base_url, self._template)
        self._joined = join(self._parts, places, self._base_url, lineage)
        nothing = all(data is None for data in self._data.values())
        self._known = None if nothing else encode_state(self._joined, self._version)
        self._as_read = True
        return self._known

    def write(self, data: bytes, previous: bytes | None) -> None:
        """
        Replace the parts that differ, each only if it is what was read.

        Raises:
            StateConflict: *previous* is not what was read, or a part was changed by another run.
            StateNotSaved: a part's store refused; the parts before it are written.
            StateLocked: a lock is not held, and cannot be had.

        """
        if not data:
            raise ValueError("a state is never empty")
        if not self._data:
            self.read()
        if previous != self._known:
            raise StateConflict(f"{self.describe()} was read again in the meantime", "icesync plan")
        joined = decode_state(data)
        after = split(joined, self._parts)
        if self._sealing is not None:
            for organization, part in self._parts.items():
                if organization not in after and self._sealing.renews(part):
                    after[organization] = replace(part, serial=part.serial + 1)
        self._as_read = False
        for parts in write_steps(self._parts, after):
            self._side_by_side(partial(self._write_part, parts), list(parts))
        self._known, self._joined = data, joined

    def _write_part(self, parts: Mapping[int, Snapshot], organization: int) -> None:
        part = parts[organization]
        kept = replace(part, lineage=part.lineage or str(uuid.uuid4()))
        if self._sealing is not None:
            kept = replace(kept, seals=self._sealing.of(kept, self._parts[organization]))
        new = encode_state(kept, self._version)
        store = self._stores[organization]
        free = self._owner is not None and organization not in self._held
        lock = store.lock(self._owner, 0.0) if self._owner is not None and free else nullcontext()
        try:
            with lock:
                store.write(new, self._data[organization])
        except StateNotSaved as error:
            raise StateNotSaved(
                f"organization {organization}: {error.message}", *error.hints
            ) from error
        self._data[organization] = new
        self._parts[organization] = kept

    @contextmanager
    def lock(self, owner: LockInfo, timeout_s: float) -> Iterator[None]:
        """
        Hold the locks of all parts, or of those that it was narrowed to.

        That of the first organization is taken alone: of two runs about the same
        organizations one goes on, and the other waits there.
        """
        deadline = self._clock.monotonic() + timeout_s
        held: dict[int, AbstractContextManager[None]] = {}

        def take(organization: int) -> None:
            left_s = max(0.0, deadline - self._clock.monotonic())
            lock = self._stores[organization].lock(owner, left_s)
            try:
                lock.__enter__()
            except StateLocked as error:
                raise StateLocked(
                    f"organization {organization}: {error.message}", *error.hints
                ) from error
            held[organization] = lock

        try:
            for organizations in (self._concerned[:1], self._concerned[1:]):
                self._side_by_side(take, organizations)
            self._owner, self._held = owner, frozenset(held)
            yield
        finally:
            self._owner, self._held = None, frozenset()
            self._release(held)

    def _release(self, held: Mapping[int, AbstractContextManager[None]]) -> None:
        """Give all locks back, also where one cannot be; that is raised then."""
        errors: dict[int, IcesyncError] = {}

        def give_back(organization: int) -> None:
            try:
                held[organization].__exit__(None, None, None)
            except IcesyncError as error:
                errors[organization] = error

        self._side_by_side(give_back, list(held))
        for _, error in sorted(errors.items()):
            raise error

    def _of_each(
        self, ask: Callable[[StateStore], T], organizations: list[int] | None = None
    ) -> dict[int, T]:
        """Return what *ask* gives for the store of each organization, in their order."""
        found: dict[int, T] = {}
        asked = list(self._stores) if organizations is None else organizations

        def one(organization: int) -> None:
            found[organization] = ask(self._stores[organization])

        self._side_by_side(one, asked)
        return {organization: found[organization] for organization in asked}

    def lock_owner(self) -> LockInfo | None:
        """Return who holds the first lock that is held, or None when all are free."""
        owners = self._of_each(lambda store: store.lock_owner()).values()
        return next((owner for owner in owners if owner is not None), None)

    def break_lock(self, lock_id: str) -> None:
        """Remove the locks that one run took under *lock_id*, of whichever organizations."""
        held = self._of_each(lambda store: store.lock_owner())
        left = [o for o, owner in held.items() if owner is not None and owner.id == lock_id]
        if not left:
            raise StateError(f"no organization here is locked by {printable(lock_id)}")
        self._side_by_side(lambda o: self._stores[o].break_lock(lock_id), left)

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> None:
        """
        Demand that another organization has its state there, or that nobody can have one.

        With one of them, the place is right: an organization without a state is new.

        Raises:
            StateMissing: none is there, and the place may be a slip.

        """
        if self._beside is not None:
            if any(store.read() is not None for store in self._beside.others):
                return
            self._beside.place.demand_first_use(is_state)
        for store in self._stores.values():
            store.demand_first_use(is_state)

    @property
    def recovery(self) -> tuple[str, ...]:
        """Nothing: what is damaged is a part, which says it itself."""
        return ()

    def lock_warning(self) -> str | None:
        """Return why a lock cannot be trusted, or None."""
        warnings = (store.lock_warning() for store in self._stores.values())
        return next((warning for warning in warnings if warning is not None), None)

    def describe(self) -> str:
        """Return where the parts are, and of how many organizations."""
        count = len(self._stores)
        if count == 1:
            return next(iter(self._stores.values())).describe()
        return f"{self._template} ({count} organizations)"

    def _read_part(self, store: StateStore) -> bytes | None:
        if store.journals is not None and store.journals.read() is not None:
            raise StateConflict(
                f"an apply without `per: organization` left a journal beside {store.describe()}",
                "first run `icesync apply` with that file as `state.path` and without `per:`",
            )
        return store.read()

    def _decode(self, organization: int, data: bytes | None) -> Snapshot:
        if data is None:
            return Snapshot(self._base_url)
        try:
            return decode_state(data, self._stores[organization].recovery)
        except StateError as error:
            place = self._stores[organization].describe()
            raise type(error)(f"{place}: {error.message}", *error.hints) from error


class UnscopedStore:
    """Stands where a run has not said yet which organizations it is about."""

    def __init__(self, template: str) -> None:
        self._template = template

    @property
    def journals(self) -> NoReturn:
        """
        Refuse: there is no snapshot of all organizations.

        Raises:
            UsageError: always, as everything here but :meth:`describe`.

        """
        self._refuse()

    def read(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def write(self, data: bytes, previous: bytes | None) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def lock(self, owner: LockInfo, timeout_s: float) -> AbstractContextManager[None]:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def lock_owner(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def break_lock(self, lock_id: str) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    @property
    def recovery(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def lock_warning(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def describe(self) -> str:
        """Return where the parts are."""
        return self._template

    def _refuse(self) -> NoReturn:
        raise UsageError(
            "there is one state per organization; name one",
            "pass --organization 59",
        )
