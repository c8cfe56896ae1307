"""
How every result reaches stdout, reports, the pipeline and an exit code.

A command collects the parts of its result here. However it ends, the result
is rendered; a report or an output that cannot be written is named, and never
changes an exit code other than 0.
"""

from __future__ import annotations

import os
import shlex
import time
from contextlib import suppress
from dataclasses import field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from icesync import __version__
from icesync.bootstrap import SystemClock, read_pipeline
from icesync.cli.options import Common, apply_again, scope_words
from icesync.diagnostics import Severity
from icesync.engine.session import Part, Session, demand_free
from icesync.errors import (
    EXIT_OK,
    EXIT_UNEXPECTED,
    ConfigError,
    IcesyncError,
    PolicyRefused,
    StateMissing,
    UsageError,
    counted,
    printable,
)
from icesync.frozen import frozen
from icesync.model.pipeline import Forge, Pipeline
from icesync.model.report import ApplyStarted, Caution, Command, CommandResult, Found, Note
from icesync.model.snapshot import UNSAVED_STATE
from icesync.render import RenderContext, stream
from icesync.render.plan import caveat, describe_obsolete, render_refusals
from icesync.render.style import Style, age, oldest, safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icesync.cli.console import Console
    from icesync.cli.event_log import EventLog, ResultLog
    from icesync.engine.plan import Planning
    from icesync.model.report import Event, Notify

STDOUT: Final = "-"

_LONG: Final = 40
"""So many lines are folded in a job's log at first."""


@frozen
class OutputOptions:
    """
    What the command line wants to be written, and where.

    *reports* are pairs of kind and path; *named* are the other files that the
    command line names, which no report may overwrite; *out* is one of them, to be
    written as well.
    """

    shown: str = "text"
    reports: tuple[tuple[str, str], ...] = ()
    pipeline: str = "auto"
    named: tuple[Path, ...] = field(default=())
    summary: bool = False
    out: Path | None = None


