"""
When the next call may leave, and whether a call is made again.

One limiter serves all workers of a run, so that what one of them learns counts
for all: a service that asks to slow down is asked by nobody, and one that fails
and fails is left alone. Sending again is safe only because a call carries the
whole record, replaces it, and is never in flight twice.

The numbers are those of the field: full jitter and costs as in botocore's
standard mode, a breaker over the last calls, and the rate falling by 0.7.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from icesync.model.report import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.ports import Clock

__all__ = ["BREAKER", "RETRIES", "CallLimiter", "Retry"]


@dataclass(frozen=True, slots=True)
class Retry:
    """
    How often a call is made in all, and how long to wait between.

    Waits are drawn evenly from 0 to ``base_s * 2 ** n``, at most *cap_s*; each
    costs *cost* of the run's budget.
    """

    attempts: int
    base_s: float = 0.5
    cap_s: float = 20.0
    cost: float = 1.0


RETRIES: Final[Mapping[OutcomeKind, Retry]] = {
    OutcomeKind.TRANSIENT: Retry(4),
    OutcomeKind.UNCERTAIN: Retry(3, cost=2.0),
    OutcomeKind.THROTTLED: Retry(6, base_s=1.0),
}
"""Outcomes that are tried again; all others are final at once."""

_LONGEST_PAUSE_S: Final = 120.0
_BUDGET: Final = 10.0
_BUDGET_SHARE: Final = 0.1
_SUCCESS_GIVES: Final = 0.1

_SLOWER: Final = 0.7
_FASTER_PER_S: Final = 0.2
_CLEAN_S: Final = 10.0
_SLOWEST_PER_S: Final = 0.5

_ASK_AGAIN_S: Final = 0.02

_ALIKE: Final = 3
"""So many first calls refused with the same words: it is not about the values."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When to leave a failing service alone, for how long, and when to give up."""

    window: int = 20
    consecutive: int = 5
    share: float = 0.5
    share_of: int = 10
    rest_s: float = 15.0
    openings: int = 3


BREAKER: Final = Breaker()

_FAILURES: Final = frozenset({OutcomeKind.TRANSIENT, OutcomeKind.UNCERTAIN})


class _First(Enum):
    """
    Where the first call of the run is.

    It goes alone: a wrong address, certificate or token shows on one server
    before a second one is tried.
    """

    WAITS = auto()
    FLIES = auto()
    LANDED = auto()


