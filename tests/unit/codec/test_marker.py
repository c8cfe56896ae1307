from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icesync.codec.marker import Marker, encode_marker, read_marker

PLAN = Marker("plan", "mail")


def test_marker_of_a_plan() -> None:
    """The line is what the README shows."""
    assert encode_marker(PLAN) == '<!-- icesync:plan {"v":1,"key":"mail"} -->'


@given(st.text(), st.none() | st.integers(0))
@example("--> <script>alert(1)</script>", 0)
@example("----", None)
@example("\u2028\n\r", 3)
def test_round_trip(key: str, changes: int | None) -> None:
    """Any key comes back, and none can end the comment that it stands in."""
    line = encode_marker(Marker("plan", key, changes))

    assert read_marker(f"{line}\nbody") == Marker("plan", key, changes)
    assert line.isascii()
    assert "\n" not in line
    assert "--" not in line.removeprefix("<!--").removesuffix("-->")
    assert line.count(">") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        '\n<!-- icesync:plan {"v":1,"key":"mail"} -->',
        '<!-- icesync:plan {"v":2,"key":"mail"} -->',
        '<!-- icesync:plan {"v":1} -->',
        '<!-- icesync:plan {"v":1,"key":5} -->',
        '<!-- icesync:plan {"v":1,"key"} -->',
        '<!-- icesync:PLAN {"v":1,"key":"mail"} -->',
        '> <!-- icesync:plan {"v":1,"key":"mail"} -->',
        '<!-- icesync:plan {"v":1,"key":"mail"} --> and more',
        '<!-- icesync:plan {"a":' + '{"a":' * 50_000 + "} -->",
    ],
)
def test_no_marker(text: str) -> None:
    """A quoted, damaged or newer marker is none."""
    assert read_marker(text) is None


@pytest.mark.parametrize("prefix", ["", "\ufeff", "  "])
def test_marker_is_read_as_forges_return_it(prefix: str) -> None:
    """Blanks, other line ends and a byte order mark do not matter."""
    assert read_marker(f'{prefix}<!-- icesync:plan {{"v":1,"key":"mail"}} -->\r\nx') == PLAN


@pytest.mark.parametrize("changes", ["true", '"3"', "1.5", "null"])
def test_odd_count_is_none(changes: str) -> None:
    """A count that is no number says nothing."""
    line = f'<!-- icesync:plan {{"v":1,"key":"mail","changes":{changes}}} -->'

    assert read_marker(line) == PLAN


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        (PLAN, True),
        (Marker("plan", "mail", 3), True),
        (Marker("plan", "other"), False),
        (Marker("check", "mail"), False),
        (None, False),
    ],
)
def test_fits(other: Marker | None, fits: bool) -> None:
    """Topic and key decide, the count does not."""
    assert PLAN.fits(other) is fits


def test_a_run_is_part_of_the_line() -> None:
    """The number of the run that made a text tells which of two is newer."""
    seven, eight = Marker("plan", "mail", 3, 7), Marker("plan", "mail", None, 8)

    assert read_marker(encode_marker(seven)) == seven
    assert seven.fits(eight)
    assert (seven.is_older_than(eight), eight.is_older_than(seven)) == (True, False)
    assert not PLAN.is_older_than(eight)
