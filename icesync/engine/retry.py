"""
When the next call may leave, and whether a call is made again.

One limiter serves all workers of a run, so that what one of them learns counts for
all: nobody calls a service that asked to slow down, and a service that fails
time after time is left alone; the next apply goes on from there. Sending again is
safe only because a call carries the whole record, replaces it, and is never in
flight twice. How often, and how long to wait between, stands on the outcome
(:attr:`icesync.model.report.OutcomeKind.retry`), with full jitter.
"""

from __future__ import annotations

import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from icesync.model.report import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.report import Retry
    from icesync.ports import Clock

MAX_PAUSE_S: Final = 120.0
"""A run that is asked to wait longer than this ends instead."""

MAX_FAILURES: Final = 10
"""So many failures of the service in a row, over all workers, end the run."""

FIRST_REFUSALS: Final = 3
"""So many first calls refused with the same words: it is not about the values."""

_ASK_AGAIN_S: Final = 0.02


class _First(Enum):
    """
    Where the first call of the run is.

    It goes alone: a wrong address, certificate or token shows on one server
    before a second one is tried.
    """

    WAITS = auto()
    IN_FLIGHT = auto()
    ENDED = auto()


class CallLimiter:
    """
    Paces and pauses the calls of one run, and ends it; safe for all its workers.

    *draw* gives numbers from 0 to 1; *on_pause* hears of each pause, how long and
    why, and must be quick; *stopped* says in words why the run ends
    early, None while it does not.
    """

    def __init__(
        self,
        rate_per_s: float,
        clock: Clock,
        draw: Callable[[], float],
        on_pause: Callable[[float, str], None] | None = None,
    ) -> None:
        self.stopped: str | None = None
        self._interval_s = 1.0 / rate_per_s
        self._clock = clock
        self._draw = draw
        self._on_pause = on_pause
        self._lock = threading.Lock()
        self._next_at = clock.monotonic()
        self._pause_until = 0.0
        self._failures_in_row = 0
        self._first_refusals: list[str] | None = []
        self._first = _First.WAITS

    def acquire(self) -> float:
        """Return 0 when a call may leave now, else after how many seconds to ask again."""
        with self._lock:
            now = self._clock.monotonic()
            if self._first is _First.IN_FLIGHT:
                return _ASK_AGAIN_S
            wait_s = max(self._pause_until, self._next_at) - now
            if wait_s > 0:
                return wait_s
            if self._first is _First.WAITS:
                self._first = _First.IN_FLIGHT
            self._next_at = max(self._next_at, now - self._interval_s) + self._interval_s
            return 0.0

    def release(self) -> None:
        """Give an admission back: there was no call left to make with it."""
        with self._lock:
            if self._first is _First.IN_FLIGHT:
                self._first = _First.WAITS

    def on_outcome(self, outcome: Outcome, attempt: int) -> float | None:
        """
        Take in how attempt number *attempt* of a call ended.

        Return after how many seconds to make the call again, None when its
        outcome is final.
        """
        with self._lock:
            self._first = _First.ENDED
            self._count_failures(outcome.kind)
            self._count_refusals(outcome)
            retry = outcome.kind.retry
            if retry is None:
                return None
            wait_s = self._draw() * retry.longest_s(attempt)
            if outcome.kind is OutcomeKind.THROTTLED:
                self._pause(outcome, wait_s)
            return self._again(retry, attempt, wait_s)

    def _again(self, retry: Retry, attempt: int, wait_s: float) -> float | None:
        return wait_s if attempt < retry.attempts and self.stopped is None else None

    def _count_failures(self, kind: OutcomeKind) -> None:
        self._failures_in_row = self._failures_in_row + 1 if kind.is_failure_of_service else 0
        if self._failures_in_row >= MAX_FAILURES:
            self.stopped = (
                f"ICE keeps failing, {MAX_FAILURES} times in a row; "
                "the run was ended to leave it alone"
            )

    def _count_refusals(self, outcome: Outcome) -> None:
        """End the run when its first calls are all refused with the same words."""
        if self._first_refusals is None:
            return
        if outcome.kind is not OutcomeKind.REJECTED:
            self._first_refusals = None
            return
        self._first_refusals.append(outcome.detail)
        if len(self._first_refusals) < FIRST_REFUSALS:
            return
        if len(set(self._first_refusals)) == 1:
            self.stopped = (
                f"the first {FIRST_REFUSALS} calls were refused alike; "
                "is it the token, the address or the permission?"
            )
        self._first_refusals = None

    def _pause(self, outcome: Outcome, wait_s: float) -> None:
        asked_s = outcome.retry_after_s or 0.0
        if asked_s > MAX_PAUSE_S:
            self.stopped = f"ICE asks to wait {asked_s:.0f} s; run it again after that"
            return
        pause_s = max(asked_s, wait_s)
        now = self._clock.monotonic()
        if now >= self._pause_until and self._on_pause is not None:
            # Once for each pause: all workers meet the same limit at the same time.
            self._on_pause(pause_s, "ICE asks to slow down")
        self._pause_until = max(self._pause_until, now + pause_s)
