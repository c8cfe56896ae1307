from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from icesync.model.desired import Address
from icesync.render.htmlpage.charts import MAX_TILES, ServerCell, age_rows, bar_of, tiles_of
from icesync.render.htmlpage.page import Status

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UPDATE = Status("update", "~", "to update", 1)


def spots(*sizes: int, changed: int = 1) -> list[ServerCell]:
    """Return organizations of such *sizes*; the first *changed* servers of each change."""
    return [
        ServerCell(Address(organization, skill), UPDATE if skill <= changed else None, "title")
        for organization, size in enumerate(sizes, start=1)
        for skill in range(1, size + 1)
    ]


def test_bar_is_in_proportion_and_full() -> None:
    """Parts stand one after the other and fill the bar."""
    bars = bar_of([Status("a", "", "a", 1), Status("b", "", "b", 3)])

    assert [(bar.x, bar.width) for bar in bars] == [(0.0, 250.0), (250.0, 750.0)]


def test_one_of_ten_thousand_is_still_seen() -> None:
    """What is rare gets a little more room than it deserves."""
    rare, _ = bar_of([Status("a", "", "a", 1), Status("b", "", "b", 9_999)])

    assert rare.width > 7


def test_nothing_has_no_bar() -> None:
    """Without servers there is no bar."""
    assert bar_of([Status("a", "", "a", 0)]) == []


def test_each_server_is_one_cell() -> None:
    """Those that change are cells of their own, the others parts of one path."""
    first, second = tiles_of(spots(5, 3))

    assert (first.group, first.count, len(first.cells), first.path.count("M")) == ("1", 5, 1, 4)
    assert (second.message, second.path.count("z")) == ("1 to update", 2)


def test_organization_without_change_says_so() -> None:
    """Words say what the colours say."""
    (tile,) = tiles_of(spots(2, changed=0))

    assert (tile.message, tile.cells) == ("unchanged", [])


@pytest.mark.parametrize("sizes", [(1,), (700,), (10_000,), (1,) * 50, (60,) * 50])
def test_cells_lie_inside_of_their_tile_and_nowhere_twice(sizes: tuple[int, ...]) -> None:
    """However large the fleet, each square has its own place in the picture."""
    for tile in tiles_of(spots(*sizes, changed=10_000)):
        places = {(cell.x, cell.y) for cell in tile.cells}
        assert len(places) == tile.count
        assert max(x for x, _ in places) + tile.side <= tile.width <= 640
        assert max(y for _, y in places) + tile.side <= tile.height


def test_picture_is_no_wall() -> None:
    """Of many organizations only some are drawn, those with a change first."""
    calm = spots(*(1,) * 500)
    changed = [replace(one, tone=UPDATE) if n % 100 == 50 else replace(one, tone=None)
               for n, one in enumerate(calm)]  # fmt: skip

    assert len(tiles_of(calm)) == MAX_TILES
    assert len(tiles_of(changed)) == 5
    assert all(tile.cells for tile in tiles_of(changed))


def test_ages() -> None:
    """Each acknowledgement is in one span; a clock that was ahead counts as now."""
    moments = ("2026-03-02T00:00:00Z", "2026-02-28T12:00:00Z", "2024-01-01T00:00:00Z", None)
    rows = {row.word: (row.count, row.share) for row in age_rows(moments, NOW)}

    assert rows == {
        "within a day": (2, 100.0), "within a week": (0, 0.0), "within 30 days": (0, 0.0),
        "within 90 days": (0, 0.0), "within a year": (0, 0.0), "older": (1, 50.0),
        "never": (1, 50.0),
    }  # fmt: skip


def test_no_server_has_no_age() -> None:
    """An empty fleet has no histogram."""
    assert age_rows((), NOW) == []
