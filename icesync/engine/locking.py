"""
Hold the lock of a state while something is done, and say what is true however it ends.

Whatever fails on the way out adds to the first cause and never replaces it. A
signal that comes while the lock is asked for, or given back, waits for the answer,
so that no lock is left which nobody knows of.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from icesync.errors import IcesyncError, Interrupted, StateLocked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from icesync.engine.session import Session
    from icesync.model.lock import LockInfo
    from icesync.ports import StateStore

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 16.0


class Work:
    """What was done under a lock, in words; *done* is None as long as nothing was."""

    def __init__(self) -> None:
        self.done: str | None = None


@contextmanager
def hold_lock(
    session: Session,
    store: StateStore,
    operation: str,
    timeout_s: float,
    nothing: str = "nothing was written",
) -> Iterator[Work]:
    """
    Hold the lock of *store*; whoever does something notes in the Work what it came to.

    *nothing* is said of a run that was interrupted before.

    Raises:
        StateLocked: another run held it for *timeout_s*.
        Interrupted: a signal ended the work; the message says what was done.

    """
    info, work = session.caller.lock_owner(operation), Work()
    try:
        lock = _acquire(session, store, info, timeout_s)
    except KeyboardInterrupt as error:
        raise _interrupted(error, nothing) from None
    try:
        yield work
    except KeyboardInterrupt as error:
        raise _released(session, lock, _interrupted(error, work.done or nothing)) from None
    except IcesyncError as error:
        raise _released(session, lock, error) from error.__cause__
    except BaseException as error:
        with suppress(IcesyncError):
            _release(session, lock)
        raise error from error.__cause__
    try:
        _release(session, lock)
    except KeyboardInterrupt as error:
        told = f"{work.done or nothing}; interrupted while giving back the lock"
        raise _interrupted(error, told, f"icesync state unlock --force {info.id}") from None
    except IcesyncError as error:
        if work.done is not None:
            error.message = f"{work.done}; {error.message}"
        raise


def _acquire(
    session: Session, store: StateStore, info: LockInfo, timeout_s: float
) -> AbstractContextManager[None]:
    clock = session.clock
    deadline, wait_s = clock.monotonic() + timeout_s, _FIRST_WAIT_S
    while True:
        lock = store.lock(info, 0.0)
        granted = False
        try:
            with session.signals.finishing():
                lock.__enter__()
                granted = True
        except StateLocked:
            left_s = deadline - clock.monotonic()
            if left_s <= 0:
                raise
            clock.sleep(min(wait_s, left_s))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        except KeyboardInterrupt:
            with suppress(IcesyncError), session.signals.finishing():
                if granted:
                    lock.__exit__(None, None, None)
                else:
                    # Nobody knows whether the store granted what it was asked for.
                    store.break_lock(info.id)
            raise
        else:
            return lock


def _release(session: Session, lock: AbstractContextManager[None]) -> None:
    with session.signals.finishing():
        lock.__exit__(None, None, None)


def _released(
    session: Session, lock: AbstractContextManager[None], first: IcesyncError
) -> IcesyncError:
    """Give the lock back and return *first*, with what went wrong now added to it."""
    try:
        _release(session, lock)
    except KeyboardInterrupt:
        first.add(IcesyncError("interrupted while giving back the lock"))
    except IcesyncError as second:
        first.add(second)
    return first


def _interrupted(error: KeyboardInterrupt, told: str, *hints: str) -> Interrupted:
    number = getattr(error, "signal_number", 2)
    text = told if "interrupted" in told else f"interrupted; {told}"
    return Interrupted(text, *hints, signal_number=number)
