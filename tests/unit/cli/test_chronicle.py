from __future__ import annotations

from builders import every_action
from fakes import FakeProgress

from icesync.cli.chronicle import Chronicle
from icesync.model.report import Outcome, OutcomeKind, Result, ResultStatus

PLAN = every_action()
FIRST, SECOND, *REST = PLAN.effective
ENDED = Result(FIRST.address, FIRST.action, ResultStatus.APPLIED, Outcome(OutcomeKind.APPLIED))


def test_what_broke_off_is_told_as_far_as_it_got() -> None:
    """A call that left without an answer is uncertain; one that never left was not attempted."""
    chronicle = Chronicle(PLAN, FakeProgress())
    chronicle.calling(FIRST)
    chronicle.calling(SECOND)
    chronicle.advance(ENDED)
    report = chronicle.report()

    assert [result.address for result in report.results] == [c.address for c in PLAN.effective]
    assert [result.status for result in report.results] == [
        ResultStatus.APPLIED,
        ResultStatus.UNCERTAIN,
        *[ResultStatus.NOT_ATTEMPTED] * len(REST),
    ]


def test_everything_is_passed_on() -> None:
    """Whoever watches a run sees all of it."""
    inner = FakeProgress()
    chronicle = Chronicle(PLAN, inner)
    chronicle.start(5)
    chronicle.calling(FIRST)
    chronicle.pausing(2, "why")
    chronicle.advance(ENDED)
    chronicle.stop()

    assert (inner.total, inner.called, inner.pauses) == (5, [FIRST.address], [(2, "why")])
    assert (inner.results, inner.stopped) == ([ENDED], True)
