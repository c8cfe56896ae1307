from __future__ import annotations

from threading import Barrier

import pytest

from icesync.engine.secret_resolution import run_parallel


def test_eight_are_done_at_once() -> None:
    """Eight that wait for each other all come through."""
    barrier = Barrier(8, timeout=10)
    done: list[int] = []

    def meet(number: int) -> None:
        barrier.wait()
        done.append(number)

    run_parallel(meet, range(16))

    assert sorted(done) == list(range(16))


def test_nothing_is_nothing() -> None:
    """No thread is started for nothing."""
    run_parallel(pytest.fail, ())


def test_a_failure_is_raised_here() -> None:
    """What one of them raises reaches the caller, and what was not begun stays undone."""
    done: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            raise KeyError(number)
        done.append(number)

    with pytest.raises(KeyError):
        run_parallel(work, range(10_000))

    assert len(done) < 9_999
