from __future__ import annotations

import pytest

from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.report import Attempt, OutcomeKind, Report, Result, ResultStatus
from icesync.render.htmlpage.charts import timeline_of
from icesync.render.report import spell_seconds, spent


def result(skill: int, *attempts: tuple[float, float], kind: str = "applied") -> Result:
    """Return a result with calls that left and took so long."""
    made = tuple(Attempt(OutcomeKind(kind), *times) for times in attempts)
    return Result(Address(59, skill), Action.UPDATE, ResultStatus.APPLIED, None, made)


def report(*results: Result) -> Report:
    """Return the report of *results*."""
    return Report(results, 5)


def test_without_calls_there_is_no_timeline() -> None:
    """A run that made no call has nothing to draw."""
    assert timeline_of(report(result(1))) is None


def test_few_servers_have_a_row_each() -> None:
    """Rows come in the order in which the calls left, with address and time."""
    timeline = timeline_of(report(result(1, (1.0, 1.0)), result(2, (0.0, 0.5), (1.5, 0.5))))

    assert timeline is not None
    assert [lane.label for lane in timeline.lanes] == ["59/2", "59/1"]
    assert [lane.message for lane in timeline.lanes] == ["2.0 s, 2 calls", "1.0 s"]
    assert timeline.ticks == ["0 s", "500 ms", "1.0 s", "1.5 s", "2.0 s"]


def test_wait_between_two_calls_is_drawn() -> None:
    """Between two attempts there is a thin stretch, and nothing overlaps."""
    timeline = timeline_of(report(result(2, (0.0, 0.5), (1.5, 0.5))))

    assert timeline is not None
    stretches = timeline.lanes[0].stretches
    assert [(s.x, s.width, s.tone) for s in stretches] == [
        (0.0, 250.0, "applied"), (250.0, 500.0, ""), (750.0, 250.0, "applied"),
    ]  # fmt: skip


def test_short_call_is_still_seen() -> None:
    """A call of a millisecond in a minute has a width, also at the end."""
    timeline = timeline_of(report(result(1, (0.0, 60.0)), result(2, (59.999, 0.001))))

    assert timeline is not None
    last = timeline.lanes[1].stretches[0]
    assert (last.x, last.width) == (997.0, 3.0)


def test_many_servers_share_lanes() -> None:
    """As many lanes as there were calls at a time, each call in one of them."""
    results = [result(n, (n // 4 * 1.0, 0.9)) for n in range(1, 101)]
    timeline = timeline_of(report(*results))

    assert timeline is not None
    assert len(timeline.lanes) == 4
    assert {lane.label for lane in timeline.lanes} == {""}


def test_thousands_of_calls_stay_light() -> None:
    """Calls too short to be told apart are drawn as one."""
    timeline = timeline_of(report(*(result(n, (n / 100, 0.01)) for n in range(1, 10_001))))

    assert timeline is not None
    assert sum(len(lane.stretches) for lane in timeline.lanes) < 20
    assert timeline.message.startswith("10,000 calls for 10,000 servers")


def test_legend_counts_what_came_of_the_calls() -> None:
    """Every kind of outcome that occurred is named with its number."""
    timeline = timeline_of(report(result(1, (0.0, 1.0)), result(2, (0.0, 1.0), kind="rejected")))

    assert timeline is not None
    legend = [(tone.key, tone.word, tone.count) for tone in timeline.tones]
    assert legend == [("applied", "applied", 1), ("failed", "rejected", 1)]


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_has_a_colour(kind: OutcomeKind) -> None:
    """No outcome is left out of the picture."""
    assert timeline_of(report(result(1, (0.0, 1.0), kind=kind.value))) is not None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "0 s"), (0.04, "40 ms"), (1.0, "1.0 s"), (99.94, "99.9 s"), (720.0, "12.0 min")],
)
def test_time_for_people(seconds: float, told: str) -> None:
    """A length of time is told in the unit that fits."""
    assert spell_seconds(seconds) == told


def test_no_call_took_no_time() -> None:
    """Where nothing was sent, nothing is told."""
    assert spent(result(1)) == ""
