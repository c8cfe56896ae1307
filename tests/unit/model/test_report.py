from __future__ import annotations

from builders import SALES, SUPPORT

from icesync.model.plan import Action
from icesync.model.report import Report, Result, ResultStatus

DONE = Result(SUPPORT, Action.UPDATE, ResultStatus.APPLIED)
OPEN = Result(SALES, Action.UPDATE, ResultStatus.NOT_ATTEMPTED)


def test_report_of_nothing_is_complete() -> None:
    """A plan without changes is carried out at once."""
    assert Report((), 1).complete


def test_report_is_complete_when_all_was_applied() -> None:
    """One change that did not end as applied makes it incomplete."""
    assert Report((DONE,), 1).complete
    assert not Report((DONE, OPEN), 1).complete


def test_results_are_found_by_status() -> None:
    """Each section of a report is a status."""
    assert Report((DONE, OPEN), 1).with_status(ResultStatus.NOT_ATTEMPTED) == (OPEN,)
