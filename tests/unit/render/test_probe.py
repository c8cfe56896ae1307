from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from probes import PROBED, REJECTED
from reviews import GITHUB, REVIEWS, VIEW

from icesync.model.probe import ProbeKind, ProbeReport, ProbeSeverity
from icesync.model.report import Command, CommandResult
from icesync.render import kinds_for, renderer
from icesync.render.github import render_annotations
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
    review = CommandResult(Command.PROBE, probe=replace(PROBED, rows=(row,)))

    for form in ("text", *kinds_for(Command.PROBE)):
        assert kind in renderer(form)(review, VIEW)


def test_an_empty_probe() -> None:
    """Nothing to probe is said in one line; below a plan it is not worth one."""
    empty = ProbeReport((), PROBED.made_at)
    alone, below = (
        CommandResult(Command.PROBE, probe=empty),
        CommandResult(Command.PLAN, probe=empty),
    )

    assert renderer("text")(alone, VIEW) == "Probe: nothing to probe.\n"
    assert renderer("text")(below, VIEW) == ""
    assert 'tests="0"' in renderer("junit")(alone, VIEW)


def test_what_failed_stands_first() -> None:
    """A reader of a long report need not look for it."""
    found = Counter(row.severity for row in loudest_first(PROBED))

    assert list(found) == [
        ProbeSeverity.FAILED,
        ProbeSeverity.WARNING,
        ProbeSeverity.PASSED,
        ProbeSeverity.SKIPPED,
    ]
    assert found == Counter(row.severity for row in PROBED.rows)


def aging(days: int) -> ProbeReport:
    """Return a probe of one login that works, *days* after the others were made."""
    row = replace(PROBED.rows[3], result=replace(REJECTED, kind=ProbeKind.OK, text="", code=""))
    return replace(PROBED, rows=(row,), made_at=PROBED.made_at + timedelta(days=days), domains=())


def test_a_certificate_near_its_end_fails_a_check_only() -> None:
    """The login works, so a probe is green; who looks ahead by a schedule has work to do."""
    check = replace(REVIEWS["check-probed"], probe=aging(0))
    probe = CommandResult(Command.PROBE, probe=aging(0))
    note = "the certificate expires in 19 days"

    assert f'<failure message="{note}">' in renderer("junit")(check, VIEW)
    assert 'failures="0"' in renderer("junit")(probe, VIEW)
    assert f"59/664 imap {note}" in render_annotations(check, GITHUB)


@pytest.mark.parametrize(
    ("days", "told"), [(0, "in 19 days"), (18, "in 1 day<"), (21, "1 day ago")]
)
def test_the_end_of_a_certificate_on_a_page(days: int, told: str) -> None:
    """Whoever reads it need not count."""
    page = renderer("html")(CommandResult(Command.PROBE, probe=aging(days)), VIEW)

    assert f"expires 2026-01-20, {told}" in page
