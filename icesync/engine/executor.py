"""
The workers of an apply: each takes a server, makes its intent durable, calls, and reports.

Only one thread takes in what they bring. A worker takes the next server when it
is free, so never two calls for one address are in flight, and calls start in
the plan's order, but for those that must wait for an earlier call to settle.

One limiter serves all workers of a run, so that what one of them learns counts for
all: nobody calls a service that asked to slow down, and a service that fails
time after time is left alone; the next apply goes on from there. Sending again is
safe only because a call carries the whole record, replaces it, and is never in
flight twice. How often, and how long to wait between, stands on the outcome
(:attr:`icesync.model.report.OutcomeKind.retry`), with full jitter.
"""

from __future__ import annotations

import queue
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.frozen import frozen
from icesync.model.plan import Action, Plan, ResourceChange, Update
from icesync.model.report import Attempt, CallsPaused, CallStarted, Notify, Outcome, OutcomeKind

if TYPE_CHECKING:
    from icesync.engine.recorder import Recorder
    from icesync.model.desired import Address
    from icesync.model.report import Retry
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock, Gateway

MAX_PAUSE_S: Final = 120.0
"""A run that is asked to wait longer than this ends instead."""

MAX_FAILURES: Final = 10
"""So many failures of the service in a row, over all workers, end the run."""

FIRST_REFUSALS: Final = 3
"""So many first calls refused with the same words: it is not about the values."""

_ASK_AGAIN_S: Final = 0.02


class _First(Enum):
    """
    Where the first call of the run is.

    It goes alone: a wrong address, certificate or token shows on one server
    before a second one is tried.
    """

    WAITS = auto()
    IN_FLIGHT = auto()
    ENDED = auto()


class CallLimiter:
    """
    Paces and pauses the calls of one run, and ends it; safe for all its workers.

    *draw* gives numbers from 0 to 1; *on_pause* hears of each pause, how long and
    why, and must be quick; *stopped* says in words why the run ends
    early, None while it does not.
    """

    def __init__(
        self,
        rate_per_s: float,
        clock: Clock,
        draw: Callable[[], float],
        on_pause: Callable[[float, str], None] | None = None,
    ) -> None:
        self.stopped: str | None = None
        self._interval_s = 1.0 / rate_per_s
        self._clock = clock
        self._draw = draw
        self._on_pause = on_pause
        self._lock = threading.Lock()
        self._next_at = clock.monotonic()
        self._pause_until = 0.0
        self._failures_in_row = 0
        self._first_refusals: list[str] | None = []
        self._first = _First.WAITS

    def acquire(self) -> float:
        """Return 0 when a call may leave now, else after how many seconds to ask again."""
        with self._lock:
            now = self._clock.monotonic()
            if self._first is _First.IN_FLIGHT:
                return _ASK_AGAIN_S
            wait_s = max(self._pause_until, self._next_at) - now
            if wait_s > 0:
                return wait_s
            if self._first is _First.WAITS:
                self._first = _First.IN_FLIGHT
            self._next_at = max(self._next_at, now - self._interval_s) + self._interval_s
            return 0.0

    def on_outcome(self, outcome: Outcome, attempt: int) -> float | None:
        """
        Take in how attempt number *attempt* of a call ended.

        Return after how many seconds to make the call again, None when its
        outcome is final.
        """
        with self._lock:
            self._first = _First.ENDED
            self._count_failures(outcome.kind)
            self._count_refusals(outcome)
            retry = outcome.kind.retry
            if retry is None:
                return None
            wait_s = self._draw() * retry.longest_s(attempt)
            if outcome.kind is OutcomeKind.THROTTLED:
                self._pause(outcome, wait_s)
            return self._again(retry, attempt, wait_s)

    def _again(self, retry: Retry, attempt: int, wait_s: float) -> float | None:
        return wait_s if attempt < retry.attempts and self.stopped is None else None

    def _count_failures(self, kind: OutcomeKind) -> None:
        self._failures_in_row = self._failures_in_row + 1 if kind.is_failure_of_service else 0
        if self._failures_in_row >= MAX_FAILURES:
            self.stopped = f"ICE failed {MAX_FAILURES} times in a row; run stopped"

    def _count_refusals(self, outcome: Outcome) -> None:
        """End the run when its first calls are all refused with the same words."""
        if self._first_refusals is None:
            return
        if outcome.kind is not OutcomeKind.REJECTED:
            self._first_refusals = None
            return
        self._first_refusals.append(outcome.detail)
        if len(self._first_refusals) < FIRST_REFUSALS:
            return
        if len(set(self._first_refusals)) == 1:
            self.stopped = (
                f"ICE rejected the first {FIRST_REFUSALS} calls in the same way; check the "
                "token, the address and the permissions"
            )
        self._first_refusals = None

    def _pause(self, outcome: Outcome, wait_s: float) -> None:
        asked_s = outcome.retry_after_s or 0.0
        if asked_s > MAX_PAUSE_S:
            self.stopped = f"ICE asks to wait {asked_s:.0f} s; run it again after that"
            return
        pause_s = max(asked_s, wait_s)
        now = self._clock.monotonic()
        if now >= self._pause_until and self._on_pause is not None:
            # Once for each pause: all workers meet the same limit at the same time.
            self._on_pause(pause_s, "ICE asks to slow down")
        self._pause_until = max(self._pause_until, now + pause_s)


