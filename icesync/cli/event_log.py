"""
What an apply comes to while it runs: a line of JSON each, and as far as it got if it broke off.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from icesync import __version__
from icesync.model.report import (
    ApplyStarted,
    CallsPaused,
    CallStarted,
    ChangeEnded,
    CommandResult,
    Event,
    Outcome,
    OutcomeKind,
    Report,
    Result,
    ResultStatus,
)
from icesync.render import RenderContext, events

if TYPE_CHECKING:
    from icesync.cli.console import Console
    from icesync.model.desired import Address
    from icesync.model.plan import Plan, ResourceChange
    from icesync.ports import Clock


class EventLog:
    """
    Writes one event a line to stdout; safe to use from several threads.

    A reader that goes away does not end the run: what is left is not written,
    and the end of it says so.
    """

    def __init__(self, console: Console, clock: Clock) -> None:
        self._total = self._done = 0
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._broken: OSError | None = None

    def take(self, event: Event) -> None:
        """Write *event*, if a reader of the stream can make something of it."""
        match event:
            case ApplyStarted(plan):
                self._total = len(plan.effective)
                self._write(events.started(plan, __version__))
            case CallStarted(change):
                self._write(events.called(change))
            case CallsPaused(wait_s, reason):
                self._write(events.paused(wait_s, reason))
            case ChangeEnded(result):
                self._done += 1
                self._write(events.ended(result, self._done, self._total))
            case _:
                pass

    def _write(self, event: events.Event) -> None:
        """Write *event* with the present moment, and let a reader have it at once."""
        line = events.line(event, self._clock.now())
        with self._lock:
            if self._broken is not None:
                return
            try:
                self._console.data(line)
                self._console.flush()
            except OSError as error:
                self._broken = error

    def finish(self, review: CommandResult, view: RenderContext) -> None:
        """
        Write the last events.

        Raises:
            OSError: not all events could be written.

        """
        if review.report is not None and review.report.stopped is not None:
            self._write(events.stopped(review.report.stopped))
        self._write(events.summary(review, view))
        if self._broken is not None:
            raise self._broken


class ResultLog:
    """Remembers how the apply of *plan* went, so that one that broke off is reported."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._called: set[Address] = set()
        self._ended: dict[Address, Result] = {}

    def take(self, event: Event) -> None:
        """Remember *event*, if it is about a change."""
        match event:
            case CallStarted(change):
                self._called.add(change.address)
            case ChangeEnded(result):
                self._ended[result.address] = result
            case _:
                pass

    def report(self) -> Report:
        """Return how far it got, with the serial of the plan: no newer one is known."""
        results = (self._ended.get(c.address) or self._left(c) for c in self._plan.effective)
        return Report(tuple(results), self._plan.base_serial, saved=False)

    def _left(self, change: ResourceChange) -> Result:
        if change.address not in self._called:
            return Result(change.address, change.action, ResultStatus.NOT_ATTEMPTED)
        outcome = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: the run was interrupted")
        return Result(change.address, change.action, ResultStatus.UNCERTAIN, outcome)
