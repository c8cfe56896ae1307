"""``apply --json``: an event a line, flushed, so that a reader sees each when it happens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from icesync import __version__
from icesync.codec.canonical import one_line
from icesync.render import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.cli.console import Console
    from icesync.model.command_result import CommandResult
    from icesync.model.plan import Plan, ResourceChange
    from icesync.model.report import Result
    from icesync.ports import Clock, Progress
    from icesync.render.formats import RenderContext

__all__ = ["EventLog", "StreamedProgress"]


class EventLog:
    """
    Writes one event a line to stdout; safe to use from several threads.

    A reader that goes away does not end the run: what is left is not written,
    and the end of it says so.
    """

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._broken: OSError | None = None

    def write(self, event: Mapping[str, object]) -> None:
        """Write *event* with the present moment, and let a reader have it at once."""
        moment = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = one_line({"format_version": "1.0", "at": moment, **event})
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
            self.write(events.stopped(review.report.stopped))
        self.write(events.summary(review, view))
        if self._broken is not None:
            raise self._broken


class StreamedProgress:
    """Writes how the apply of *plan* goes to *log*, and passes it on to *inner*."""

    def __init__(self, log: EventLog, plan: Plan, inner: Progress) -> None:
        self._log = log
        self._plan = plan
        self._inner = inner
        self._done = 0

    def start(self, total: int) -> None:
        """Write the first event."""
        self._log.write(events.started(self._plan, __version__))
        self._inner.start(total)

    def calling(self, change: ResourceChange) -> None:
        """Write that a call leaves."""
        self._log.write(events.called(change))
        self._inner.calling(change)

    def pausing(self, wait_s: float, reason: str) -> None:
        """Write that no call leaves for a while."""
        self._log.write(events.paused(wait_s, reason))
        self._inner.pausing(wait_s, reason)

    def advance(self, result: Result) -> None:
        """Write how a change ended."""
        self._done += 1
        self._log.write(events.ended(result, self._done, len(self._plan.effective)))
        self._inner.advance(result)

    def stop(self) -> None:
        """Pass on that no more changes come; the summary is still to follow."""
        self._inner.stop()
