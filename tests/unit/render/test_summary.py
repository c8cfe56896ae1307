from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import every_action
from pages import PAGES

from icesync.codec.plan import plan_digest
from icesync.model.plan import Plan
from icesync.render.style import Style
from icesync.render.text import summarize_plan, summarize_report

if TYPE_CHECKING:
    from collections.abc import Callable

STYLES = {"plain": Style(), "colour": Style(colour=True, width=60)}


@pytest.mark.parametrize("style", STYLES)
def test_summary_of_a_plan(golden: Callable[[str, str], None], style: str) -> None:
    """Totals, a line for each server that is not left as it is, the digest."""
    made = every_action()

    golden(
        f"render/summary-plan-{style}.txt", summarize_plan(made, plan_digest(made), STYLES[style])
    )


@pytest.mark.parametrize("style", STYLES)
def test_summary_of_an_apply(golden: Callable[[str, str], None], style: str) -> None:
    """A line for each change, applied or not; totals and what to run next once."""
    report = PAGES["apply"].report
    assert report is not None

    golden(f"render/summary-report-{style}.txt", summarize_report(report, STYLES[style]))


def test_nothing_to_send_is_one_line() -> None:
    """Without changes there is no table and no digest."""
    assert summarize_plan(Plan("url", None, 0), "sha256:0", Style()) == ("No servers selected.\n")
