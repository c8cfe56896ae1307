from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import BILLING, SALES, SUPPORT

from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.report import Outcome, OutcomeKind, Report, Result, ResultStatus
from icesync.render.report import render_report, report_document
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = Style()
REJECTED = Outcome(
    OutcomeKind.REJECTED, "ICE rejected the call: smtp.port (HTTP 400); see a.yaml:9"
)
UNCERTAIN = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: no reply in time")

REPORT = Report(
    (
        Result(SUPPORT, Action.UPDATE, ResultStatus.APPLIED, Outcome(OutcomeKind.APPLIED)),
        Result(SALES, Action.ADD, ResultStatus.FAILED, REJECTED),
        Result(BILLING, Action.RESEND, ResultStatus.UNCERTAIN, UNCERTAIN),
        Result(Address(70, 1234), Action.DISABLE, ResultStatus.NOT_ATTEMPTED),
    ),
    serial=42,
    elapsed_s=1.234567,
    stopped="ICE keeps failing; the run was ended to leave it alone",
)


def unfinished(count: int) -> Report:
    """Return a report of *count* failures."""
    results = [
        Result(Address(59, skill), Action.UPDATE, ResultStatus.FAILED, REJECTED)
        for skill in range(1, count + 1)
    ]
    return Report(tuple(results), 5)


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
def test_incomplete_report(golden: Callable[[str, str], None], *, colour: bool) -> None:
    """Totals, each kind of failure with what it means, and what to run next."""
    name = "colour" if colour else "plain"

    golden(f"render/report-{name}.txt", render_report(REPORT, Style(colour=colour)))


def test_report_as_data(golden: Callable[[str, str], None]) -> None:
    """The same as JSON, for those who count."""
    golden("render/report.json", json.dumps(report_document(REPORT), indent=2) + "\n")


def test_complete_report_is_one_line() -> None:
    """Success needs no list."""
    report = Report(REPORT.results[:1], 42, 0.04)

    assert render_report(report, PLAIN) == (
        "Apply complete. 1 applied in 0.0 s; state serial 42.\n"
    )


def test_report_of_failures_alone_says_that_none_was_applied() -> None:
    """A zero is said aloud."""
    assert render_report(unfinished(1), PLAIN).startswith("Apply incomplete. 0 applied, 1 failed")


def test_long_sections_are_cut() -> None:
    """Fifty servers are listed, the others counted."""
    lines = render_report(unfinished(53), PLAIN).splitlines()

    assert "  and 3 more" in lines
    assert sum("HTTP 400" in line for line in lines) == 50


@pytest.mark.parametrize(
    ("count", "command"),
    [(2, "icesync apply --target 59/1 --target 59/2"), (11, "icesync apply")],
)
def test_report_ends_with_what_to_run(count: int, command: str) -> None:
    """A few servers are named; many are simply all that is open."""
    last = render_report(unfinished(count), PLAIN).splitlines()[-1]

    assert last.endswith(f": {command}")


def test_hostile_detail_stays_text() -> None:
    """A detail is text, whatever it was made of."""
    outcome = Outcome(OutcomeKind.REJECTED, "\x1b[31m\n::error::x ##[error]y")
    report = Report((Result(SUPPORT, Action.UPDATE, ResultStatus.FAILED, outcome),), 5)

    text = render_report(report, PLAIN)

    assert r"  59/663  \u{1b}[31m\u{a}::error::x #\u{23}[error]y" in text.splitlines()
