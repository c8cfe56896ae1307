from __future__ import annotations

from builders import every_action

from icesync.cli.event_log import ResultLog
from icesync.model.report import (
    CallStarted,
    ChangeEnded,
    Outcome,
    OutcomeKind,
    Result,
    ResultStatus,
)

PLAN = every_action()
FIRST, SECOND, *REST = PLAN.effective
ENDED = Result(FIRST.address, FIRST.action, ResultStatus.APPLIED, Outcome(OutcomeKind.APPLIED))


def test_what_broke_off_is_told_as_far_as_it_got() -> None:
    """A call that left without an answer is uncertain; one that never left was not attempted."""
    log = ResultLog(PLAN)
    log.take(CallStarted(FIRST))
    log.take(CallStarted(SECOND))
    log.take(ChangeEnded(ENDED))
    report = log.report()

    assert [result.address for result in report.results] == [c.address for c in PLAN.effective]
    assert [result.status for result in report.results] == [
        ResultStatus.APPLIED,
        ResultStatus.UNCERTAIN,
        *[ResultStatus.NOT_ATTEMPTED] * len(REST),
    ]
