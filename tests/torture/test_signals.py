"""Signals while the far end takes its time: quick, honest, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

import pytest
from rig import FarEnd, Gate, Ice, looks_at, run_in_terminal, wait_until
from torture.arena import Fleet, Ordeal
from torture.judge import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torture.arena import Child

    from icesync.emulator.storage import Storage

_FREE: Final = 5
"""So many calls are answered before ICE holds the next."""
_BUSY_S: Final = float(os.environ.get("ICESYNC_TORTURE_SLACK_S", "0.5"))
"""What a busy machine may add to every time."""


@pytest.fixture
def holding(tmp_path: Path, archive: Storage) -> Iterator[tuple[Ordeal, Gate]]:
    """Thirty servers, and an ICE that answers five of them and holds the rest."""
    gate = Gate(archive, free=_FREE, late=True)
    with FarEnd(gate.answer) as end:
        fleet = Fleet(tmp_path / "repository", end.url, 30)
        yield Ordeal(fleet, Ice(end.url, archive)), gate
        gate.open()


def strike(ordeal: Ordeal) -> Child:
    """Start an apply, and return it once ICE holds a full set of calls."""
    child = ordeal.start()
    sent = _FREE + ordeal.fleet.concurrency
    wait_until(lambda: len(ordeal.ice.updates) == sent, f"the calls come: {child.text}")
    return child


def check_and_recover(ordeal: Ordeal, gate: Gate) -> None:
    """Demand that nothing more was sent, that memory is honest, and that the next run ends it."""
    more = len(ordeal.ice.updates) - _FREE - ordeal.fleet.concurrency
    if more:
        raise Violation(f"{more} calls were dispatched after the signal")
    ordeal.hear()
    memory = ordeal.judge.look_after_crashes()
    if len(memory.uncertain) != ordeal.fleet.concurrency:
        raise Violation(f"uncertain are {memory.uncertain}")
    gate.open()
    again = ordeal.recover()
    if again != ordeal.fleet.concurrency:
        raise Violation(f"{again} servers were sent again")


@pytest.mark.parametrize(
    ("number", "code", "most_s"),
    [
        (signal.SIGINT, 130, 7.0),
        (signal.SIGTERM, 143, 2.5),
        pytest.param(signal.SIGHUP, 129, 2.5, marks=pytest.mark.torture),
    ],
)
def test_one_signal(
    holding: tuple[Ordeal, Gate], number: signal.Signals, code: int, most_s: float
) -> None:
    """Nothing new is dispatched, calls without a reply are uncertain, the exit code tells."""
    child = strike(holding[0])
    began = time.monotonic()
    child.signal(number)
    result = child.wait()
    took_s = time.monotonic() - began
    check_and_recover(*holding)

    assert result.code == code
    assert took_s < most_s + _BUSY_S


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, signal.SIGTERM),
        pytest.param(signal.SIGINT, signal.SIGINT, marks=pytest.mark.torture),
    ],
)
def test_two_signals(
    holding: tuple[Ordeal, Gate], first: signal.Signals, second: signal.Signals
) -> None:
    """The second signal ends the run at once, and what was acknowledged is known all the same."""
    child = strike(holding[0])
    child.signal(first)
    time.sleep(0.3)
    began = time.monotonic()
    child.signal(second)
    result = child.wait()
    took_s = time.monotonic() - began
    check_and_recover(*holding)

    assert result.code == 128 + second
    assert took_s < 0.7 + _BUSY_S


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGINT, {130}), pytest.param(signal.SIGTERM, {143, -15}, marks=pytest.mark.torture)],
)
def test_signal_while_waiting_for_the_lock(
    holding: tuple[Ordeal, Gate], number: signal.Signals, codes: set[int]
) -> None:
    """Who waits for the lock leaves at once, and has sent nothing."""
    ordeal, gate = holding
    holder = strike(ordeal)
    waiting = ordeal.start("apply", "-y", "--lock-timeout", "60s")
    wait_until(lambda: looks_at(waiting.pid, ".lock"), "the lock was tried")
    began = time.monotonic()
    waiting.signal(number)
    result = waiting.wait()
    took_s = time.monotonic() - began
    holder.kill()
    check_and_recover(ordeal, gate)

    assert result.code in codes
    assert took_s < 0.7 + _BUSY_S


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGINT, {130}), pytest.param(signal.SIGTERM, {143, -15}, marks=pytest.mark.torture)],
)
def test_signal_at_the_prompt(
    ordeal: Callable[[int], Ordeal], number: signal.Signals, codes: set[int]
) -> None:
    """Who is asked for approval and leaves has sent nothing, and the lock is free."""
    made = ordeal(5)
    result = run_in_terminal(
        ["apply"],
        made.fleet.root,
        made.fleet.variables,
        answer=lambda process, _: process.send_signal(number),
    )
    sent = len(made.ice.updates)
    made.recover()

    assert result.code in codes
    assert sent == 0
