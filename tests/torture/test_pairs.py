"""Two applies at the same time: one wins, the other says who."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

import pytest
from torture.arena import seeded
from torture.judge import Violation

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from torture.arena import Ordeal

_PAIRS: Final = int(os.environ.get("ICESYNC_TORTURE_PAIRS", "50"))
_LOCKED: Final = 5


def race(ordeal: Ordeal, pairs: int, chance: random.Random, defect: str = "") -> dict[str, int]:
    """Start so many pairs within 5 ms; return how the second ones fared."""
    fates = {"locked": 0, "too late": 0}
    for _ in range(pairs):
        ordeal.fleet.turn(ordeal.fleet.generation + 1)
        first = ordeal.start(defect=defect)
        time.sleep(chance.uniform(0, 0.005))
        second = ordeal.start(defect=defect)
        results = first.wait(), second.wait()
        calls = ordeal.hear()
        ordeal.judge.look_after_success()
        codes = sorted(result.code for result in results)
        if codes not in ([0, 0], [0, _LOCKED]):
            raise Violation(f"the pair ended with {codes}\n{results}")
        if len(calls) != ordeal.fleet.size:
            raise Violation(f"{len(calls)} calls for {ordeal.fleet.size} servers")
        ordeal.judge.check_converged(ordeal.fleet.wanted, ordeal.fleet.secrets)
        fates["locked" if codes[1] else "too late"] += 1
    return fates


def test_pairs(ordeal: Callable[[int], Ordeal]) -> None:
    """Of two applies at once exactly one sends, and the journals never mix."""
    made = ordeal(12)
    made.ice.strike("latency:20ms")
    fates = race(made, 5, seeded(1))

    assert fates["locked"] >= 1


def test_pair_without_lock_is_noticed(ordeal: Callable[[int], Ordeal]) -> None:
    """A build that gives the lock to everybody does not pass."""
    made = ordeal(12)
    made.ice.strike("latency:20ms")

    with pytest.raises(Violation):
        race(made, 5, seeded(1), defect="no-lock")


def test_lock_ends_with_its_holder(ordeal: Callable[[int], Ordeal]) -> None:
    """A killed run frees the lock at once, and the one that waits gets it."""
    made = ordeal(12)
    made.ice.strike("latency:500ms")
    holder = made.start()
    deadline = time.monotonic() + 30
    while not made.fleet.state.with_name("state.json.journal").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    holder.signal(signal.SIGSTOP)  # it holds the lock for as long as the others take to start
    refused = made.start().wait()
    waiting = made.start("apply", "-y", "--lock-timeout", "20s")
    time.sleep(0.3)
    holder.signal(signal.SIGKILL)
    began = time.monotonic()
    holder.wait()
    made.ice.strike()
    result = waiting.wait()
    made.judge.hear(made.ice.settled()[:0])

    assert refused.code == _LOCKED
    assert f"pid {holder.pid}" in refused.text
    assert result.code == 0, result
    assert time.monotonic() - began < 15


@pytest.mark.torture
def test_many_pairs(ordeal: Callable[[int], Ordeal], tell: Callable[[str], None]) -> None:
    """The same, so often that every interleaving of the start is likely to be met."""
    made = ordeal(12)
    made.ice.strike("latency:20ms")
    fates = race(made, _PAIRS, seeded())
    tell(f"{_PAIRS} pairs: {fates}")

    assert fates["locked"] > 0
