from __future__ import annotations

import pytest
from fakes import FakeClock

from icesync.engine.retry import BREAKER, RETRIES, CallLimiter
from icesync.model.report import Outcome, OutcomeKind

APPLIED = Outcome(OutcomeKind.APPLIED)
UNCERTAIN = Outcome(OutcomeKind.UNCERTAIN, "no reply")
NOT_SENT = Outcome(OutcomeKind.TRANSIENT, "no connection")
REJECTED = Outcome(OutcomeKind.REJECTED, "ICE refused the values (HTTP 400)")


def throttled(retry_after_s: float | None = None) -> Outcome:
    """Return a reply that asks to slow down."""
    return Outcome(OutcomeKind.THROTTLED, "slow down", retry_after_s)


def limiter(clock: FakeClock, *, rate: float = 1_000_000, calls: int = 1000) -> CallLimiter:
    """Return a limiter after its first call, whose dice always fall on the longest wait."""
    it = CallLimiter(rate, calls, clock, lambda: 1.0)
    it.acquire()
    it.on_outcome(APPLIED, 1)
    clock.advance(1 / rate)
    return it


def admitted(it: CallLimiter, clock: FakeClock, seconds: float) -> int:
    """Return how many calls leave within *seconds*, each as soon as it may."""
    until, count = clock.monotonic() + seconds, 0
    while clock.monotonic() < until:
        wait_s = it.acquire()
        if wait_s > 0:
            clock.advance(wait_s)
        else:
            count += 1
    return count


def test_calls_leave_no_faster_than_the_rate() -> None:
    """Over any ten seconds, no more than rate times ten calls leave."""
    clock = FakeClock()

    assert 99 <= admitted(limiter(clock, rate=10), clock, 10) <= 101


def test_the_first_call_goes_alone() -> None:
    """A wrong address or token shows on one server before a second one is tried."""
    clock = FakeClock()
    it = CallLimiter(1000, 10, clock, lambda: 1.0)
    assert it.acquire() == 0
    clock.advance(5)
    assert it.acquire() > 0

    it.on_outcome(APPLIED, 1)

    assert it.acquire() == 0


@pytest.mark.parametrize("kind", list(RETRIES))
def test_a_call_is_made_so_often_and_not_more(kind: OutcomeKind) -> None:
    """The last attempt of a kind is final."""
    it = limiter(FakeClock())
    attempts = RETRIES[kind].attempts

    assert it.on_outcome(Outcome(kind), attempts - 1) is not None
    assert it.on_outcome(Outcome(kind), attempts) is None


@pytest.mark.parametrize(
    "kind",
    [
        OutcomeKind.APPLIED,
        OutcomeKind.REJECTED,
        OutcomeKind.AUTH,
        OutcomeKind.MISCONFIGURED,
    ],
)
def test_a_clear_answer_is_final(kind: OutcomeKind) -> None:
    """What ICE said clearly is not asked again."""
    assert limiter(FakeClock()).on_outcome(Outcome(kind), 1) is None


def test_waits_double_and_are_capped() -> None:
    """The longest wait doubles from half a second; three retries wait 3.5 s at most."""
    it = limiter(FakeClock())

    waits = [it.on_outcome(NOT_SENT, attempt) for attempt in (1, 2, 3)]

    assert waits == [0.5, 1.0, 2.0]


def test_the_wait_is_drawn_evenly() -> None:
    """Full jitter: the dice scale the whole wait."""
    it = CallLimiter(1000, 1000, FakeClock(), lambda: 0.25)

    assert it.on_outcome(NOT_SENT, 2) == 0.25


def test_a_budget_ends_retries() -> None:
    """A run of 100 calls may spend 20 on retries; then failures are final at once."""
    clock = FakeClock()
    it = limiter(clock, calls=100)
    spent = 0
    for _ in range(40):
        spent += it.on_outcome(NOT_SENT, 1) is not None
        it.on_outcome(REJECTED, 1)

    assert spent == 20


def test_success_gives_back_to_the_budget() -> None:
    """Ten acknowledged calls pay for one more retry."""
    it = limiter(FakeClock(), calls=0)
    for _ in range(10):
        it.on_outcome(NOT_SENT, 1)
        it.on_outcome(REJECTED, 1)
    assert it.on_outcome(NOT_SENT, 1) is None
    for _ in range(11):
        it.on_outcome(APPLIED, 1)

    assert it.on_outcome(NOT_SENT, 1) is not None


def test_a_pause_holds_all_workers() -> None:
    """After a Retry-After nobody may send until it is over."""
    clock = FakeClock()
    it = limiter(clock)
    it.on_outcome(throttled(12), 1)

    assert it.acquire() == pytest.approx(12)
    clock.advance(12)
    assert it.acquire() == 0


