"""
Use case: carry out a plan.

Worker threads only send; one thread records. A worker takes the next server
when it is free, so never two calls for one address are in flight, and calls
start in the plan's order.
"""

from __future__ import annotations

import queue
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.engine.governor import Governor
from icesync.errors import (
    AccessError,
    ApplyIncomplete,
    IcesyncError,
    Refused,
    TokenExpired,
    Unreachable,
)
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.report import Outcome, OutcomeKind, Report, Result, ResultStatus
from icesync.model.update import Update
from icesync.wire.token import read_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.engine.recorder import Recorder
    from icesync.model.address import Address
    from icesync.model.project import Api
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock, Gateway, Progress

__all__ = ["SETTLE_S", "Halt", "Run", "apply", "check_token", "failure_of", "foreign_organizations"]

OpenGateway: TypeAlias = Callable[[], "Gateway"]

_STATUS: Final = {
    OutcomeKind.APPLIED: ResultStatus.APPLIED,
    OutcomeKind.UNCERTAIN: ResultStatus.UNCERTAIN,
}
"""Every other outcome is a failure: the record is surely as it was."""

_STOPPING: Final = frozenset({OutcomeKind.AUTH, OutcomeKind.MISCONFIGURED})
"""Outcomes that every further call would meet too."""

SETTLE_S: Final = 60.0
"""Twice the usual deadline of a call."""

_TOKEN_MARGIN_S: Final = 60.0
_POLL_S: Final = 0.2


