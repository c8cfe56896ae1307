"""Which update a fault strikes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from icesync.emulator.faults import ChosenFaults, FaultInjector, parse_fault

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def injector(*faults: str) -> FaultInjector:
    """Return an injector of these faults."""
    return FaultInjector(map(parse_fault, faults))


def struck(faults: FaultInjector, calls: int, skill: int | None = 663) -> list[int]:
    """Return the numbers of the calls that were struck, of so many equal ones."""
    return [n for n in range(1, calls + 1) if faults.choose(skill, NOW).fired]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("reset", [1, 2, 3, 4, 5, 6, 7]),
        ("reset@nth=3", [3]),
        ("reset@every=3", [3, 6]),
        ("reset x2", [1, 2]),
        ("reset@every=2 x2", [2, 4]),
        ("reset@skill=663 x1", [1]),
        ("reset@skill=1", []),
    ],
)
def test_selectors(text: str, numbers: list[int]) -> None:
    """A fault takes the calls that its selectors name."""
    assert struck(injector(text), 7) == numbers


def test_counts_only_what_it_looks_at() -> None:
    """The second call of a skill is the second of that skill."""
    faults = injector("reset@skill=2,nth=2")
    fired = [bool(faults.choose(skill, NOW).fired) for skill in (2, 1, None, 2, 2)]

    assert fired == [False, False, False, True, False]


def test_latencies_add_up_beside_the_first_other() -> None:
    """Delays are summed; of the faults that answer, the first that fires is played."""
    chosen = injector("latency:40ms", "reset@nth=2", "silent", "status:500", "latency:1s").choose(
        663, NOW
    )

    assert (chosen.wait_ms, str(chosen.main)) == (1040, "silent")
    assert str(chosen) == "latency:40ms + silent + latency:1s"


def test_a_throttle_lets_its_rate_through() -> None:
    """The first calls pass, and time lets more pass."""
    faults = injector("throttle:rate=2/s")
    burst = struck(faults, 4)
    later = [bool(faults.choose(1, NOW + timedelta(seconds=s)).fired) for s in (0.5, 0.6, 60)]

    assert burst == [3, 4]
    assert later == [False, True, False]


def test_a_clock_that_runs_back_fills_nothing() -> None:
    """Time that is taken back is not given twice."""
    faults = injector("throttle:rate=1/m")
    times = [NOW, NOW - timedelta(hours=1), NOW - timedelta(minutes=59, seconds=30)]

    assert [bool(faults.choose(1, at).fired) for at in times] == [False, True, True]


def test_faults_come_and_go() -> None:
    """A fault is known by its number, and a removed one strikes no more."""
    faults = injector("reset")
    number = faults.add(parse_fault("silent"))
    gone = (faults.remove(1), faults.remove(1))
    active = faults.active
    faults.clear()

    assert gone == (True, False)
    assert [(a.number, str(a.fault)) for a in active] == [(number, "silent")]
    assert faults.choose(1, NOW) == ChosenFaults()


def test_a_restart_counts_anew() -> None:
    """After a restart the same calls meet the same faults."""
    faults = injector("reset@every=3", "status:500 x1")
    first = [str(faults.choose(1, NOW)) for _ in range(9)]
    counted = [(a.seen, a.fired) for a in faults.active]
    faults.restart()
    second = [str(faults.choose(1, NOW)) for _ in range(9)]

    assert first == second
    assert counted == [(9, 3), (9, 1)]
    assert [a.number for a in faults.active] == [1, 2]
