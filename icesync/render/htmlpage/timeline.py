"""
The calls of an apply over time.

A few calls have a row each, with the server's address; many share lanes, as
many as were in flight at a time, and calls too short to be told apart are drawn
as one: the picture stays as light for ten thousand of them.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen
from icesync.model.report import OutcomeKind
from icesync.render.htmlpage.status import Status
from icesync.render.report import spent, told_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icesync.model.report import Attempt, Report, Result

__all__ = ["Lane", "Stretch", "Timeline", "timeline_of"]

_UNITS: Final = 1000.0
_LEAST_UNITS: Final = 3.0
_ROWS: Final = 40
"""So many servers have a row of their own."""

_TICKS: Final = 5


@frozen
class Stretch:
    """A part of a lane, of 1000 units; *tone* is empty for a wait between two calls."""

    x: float
    width: float
    tone: str
    title: str


@frozen
class Lane:
    """One row of the timeline; *label* and *told* are empty where servers share it."""

    stretches: Sequence[Stretch]
    label: str = ""
    message: str = ""


@frozen
class Timeline:
    """All lanes, the legend, and what stands below the axis, evenly spaced."""

    lanes: Sequence[Lane]
    tones: Sequence[Status]
    ticks: Sequence[str]
    message: str


def timeline_of(report: Report) -> Timeline | None:
    """Return the calls of *report* over time, None where none came back."""
    called = sorted(
        (r for r in report.results if r.attempts),
        key=lambda r: (r.attempts[0].started_s, r.address),
    )
    if not called:
        return None
    end_s = max(_end_s(result.attempts[-1]) for result in called)
    scale = _UNITS / max(end_s, 0.001)
    if len(called) <= _ROWS:
        lanes = [Lane(_stretches(r, scale), str(r.address), spent(r)) for r in called]
    else:
        lanes = [Lane(_merged(results, scale)) for results in _packed(called)]
    attempts = [attempt for result in called for attempt in result.attempts]
    ticks = [told_seconds(end_s * n / (_TICKS - 1)) for n in range(_TICKS)]
    return Timeline(lanes, _legend(attempts), ticks, _told(called, attempts))


def _end_s(attempt: Attempt) -> float:
    return attempt.started_s + attempt.elapsed_s


def _packed(results: Iterable[Result]) -> list[list[Result]]:
    """Return *results* in as few lanes as there were calls at a time."""
    lanes: list[list[Result]] = []
    free: list[tuple[float, int]] = []
    for result in results:
        if free and free[0][0] <= result.attempts[0].started_s:
            _, lane = heapq.heappop(free)
        else:
            lane = len(lanes)
            lanes.append([])
        lanes[lane].append(result)
        heapq.heappush(free, (_end_s(result.attempts[-1]), lane))
    return lanes


def _stretches(result: Result, scale: float) -> list[Stretch]:
    parts = []
    before: Attempt | None = None
    for number, attempt in enumerate(result.attempts, start=1):
        if before is not None:
            began_s, gap_s = _end_s(before), attempt.started_s - _end_s(before)
            title = f"waited {told_seconds(gap_s)}"
            parts.append(_stretch(began_s, gap_s, scale, "", title))
        tone = attempt.kind.tone
        title = (
            f"{result.address}, call {number}: {attempt.kind} "
            f"after {told_seconds(attempt.elapsed_s)}"
        )
        parts.append(_stretch(attempt.started_s, attempt.elapsed_s, scale, tone, title))
        before = attempt
    return parts


def _stretch(began_s: float, took_s: float, scale: float, tone: str, title: str) -> Stretch:
    width = max(took_s * scale, _LEAST_UNITS if tone else 0.0)
    return Stretch(round(min(began_s * scale, _UNITS - width), 1), round(width, 1), tone, title)


def _merged(results: Iterable[Result], scale: float) -> list[Stretch]:
    """Return the stretches of a lane, neighbours of one kind as one."""
    lane: list[Stretch] = []
    for part in (part for result in results for part in _stretches(result, scale)):
        last = lane[-1] if lane else None
        if last is None or part.x - (last.x + last.width) > 1 or part.tone != last.tone:
            lane.append(part)
        else:
            end = max(part.x + part.width, last.x + last.width)
            lane[-1] = Stretch(last.x, round(end - last.x, 1), last.tone, "several calls")
    return lane


def _legend(attempts: Sequence[Attempt]) -> list[Status]:
    counts = {kind: sum(a.kind is kind for a in attempts) for kind in OutcomeKind}
    return [Status(kind.tone, "", kind.value, count) for kind, count in counts.items() if count]


def _told(called: Sequence[Result], attempts: Sequence[Attempt]) -> str:
    slowest = max(attempts, key=lambda attempt: attempt.elapsed_s)
    middle = sorted(attempt.elapsed_s for attempt in attempts)[len(attempts) // 2]
    calls = "1 call" if len(attempts) == 1 else f"{len(attempts):,} calls"
    servers = "1 server" if len(called) == 1 else f"{len(called):,} servers"
    return (
        f"{calls} for {servers}; half of them took no longer than {told_seconds(middle)}, "
        f"the slowest {told_seconds(slowest.elapsed_s)}"
    )
