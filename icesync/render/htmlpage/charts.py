"""
Pictures of a fleet and of an apply, as numbers for SVG.

The fleet: one cell a server, bars by kind and by age. The calls of an apply over time: a
few calls have a row each, with the server's address; many share lanes, as many as were in
flight at a time, and calls too short to be told apart are drawn as one: the picture stays
as light for ten thousand of them.
"""

from __future__ import annotations

import heapq
import math
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen
from icesync.model.report import Attempt, OutcomeKind, Report, Result
from icesync.render.htmlpage.page import Status
from icesync.render.report import spell_seconds, spent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icesync.model.desired import Address

_BAR_UNITS: Final = 1000
_MIN_UNITS: Final = 8
"""A single server in a large fleet is still to be seen."""

_SIZES: Final = ((300, 18, 4), (2_500, 11, 2), (math.inf, 6, 1))
"""Up to so many servers: the side of a cell, and the gap after it, in pixels."""

_ROW_WIDTH: Final = 640
MAX_TILES: Final = 24
"""Of more organizations only those with a change are drawn, and so many of them."""


@frozen
class ServerCell:
    """What the picture knows of a server; *tone* is None where it needs nothing."""

    address: Address
    tone: Status | None
    name: str

    @property
    def title(self) -> str:
        """The tooltip of the server."""
        title = f"{self.address} {self.name}".rstrip()
        return f"{title}: {self.tone.word if self.tone else 'unchanged'}"


@frozen
class Cell:
    """One server that changes, as a square."""

    x: int
    y: int
    spot: ServerCell


@frozen
class OrganizationMap:
    """
    One organization: its changed servers as cells, the others as one *path*.

    A path for all that is quiet keeps the page light with ten thousand of them.
    """

    group: str
    count: int
    message: str
    width: int
    height: int
    side: int
    cells: Sequence[Cell]
    path: str


@frozen
class Bar:
    """A part of the bar: where it begins and how wide it is, of 1000."""

    x: float
    width: float
    tone: Status


@frozen
class AgeRow:
    """How many servers were acknowledged within a span; *share* is of 100, of the largest row."""

    word: str
    count: int
    share: float


def bar_of(tones: Sequence[Status]) -> list[Bar]:
    """Return the parts of a bar, in proportion, the least of them wide enough to be seen."""
    present = [tone for tone in tones if tone.count]
    total = sum(tone.count for tone in present)
    widths = [max(tone.count / total * _BAR_UNITS, _MIN_UNITS) for tone in present]
    scale = _BAR_UNITS / sum(widths) if widths else 1.0
    bars, x = [], 0.0
    for tone, width in zip(present, widths, strict=True):
        bars.append(Bar(round(x, 2), round(width * scale, 2), tone))
        x += width * scale
    return bars


def tiles_of(spots: Sequence[ServerCell]) -> list[OrganizationMap]:
    """Return a tile for each organization; *spots* are sorted by address."""
    side, gap = next((s, g) for most, s, g in _SIZES if len(spots) <= most)
    groups = [list(g) for _, g in groupby(spots, key=lambda spot: spot.address.organization)]
    in_rows = len(spots) <= _SIZES[0][0]
    if is_folded(len(groups)):
        changed = [group for group in groups if any(spot.tone for spot in group)]
        groups = (changed or groups)[:MAX_TILES]
    return [_tile(group, side, gap, in_rows=in_rows) for group in groups]


def is_folded(organizations: int) -> bool:
    """Return whether so many *organizations* are too many to draw them all."""
    return organizations > MAX_TILES


def _tile(spots: Sequence[ServerCell], side: int, gap: int, *, in_rows: bool) -> OrganizationMap:
    step = side + gap
    columns = _ROW_WIDTH // step
    if not in_rows:
        columns = min(columns, max(4, math.ceil(math.sqrt(len(spots) * 1.6))))
    columns = min(columns, len(spots))
    places = [((n % columns) * step, (n // columns) * step) for n in range(len(spots))]
    cells = [Cell(x, y, s) for (x, y), s in zip(places, spots, strict=True) if s.tone]
    quiet = (place for place, spot in zip(places, spots, strict=True) if not spot.tone)
    return OrganizationMap(
        str(spots[0].address.organization),
        len(spots),
        _counts(spots),
        columns * step - gap,
        math.ceil(len(spots) / columns) * step - gap,
        side,
        cells,
        "".join(f"M{x} {y}h{side}v{side}h-{side}z" for x, y in quiet),
    )


def _counts(spots: Sequence[ServerCell]) -> str:
    """Return the counts of one organization in words."""
    words: dict[str, int] = {}
    for spot in spots:
        if spot.tone:
            words[spot.tone.word] = words.get(spot.tone.word, 0) + 1
    return ", ".join(f"{count:,} {word}" for word, count in words.items()) or "unchanged"


_DAY_S: Final = 86_400
_SPANS: Final = (
    ("within a day", _DAY_S),
    ("within a week", 7 * _DAY_S),
    ("within 30 days", 30 * _DAY_S),
    ("within 90 days", 90 * _DAY_S),
    ("within a year", 365 * _DAY_S),
    ("older", math.inf),
)


def age_rows(moments: Iterable[str | None], now: datetime) -> list[AgeRow]:
    """Return how many acknowledgements fall into each span; those without one are last."""
    counts = [0] * (len(_SPANS) + 1)
    for moment in moments:
        if moment is None:
            counts[-1] += 1
            continue
        age_s = (now - datetime.fromisoformat(moment)).total_seconds()
        counts[next(n for n, (_, most) in enumerate(_SPANS) if age_s <= most)] += 1
    words = [word for word, _ in _SPANS] + ["never"]
    most = max(counts)
    return (
        [AgeRow(word, n, round(n / most * 100, 1)) for word, n in zip(words, counts, strict=True)]
        if most
        else []
    )


_UNITS: Final = 1000.0
_MIN_CALL_UNITS: Final = 3.0
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
    ticks = [spell_seconds(end_s * n / (_TICKS - 1)) for n in range(_TICKS)]
    return Timeline(lanes, _legend(attempts), ticks, _describe_calls(called, attempts))


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
            title = f"waited {spell_seconds(gap_s)}"
            parts.append(_stretch(began_s, gap_s, scale, "", title))
        tone = attempt.kind.tone
        title = (
            f"{result.address}, call {number}: {attempt.kind} "
            f"after {spell_seconds(attempt.elapsed_s)}"
        )
        parts.append(_stretch(attempt.started_s, attempt.elapsed_s, scale, tone, title))
        before = attempt
    return parts


def _stretch(began_s: float, took_s: float, scale: float, tone: str, title: str) -> Stretch:
    width = max(took_s * scale, _MIN_CALL_UNITS if tone else 0.0)
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


def _describe_calls(called: Sequence[Result], attempts: Sequence[Attempt]) -> str:
    slowest = max(attempts, key=lambda attempt: attempt.elapsed_s)
    middle = sorted(attempt.elapsed_s for attempt in attempts)[len(attempts) // 2]
    calls = "1 call" if len(attempts) == 1 else f"{len(attempts):,} calls"
    servers = "1 server" if len(called) == 1 else f"{len(called):,} servers"
    return (
        f"{calls} for {servers}; median {spell_seconds(middle)}, slowest "
        f"{spell_seconds(slowest.elapsed_s)}"
    )
