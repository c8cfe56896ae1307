"""Signals while the far end takes its time: quick, honest, and nothing is lost."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest
from torture.arena import PATIENCE_S, ROOT, Fleet, Ordeal
from torture.farend import RawFarEnd
from torture.judge import Violation

if TYPE_CHECKING:
    from pathlib import Path

    from torture.arena import Child, Nursery

_HELD_FROM: Final = 6
_BUSY_S: Final = float(os.environ.get("ICESYNC_TORTURE_SLACK_S", "0.5"))
"""What a busy machine may add to every time."""


def strike(ordeal: Ordeal, end: RawFarEnd) -> Child:
    """Start an apply, and return it once the far end holds a full set of calls."""
    child = ordeal.start()
    deadline = time.monotonic() + PATIENCE_S
    while end.count < _HELD_FROM - 1 + ordeal.fleet.concurrency:
        if time.monotonic() > deadline:
            raise Violation(f"the calls do not come\n{child.text}")
        time.sleep(0.005)
    return child


def check_and_recover(ordeal: Ordeal, end: RawFarEnd, calls: int) -> None:
    """Demand that nothing more was sent, that memory is honest, and that the next run ends it."""
    if end.count != calls:
        raise Violation(f"{end.count - calls} calls were dispatched after the signal")
    ordeal.hear()
    memory = ordeal.judge.look_after_crashes()
    if len(memory.uncertain) != ordeal.fleet.concurrency:
        raise Violation(f"uncertain are {memory.uncertain}")
    end.release()
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
    tmp_path: Path, nursery: Nursery, number: signal.Signals, code: int, most_s: float
) -> None:
    """Nothing new is dispatched, calls without a reply are uncertain, the exit code tells."""
    with RawFarEnd(held_from=_HELD_FROM) as end:
        ordeal = Ordeal(Fleet(tmp_path / "repository", end.url, 30), end, nursery)
        child = strike(ordeal, end)
        calls, began = end.count, time.monotonic()
        child.signal(number)
        result = child.wait()
        took_s = time.monotonic() - began
        check_and_recover(ordeal, end, calls)

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
    tmp_path: Path, nursery: Nursery, first: signal.Signals, second: signal.Signals
) -> None:
    """The second signal ends the run at once, and what was acknowledged is known all the same."""
    with RawFarEnd(held_from=_HELD_FROM) as end:
        ordeal = Ordeal(Fleet(tmp_path / "repository", end.url, 30), end, nursery)
        child = strike(ordeal, end)
        calls = end.count
        child.signal(first)
        time.sleep(0.3)
        began = time.monotonic()
        child.signal(second)
        result = child.wait()
        took_s = time.monotonic() - began
        check_and_recover(ordeal, end, calls)

    assert result.code == 128 + second
    assert took_s < 0.7 + _BUSY_S


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGINT, {130}), pytest.param(signal.SIGTERM, {143, -15}, marks=pytest.mark.torture)],
)
def test_signal_while_waiting_for_the_lock(
    tmp_path: Path, nursery: Nursery, number: signal.Signals, codes: set[int]
) -> None:
    """Who waits for the lock leaves at once, and has sent nothing."""
    with RawFarEnd(held_from=_HELD_FROM) as end:
        ordeal = Ordeal(Fleet(tmp_path / "repository", end.url, 30), end, nursery)
        holder = strike(ordeal, end)
        calls = end.count
        waiting = ordeal.start("apply", "-y", "--lock-timeout", "60s")
        time.sleep(0.6)
        began = time.monotonic()
        waiting.signal(number)
        result = waiting.wait()
        took_s = time.monotonic() - began
        holder.kill()
        check_and_recover(ordeal, end, calls)

    assert result.code in codes
    assert took_s < 0.7 + _BUSY_S


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGINT, {130}), pytest.param(signal.SIGTERM, {143, -15}, marks=pytest.mark.torture)],
)
def test_signal_at_the_prompt(
    tmp_path: Path, nursery: Nursery, number: signal.Signals, codes: set[int]
) -> None:
    """Who is asked for approval and leaves has sent nothing, and the lock is free."""
    with RawFarEnd() as end:
        ordeal = Ordeal(Fleet(tmp_path / "repository", end.url, 5), end, nursery)
        code = _leave_at_prompt(ordeal.fleet, number)
        sent = end.count
        ordeal.recover()

    assert code in codes
    assert sent == 0


def _leave_at_prompt(fleet: Fleet, number: signal.Signals) -> int:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "icesync", "apply"],
        cwd=fleet.root,
        env={**os.environ, **fleet.variables, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        deadline = time.monotonic() + PATIENCE_S
        while b"Only `yes` is accepted" not in shown:
            if time.monotonic() > deadline or process.poll() is not None:
                raise Violation(f"no prompt: {shown!r}")
            if select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 65_536)
        process.send_signal(number)
        code = process.wait(PATIENCE_S)
    os.close(ours)
    return code
