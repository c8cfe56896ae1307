from __future__ import annotations

import pytest
from fakes import FakeClock

from icesync.engine.executor import MAX_FAILURES, CallLimiter
from icesync.model.report import Outcome, OutcomeKind

APPLIED = Outcome(OutcomeKind.APPLIED)
UNCERTAIN = Outcome(OutcomeKind.UNCERTAIN, "no reply")
NOT_SENT = Outcome(OutcomeKind.TRANSIENT, "no connection")
REJECTED = Outcome(OutcomeKind.REJECTED, "ICE rejected the call (HTTP 400)")


def throttled(retry_after_s: float | None = None) -> Outcome:
    """Return a reply that asks to slow down."""
    return Outcome(OutcomeKind.THROTTLED, "slow down", retry_after_s)


def limiter(clock: FakeClock, *, rate: float = 1_000_000) -> CallLimiter:
    """Return a limiter after its first call, whose dice always fall on the longest wait."""
    it = CallLimiter(rate, clock, lambda: 1.0)
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
    it = CallLimiter(1000, clock, lambda: 1.0)
    assert it.acquire() == 0
    clock.advance(5)
    assert it.acquire() > 0

    it.on_outcome(APPLIED, 1)

    assert it.acquire() == 0


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind.retry])
def test_a_call_is_made_so_often_and_not_more(kind: OutcomeKind) -> None:
    """The last attempt of a kind is final."""
    it = limiter(FakeClock())
    assert kind.retry is not None
    attempts = kind.retry.attempts

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
    it = CallLimiter(1000, FakeClock(), lambda: 0.25)

    assert it.on_outcome(NOT_SENT, 2) == 0.25


def test_a_pause_holds_all_workers() -> None:
    """After a Retry-After nobody may send until it is over."""
    clock = FakeClock()
    it = limiter(clock)
    it.on_outcome(throttled(12), 1)

    assert it.acquire() == pytest.approx(12)
    clock.advance(12)
    assert it.acquire() == 0


def test_a_wait_of_many_minutes_ends_the_run() -> None:
    """Nobody sits in CI for an hour: the run says when to come back."""
    it = limiter(FakeClock())

    assert it.on_outcome(throttled(3600), 1) is None
    assert it.stopped is not None
    assert "3600 s" in it.stopped


def test_failures_in_a_row_end_the_run() -> None:
    """A service that fails time after time is left alone, with a sentence."""
    it = limiter(FakeClock())
    for _ in range(MAX_FAILURES - 1):
        assert it.on_outcome(UNCERTAIN, 1) is not None
    assert it.stopped is None

    assert it.on_outcome(UNCERTAIN, 1) is None

    assert it.stopped is not None
    assert "in a row" in it.stopped


@pytest.mark.parametrize("answer", [APPLIED, REJECTED, throttled(1)], ids=lambda o: o.kind)
def test_any_answer_ends_a_row_of_failures(answer: Outcome) -> None:
    """A service that answers now and then is not given up: the count starts anew."""
    it = limiter(FakeClock())
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            it.on_outcome(NOT_SENT, 1)
        it.on_outcome(answer, 1)

    assert it.stopped is None


def test_three_first_refusals_alike_ask_the_right_question() -> None:
    """When nothing passes and the words are the same, it is not about the values."""
    it = CallLimiter(1000, FakeClock(), lambda: 1.0)
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
    it = CallLimiter(1000, FakeClock(), lambda: 1.0)
    for outcome in outcomes:
        it.on_outcome(outcome, 1)

    assert it.stopped is None


def test_a_pause_is_told_once_with_its_reason() -> None:
    """All workers meet the same limit at the same time; whoever watches hears of it once."""
    told: list[tuple[float, str]] = []
    it = CallLimiter(1000, FakeClock(), lambda: 1.0, lambda s, why: told.append((s, why)))
    it.on_outcome(throttled(7), 1)
    it.on_outcome(throttled(7), 1)

    assert told == [(7, "ICE asks to slow down")]
