"""
The one way from what a command came to, to stdout, reports, the pipeline and an exit code.

A command collects its parts here while it works. However it ends, what it came
to is rendered at the end; a report that cannot be written is named, and never
changes an exit code other than 0.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.bootstrap import SystemClock
from icesync.cli.chronicle import Chronicle
from icesync.cli.ci_environment import read_pipeline, write_github_outputs
from icesync.cli.error_report import describe, exit_code_of
from icesync.cli.events import EventLog, StreamedProgress
from icesync.cli.files import check_writable, write_open
from icesync.cli.progress import open_progress
from icesync.errors import EXIT_OK, EXIT_UNEXPECTED, ConfigError, UsageError
from icesync.model.ci import Ci, Forge
from icesync.model.command_result import Command, CommandResult
from icesync.render.formats import RenderContext, renderer
from icesync.render.gitlab import close_section, open_section
from icesync.render.headline import headline
from icesync.render.style import Style, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.engine.plan import Planning
    from icesync.engine.validate import Validation
    from icesync.model.command_result import Maintenance
    from icesync.model.plan import Plan, Refusal
    from icesync.model.probe import ProbeReport
    from icesync.model.project import Project
    from icesync.model.report import Report
    from icesync.ports import Progress

__all__ = ["STDOUT", "Output", "Wanted"]

STDOUT: Final = "-"

_LONG: Final = 40
"""So many lines are folded in a job's log at first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What the command line wants to be written, and where.

    *reports* are pairs of kind and path; *named* are the other files that the
    command line names, which no report may overwrite.
    """

    shown: str = "text"
    reports: tuple[tuple[str, str], ...] = ()
    forge: Forge = Forge.NONE
    named: tuple[Path, ...] = field(default=())
    summary: bool = False


class Output:
    """Where a command puts what it came to; *review* is what is known so far."""

    def __init__(self, common: Common, command: Command, wanted: Wanted) -> None:
        self.common = common
        self.console: Console = common.console
        self.review = CommandResult(command)
        self.saved_plan: Path | None = None
        self._forge = wanted.forge
        self._sections = 0
        self._chronicle: Chronicle | None = None
        self._summary = wanted.summary
        self._root = common.folder
        self._context: Context | None = None
        self._files = tuple((kind, path) for kind, path in wanted.reports if path != STDOUT)
        instead = [kind for kind, path in wanted.reports if path == STDOUT]
        self.shown = instead[0] if instead else wanted.shown
        streamed = command is Command.APPLY and wanted.shown == "json" and not instead
        self._events = EventLog(self.console, SystemClock()) if streamed else None
        _check_paths([Path(path) for _, path in self._files], wanted.named)

    @property
    def is_text(self) -> bool:
        """Whether stdout is for people, who see each part when it is known."""
        return self.shown == "text"

    def open(self) -> Context:
        """
        Return the context of the configuration that governs this run.

        Raises:
            ConfigError: there is none, or it is wrong.
            UsageError: a report would overwrite the configuration or the snapshot.

        """
        config = self.common.locate()
        self._root = config.parent
        context = self._context = self.common.open()
        kept = (config, *self._snapshots(context.project))
        paths = [Path(path) for _, path in self._files]
        try:
            _check_paths(paths, kept)
        except UsageError:
            self._files = ()  # not even the report of this
            raise
        return context

    def _snapshots(self, project: Project) -> tuple[Path, ...]:
        """Return the files that hold what was acknowledged: one, or one for each organization."""
        if project.state.per is None:
            return (self._root / project.state.path,)
        from icesync.bootstrap.partitions import kept_organizations

        states = (project.state.of(number) for number in kept_organizations(project))
        return tuple(self._root / state.path for state in states)

    def validated(self, validation: Validation) -> None:
        """Take in what a look at the files found."""
        self.review = replace(
            self.review,
            findings=validation.diagnostics,
            files=validation.files,
            servers=len(validation.desired.servers),
        )
        self._show()

    def planned(self, planning: Planning) -> None:
        """Take in a plan."""
        self.review = replace(
            self.review,
            findings=planning.warnings,
            files=planning.files,
            servers=len(planning.desired.servers),
            plan=planning.plan,
            refusals=planning.refusals,
            assertions=planning.assertions,
        )
        self._show()

    def probed(self, report: ProbeReport, refusals: tuple[Refusal, ...] = ()) -> None:
        """Take in what mail servers answered, and all *refusals* that are known by now."""
        self.review = replace(self.review, probe=report, refusals=refusals)
        self._show()

    def looked_after(self, maintenance: Maintenance) -> None:
        """Take in what a schedule looks after, beside the plan."""
        self.review = replace(self.review, maintenance=maintenance)
        self._show()

    def progress(self, plan: Plan) -> Progress:
        """Return what is told how the apply of *plan* goes."""
        shown = open_progress(self.console)
        told = StreamedProgress(self._events, plan, shown) if self._events else shown
        self._chronicle = Chronicle(plan, told)
        return self._chronicle

    def applied(self, report: Report) -> None:
        """Take in how an apply ended."""
        self.review = replace(self.review, report=report)
        self._show()

    def conduct(self, work: Callable[[], int]) -> int:
        """Do *work*, write what it came to however it ends, and return the exit code."""
        try:
            code = work()
        except BaseException as error:
            self._stopped(error)
            raise
        self.review = replace(self.review, exit_code=code)
        whole = False
        try:
            self._show(last=True)
        finally:
            whole = self._deliver()
        return EXIT_UNEXPECTED if code == EXIT_OK and not whole else code

    def _stopped(self, error: BaseException) -> None:
        failure = describe(error, debug=self.common.debug)
        code = failure.exit_code if failure else exit_code_of(error)
        findings = getattr(error, "diagnostics", ()) if isinstance(error, ConfigError) else ()
        broken_off = self._chronicle if self.review.report is None else None
        self.review = replace(
            self.review,
            report=broken_off.report() if broken_off else self.review.report,
            findings=findings or self.review.findings,
            failure=failure,
            exit_code=code,
        )
        try:
            self._show(last=True)
        except OSError:
            self.console.complain("error: the output could not be written\n")
        self._deliver()

    def _show(self, *, last: bool = False) -> None:
        """Write to stdout: text as soon as a part is known, a document at the end."""
        if self._events is not None:
            if last:
                self._events.finish(self.review, self._view())
        elif self.is_text is not last:
            view = self._view(self.console.style)
            text = renderer(self.shown)(self.review, view)
            if view.ci.forge is Forge.GITLAB and self.is_text and text:
                self._fold(text)
            else:
                self.console.data(text)
            self.console.flush()

    def _fold(self, text: str) -> None:
        """Write *text* as a section of GitLab's log; stdout itself stays free of it."""
        now = int(time.time())
        self._sections += 1
        name = f"icesync_{self.review.command}_{self._sections}"
        title = f"icesync {self.review.command}: {headline(self.review)}"
        collapsed = text.count("\n") > _LONG
        self.console.complain(open_section(name, title, now, collapsed=collapsed))
        self.console.data(text)
        self.console.complain(close_section(name, now))

    def _view(self, style: Style | None = None) -> RenderContext:
        return RenderContext(
            style or Style(),
            self._pipeline(),
            __version__,
            include_info=self.console.verbose > 0,
            now=self._context.clock.now() if self._context is not None else None,
            summary=self._summary,
        )

    def _pipeline(self) -> Ci:
        return read_pipeline(self._forge, os.environ, self._root)

    def _deliver(self) -> bool:
        """Write all reports and tell the pipeline; return whether every report could be written."""
        view = self._view()
        done = [
            self._attempt(f"report {kind}", partial(self._write, kind, Path(path), view))
            for kind, path in self._files
        ]
        if view.ci.forge is Forge.GITHUB:
            tell = partial(write_github_outputs, self.console, self.review, view, self.saved_plan)
            self._attempt("--ci github", tell)
        return all(done)

    def _write(self, kind: str, path: Path, view: RenderContext) -> None:
        write_open(path, renderer(kind)(self.review, view).encode())

    def _attempt(self, what: str, act: Callable[[], None]) -> bool:
        """Act; a failure is named and never replaces the exit code of the work."""
        try:
            act()
        except UsageError as error:
            told = safe(error.message)
        except Exception as error:  # noqa: BLE001 - the text of an unknown error may quote a value
            told = f"unexpected {type(error).__name__}: this is a bug in icesync"
        else:
            return True
        self.console.complain(f"error: {what}: {told}\n")
        return False


def _check_paths(paths: list[Path], others: tuple[Path, ...]) -> None:
    """
    Demand that each of *paths* can be written, and is nothing that is needed otherwise.

    Raises:
        UsageError: one cannot, or two are the same.

    """
    seen: dict[Path, str] = {other.resolve(): "is used for something else" for other in others}
    for path in paths:
        place = path.resolve()
        if place in seen:
            raise UsageError(
                f"--report {ascii(str(path))[1:-1]} {seen[place]}", "give another path"
            )
        if path.suffix in {".yaml", ".yml"} and path.exists():
            raise UsageError(
                f"--report {ascii(str(path))[1:-1]} would overwrite YAML", "give another path"
            )
        seen[place] = "is given twice"
        check_writable(path)
