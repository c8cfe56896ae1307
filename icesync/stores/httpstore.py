"""
The snapshot at an address, in the protocol of Terraform's ``http`` backend.

Read by GET, written by POST with the lock's id behind ``?ID=``, locked by LOCK
and unlocked by UNLOCK (the methods are settings: GitLab's are POST and DELETE).
Only 200 locks and unlocks; 200, 201 and 204 are a write; 204, 404 and an empty
body mean that nothing was ever stored. 409 and 423 mean that somebody else
holds the lock.

A write whose answer was lost may have been stored. It is never simply repeated,
since GitLab refuses a serial that it has (422): the address is read, and what is
there decides.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlsplit, urlunsplit

from icesync.errors import AccessError, StateConflict, StateError, StateMissing, StateNotSaved
from icesync.frozen import NamedTuple
from icesync.model.snapshot import LockInfo, utc_text
from icesync.net import RawReply
from icesync.stores.httpcalls import (
    SAVE_RETRY_FOR_S,
    HttpCalls,
    HttpEndpoint,
    StateServer,
    Unanswered,
    md5,
    with_id,
)
from icesync.stores.lock_info import named_lock, read_lock, wait_for_lock, write_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icesync.ports import Clock

_DONE: Final = frozenset({200, 201, 204})
_LOCK_DONE: Final = 200
_NOTHING: Final = frozenset({204, 404})
_HELD: Final = frozenset({409, 423})
_NO_ACCESS: Final = frozenset({401, 403})
_SERIAL_KNOWN: Final = 422
_TOO_LARGE: Final = 413
_SERVER_ERROR: Final = 500
_TRUSTED_S: Final = 10.0


class _Seen(NamedTuple):
    """What was stored when it was read or written last, and until when that is believed."""

    data: bytes | None
    until: float


class HttpStore:
    """Keeps the snapshot behind one :class:`HttpEndpoint`; one thread at a time may use it."""

    journals = None

    def __init__(self, endpoint: HttpEndpoint, clients: StateServer, clock: Clock) -> None:
        self._endpoint = endpoint
        self._calls = HttpCalls(endpoint, clients, clock)
        self._clock = clock
        self._lock_id: str | None = None
        self._seen: _Seen | None = None
        self._server = clients

    def _read(self) -> bytes | None:
        reply = self._calls.persist("GET", self._endpoint.address)
        if isinstance(reply, Unanswered):
            raise StateError(f"{self.describe()} is unreachable: {reply.problem}")
        self._check_access(reply, "read")
        if reply.status in _NOTHING or (reply.status in _DONE and not reply.body):
            return None
        if reply.status not in _DONE:
            raise StateError(f"cannot read {self.describe()}: status {reply.status}")
        expected = reply.headers.get("content-md5")
        if expected and expected != md5(reply.body):
            raise StateError(f"the reply of {self.describe()} was damaged in transit", "try again")
        return reply.body

    def read(self) -> bytes | None:
        """
        Return the stored bytes, or None when nothing was ever stored.

        Raises:
            AccessError: the credentials were refused.
            StateError: it cannot be reached or read.

        """
        data = self._read()
        self._seen = _Seen(data, self._clock.monotonic() + _TRUSTED_S)
        return data

    def write(self, data: bytes, previous: bytes | None) -> None:
        """
        Replace the stored bytes, under the lock.

        Raises:
            StateConflict: what is stored is not *previous* any more.
            StateNotSaved: the store refused, or cannot be reached.
            StateLocked: this store does not hold the lock, and another does.

        """
        if not data:
            raise ValueError("a state is never empty")
        if self._lock_id is None and self._endpoint.lock_address:
            moment = utc_text(self._clock.now())
            with self.lock(named_lock("write", moment), 0):
                self.write(data, previous)
            return
        with self._calls.turn():
            if not self._is_known(previous) and self.read() != previous:
                raise StateConflict(
                    f"{self.describe()} was changed by another run in the meantime", "icesync plan"
                )
            self._post(data)
        self._seen = _Seen(data, math.inf)

    def _is_known(self, previous: bytes | None) -> bool:
        """
        Return whether *previous* is there for certain: under one lock nobody else writes.

        What was read is believed for a moment only: somebody may break the lock of a run
        that waits for a person.
        """
        seen = self._seen if self._lock_id is not None else None
        return seen is not None and seen.data == previous and self._clock.monotonic() <= seen.until

    def _post(self, data: bytes) -> None:
        backoff = self._calls.backoff(SAVE_RETRY_FOR_S)
        while True:
            reply = self._calls.ask(
                self._endpoint.update_method, self._with_lock_id(self._endpoint.address), data
            )
            accepted = isinstance(reply, RawReply) and reply.status in _DONE
            # A yes is believed under a lock, once this server was seen to keep what it
            # confirms: nobody would miss what one loses before the first call.
            if accepted and self._server.keeps_writes and self._lock_id is not None:
                return
            if self._is_stored(data):
                self._server.keeps_writes = True
                return
            if accepted:
                raise StateNotSaved(
                    f"{self.describe()} accepted the state, but returns a different one"
                )
            if not self._calls.waited(reply, backoff):
                break
        if isinstance(reply, RawReply) and reply.status < _SERVER_ERROR:
            self._refuse(reply)
        problem = reply.problem if isinstance(reply, Unanswered) else f"status {reply.status}"
        raise StateNotSaved(f"{self.describe()} did not store the state: {problem}")

    def _is_stored(self, data: bytes) -> bool:
        """Return whether a write without a clear answer arrived after all."""
        try:
            return self._read() == data
        except (StateError, AccessError):
            return False

    def _refuse(self, reply: RawReply) -> NoReturn:
        """Raise what a refused write came to."""
        if reply.status == _SERIAL_KNOWN:
            raise StateConflict(
                f"{self.describe()} has a different state with the same serial: another "
                "run wrote it",
                "icesync plan",
            )
        if reply.status in _HELD:
            raise StateNotSaved(f"the lock of {self.describe()} was removed by another run")
        if reply.status == _TOO_LARGE:
            raise StateNotSaved(f"the state is too large for {self.describe()}: status 413")
        # A token that ends during a run is refused here: what was acknowledged must not get lost.
        advice = self._endpoint.advice if reply.status in _NO_ACCESS else ()
        raise StateNotSaved(f"{self.describe()} rejected the state: status {reply.status}", *advice)

    @contextmanager
    def lock(self, owner: LockInfo, timeout_s: float) -> Iterator[None]:
        """
        Hold the lock while the context is open.

        Raises:
            StateLocked: somebody else held it for *timeout_s*; the message says who.
            StateError: it cannot be reached, or the lock cannot be released.
            AccessError: the credentials were refused.

        """
        if self._endpoint.lock_address is None:
            yield
            return
        wait_for_lock(lambda: self._try_lock(owner), self.describe(), timeout_s, self._clock)
        self._lock_id, self._seen = owner.id, None
        try:
            yield
        finally:
            self._lock_id = None
            self._release(owner)

    def _try_lock(self, owner: LockInfo) -> LockInfo | None:
        """Return None when the lock is ours now, else who holds it."""
        address = self._endpoint.lock_address or ""
        reply = self._calls.persist(self._endpoint.lock_method, address, write_lock(owner))
        if isinstance(reply, Unanswered):
            raise StateError(f"{self.describe()} is unreachable: {reply.problem}")
        self._check_access(reply, "lock")
        if reply.status == _LOCK_DONE:
            return None
        if reply.status in _HELD:
            holder = read_lock(reply.body)
            if reply.repeated and holder.id == owner.id:
                return None  # locked by a first try whose answer was lost
            return _without_echo(holder, owner)
        raise StateError(f"cannot lock {self.describe()}: status {reply.status}")

    def _release(self, owner: LockInfo) -> None:
        reply = self._unlock(owner)
        if isinstance(reply, RawReply) and (
            reply.status == _LOCK_DONE or (reply.repeated and reply.status in _HELD)
        ):
            return  # free, or freed by a first try whose answer was lost
        problem = reply.problem if isinstance(reply, Unanswered) else f"status {reply.status}"
        raise StateError(
            f"the lock of {self.describe()} could not be released: {problem}",
            f"icesync state unlock --force {owner.id}",
        )

    def _unlock(self, owner: LockInfo) -> RawReply | Unanswered:
        address = self._endpoint.unlock_address or self._endpoint.lock_address or ""
        return self._calls.persist(
            self._endpoint.unlock_method, with_id(address, owner.id), write_lock(owner)
        )

    def break_lock(self, lock_id: str) -> None:
        """
        Remove the lock that *lock_id* names; what its holder is doing, nobody knows.

        Raises:
            StateError: it is not that lock, or the store refused.
            AccessError: the credentials were refused.

        """
        if self._endpoint.lock_address is None:
            raise StateError(f"{self.describe()} has no lock: `state.lock_address` is not set")
        reply = self._unlock(replace(named_lock("unlock", ""), id=lock_id))
        if isinstance(reply, Unanswered):
            raise StateError(f"{self.describe()} is unreachable: {reply.problem}")
        self._check_access(reply, "unlock")
        if reply.status != _LOCK_DONE:
            raise StateError(
                f"{self.describe()} did not release that lock: status {reply.status}",
                "run `icesync state unlock` to see the lock",
            )

    def lock_owner(self) -> LockInfo | None:
        """
        Return who holds the lock now, or None when it is free.

        The protocol has no question for it: the lock is taken and given back.

        Raises:
            StateError: it cannot be found out.

        """
        if self._endpoint.lock_address is None:
            return None
        probe = named_lock("look", utc_text(self._clock.now()))
        holder = self._try_lock(probe)
        if holder is None:
            self._release(probe)
        return holder

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> None:  # noqa: ARG002
        """
        Refuse: a slip in a name reads as if nothing were stored.

        Raises:
            StateMissing: always.

        """
        raise StateMissing.at(self.describe(), self._endpoint.setting)

    @property
    def recovery(self) -> tuple[str, ...]:
        """The versions that the store may keep, and a copy."""
        return (
            "restore an older version at that server, if it keeps some",
            "if you have a copy, run `icesync state push --force FILE` to store it",
        )

    def lock_warning(self) -> str | None:
        """Return why there is no lock, or None."""
        if self._endpoint.lock_address is None:
            return (
                "the state has no lock: set `state.lock_address`, or make sure that "
                "only one run applies at a time"
            )
        return None

    def describe(self) -> str:
        """Return the address without user and query."""
        parts = urlsplit(self._endpoint.address)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def _check_access(self, reply: RawReply, what: str) -> None:
        if reply.status in _NO_ACCESS:
            raise AccessError(
                f"{self.describe()} refused to {what}: status {reply.status}",
                *self._endpoint.advice,
            )

    def _with_lock_id(self, address: str) -> str:
        return address if self._lock_id is None else with_id(address, self._lock_id)


def _without_echo(holder: LockInfo, asked: LockInfo) -> LockInfo:
    """Return *holder* without what GitLab repeats from the one who asked, not from the holder."""
    if (holder.operation, holder.info, holder.version) == (
        asked.operation,
        asked.info,
        asked.version,
    ):
        return replace(holder, operation="", info="", version="", pid=0)
    return holder