class Halt:
    """A request to end early; set by a signal handler, so setting it does nothing else."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.grace_s = 0.0

    def request(self, signal_number: int, grace_s: float) -> None:
        """Dispatch nothing more; calls in flight get *grace_s* seconds."""
        self.grace_s = grace_s
        self.signal_number = signal_number


@dataclass(frozen=True, slots=True)
class Run:
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


def check_token(token: SecretValue, calls: int, api: Api, clock: Clock) -> None:
    """
    Demand that *token* outlives a run of *calls*.

    Raises:
        AccessError: it is no token.
        TokenExpired: it has ended, or would end during the run.

    """
    claims = read_token(token)
    renew = "icesync login   obtains a new one; or give `api.login` in icesync.yaml"
    if claims is None:
        raise AccessError("the token is not a JSON Web Token: three parts with dots", renew)
    if claims.expires_at is None:
        return
    left_s = (claims.expires_at - clock.now()).total_seconds()
    ends = claims.expires_at.strftime("%Y-%m-%d %H:%M:%SZ")
    if left_s <= 0:
        raise TokenExpired(f"the token expired at {ends}", renew)
    needed_s = calls / min(api.rate_per_s, api.concurrency / 0.05) + _TOKEN_MARGIN_S
    if left_s < needed_s and calls:
        raise TokenExpired(
            f"the token expires at {ends}, in {left_s:.0f} s; {calls} calls need about "
            f"{needed_s:.0f} s",
            renew,
        )


def foreign_organizations(token: SecretValue, plan: Plan) -> tuple[int, ...]:
    """
    Return the organizations that *plan* writes to and *token* does not name, sorted.

    Only worth a warning: in the vendor's own sample they differ (doc:sample).
    """
    claims = read_token(token)
    if claims is None or claims.organization is None:
        return ()
    return tuple(sorted({c.address.organization for c in plan.calls} - {claims.organization}))


def apply(
    plan: Plan,
    values: Mapping[str, SecretValue],
    recorder: Recorder,
    open_gateway: OpenGateway,
    clock: Clock,
    run: Run,
    progress: Progress,
    halt: Halt,
) -> Report:
    """
    Carry out the effective changes of *plan* and return how each ended.

    *values* holds every secret that the calls need, by the text of its
    reference. The lock must be held.

    Raises:
        StateError: the snapshot could not be saved; before the first call
            nothing was sent.

    """
    began = clock.monotonic()
    conductor = _Conductor(plan, values, recorder, open_gateway, clock, run, halt)
    recorder.begin(plan)
    progress.start(len(plan.effective))
    results: dict[Address, Result] = {}
    try:
        for change, outcome in conductor.outcomes():
            recorder.record(change, outcome)
            result = _result(change, outcome)
            results[change.address] = result
            progress.advance(result)
            if outcome is not None:
                recorder.save_if_due()
    finally:
        progress.stop()
        conductor.close()
        recorder.finish(conductor.in_flight())
    for change in plan.effective:
        results.setdefault(change.address, _unfinished(change, conductor))
    ordered = tuple(results[change.address] for change in plan.effective)
    return Report(ordered, recorder.serial, clock.monotonic() - began, conductor.stopped)


def _result(change: ResourceChange, outcome: Outcome | None) -> Result:
    if outcome is None:
        return Result(change.address, change.action, ResultStatus.APPLIED)
    status = _STATUS.get(outcome.kind, ResultStatus.FAILED)
    return Result(change.address, change.action, status, outcome)


def _unfinished(change: ResourceChange, conductor: _Conductor) -> Result:
    if change.address in conductor.in_flight():
        outcome = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: the run ended before a reply")
        return Result(change.address, change.action, ResultStatus.UNCERTAIN, outcome)
    return Result(change.address, change.action, ResultStatus.NOT_ATTEMPTED)


_Done: TypeAlias = "tuple[ResourceChange, Outcome] | BaseException | None"
"""What a worker brings: an outcome, an unexpected error, or the news that it ended."""


class _Conductor:
    """Runs the workers and yields what they bring, until all is done or told to stop."""

    def __init__(
        self,
        plan: Plan,
        values: Mapping[str, SecretValue],
        recorder: Recorder,
        open_gateway: OpenGateway,
        clock: Clock,
        run: Run,
        halt: Halt,
    ) -> None:
        self._recorder = recorder
        waits = {c.address: recorder.settling_s(c, run.settle_s) for c in plan.calls}
        now = clock.monotonic()
        self._ready_at = {address: now + wait_s for address, wait_s in waits.items() if wait_s}
        self._calls = deque(sorted(plan.calls, key=lambda c: waits[c.address]))
        self._local = [c for c in plan.effective if c.action is Action.FORGET]
        self._values = values
        self._open_gateway = open_gateway
        self._clock = clock
        self._run = run
        self._halt = halt
        self._governor = Governor(run.rate_per_s, len(plan.calls), clock, random.random)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._flying: set[Address] = set()
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._workers = min(run.concurrency, len(self._calls))

    def outcomes(self) -> Iterator[tuple[ResourceChange, Outcome | None]]:
        """Yield each change with its outcome, in the order in which they end."""
        for change in self._local:
            yield change, None
        for number in range(self._workers):
            threading.Thread(target=self._work, name=f"call-{number}", daemon=True).start()
        running = self._workers
        deadline: float | None = None
        while running:
            if self._halt.signal_number is not None and deadline is None:
                self._stop.set()
                deadline = self._clock.monotonic() + self._halt.grace_s
            if deadline is not None and self._clock.monotonic() >= deadline:
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
                self._land(*done)
                yield done

    def _land(self, change: ResourceChange, outcome: Outcome) -> None:
        with self._lock:
            self._flying.discard(change.address)
        failed = outcome.kind is not OutcomeKind.APPLIED
        if outcome.kind in _STOPPING or (failed and self._run.fail_fast):
            self._stop.set()

    def in_flight(self) -> frozenset[Address]:
        """Return the addresses of calls that were dispatched and brought no outcome."""
        with self._lock:
            return frozenset(self._flying)

    def close(self) -> None:
        """Dispatch nothing more."""
        self._stop.set()

    def _work(self) -> None:
        gateway: Gateway | None = None
        try:
            gateway = self._open_gateway()
            while (change := self._next()) is not None:
                self._recorder.declare(change)
                outcome = self._send(gateway, _update(change, self._values))
                self._recorder.conclude(change, outcome)
                self._done.put((change, outcome))
        except BaseException as error:  # noqa: BLE001 - the recording thread raises it again
            self._done.put(error)
        finally:
            if gateway is not None:
                gateway.close()
            self._done.put(None)

    def _next(self) -> ResourceChange | None:
        """Return the next change to send, when the governor lets it leave; None to end."""
        while self._calls and self._wait_for_admission():
            with self._lock:
                if not self._calls:
                    return None
                early_s = self._ready_at.get(self._calls[0].address, 0) - self._clock.monotonic()
                if early_s <= 0:
                    change = self._calls.popleft()
                    self._flying.add(change.address)
                    return change
            self._sleep(early_s)
        return None

    def _send(self, gateway: Gateway, update: Update) -> Outcome:
        """
        Make the call, again where that may help, and return what it came to in the end.

        Once an attempt may have arrived, only an acknowledgement is certain: a
        later refusal says nothing about the earlier attempt.
        """
        doubtful = False
        attempt = 1
        while True:
            outcome = gateway.send(update)
            doubtful |= outcome.kind is OutcomeKind.UNCERTAIN
            wait_s = self._governor.judge(outcome, attempt)
            if wait_s is None or not self._sleep(wait_s) or not self._wait_for_admission():
                break
            attempt += 1
        if doubtful and outcome.kind not in {OutcomeKind.APPLIED, OutcomeKind.UNCERTAIN}:
            detail = f"{outcome.detail}; an earlier attempt may have arrived"
            return Outcome(OutcomeKind.UNCERTAIN, detail)
        return outcome

    def _wait_for_admission(self) -> bool:
        """Return True when a call may leave, False when the run ends first."""
        while not self._ending():
            wait_s = self._governor.admit()
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
        if self._governor.stopped is not None:
            self._stop.set()
        return self._stop.is_set()

    @property
    def stopped(self) -> str | None:
        """Why the run ended early, in words."""
        return self._governor.stopped


def _update(change: ResourceChange, values: Mapping[str, SecretValue]) -> Update:
    assert change.after is not None
    secrets = {s.key: values[s.reference] for s in change.secrets if s.reference}
    return Update(change.address, change.after, secrets)


def failure_of(report: Report) -> IcesyncError | None:
    """Return the error that *report* ends a command with, or None when all was applied."""
    if report.complete:
        return None
    outcomes = [r.outcome for r in report.results if r.outcome is not None]
    written = report.with_status(ResultStatus.APPLIED) or report.with_status(ResultStatus.UNCERTAIN)
    auth = next((o for o in outcomes if o.kind is OutcomeKind.AUTH), None)
    if auth is not None:
        hint = "icesync login   obtains a token; icesync token   says what it holds"
        return AccessError(auth.detail, hint)
    setup = next((o for o in outcomes if o.kind is OutcomeKind.MISCONFIGURED), None)
    if setup is not None and not written:
        return Refused(f"ICE refused the first call: {setup.detail}", "check `api.base_url`")
    if not written and outcomes and all(o.kind is OutcomeKind.TRANSIENT for o in outcomes):
        return Unreachable(f"ICE was not reached: {outcomes[0].detail}", "check the network")
    if report.stopped is not None:
        return ApplyIncomplete(report.stopped, "icesync apply   sends what is still open")
    failed = len(report.results) - len(report.with_status(ResultStatus.APPLIED))
    return ApplyIncomplete(
        f"{failed} of {len(report.results)} changes were not applied",
        "icesync apply   sends what is still open, and nothing else",
    )