class Output:
    """Where a command puts its result; *review* is what is known so far."""

    def __init__(self, common: Common, command: Command, options: OutputOptions) -> None:
        self.common = common
        self.console: Console = common.console
        self.review = CommandResult(command)
        self.saved_plan: Path | None = None
        self._pipeline = options.pipeline
        self._sections = 0
        self._log: ResultLog | None = None
        self._listeners: tuple[Notify, ...] = ()
        self._summary = options.summary
        self._out = options.out
        self._root, self._config = common.folder, ""
        self._session: Session | None = None
        self._files = tuple((kind, path) for kind, path in options.reports if path != STDOUT)
        instead = [kind for kind, path in options.reports if path == STDOUT]
        self.shown = instead[0] if instead else options.shown
        streamed = command is Command.APPLY and options.shown == "json" and not instead
        self._events: EventLog | None = None
        if streamed:
            from icesync.cli.event_log import EventLog

            self._events = EventLog(self.console, SystemClock())
        _check_paths([Path(path) for _, path in self._files], options.named)

    @property
    def is_text(self) -> bool:
        """Whether stdout is for people, who see each part when it is known."""
        return self.shown == "text"

    def open(self) -> Session:
        """
        Return the session of the configuration that governs this run.

        Raises:
            ConfigError: there is none, or it is wrong.
            UsageError: a report would overwrite a file that icesync lives by.

        """
        config = self.common.locate()
        self._root, self._config = config.parent, config.name
        session = self._session = self.common.open()
        try:
            for _, path in self._files:
                demand_free(session.project, "--report", Path(path))
            if self._out is not None:
                demand_free(session.project, "--out", self._out)
                from icesync.cli.files import check_writable

                check_writable(self._out)
        except IcesyncError:
            self._files = ()  # not even the report of this
            raise
        return session

    def show(self, part: Part) -> None:
        """Take in a part of the result: shown at once as text, or at the end as a document."""
        known, members = self.review.refusals, part.members()
        self.review = replace(self.review, **members)
        self._show()
        if "plan" in members and self._session is not None:
            show_facts(self.console, cast("Planning", part), self._session.clock.now())
        elif "probe" in members and not self.console.quiet:
            from icesync.render.plan import render_refusals

            new = tuple(refusal for refusal in self.review.refusals if refusal not in known)
            self.console.complain(render_refusals(new, self.console.talk_style))

    def approve(self, planning: Planning) -> bool:
        """
        Ask a person, who has seen the plan.

        Raises:
            PolicyRefused: there is no terminal to ask on.

        """
        from icesync.render.plan import render_plan, totals

        console, plan = self.console, planning.plan
        if self.common.no_input or not console.interactive:
            raise PolicyRefused(
                "cannot ask for approval without a terminal; nothing was sent",
                "run `icesync apply --auto-approve` to apply without asking",
                "or run `icesync plan -o FILE`, review it, then run `icesync apply FILE`",
            )
        if not self.is_text:
            # Who is asked must have seen what for; stdout holds no plan here.
            console.complain(render_plan(plan, planning.digest, console.talk_style))
        answer = console.ask(f"\nApply these changes ({totals(plan)})? Only `yes` is accepted: ")
        return answer == "yes"

    def may_create_state(self, missing: StateMissing) -> bool:
        """Ask whether to start a new state; False without a terminal."""
        if self.common.no_input or not self.console.interactive:
            return False
        self.console.complain(f"{missing.message}\n")
        question = "Start a new state there, and plan every server as new? Only `yes` is accepted: "
        return self.console.ask(question) == "yes"

    def notify(self, event: Event) -> None:
        """Say what happens meanwhile, and remember it."""
        match event:
            case Note(text):
                self.console.talk(f"note: {text}")
            case Caution(text):
                self.console.talk(f"warning: {text}")
            case Found(diagnostic):
                self.console.complain_of([diagnostic])
            case ApplyStarted(plan):
                from icesync.cli.event_log import ResultLog
                from icesync.cli.progress import open_progress

                self._log = ResultLog(plan)
                streamed = [self._events.take] if self._events else []
                self._listeners = (self._log.take, *streamed, open_progress(self.console))
            case _:
                pass
        for listen in self._listeners:
            listen(event)

    def conduct(self, work: Callable[[], int]) -> int:
        """Do *work*, write its result however it ends, and return the exit code."""
        try:
            code = work()
        except BaseException as error:
            self._stopped(error)
            raise
        self.review = replace(self.review, exit_code=code)
        whole = False
        try:
            self._show(last=True)
        except OSError as error:
            self._add_what_was_sent(error)
            raise
        finally:
            whole = self._deliver()
        return EXIT_UNEXPECTED if code == EXIT_OK and not whole else code

    def _stopped(self, error: BaseException) -> None:
        from icesync.cli.error_report import describe, exit_code_of

        self._rescue(error)
        if isinstance(error, IcesyncError) and self.review.command is Command.APPLY:
            error.hints = apply_again(error.hints)
        if isinstance(error, OSError):
            self._add_what_was_sent(error)
        failure = describe(error, debug=self.common.debug)
        code = failure.exit_code if failure else exit_code_of(error)
        findings = getattr(error, "diagnostics", ()) if isinstance(error, ConfigError) else ()
        report, late = self.review.report, None
        if report is None:
            late = getattr(error, "report", None)
            report = late or (self._log.report() if self._log else None)
        self.review = replace(
            self.review,
            report=report,
            findings=findings or self.review.findings,
            failure=failure,
            exit_code=code,
        )
        try:
            self._show(last=late is None or not self.is_text)
        except OSError:
            self.console.complain("error: cannot write the output\n")
        self._deliver()

    def _add_what_was_sent(self, error: OSError) -> None:
        """Let *error*, for which nobody may see the report of an apply, say what that sent."""
        if self.review.command is not Command.APPLY:
            return
        report = self.review.report or (self._log.report() if self._log else None)
        from icesync.render.report import counts_of

        sent = report is not None and report.results
        vars(error)["done"] = counts_of(report) if report and sent else "nothing was sent"

    def _rescue(self, error: BaseException) -> None:
        """Write a state that could not be stored to a file beside the configuration."""
        document = getattr(error, "document", None)
        # Of one per organization, what was written stands, and what is pending is sent again.
        if (
            not isinstance(error, IcesyncError)
            or document is None
            or self._session is None
            or self._session.project.state.per is not None
        ):
            return
        rescued = Path(self._session.project.root) / UNSAVED_STATE
        with suppress(OSError):
            if rescued.is_symlink():  # whoever put it there must not choose what is overwritten
                rescued.unlink()
        try:
            from icesync.cli.files import write_private

            write_private(rescued, document)
        except IcesyncError as second:
            error.add(second)
            return
        named = self.common.named(UNSAVED_STATE)
        error.hints = (
            (
                f"the state was saved to {named} (without secrets); to store it later: "
                f"icesync state push {shlex.quote(named)}"
            ),
            *error.hints,
        )

    def _show(self, *, last: bool = False) -> None:
        """Write to stdout: text as soon as a part is known, a document at the end."""
        if self._events is not None:
            if last:
                self._events.finish(self.review, self._view())
        elif self.is_text is not last:
            view = self._view(self.console.style)
            parts = stream(self.shown, self.review, view)
            if self.is_text:
                self._show_text(self.console.located("".join(parts)), view.ci.forge)
            else:
                for part in parts:
                    self.console.data(part)
            self.console.flush()

    def _show_text(self, text: str, forge: Forge) -> None:
        if text and forge is Forge.GITLAB:
            self._fold(text)
        else:
            self.console.data(text)

    def _fold(self, text: str) -> None:
        """Write *text* as a section of GitLab's log; stdout itself stays free of it."""
        from icesync.render.gitlab import close_section, open_section
        from icesync.render.text import headline

        now = int(time.time())
        self._sections += 1
        name = f"icesync_{self.review.command}_{self._sections}"
        title = f"icesync {self.review.command}: {headline(self.review)}"
        collapsed = text.count("\n") > _LONG
        self.console.complain(open_section(name, title, now, collapsed=collapsed))
        self.console.data(text)
        self.console.complain(close_section(name, now))

    @cached_property
    def _run_by(self) -> Pipeline:
        """The pipeline, which is read once: its event may be a large file."""
        return read_pipeline(self._root, self._pipeline, (self._config, *scope_words()))

    def _view(self, style: Style | None = None) -> RenderContext:
        return RenderContext(
            style or Style(),
            self._run_by,
            __version__,
            include_info=self.console.verbose > 0,
            errors_only=self.console.quiet,
            now=self._session.clock.now() if self._session is not None else None,
            summary=self._summary,
        )

    def _deliver(self) -> bool:
        """Write all reports and tell the pipeline; return whether all could be written."""
        view = self._view()
        done = [
            self._attempt(f"report {kind}", partial(self._write, kind, Path(path), view))
            for kind, path in self._files
        ]
        if view.ci.forge is Forge.GITHUB:
            from icesync.cli.github_files import write_github_outputs

            tell = partial(write_github_outputs, self.console, self.review, view, self.saved_plan)
            done.append(self._attempt("--ci github", tell))
        return all(done)

    def _write(self, kind: str, path: Path, view: RenderContext) -> None:
        from icesync.cli.files import write_open

        write_open(path, (part.encode() for part in stream(kind, self.review, view)))

    def _attempt(self, what: str, act: Callable[[], None]) -> bool:
        """Act; a failure is named and never replaces the exit code of the work."""
        try:
            act()
        except IcesyncError as error:
            message = safe(error.message)
        except Exception as error:  # noqa: BLE001 - the text of an unknown error may quote a value
            message = f"internal error ({type(error).__name__}): this is a bug in icesync"
        else:
            return True
        self.console.complain(f"error: {what}: {message}\n")
        return False


