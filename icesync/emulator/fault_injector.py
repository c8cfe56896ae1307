"""
Choose the faults of each update: the same calls meet the same faults.

Each fault counts the updates that it looks at. Latencies add up; of the others
the first that is listed wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icesync.emulator import aspnet
from icesync.emulator.faults import Fault, Kind, Throttle
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from icesync.emulator.aspnet import Request
    from icesync.wire.reply import Reply

_EMPTY: Final = frozenset({204, 205, 304})
_LOGIN_PAGE: Final = "/ICEAPI/Login.aspx"


@frozen
class ChosenFaults:
    """The faults of one call in the order of the list: *wait_ms* of them all, and the main one."""

    fired: tuple[Fault, ...] = ()
    wait_ms: int = 0
    main: Fault | None = None

    def __str__(self) -> str:
        """Return all of them as one text for the history."""
        return " + ".join(str(fault) for fault in self.fired)


@dataclass(slots=True)
class ActiveFault:
    """One fault in force: its number, how many updates it looked at and how often it fired."""

    number: int
    fault: Fault
    seen: int = 0
    fired: int = 0
    level: float | None = None
    """how many more calls a throttle lets through now"""
    filled_at: datetime | None = None

    def wants(self, skill: int | None, now: datetime) -> bool:
        """Count the call, and return whether the fault would fire at it."""
        if not self.fault.where.looks_at(skill):
            return False
        self.seen += 1
        if not self.fault.where.takes(self.seen):
            return False
        if self.fault.times is not None and self.fired >= self.fault.times:
            return False
        return not self._lets_through(now)

    def _lets_through(self, now: datetime) -> bool:
        """Return whether a throttle's rate has room for one more call."""
        throttle = self.fault.argument
        if not isinstance(throttle, Throttle) or throttle.rate is None:
            return False
        full = float(throttle.rate)
        past_s = 0.0 if self.filled_at is None else (now - self.filled_at).total_seconds()
        level = full if self.level is None else self.level
        level = min(full, level + max(past_s, 0.0) * full / throttle.per_s)
        self.filled_at = now
        self.level = level - 1 if level >= 1 else level
        return level >= 1


class FaultInjector:
    """Holds the faults in force; one thread at a time may use it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._last = 0
        self._active: list[ActiveFault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Put *fault* behind those in force and return its number."""
        self._last += 1
        self._active.append(ActiveFault(self._last, fault))
        return self._last

    def remove(self, number: int) -> bool:
        """Take the fault with this *number* away; return whether there was one."""
        kept = [active for active in self._active if active.number != number]
        found = len(kept) < len(self._active)
        self._active = kept
        return found

    def clear(self) -> None:
        """Take all faults away."""
        self._active.clear()

    def restart(self) -> None:
        """Let all faults count from nothing, as if no call had come."""
        self._active = [ActiveFault(active.number, active.fault) for active in self._active]

    @property
    def active(self) -> tuple[ActiveFault, ...]:
        """The faults in force, in their order."""
        return tuple(self._active)

    def choose(self, skill: int | None, now: datetime) -> ChosenFaults:
        """Return what happens to an update of *skill*."""
        fired: list[Fault] = []
        main: Fault | None = None
        wait_ms = 0
        for active in self._active:
            if not active.wants(skill, now):
                continue
            fault = active.fault
            if fault.kind is not Kind.LATENCY:
                if main is not None:
                    continue
                main = fault
            elif isinstance(fault.argument, int):
                wait_ms += fault.argument
            active.fired += 1
            fired.append(fault)
        return ChosenFaults(tuple(fired), wait_ms, main)


def fault_reply(fault: Fault, reply: Reply, request: Request) -> Reply:
    """Return what the caller gets instead of *reply*; faults that answer nothing leave it alone."""
    if fault.kind is Kind.THROTTLE:
        throttle = fault.argument if isinstance(fault.argument, Throttle) else Throttle()
        wait = {"retry-after": str(throttle.retry_s)}
        return aspnet.message(429, aspnet.phrase(429), **wait)
    if fault.kind is not Kind.STATUS or not isinstance(fault.argument, int):
        return reply
    return _status_reply(fault.argument, request)


def _status_reply(status: int, request: Request) -> Reply:
    """Return the reply that the application has for this status, or a plain one."""
    special = {
        400: aspnet.invalid(),
        401: aspnet.unauthorized(),
        404: aspnet.not_found(request.url),
        405: aspnet.wrong_verb(request.method),
        415: aspnet.unsupported("application/json"),
        500: aspnet.broken(),
    }
    if status in special:
        return special[status]
    if status in _EMPTY:
        return aspnet.json_reply(b"", status)
    if 300 <= status < 400:
        return aspnet.redirect(_LOGIN_PAGE, status)
    return aspnet.message(status, aspnet.phrase(status))