def test_throttling_slows_the_rate_once_a_pause() -> None:
    """Four workers that meet one limit slow the run down once, not four times."""
    clock = FakeClock()
    it = limiter(clock, rate=10)
    for _ in range(4):
        it.on_outcome(throttled(2), 1)
    clock.advance(2)

    assert 67 <= admitted(it, clock, 10) <= 73


def test_the_rate_recovers_while_all_is_well() -> None:
    """Every clean ten seconds give 0.2 calls a second back, up to what was configured."""
    clock = FakeClock()
    it = limiter(clock, rate=1)
    it.on_outcome(throttled(1), 1)
    for _ in range(5):
        clock.advance(11)
        it.on_outcome(APPLIED, 1)

    assert 9 <= admitted(it, clock, 10) <= 11


def test_a_wait_of_many_minutes_ends_the_run() -> None:
    """Nobody sits in CI for an hour: the run says when to come back."""
    it = limiter(FakeClock())

    assert it.on_outcome(throttled(3600), 1) is None
    assert it.stopped is not None
    assert "3600 s" in it.stopped


def test_failures_in_a_row_open_the_breaker() -> None:
    """After five failures in a row nothing leaves for fifteen seconds."""
    clock = FakeClock()
    it = limiter(clock)
    for _ in range(BREAKER.consecutive):
        it.on_outcome(UNCERTAIN, 3)

    assert it.acquire() == pytest.approx(BREAKER.rest_s)


def test_half_of_the_calls_failing_opens_the_breaker() -> None:
    """Failures that alternate with successes are noticed too."""
    clock = FakeClock()
    it = limiter(clock)
    for _ in range(5):
        it.on_outcome(UNCERTAIN, 3)
        it.on_outcome(APPLIED, 1)

    assert it.acquire() > 0


def test_one_probe_decides_whether_to_go_on() -> None:
    """After the rest one call may leave; when it is well, all may."""
    clock = FakeClock()
    it = limiter(clock)
    for _ in range(BREAKER.consecutive):
        it.on_outcome(UNCERTAIN, 3)
    clock.advance(BREAKER.rest_s)

    assert it.acquire() == 0
    assert it.acquire() > 0
    it.on_outcome(APPLIED, 1)
    assert it.acquire() == 0


def test_the_third_opening_ends_the_run() -> None:
    """A service that fails and fails is left alone, with a sentence."""
    clock = FakeClock()
    it = limiter(clock)
    for _ in range(BREAKER.consecutive):
        it.on_outcome(UNCERTAIN, 3)
    for _ in range(2):
        clock.advance(BREAKER.rest_s)
        it.acquire()
        it.on_outcome(UNCERTAIN, 3)

    assert it.stopped is not None
    assert "keeps failing" in it.stopped


def test_late_failures_do_not_count_while_it_rests() -> None:
    """Calls that were in flight when the breaker opened do not open it again."""
    clock = FakeClock()
    it = limiter(clock)
    for _ in range(BREAKER.consecutive + 10):
        it.on_outcome(UNCERTAIN, 3)

    assert it.stopped is None


def test_three_first_refusals_alike_ask_the_right_question() -> None:
    """When nothing passes and the words are the same, it is not about the values."""
    it = CallLimiter(1000, 1000, FakeClock(), lambda: 1.0)
    for _ in range(3):
        it.on_outcome(REJECTED, 1)

    assert it.stopped is not None
    assert "token" in it.stopped


@pytest.mark.parametrize(
    "outcomes",
    [
        (APPLIED, REJECTED, REJECTED, REJECTED),
        (REJECTED, Outcome(OutcomeKind.REJECTED, "other words"), REJECTED, REJECTED),
        (REJECTED, REJECTED, APPLIED, REJECTED),
    ],
    ids=["after a success", "other words", "a success between"],
)
def test_refusals_that_differ_are_about_the_values(outcomes: tuple[Outcome, ...]) -> None:
    """One server's bad value must not stop the others."""
    it = CallLimiter(1000, 1000, FakeClock(), lambda: 1.0)
    for outcome in outcomes:
        it.on_outcome(outcome, 1)

    assert it.stopped is None


def test_a_pause_is_told_once_with_its_reason() -> None:
    """All workers meet the same limit at the same time; whoever watches hears of it once."""
    told: list[tuple[float, str]] = []
    it = CallLimiter(1000, 10, FakeClock(), lambda: 1.0, lambda s, why: told.append((s, why)))
    it.on_outcome(throttled(7), 1)
    it.on_outcome(throttled(7), 1)

    assert told == [(7, "ICE asks to slow down")]


def test_an_open_breaker_is_told() -> None:
    """Whoever watches hears why nothing is sent for a while."""
    told: list[tuple[float, str]] = []
    it = CallLimiter(1000, 10, FakeClock(), lambda: 1.0, lambda s, why: told.append((s, why)))
    for _ in range(BREAKER.consecutive):
        it.on_outcome(Outcome(OutcomeKind.TRANSIENT), 1)

    assert told == [(BREAKER.rest_s, "ICE keeps failing")]