def _check_paths(paths: list[Path], others: tuple[Path, ...]) -> None:
    """
    Demand that each of *paths* can be written, and is nothing that is needed otherwise.

    Raises:
        UsageError: one cannot, or two are the same.

    """
    seen: dict[str, str] = {
        os.path.realpath(other): "is already used for another output" for other in others
    }
    for path in paths:
        place = os.path.realpath(path)
        if place in seen:
            raise UsageError(f"--report {printable(path)} {seen[place]}", "use another path")
        if path.suffix in {".yaml", ".yml"} and os.path.lexists(path):
            raise UsageError(
                f"--report {printable(path)} would overwrite a YAML file", "use another path"
            )
        seen[place] = "is given twice"
        from icesync.cli.files import check_writable

        check_writable(path)


def show_facts(console: Console, planning: Planning, now: datetime) -> None:
    """Say what the plan itself does not hold."""
    from icesync.engine.state import describe_dead_run, describe_running

    every = console.verbose > 0
    least = set() if every else {Severity.INFO}
    console.complain_of((d for d in planning.warnings if d.severity not in least), every=every)
    if not console.quiet:
        console.complain(render_refusals(planning.refusals, console.talk_style, every=every))
    if planning.unshown:
        noun = "1 warning" if planning.unshown == 1 else f"{planning.unshown} warnings"
        console.talk(f"note: {noun} for unchanged servers not shown; run `icesync validate`")
    stored = planning.stored
    if stored.running is not None:
        console.talk(f"note: {describe_running(stored.running)}")
    elif stored.recovered is not None and stored.recovered.calls:
        console.talk(f"note: {describe_dead_run(stored.recovered, saved=False)}")
    if planning.obsolete:
        message = describe_obsolete(planning.obsolete, console.talk_style)
        console.talk(f"note: done, and can be deleted: {message}")
    if planning.project.fingerprint_key is None and stored.snapshot.key_id is None:
        console.talk(
            "note: no fingerprint key, so rotated passwords are not detected; run "
            "`icesync keygen` to create one"
        )
    if planning.assumed:
        count = len(planning.assumed)
        console.talk(
            f"note: {counted(count, 'server')} recorded as unconfirmed; run `icesync apply "
            "--resend unconfirmed` to send them"
        )
    if planning.unfingerprinted:
        console.talk(
            f"note: {counted(planning.unfingerprinted, 'password')} without a fingerprint, "
            "so a rotation is not detected; run `icesync apply --resend all` to record "
            "them"
        )
    _show_ages(console, planning, now)


def _show_ages(console: Console, planning: Planning, now: datetime) -> None:
    """Say how old what is known is."""
    ahead = planning.from_the_future(now)
    if ahead:
        console.talk(
            f"note: {counted(len(ahead), 'confirmation')} dated in the future (first: "
            f"{ahead[0]}); a clock was wrong, so the age is unknown"
        )
    entries = planning.stored.snapshot.entries.values()
    confirmed = [entry.applied_at for entry in entries if entry.applied_at]
    if text := caveat(planning.plan, confirmed, now):
        known = oldest(planning.stored.snapshot)
        since = f" (oldest: {known[0]}, {age(known[1], now)})" if known else ""
        console.talk(f"note: {text}{since}")
