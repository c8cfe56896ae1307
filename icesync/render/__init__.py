"""
Value in, text out: nothing here reads a terminal, a clock or a file.

Here is the table of formats: what each is for, which commands it can carry, who renders it.
A format is a module of this room with ``render(review, view)`` and a row in the table; it
is imported when it is asked for. It returns a text, or yields the parts of a long one.
"""

from __future__ import annotations

import importlib
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from icesync.frozen import frozen
from icesync.model.pipeline import Pipeline
from icesync.model.report import Command, CommandResult
from icesync.render.style import Style, rename_places

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from icesync.diagnostics import Diagnostic
    from icesync.model.plan import Refusal


@frozen
class RenderContext:
    """
    Where a review is shown: how to paint, the pipeline around it, the version that made it.

    *limit_bytes* is what a comment may be long: GitHub takes 65,536 characters.
    *include_info* shows informational findings, too. *now* is the moment of the
    showing, None where no clock is known yet; *summary* asks a text for one line a
    server. A text of *errors_only* leaves out the findings that stop nothing.
    """

    style: Style = field(default_factory=Style)
    ci: Pipeline = field(default_factory=Pipeline)
    version: str = ""
    limit_bytes: int = 60_000
    include_info: bool = False
    errors_only: bool = False
    now: datetime | None = None
    summary: bool = False


@frozen
class Format:
    """One row: a module of ``render``, the commands that it can show, and what it is for."""

    module: str
    commands: Collection[Command]
    purpose: str
    function: str = "render"


_ALL: Final = tuple(Command)
_OF_FILES: Final = tuple(command for command in Command if command is not Command.PROBE)

FORMATS: Final[Mapping[str, Format]] = {
    "text": Format("text", _ALL, "for the terminal"),
    "json": Format("jsondoc", _ALL, "for programs; see `icesync schema`"),
    "markdown": Format(
        "markdown", _ALL, "for comments, job summaries and issues; under 60,000 bytes"
    ),
    "junit": Format(
        "junit",
        (Command.VALIDATE, Command.APPLY, Command.CHECK, Command.PROBE),
        "for test reports: one case per file, server or login",
    ),
    "sarif": Format("sarif", _OF_FILES, "for code scanning: the findings in files"),
    "gitlab-codequality": Format(
        "gitlab", _OF_FILES, "for merge requests: the findings in files", "render_codequality"
    ),
    "gitlab-terraform": Format(
        "gitlab", (Command.PLAN,), "for merge requests: number of changes", "render_terraform"
    ),
    "html": Format("htmlpage", _ALL, "one self-contained page to read, keep and print"),
}
"""Every format by the name that the command line has for it."""

SHOWN: Final = ("text", "json", "markdown")
"""What ``--format`` can put on stdout."""

REPORTS: Final = tuple(name for name in FORMATS if name != "text")
"""What ``--report`` can write to a file."""


def kinds_for(command: Command) -> tuple[str, ...]:
    """Return the kinds of report that *command* can write."""
    return tuple(name for name in REPORTS if command in FORMATS[name].commands)


def renderer(name: str) -> Callable[[CommandResult, RenderContext], str]:
    """Return what renders the format *name*."""
    return lambda review, view: "".join(stream(name, review, view))


def stream(name: str, review: CommandResult, view: RenderContext) -> Iterator[str]:
    """Yield *review* in the format *name*, a long one while it is made."""
    row = FORMATS[name]
    module = importlib.import_module(f"icesync.render.{row.module}")
    if name not in {"text", "json"}:  # named from where the user stands; from the configuration
        review = _from_top(review, view.ci)
    made: str | Iterator[str] = getattr(module, row.function)(review, view)
    return iter((made,)) if isinstance(made, str) else made


_Told = TypeVar("_Told", "Diagnostic", "Refusal")


def _from_top(review: CommandResult, ci: Pipeline) -> CommandResult:
    """Return *review* with the files in its sentences named from the repository's root."""
    if not ci.folder:
        return review

    def renamed(one: _Told) -> _Told:
        return replace(one, message=rename_places(one.message, ci.path))

    findings, refusals = map(renamed, review.findings), map(renamed, review.refusals)
    return replace(review, findings=tuple(findings), refusals=tuple(refusals))
