"""
Choose the fault of each call: the same seed and the same calls give the same faults.

Each fault counts the calls that it looks at and throws its own dice, so one
fault never disturbs the sequence of another. All timing faults that fire add
up; of the others the first that is listed wins. A call that was reset before
its body was read is seen by such faults only: nobody knows whose it was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icesync.emulator.fault import Fault, Throttle
from icesync.emulator.faultkinds import Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["FaultPlayer", "Pick", "Scene", "Standing"]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a call when faults are chosen; *route* is in lower case."""

    route: str
    org: int | None = None
    skill: int | None = None


@dataclass(frozen=True, slots=True)
class Pick:
    """The faults of one call in the order of the list: *wait_ms* of them all, and the main one."""

    fired: tuple[Fault, ...] = ()
    wait_ms: int = 0
    main: Fault | None = None

    def __str__(self) -> str:
        """Return all of them as one text for the history."""
        return " + ".join(str(fault) for fault in self.fired)


@dataclass(frozen=True, slots=True)
class Standing:
    """One fault in force: its number, how many calls it looked at and how often it fired."""

    number: int
    fault: Fault
    seen: int
    fired: int


class FaultPlayer:
    """Holds the faults in force; one thread at a time may use it."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self.seed = seed
        self._last = 0
        self._tracks: list[_Track] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Put *fault* behind those in force and return its number."""
        self._last += 1
        self._tracks.append(_Track(self._last, fault, self.seed))
        return self._last

    def remove(self, number: int) -> bool:
        """Take the fault with this *number* away; return whether there was one."""
        kept = [track for track in self._tracks if track.number != number]
        found = len(kept) < len(self._tracks)
        self._tracks = kept
        return found

    def clear(self) -> None:
        """Take all faults away."""
        self._tracks.clear()

    def restart(self) -> None:
        """Let all faults count from nothing, as if no call had come."""
        self._tracks = [_Track(track.number, track.fault, self.seed) for track in self._tracks]

    def standing(self) -> tuple[Standing, ...]:
        """Return the faults in force, in their order."""
        return tuple(Standing(t.number, t.fault, t.seen, t.fired) for t in self._tracks)

    @property
    def strikes_early(self) -> bool:
        """Whether there is a fault that does not wait for the body."""
        return any(track.early for track in self._tracks)

    def pick_early(self, scene: Scene, now: datetime) -> Pick | None:
        """Return the pick of a call whose body shall not be read, or None to go on."""
        picked = self._pick([t for t in self._tracks if t.early], scene, now)
        return picked if picked.main else None

    def pick(self, scene: Scene, now: datetime) -> Pick:
        """Return what happens to a call that was read."""
        return self._pick([t for t in self._tracks if not t.early], scene, now)

    @staticmethod
    def _pick(tracks: list[_Track], scene: Scene, now: datetime) -> Pick:
        fired: list[Fault] = []
        main: Fault | None = None
        wait_ms = 0
        for track in tracks:
            if not track.wants(scene, now):
                continue
            timing = track.fault.row.group is Group.TIMING
            if not timing and main is not None:
                continue
            fired.append(track.fault)
            wait_ms += track.fire()
            main = main if timing else track.fault
        return Pick(tuple(fired), wait_ms, main)


class _Track:
    """One fault, what it counted, and its dice."""

    def __init__(self, number: int, fault: Fault, seed: int) -> None:
        self.number = number
        self.fault = fault
        self.seen = 0
        self.fired = 0
        self.early = fault.kind is Kind.RESET_EARLY
        throttle = fault.argument if isinstance(fault.argument, Throttle) else Throttle()
        self._bucket = None if throttle.rate is None else _Bucket(throttle.rate, throttle.per_s)
        self._dice = random.Random(f"{seed} {number} {fault}")  # noqa: S311 - to be repeated

    def wants(self, scene: Scene, now: datetime) -> bool:
        """Count the call, and return whether the fault would fire at it."""
        where, limit = self.fault.where, self.fault.limit
        if not where.looks_at(scene.route, scene.org, scene.skill):
            return False
        self.seen += 1
        if not where.takes(self.seen) or (limit is not None and self.fired >= limit):
            return False
        if self._bucket is not None and self._bucket.lets_through(now):
            return False
        return self.fault.chance == 100 or self._dice.randrange(100) < self.fault.chance

    def fire(self) -> int:
        """Count that it fired, and return for how many milliseconds the reply waits."""
        self.fired += 1
        if self.fault.row.group is not Group.TIMING or not isinstance(self.fault.argument, int):
            return 0
        longest = self.fault.argument
        return self._dice.randrange(longest + 1) if self.fault.kind is Kind.JITTER else longest


class _Bucket:
    """Lets *rate* calls in *per_s* seconds through, by the clock of the emulator."""

    def __init__(self, rate: int, per_s: int) -> None:
        self._full = float(rate)
        self._rate_per_s = rate / per_s
        self._level = self._full
        self._last: datetime | None = None

    def lets_through(self, now: datetime) -> bool:
        past_s = 0.0 if self._last is None else max((now - self._last).total_seconds(), 0.0)
        self._last = now
        self._level = min(self._full, self._level + past_s * self._rate_per_s)
        if self._level < 1:
            return False
        self._level -= 1
        return True
