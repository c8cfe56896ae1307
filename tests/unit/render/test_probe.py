from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from probes import PROBED, REJECTED
from reviews import VIEW

from icesync.model.probe import Gravity, ProbeKind, ProbeReport
from icesync.model.review import Command, Review
from icesync.render.formats import kinds_for, renderer
from icesync.render.probe import loudest_first, render_probe
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("plain", Style()),
        ("colour", Style(colour=True)),
        ("80", Style(width=80)),
        ("120", Style(width=120)),
    ],
)
def test_a_probe_as_text(golden: Callable[[str, str], None], name: str, style: Style) -> None:
    """A table that fits the place, then a paragraph for each row that needs one."""
    golden(f"render/probe-{name}.txt", render_probe(PROBED, style))


def test_the_table_fits() -> None:
    """No line of the table is wider than the terminal while columns can be dropped."""
    for width in (80, 100, 120):
        table = render_probe(PROBED, Style(width=width)).split("\n\n")[1]
        assert max(map(len, table.splitlines())) <= width


@pytest.mark.parametrize("kind", ProbeKind)
def test_every_kind_can_be_shown(kind: ProbeKind) -> None:
    """In every format."""
    row = replace(PROBED.rows[3], result=replace(REJECTED, kind=kind))
    review = Review(Command.PROBE, probe=replace(PROBED, rows=(row,)))

    for form in ("text", *kinds_for(Command.PROBE)):
        assert kind in renderer(form)(review, VIEW)


def test_an_empty_probe() -> None:
    """Nothing to probe is said in one line; below a plan it is not worth one."""
    empty = ProbeReport((), PROBED.made_at)
    alone, below = Review(Command.PROBE, probe=empty), Review(Command.PLAN, probe=empty)

    assert renderer("text")(alone, VIEW) == "Probe: nothing to probe.\n"
    assert renderer("text")(below, VIEW) == ""
    assert 'tests="0"' in renderer("junit")(alone, VIEW)


def test_what_failed_stands_first() -> None:
    """A reader of a long report need not look for it."""
    found = Counter(row.gravity for row in loudest_first(PROBED))

    assert list(found) == [Gravity.FAILED, Gravity.WARNING, Gravity.PASSED, Gravity.SKIPPED]
    assert found == Counter(row.gravity for row in PROBED.rows)
