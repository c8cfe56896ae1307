"""At most so many calls a second, over all workers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icesync.ports import Clock

__all__ = ["Pace"]


class Pace:
    """
    Hands out one moment after another, *rate_per_s* of them a second.

    Evenly spaced rather than in bursts: nobody knows how the service counts.
    """

    def __init__(self, rate_per_s: float, clock: Clock) -> None:
        self._gap_s = 1.0 / rate_per_s
        self._clock = clock
        self._next = clock.monotonic()
        self._lock = threading.Lock()

    def wait_s(self) -> float:
        """Take the next moment and return how many seconds away it is."""
        with self._lock:
            now = self._clock.monotonic()
            moment = max(self._next, now)
            self._next = moment + self._gap_s
        return moment - now
