from __future__ import annotations

import pytest
from builders import every_action
from documents import demand_fit
from reviews import REVIEWS, VIEW

from icesync.model.report import Outcome, OutcomeKind, Result, ResultStatus
from icesync.render import events

PLAN = every_action()
CHANGE = PLAN.effective[0]
RESULT = Result(
    CHANGE.address, CHANGE.action, ResultStatus.FAILED, Outcome(OutcomeKind.REJECTED, "no")
)

EVENTS = {
    "started": events.started(PLAN, "0.1.0"),
    "calling": events.called(CHANGE),
    "paused": events.paused(1.23456, "ICE asks to slow down"),
    "outcome": events.ended(RESULT, 1, 5),
    "forgotten": events.ended(Result(CHANGE.address, CHANGE.action, ResultStatus.APPLIED), 2, 5),
    "stopped": events.stopped("ICE failed"),
    "summary": events.summary(REVIEWS["apply"], VIEW),
    "refused": events.summary(REVIEWS["apply-refused"], VIEW),
}


@pytest.mark.parametrize("name", EVENTS)
def test_event_fits_its_schema(name: str) -> None:
    """A reader of the stream is told what the published schema says."""
    demand_fit({"format_version": "1.0", "at": "2026-01-01T00:00:00.123Z", **EVENTS[name]})


def test_start_says_how_much() -> None:
    """The first event lets a reader show how far a run is."""
    started = EVENTS["started"]

    assert (started["changes"], started["calls"]) == (len(PLAN.effective), len(PLAN.calls))


def test_outcome_says_why() -> None:
    """An outcome is complete without the report at the end."""
    assert {k: EVENTS["outcome"][k] for k in ("status", "outcome", "detail", "done", "total")} == {
        "status": "failed",
        "outcome": "rejected",
        "detail": "no",
        "done": 1,
        "total": 5,
    }
