"""When a far end is asked again: what it asks for itself, and one schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_WAIT_S: Final = 86_400.0


def read_retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or an HTTP date in any form."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _MAX_WAIT_S)


THROTTLED: Final = frozenset({429, 500, 502, 503, 504})
"""Answers that may be another one a moment later."""

_LONGEST_PAUSE_S: Final = 30.0


class Patience:
    """
    One schedule for everything that is asked again: twice as long each time, within a budget.

    A far end that says how long to wait is given that time.
    """

    def __init__(
        self, monotonic: Callable[[], float], total_s: float, first_s: float = 1.0
    ) -> None:
        self._monotonic = monotonic
        self._deadline = monotonic() + total_s
        self._pause_s = first_s

    def pause(self, asked_s: float | None = None) -> float | None:
        """Return how long to wait before the next try, or None when there is none."""
        pause_s = max(self._pause_s, asked_s or 0.0)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return pause_s if self._monotonic() + pause_s <= self._deadline else None
