"""The fleet as a picture: one cell a server, bars by kind and by age; numbers for SVG."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icesync.model.address import Address
    from icesync.render.htmlpage.status import Status

_BAR_UNITS: Final = 1000
_LEAST_UNITS: Final = 8
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
    title: str


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
    widths = [max(tone.count / total * _BAR_UNITS, _LEAST_UNITS) for tone in present]
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
        _told(spots),
        columns * step - gap,
        math.ceil(len(spots) / columns) * step - gap,
        side,
        cells,
        "".join(f"M{x} {y}h{side}v{side}h-{side}z" for x, y in quiet),
    )


def _told(spots: Sequence[ServerCell]) -> str:
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
