from __future__ import annotations

import signal
from contextlib import suppress
from typing import Final

import pytest

from icesync.cli.interrupt import ProcessSignals, Signalled

KILLED_AFTER_S: Final = {signal.SIGINT: 7.5, signal.SIGTERM: 2.5, signal.SIGHUP: 2.5}
"""GitHub's runner sends SIGTERM that long after SIGINT, and then kills (observed)."""
SAVING_S: Final = 1.0


class Stop:
    """Remembers how long the calls in flight may take."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.grace_s = float("inf")

    def request(self, signal_number: int, grace_s: float) -> None:
        """Take in the request."""
        self.signal_number, self.grace_s = signal_number, grace_s


@pytest.mark.parametrize("number", KILLED_AFTER_S)
def test_the_state_is_saved_before_the_runner_kills(number: signal.Signals) -> None:
    """Calls in flight get a moment, and a second is left to save what they came to."""
    signals, stop = ProcessSignals(), Stop()
    with signals.installed(), signals.stopping(stop):
        signal.raise_signal(number)

    assert stop.signal_number == number
    assert 0.5 <= stop.grace_s <= KILLED_AFTER_S[number] - SAVING_S


@pytest.mark.parametrize("number", KILLED_AFTER_S)
def test_what_must_end_gets_the_same_moment(number: signal.Signals) -> None:
    """A save that hangs is left before the runner kills, too."""
    signals = ProcessSignals()
    with signals.installed(), suppress(Signalled), signals.finishing():
        signal.raise_signal(number)
        left_s, _ = signal.getitimer(signal.ITIMER_REAL)

    assert 0.5 <= left_s <= KILLED_AFTER_S[number] - SAVING_S
