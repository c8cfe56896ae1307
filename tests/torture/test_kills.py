"""SIGKILL at a random moment of an apply, and of the recovery from it."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from torture.arena import seeded

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from torture.arena import Ordeal
    from torture.judge import Memory

_KILLS: Final = int(os.environ.get("ICESYNC_TORTURE_KILLS", "2000"))
_SEED: Final = int(os.environ.get("ICESYNC_TORTURE_SEED", "0"))
_LATENCY: Final = "latency:12ms"
_ANEW_EVERY: Final = 7
_TOO_LATE, _TOO_EARLY = 0.97, 1.005
"""The time of a run is known badly on a busy machine; about one kill in seven comes too late."""


def phase(before: Memory, after: Memory) -> str:
    """Return what a killed run was doing, by what it left behind."""
    if after.serial > before.serial:
        return "save: replaced" if after.journal else "ended"
    if not after.journal:
        return "start"
    if after.records == 0:
        return "begun"
    return "calls" if after.verdicts < after.records // 2 else "save: calls ended"


def torment(ordeal: Ordeal, kills: int, chance: random.Random) -> tuple[Counter[str], int]:
    """Kill so many runs; return in which phases, and how many servers were sent again."""
    phases: Counter[str] = Counter()
    again = 0
    full_s = _measure(ordeal)  # and corrected by each kill
    trials = itertools.count()
    while phases.total() < kills:
        if next(trials) % _ANEW_EVERY == 0:
            ordeal.begin()
            ordeal.ice.strike(_LATENCY)
        else:
            ordeal.fleet.turn(ordeal.fleet.generation + 1)
        runs = chance.choice([1, 1, 2, 3])
        for _ in range(runs):
            before = ordeal.judge.look()
            child = ordeal.start(fresh=chance.random() < 0.02)
            time.sleep(chance.uniform(0, 1.02 * full_s))
            child.kill()
            ordeal.hear()
            after = ordeal.judge.look_after_crashes(runs)
            now = phase(before, after)
            phases[now] += 1
            full_s *= _TOO_LATE if now == "ended" else _TOO_EARLY
        if chance.random() < 0.3 and ordeal.fleet.generation > 1:
            ordeal.fleet.turn(ordeal.fleet.generation - 1)
        again += ordeal.recover("--settle", "0")
    return phases, again


def _measure(ordeal: Ordeal) -> float:
    ordeal.begin()
    ordeal.ice.strike(_LATENCY)
    began = time.monotonic()
    ordeal.start().wait()
    return time.monotonic() - began


def test_random_kills(ordeal: Callable[[int], Ordeal]) -> None:
    """A run killed at any moment claims nothing false, and the next one ends its work."""
    phases, _ = torment(ordeal(60), 8, seeded(_SEED))

    assert phases.total() >= 8


def test_worker_that_dies(ordeal: Callable[[int], Ordeal]) -> None:
    """A run that ends for an unexpected error remembers a call that left at the last moment."""
    made = ordeal(4)
    result = made.start(defect="worker-dies").wait()
    made.hear()
    memory = made.judge.look_after_crashes()
    made.recover()

    assert result.code == 1
    assert "59/2" in memory.uncertain


@pytest.mark.torture
def test_many_random_kills(ordeal: Callable[[int], Ordeal], tell: Callable[[str], None]) -> None:
    """The same, so often that a fault of one in a thousand would show."""
    phases, again = torment(ordeal(60), _KILLS, seeded(_SEED or None))
    tell(f"{phases.total()} kills, {again} servers sent again; by phase: {dict(phases)}")

    assert phases.total() >= _KILLS
