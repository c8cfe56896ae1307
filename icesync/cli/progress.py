"""
How an apply goes: a bar on a terminal, a line now and then elsewhere.

Both say how fast it goes, what is on its way, and why nothing is, when ICE asks
to slow down. In a log the line comes from the clock, not from results: silence
is what somebody who waits wants explained.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from icesync.cli.interrupt import SIGNALS
from icesync.model.report import (
    ApplyEnded,
    ApplyStarted,
    CallsPaused,
    CallStarted,
    ChangeEnded,
    Event,
    Notify,
    ResultStatus,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.cli.console import Console
    from icesync.model.desired import Address

_LINE_EVERY_S: Final = 10.0
_NAMED: Final = 4
_BAR_LINES: Final = 2
_WIDEST: Final = 76
_MARGIN: Final = 4
"""Where the terminal echoes ^C; at its edge that would break the line that the bar redraws."""


def open_progress(console: Console) -> Notify:
    """Return what tells a person how an apply goes, as the place allows."""
    if console.quiet:
        return lambda _event: None
    moving = sys.stderr.isatty() and not os.environ.get("CI")
    if moving and console.talk_style.colour and not console.verbose:
        return _Bar(console).take
    return _Lines(console).take


class Tally:
    """
    Counts what an apply does and puts a moment of it into words.

    *now* gives seconds. Safe to use from the workers and from who draws.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self.done = 0
        self.failed = 0
        self._now = now
        self._began = now()
        self._flying: set[Address] = set()
        self._paused_until = 0.0
        self._reason = ""
        self._lock = threading.Lock()

    def take(self, event: Event) -> None:
        """Count *event*."""
        with self._lock:
            match event:
                case ApplyStarted(plan):
                    self.total = len(plan.effective)
                    self._began = self._now()
                case CallStarted(change):
                    self._flying.add(change.address)
                case CallsPaused(wait_s, reason):
                    self._paused_until = self._now() + wait_s
                    self._reason = reason
                case ChangeEnded(result):
                    self._flying.discard(result.address)
                    self.done += 1
                    self.failed += result.status is not ResultStatus.APPLIED
                case _:
                    pass

    @property
    def rate(self) -> str:
        """How many changes end in a second, since the beginning."""
        return f"{self.done / max(self._now() - self._began, 0.1):.1f}/s"

    @property
    def elapsed(self) -> str:
        """How long it takes so far, as 0:07 or 1:02:03."""
        minutes, seconds = divmod(int(self._now() - self._began), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    @property
    def moment(self) -> str:
        """Why nothing leaves, and what is on its way."""
        with self._lock:
            left_s = self._paused_until - self._now()
            flying = sorted(self._flying)
        pause = f"{self._reason}: next call in {math.ceil(left_s)} s" if left_s > 0 else ""
        more = f" and {len(flying) - _NAMED} more" if len(flying) > _NAMED else ""
        named = ", ".join(str(address) for address in flying[:_NAMED])
        return "; ".join(filter(None, (pause, f"in flight: {named}{more}" if named else "")))

    @property
    def line(self) -> str:
        """Everything in one line, for a log."""
        failed = f", {self.failed} not applied" if self.failed else ""
        moment = f"; {moment}" if (moment := self.moment) else ""
        done = f"{self.done}/{self.total} done{failed}"
        return f"applying: {done}, {self.rate}, {self.elapsed} elapsed{moment}"


class _Lines:
    """A line every ten seconds, so that a log shows that the run lives; each with -v."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = Tally()
        self._ended = threading.Event()
        self._speaker = threading.Thread(target=self._speak, name="progress", daemon=True)

    def take(self, event: Event) -> None:
        """Count *event*; say why nothing happens, and with -v how each change ended."""
        self._tally.take(event)
        match event:
            case ApplyStarted():
                self._speaker.start()
            case CallsPaused(wait_s, reason) if wait_s >= 1:
                self._console.talk(f"{reason}: no call for {wait_s:.0f} s")
            case ChangeEnded(result) if self._console.verbose:
                count = f"{self._tally.done}/{self._tally.total}"
                self._console.talk(f"{count} {result.address} {result.status}")
            case ApplyEnded():
                self._ended.set()
                self._speaker.join()
            case _:
                pass

    def _speak(self) -> None:
        while not self._ended.wait(_LINE_EVERY_S):
            self._console.talk(self._tally.line)


class _Bar:
    """A bar on stderr and one line below it, drawn by a thread of rich's."""

    def __init__(self, console: Console) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        self._console = console
        self._screen = RichConsole(stderr=True, highlight=False)
        self._tally = Tally()
        self._live = Live(
            get_renderable=self._draw,
            console=self._screen,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def take(self, event: Event) -> None:
        """Count *event*; show the bar at the first, take it away at the last."""
        self._tally.take(event)
        match event:
            case ApplyStarted():
                SIGNALS.bar_lines = _BAR_LINES
                self._live.start()
            case ApplyEnded():
                self._live.refresh()
                self._live.stop()
                SIGNALS.bar_lines = 0
            case _:
                pass

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.constrain import Constrain
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally = self._tally
        cells: tuple[Any, ...] = (
            "applying",
            ProgressBar(tally.total, tally.done),
            f"{tally.done}/{tally.total}",
            Text(f"{tally.failed} not applied" if tally.failed else "", "red"),
            Text(tally.rate, "cyan"),
            Text(tally.elapsed, "dim"),
        )
        row = Table.grid(padding=(0, 1), expand=True)
        for number in range(len(cells)):
            row.add_column(no_wrap=True, ratio=1 if number == 1 else None)
        row.add_row(*cells)
        moment = Text(tally.moment, "dim", no_wrap=True, overflow="ellipsis")
        width = min(self._screen.width - _MARGIN, _WIDEST)
        return Constrain(Group(row, moment), width)
