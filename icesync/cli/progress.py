"""How an apply goes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from icesync.model.report import ResultStatus

if TYPE_CHECKING:
    from icesync.cli.console import Console
    from icesync.model.plan import ResourceChange
    from icesync.model.report import Result
    from icesync.ports import Progress

__all__ = ["open_progress"]

_LINE_EVERY_S: Final = 10.0


def open_progress(console: Console) -> Progress:
    """Return what tells a person how an apply goes, as the place allows."""
    if console.quiet:
        return _Silent()
    if sys.stderr.isatty() and console.talk_style.colour and not console.verbose:
        return _Bar()
    return _Lines(console)


class _Silent:
    def start(self, total: int) -> None:
        """Say nothing."""

    def calling(self, change: ResourceChange) -> None:
        """Say nothing."""

    def pausing(self, wait_s: float, reason: str) -> None:
        """Say nothing."""

    def advance(self, result: Result) -> None:
        """Say nothing."""

    def stop(self) -> None:
        """Say nothing."""


class _Lines:
    """A line every ten seconds, so that a log shows that the run lives; each with -v."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._done = 0
        self._said_at = time.monotonic()

    def start(self, total: int) -> None:
        """Begin."""
        self._total = total

    def calling(self, change: ResourceChange) -> None:
        """Say nothing: its end is worth a line."""

    def pausing(self, wait_s: float, reason: str) -> None:
        """Say why nothing happens."""
        if wait_s >= 1:
            self._console.talk(f"{reason}: no call for {wait_s:.0f} s")

    def advance(self, result: Result) -> None:
        """Count, and say so when the last line is old."""
        self._done += 1
        now = time.monotonic()
        if self._console.verbose or now - self._said_at >= _LINE_EVERY_S:
            self._said_at = now
            self._console.talk(f"{self._done}/{self._total} {result.address} {result.status}")

    def stop(self) -> None:
        """End."""


class _Bar:
    """A progress bar on stderr; rich is loaded here and nowhere else."""

    def __init__(self) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress: Any = Progress(
            TextColumn("applying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}"),
            console=RichConsole(stderr=True),
            transient=True,
        )
        self._failed = 0

    def start(self, total: int) -> None:
        """Show the bar."""
        self._progress.start()
        self._task = self._progress.add_task("applying", total=total, failed="")

    def calling(self, change: ResourceChange) -> None:
        """Show nothing: a call is short."""

    def pausing(self, wait_s: float, reason: str) -> None:
        """Show nothing: the bar stands still."""

    def advance(self, result: Result) -> None:
        """Move the bar."""
        self._failed += result.status is not ResultStatus.APPLIED
        told = f"[red]{self._failed} failed[/red]" if self._failed else ""
        self._progress.update(self._task, advance=1, failed=told)

    def stop(self) -> None:
        """Take the bar away."""
        self._progress.stop()
