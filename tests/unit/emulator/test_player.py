"""Which call a fault strikes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from icesync.emulator.faultparse import parse_fault
from icesync.emulator.player import FaultPlayer, Pick, Scene

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUTE = "/iceapi/api/emailadmin/updateemailserver"
UPDATE = Scene(ROUTE, 59, 663)


def player(*faults: str, seed: int = 0) -> FaultPlayer:
    """Return a player of these faults."""
    return FaultPlayer(map(parse_fault, faults), seed)


def struck(playing: FaultPlayer, calls: int, scene: Scene = UPDATE) -> list[int]:
    """Return the numbers of the calls that were struck, of so many equal ones."""
    return [n for n in range(1, calls + 1) if playing.pick(scene, NOW).fired]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("fin", [1, 2, 3, 4, 5, 6, 7]),
        ("fin@nth=3", [3]),
        ("fin@after=5", [6, 7]),
        ("fin@every=3", [3, 6]),
        ("fin@after=1,every=3", [4, 7]),
        ("fin x2", [1, 2]),
        ("fin@every=2 x2", [2, 4]),
        ("fin@org=59", [1, 2, 3, 4, 5, 6, 7]),
        ("fin@org=60", []),
        ("fin@skill=663 x1", [1]),
        ("fin@skill=1", []),
        ("fin@path=Login", []),
        ("fin@path=/", [1, 2, 3, 4, 5, 6, 7]),
        ("token-expire", [1]),
        ("token-expire@after=5", [6]),
        ("token-expire x2", [1, 2]),
    ],
)
def test_selectors(text: str, numbers: list[int]) -> None:
    """A fault takes the calls that its selectors name; tokens end once."""
    assert struck(player(text), 7) == numbers


def test_a_login_is_left_alone() -> None:
    """Without a path, only the update is looked at and counted."""
    playing = player("fin@nth=1")
    login = struck(playing, 3, Scene("/iceapi/api/authenticate/login"))

    assert (login, struck(playing, 2)) == ([], [1])


def test_counts_only_what_it_looks_at() -> None:
    """The third call of a skill is the third of that skill."""
    playing = player("fin@skill=2,nth=2")
    calls = [Scene(ROUTE, 59, skill) for skill in (2, 1, 1, 2, 2)]

    assert [bool(playing.pick(call, NOW).fired) for call in calls] == [
        False, False, False, True, False,
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_calls() -> None:
    """Chance repeats itself, and another seed gives other calls."""
    first, again, other = (struck(player("fin %30", seed=s), 200) for s in (7, 7, 8))

    assert first == again != other
    assert 30 < len(first) < 90


def test_faults_do_not_disturb_each_other() -> None:
    """What else is in force changes nothing in the sequence of a fault."""
    alone = player("jitter:50ms", "fin %30")
    beside = player("jitter:50ms", "fin %30", "reset %50", "bom@nth=4")
    both = [(alone.pick(UPDATE, NOW), beside.pick(UPDATE, NOW)) for _ in range(50)]

    assert all(a.wait_ms == b.wait_ms for a, b in both)
    assert all(b.main == a.main for a, b in both if a.main)


def test_timing_adds_up_beside_the_first_other() -> None:
    """Delays are summed; of the faults that answer, the first that fires is played."""
    picked = player("latency:40ms", "reset@nth=2", "fin", "latency:1s").pick(UPDATE, NOW)

    assert (picked.wait_ms, str(picked.main)) == (1040, "fin")
    assert str(picked) == "latency:40ms + fin + latency:1s"


def test_jitter_stays_below_its_limit() -> None:
    """Jitter waits from nothing up to what was said."""
    playing = player("jitter:5ms", seed=3)
    waits = {playing.pick(UPDATE, NOW).wait_ms for _ in range(200)}

    assert waits == {0, 1, 2, 3, 4, 5}


def test_a_throttle_lets_its_rate_through() -> None:
    """The first calls pass, and time lets more pass."""
    playing = player("throttle:rate=2/s")
    burst = struck(playing, 4)
    later = [bool(playing.pick(UPDATE, NOW + timedelta(seconds=s)).fired) for s in (0.5, 0.6, 60)]

    assert burst == [3, 4]
    assert later == [False, True, False]


def test_a_clock_that_runs_back_fills_nothing() -> None:
    """Time that is taken back is not given twice."""
    playing = player("throttle:rate=1/m")
    times = [NOW, NOW - timedelta(hours=1), NOW - timedelta(minutes=59, seconds=30)]

    assert [bool(playing.pick(UPDATE, at).fired) for at in times] == [False, True, True]


def test_an_early_fault_is_asked_first() -> None:
    """A reset before the body is no business of the others, nor they of it."""
    playing = player("reset-early@nth=2", "fin")
    early = [playing.pick_early(UPDATE, NOW) for _ in range(3)]

    assert [bool(picked) for picked in early] == [False, True, False]
    assert str(playing.pick(UPDATE, NOW)) == "fin"


def test_faults_come_and_go() -> None:
    """A fault is known by its number, and a removed one strikes no more."""
    playing = player("reset")
    number = playing.add(parse_fault("fin"))
    gone = (playing.remove(1), playing.remove(1))
    standing = playing.standing()
    playing.clear()

    assert gone == (True, False)
    assert [(s.number, str(s.fault)) for s in standing] == [(number, "fin")]
    assert playing.pick(UPDATE, NOW) == Pick()


def test_a_restart_counts_anew() -> None:
    """After a restart the same calls meet the same faults."""
    playing = player("fin %50", "bom x1", seed=1)
    first = [str(playing.pick(UPDATE, NOW)) for _ in range(20)]
    counted = [(s.seen, s.fired) for s in playing.standing()]
    playing.restart()
    second = [str(playing.pick(UPDATE, NOW)) for _ in range(20)]

    assert first == second
    assert counted[0] == (20, first.count("fin %50"))
    assert [s.number for s in playing.standing()] == [1, 2]