class CallLimiter:
    """
    Paces, pauses, breaks and budgets the calls of one run; safe for all its workers.

    *draw* gives numbers from 0 to 1; *tell* hears of each pause, how long and
    why, and must be quick; *stopped* says in words why the run ends
    early, None while it does not.
    """

    def __init__(
        self,
        rate_per_s: float,
        calls: int,
        clock: Clock,
        draw: Callable[[], float],
        tell: Callable[[float, str], None] | None = None,
    ) -> None:
        self.stopped: str | None = None
        self._clock = clock
        self._draw = draw
        self._tell = tell
        self._lock = threading.Lock()
        self._rate_limit = self._rate = rate_per_s
        self._next_at = clock.monotonic()
        self._pause_until = 0.0
        self._slowed_at = 0.0
        self._budget = _BUDGET + _BUDGET_SHARE * calls
        self._recent: deque[bool] = deque(maxlen=BREAKER.window)
        self._failures_in_row = 0
        self._openings = 0
        self._open_until: float | None = None
        self._probing = False
        self._first_refusals: list[str] | None = []
        self._first = _First.WAITS

    def acquire(self) -> float:
        """Return 0 when a call may leave now, else after how many seconds to ask again."""
        with self._lock:
            now = self._clock.monotonic()
            if self._first is _First.FLIES:
                return _ASK_AGAIN_S
            if now < self._pause_until:
                return self._pause_until - now
            if self._open_until is not None:
                if now < self._open_until:
                    return self._open_until - now
                if self._probing:
                    return _ASK_AGAIN_S
            if now < self._next_at:
                return self._next_at - now
            if self._first is _First.WAITS:
                self._first = _First.FLIES
            self._probing = self._open_until is not None
            self._next_at = max(self._next_at, now - 1.0 / self._rate) + 1.0 / self._rate
            return 0.0

    def release(self) -> None:
        """Give an admission back: there was no call left to make with it."""
        with self._lock:
            self._probing = False
            if self._first is _First.FLIES:
                self._first = _First.WAITS

    def on_outcome(self, outcome: Outcome, attempt: int) -> float | None:
        """
        Take in how attempt number *attempt* of a call ended.

        Return after how many seconds to make the call again, None when its
        outcome is final.
        """
        with self._lock:
            now = self._clock.monotonic()
            self._first = _First.LANDED
            self._count(outcome, now)
            if outcome.kind is OutcomeKind.APPLIED:
                self._budget += _SUCCESS_GIVES
                return None
            if outcome.kind is OutcomeKind.THROTTLED:
                self._slow_down(outcome, now, attempt)
            retry = RETRIES.get(outcome.kind)
            if retry is None or attempt >= retry.attempts or self.stopped is not None:
                return None
            if self._budget < retry.cost:
                return None
            self._budget -= retry.cost
            return self._jitter(retry, attempt)

    def _jitter(self, retry: Retry, attempt: int) -> float:
        return self._draw() * min(retry.cap_s, retry.base_s * 2.0 ** (attempt - 1))

    def _count(self, outcome: Outcome, now: float) -> None:
        failed = outcome.kind in _FAILURES
        self._recent.append(failed)
        self._failures_in_row = self._failures_in_row + 1 if failed else 0
        self._look_for_refusals(outcome)
        if self._open_until is not None:
            if not self._probing:
                return
            self._probing = False
            if failed:
                self._open(now)
            else:
                self._open_until = None
                self._recent.clear()
        elif failed and self._is_failing():
            self._open(now)
        elif not failed:
            self._speed_up(now)

    def _is_failing(self) -> bool:
        if self._failures_in_row >= BREAKER.consecutive:
            return True
        many = len(self._recent) >= BREAKER.share_of
        return many and sum(self._recent) >= BREAKER.share * len(self._recent)

    def _open(self, now: float) -> None:
        self._openings += 1
        self._open_until = now + BREAKER.rest_s
        self._announce(BREAKER.rest_s, "ICE keeps failing")
        if self._openings >= BREAKER.openings:
            self.stopped = "ICE keeps failing; the run was ended to leave it alone"

    def _slow_down(self, outcome: Outcome, now: float, attempt: int) -> None:
        asked_s = outcome.retry_after_s or 0.0
        if asked_s > _LONGEST_PAUSE_S:
            self.stopped = f"ICE asks to wait {asked_s:.0f} s; run it again after that"
            return
        wait_s = max(asked_s, self._jitter(RETRIES[OutcomeKind.THROTTLED], attempt))
        if now >= self._pause_until:
            # Once for each pause: all workers meet the same limit at the same time.
            self._rate = max(_SLOWEST_PER_S, self._rate * _SLOWER)
            self._slowed_at = now
            self._announce(wait_s, "ICE asks to slow down")
        self._pause_until = max(self._pause_until, now + wait_s)

    def _announce(self, wait_s: float, reason: str) -> None:
        if self._tell is not None:
            self._tell(wait_s, reason)

    def _speed_up(self, now: float) -> None:
        if self._rate < self._rate_limit and now - self._slowed_at >= _CLEAN_S:
            self._rate = min(self._rate_limit, self._rate + _FASTER_PER_S)
            self._slowed_at = now

    def _look_for_refusals(self, outcome: Outcome) -> None:
        """End the run when its first calls are all refused with the same words."""
        if self._first_refusals is None:
            return
        if outcome.kind is not OutcomeKind.REJECTED:
            self._first_refusals = None
            return
        self._first_refusals.append(outcome.detail)
        if len(self._first_refusals) < _ALIKE:
            return
        if len(set(self._first_refusals)) == 1:
            self.stopped = (
                f"the first {_ALIKE} calls were refused alike; "
                "is it the token, the address or the permission?"
            )
        self._first_refusals = None
