from __future__ import annotations

import pytest
from builders import BILLING, SALES, SUPPORT
from fakes import FakeClock

from icesync.cli.console import Console
from icesync.cli.progress import Tally, open_progress
from icesync.model.desired import Address
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.report import (
    ApplyStarted,
    CallsPaused,
    CallStarted,
    ChangeEnded,
    Result,
    ResultStatus,
)


def change(address: Address) -> ResourceChange:
    """Return a change of *address*."""
    return ResourceChange(address, Action.UPDATE)


def result(address: Address, status: str = "applied") -> Result:
    """Return how a change of *address* ended."""
    return Result(address, Action.UPDATE, ResultStatus(status))


def tally(clock: FakeClock) -> Tally:
    """Return a tally of ten changes that begins now."""
    it = Tally(clock.monotonic)
    it.take(ApplyStarted(Plan("", None, 0, tuple(change(Address(1, n)) for n in range(1, 11)))))
    return it


def test_line_of_a_log() -> None:
    """How far, what failed, how fast, how long, and what is on its way, sorted."""
    clock = FakeClock()
    it = tally(clock)
    for address in (SUPPORT, SALES, BILLING, Address(59, 1)):
        it.take(CallStarted(change(address)))
    it.take(ChangeEnded(result(SALES)))
    it.take(ChangeEnded(result(BILLING, "failed")))
    clock.advance(4)

    assert it.line == (
        "applying: 2/10 done, 1 not applied, 0.5/s, 0:04 elapsed; in flight: 59/1, 59/663"
    )


def test_pause_is_told_while_it_lasts() -> None:
    """Who asks to slow down, and how long that still takes, rounded up."""
    clock = FakeClock()
    it = tally(clock)
    it.take(CallsPaused(8.5, "ICE asks to slow down"))
    clock.advance(2)
    assert it.moment == "ICE asks to slow down: next call in 7 s"

    clock.advance(7)
    assert it.moment == ""


def test_many_flights_are_counted() -> None:
    """Four are named."""
    it = tally(FakeClock())
    for skill in range(1, 8):
        it.take(CallStarted(change(Address(59, skill))))

    assert it.moment == "in flight: 59/1, 59/2, 59/3, 59/4 and 3 more"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00"), (59.9, "0:59"), (125, "2:05"), (3723, "1:02:03")]
)
def test_elapsed(seconds: float, told: str) -> None:
    """Time is told as a clock tells it."""
    clock = FakeClock()
    it = tally(clock)
    clock.advance(seconds)

    assert it.elapsed == told


def test_first_moment_has_no_wild_rate() -> None:
    """A first result after no time at all is not a thousand a second."""
    it = tally(FakeClock())
    it.take(ChangeEnded(result(SALES)))

    assert it.rate == "10.0/s"


def test_log_says_when_nothing_leaves_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    """A pause of a second or more is worth a line; a shorter one is not."""
    progress = open_progress(Console())
    progress(CallsPaused(0.4, "ICE asks to slow down"))
    progress(CallsPaused(8.0, "ICE keeps failing"))

    assert capsys.readouterr().err == "ICE keeps failing: no call for 8 s\n"