OpenGateway: TypeAlias = Callable[[], "Gateway"]

SETTLE_S: Final = 60.0
"""Twice the default deadline of a call."""

_POLL_S: Final = 0.2

_GATHER_S: Final = 0.004
"""How long outcomes gather before they are taken in."""


class StopRequest:
    """A request to end early; set by a signal handler, so setting it does nothing else."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.grace_s = 0.0

    def request(self, signal_number: int, grace_s: float) -> None:
        """Dispatch nothing more; calls in flight get *grace_s* seconds."""
        self.grace_s = grace_s
        self.signal_number = signal_number


@frozen
class ApplyOptions:
    """
    How to carry out: pace, when to give up, and how long a call may arrive late.

    A server whose last call has no known outcome, and that is to get another
    value now, waits until *settle_s* have passed since that call: it might
    arrive after its successor. That window is a guess about the service.
    """

    concurrency: int
    rate_per_s: float
    fail_fast: bool = False
    settle_s: float = SETTLE_S


_Done: TypeAlias = "tuple[ResourceChange, Outcome] | BaseException | None"
"""What a worker brings: an outcome, an unexpected error, or the news that it ended."""


class Executor:
    """Runs the workers and yields what they bring, until all is done or told to stop."""

    def __init__(
        self,
        plan: Plan,
        values: Mapping[str, SecretValue],
        recorder: Recorder,
        open_gateway: OpenGateway,
        clock: Clock,
        run: ApplyOptions,
        halt: StopRequest,
        notify: Notify,
    ) -> None:
        self._recorder = recorder
        waits = {c.address: recorder.settling_s(c, run.settle_s) for c in plan.calls}
        now = self._began = clock.monotonic()
        self._ready_at = {address: now + wait_s for address, wait_s in waits.items() if wait_s}
        self._followers = _followers(plan)
        held = {c.address for c in self._followers.values()}
        free = (c for c in plan.calls if c.address not in held)
        self._calls = deque(sorted(free, key=lambda c: waits[c.address]))
        self._local = [c for c in plan.effective if c.action is Action.FORGET]
        self._values = values
        self._open_gateway = open_gateway
        self._clock = clock
        self._run = run
        self._halt = halt
        self._notify = notify
        self._limiter = CallLimiter(run.rate_per_s, clock, random.random, self._pausing)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._worker_ended = threading.Event()
        self._flying: set[Address] = set()
        self._attempts: dict[Address, list[Attempt]] = {}
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._workers = min(run.concurrency, len(self._calls))

    def _pausing(self, wait_s: float, reason: str) -> None:
        self._notify(CallsPaused(wait_s, reason))

    def outcomes(self) -> Iterator[tuple[ResourceChange, Outcome | None]]:
        """Yield each change with its outcome, in the order in which they end."""
        for change in self._local:
            yield change, None
        running = self._start()
        deadline: float | None = None
        while running:
            if self._halt.signal_number is not None and deadline is None:
                self._stop.set()
                deadline = self._clock.monotonic() + self._halt.grace_s
            late = deadline is not None and self._clock.monotonic() >= deadline
            if late and self._done.empty():
                return
            try:
                done = self._done.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if done is None:
                running -= 1
            elif isinstance(done, BaseException):
                raise done
            else:
                self._land(done[0])
                yield done
            if self._done.empty():
                # Woken for each outcome, this thread would take the interpreter from the
                # workers as often. The last ones are taken in at once.
                self._worker_ended.wait(_GATHER_S)

    def _start(self) -> int:
        """Start the workers, and return how many: fewer where the machine has no more threads."""
        for number in range(self._workers):
            try:
                threading.Thread(target=self._work, name=f"call-{number}", daemon=True).start()
            except RuntimeError:
                if number == 0:
                    raise
                return number
        return self._workers

    def _land(self, change: ResourceChange) -> None:
        with self._lock:
            self._flying.discard(change.address)

    def in_flight(self) -> frozenset[Address]:
        """Return the addresses of calls that were dispatched and brought no outcome."""
        with self._lock:
            return frozenset(self._flying)

    def attempts(self, address: Address) -> tuple[Attempt, ...]:
        """Return the calls for *address* that came back, in order."""
        return tuple(self._attempts.get(address, ()))

    def close(self) -> None:
        """Dispatch nothing more."""
        self._stop.set()

    def _work(self) -> None:
        gateway: Gateway | None = None
        try:
            gateway = self._open_gateway()
            while (change := self._next()) is not None:
                self._recorder.begin_call(change)
                self._notify(CallStarted(change))
                outcome = self._send(gateway, change)
                if self._run.fail_fast and not outcome.kind.was_written:
                    self._stop.set()
                self._recorder.end_call(change, outcome)
                self._release(change, outcome)
                self._done.put((change, outcome))
        except BaseException as error:  # noqa: BLE001 - the recording thread raises it again
            self._done.put(error)
        finally:
            if gateway is not None:
                gateway.close()
            self._worker_ended.set()
            self._done.put(None)

    def _release(self, change: ResourceChange, outcome: Outcome) -> None:
        """Let go the call that waited for this one to succeed; the same worker can take it."""
        follower = self._followers.get(change.address)
        if follower is not None and outcome.kind.was_written:
            with self._lock:
                self._calls.append(follower)

    def _next(self) -> ResourceChange | None:
        """Return the next change to send, when it may leave; None to end."""
        while not self._ending():
            with self._lock:
                wait_s = self._wait_s()
                # Whoever was let go by a call that ends the run finds that here.
                if wait_s is None or self._ending():
                    return None
                if wait_s <= 0:
                    change = self._calls.popleft()
                    self._flying.add(change.address)
                    return change
            self._sleep(wait_s)
        return None

    def _wait_s(self) -> float | None:
        """Return when to ask again for the next call: 0 admits it; None when there is none."""
        if not self._calls:
            return None
        ready_at = self._ready_at.get(self._calls[0].address, 0.0)
        early_s = ready_at - self._clock.monotonic()
        return early_s if early_s > 0 else self._limiter.acquire()

    def _send(self, gateway: Gateway, change: ResourceChange) -> Outcome:
        """
        Make the call, again where that may help, and return what it came to in the end.

        Once an attempt may have arrived, only an acknowledgement is certain: a
        later refusal says nothing about the earlier attempt.
        """
        update = _update(change, self._values)
        made = self._attempts.setdefault(change.address, [])
        doubtful = False
        while True:
            left_at = self._clock.monotonic()
            outcome = gateway.send(update)
            took_s = self._clock.monotonic() - left_at
            made.append(Attempt(outcome.kind, left_at - self._began, took_s))
            if outcome.kind.stops_run:
                # Before the limiter hears of it, and lets the other workers go.
                self._stop.set()
            doubtful |= outcome.kind.was_written is None
            wait_s = self._limiter.on_outcome(outcome, len(made))
            if wait_s is None or not self._sleep(wait_s) or not self._wait_for_admission():
                break
        if doubtful and outcome.kind.was_written is False:
            detail = f"{outcome.detail}; an earlier attempt may have arrived"
            return Outcome(OutcomeKind.UNCERTAIN, detail)
        return outcome

    def _wait_for_admission(self) -> bool:
        """Return True when a call may leave, False when the run ends first."""
        while not self._ending():
            wait_s = self._limiter.acquire()
            if wait_s <= 0:
                return True
            self._sleep(wait_s)
        return False

    def _sleep(self, seconds: float) -> bool:
        """Wait, in steps so short that an end is noticed; return False when the run ends."""
        until = self._clock.monotonic() + seconds
        while not self._ending():
            left_s = until - self._clock.monotonic()
            if left_s <= 0:
                return True
            self._clock.sleep(min(left_s, _POLL_S))
        return False

    def _ending(self) -> bool:
        if self._limiter.stopped is not None or self._halt.signal_number is not None:
            self._stop.set()
        return self._stop.is_set()

    @property
    def stopped(self) -> str | None:
        """Why the run ended early, in words."""
        return self._limiter.stopped


def _followers(plan: Plan) -> dict[Address, ResourceChange]:
    """
    Return the calls that must wait, by the address whose call they wait for.

    Where a server moved, the old record is disabled only once ICE has the new
    one: the other way round a failure would leave the skill without mail.
    """
    moves = {c.moved_from: c.address for c in plan.calls if c.moved_from is not None}
    return {moves[c.address]: c for c in plan.calls if c.address in moves}


def _update(change: ResourceChange, values: Mapping[str, SecretValue]) -> Update:
    assert change.after is not None
    secrets = {s.key: values[s.reference] for s in change.secrets if s.reference}
    return Update(change.address, change.after, secrets)
