from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from builders import SALES, SUPPORT, desired, server
from fakes import FakeClock, FakeGateway

from icesync.engine.executor import ApplyOptions
from icesync.model.report import Outcome, OutcomeKind

from .conftest import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.plan import Update

APPLIED = Outcome(OutcomeKind.APPLIED)


class HoldingClock(FakeClock):
    """A clock on which all but the *sender* sleep until *release*."""

    def __init__(self) -> None:
        super().__init__()
        self.sender: threading.Thread | None = None
        self.held = threading.Event()
        self.release = threading.Event()

    def sleep(self, seconds: float) -> None:
        """Hold whoever is not the sender."""
        if threading.current_thread() is not self.sender:
            self.held.set()
            self.release.wait(5)
        super().sleep(seconds)


def test_worker_that_comes_too_late_ends_without_a_call() -> None:
    """A worker waits for its turn while another one takes the last call."""
    clock = HoldingClock()

    def send(update: Update) -> None:
        clock.sender = threading.current_thread()
        if update.address == SUPPORT:
            clock.held.wait(5)
        else:
            clock.release.set()

    wanted = desired(server(SUPPORT), server(SALES))
    run = ApplyOptions(concurrency=2, rate_per_s=1000)
    stage = Stage(wanted, gateway=FakeGateway(on_send=send), run=run)
    stage.clock = clock

    report = stage.apply()

    assert report.complete
    assert stage.gateway.addresses == [SUPPORT, SALES]


class FrozenClock(FakeClock):
    """A clock on which no time passes, however long somebody sleeps."""

    def sleep(self, seconds: float) -> None:
        """Give way to the other threads."""
        assert seconds > 0
        time.sleep(0.002)


def test_signal_ends_a_wait() -> None:
    """A worker that waits for its turn notices the end at once."""

    def send(_: Update) -> None:
        stage.halt.request(15, 5.0)

    wanted = desired(server(SUPPORT), server(SALES))
    stage = Stage(wanted, gateway=FakeGateway(on_send=send), run=ApplyOptions(1, rate_per_s=0.001))
    stage.clock = FrozenClock()

    report = stage.apply()

    assert [r.status.value for r in report.results] == ["applied", "not attempted"]


class StoppingClock(FakeClock):
    """A clock on which the run is told to end as soon as a worker looks at it."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self._stop = stop

    def monotonic(self) -> float:
        """Ask for the end when a worker looks."""
        if threading.current_thread() is not threading.main_thread():
            self._stop()
        return super().monotonic()


def test_signal_between_a_worker_and_its_next_call_is_noticed() -> None:
    """A worker that found a call ready looks once more whether the run ends."""
    stage = Stage(desired(server()))
    stage.clock = StoppingClock(lambda: stage.halt.request(15, 5.0))

    report = stage.apply()

    assert [r.status.value for r in report.results] == ["not attempted"]
    assert stage.gateway.updates == []


def test_signal_ends_the_wait_before_another_attempt() -> None:
    """What was not sent, and is not tried again, is as it was."""

    def send(_: Update) -> None:
        stage.halt.request(15, 5.0)

    not_sent = Outcome(OutcomeKind.TRANSIENT, "not sent: no connection")
    gateway = FakeGateway({SUPPORT: not_sent}, on_send=send)
    stage = Stage(desired(server()), gateway=gateway, run=ApplyOptions(1, rate_per_s=0.001))
    stage.clock = FrozenClock()

    report = stage.apply()

    assert [r.outcome for r in report.results] == [not_sent]
    assert (len(gateway.updates), stage.entries) == (1, {})


def test_gateway_that_cannot_be_opened_ends_the_run() -> None:
    """Without a gateway nothing is sent, and the snapshot is as it was."""
    stage = Stage(desired(server()))

    def refuse() -> FakeGateway:
        raise OSError("no trust store")

    stage.open_gateway = refuse  # type: ignore[method-assign]

    with pytest.raises(OSError, match="no trust store"):
        stage.apply()

    assert stage.entries == {}


def test_run_goes_on_with_the_threads_that_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no second thread left, the first one makes all calls."""
    start = threading.Thread.start

    def once(thread: threading.Thread) -> None:
        if thread.name == "call-1":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", once)
    run = ApplyOptions(concurrency=2, rate_per_s=1000)
    stage = Stage(desired(server(SUPPORT), server(SALES)), run=run)

    assert stage.apply().complete
    assert stage.gateway.addresses == [SUPPORT, SALES]


def test_clock_that_was_never_set_counts_from_its_first_second() -> None:
    """A machine without a battery begins in 1970: what it saves can be read."""
    stage = Stage(desired(server()))
    stage.clock = FakeClock(datetime.fromtimestamp(0, UTC))

    assert stage.apply().complete
    assert stage.entries[SUPPORT].applied_at == "1970-01-01T00:00:00Z"
