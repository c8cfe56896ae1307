"""
What GitHub's runner is told: annotations in the log, the job's summary, outputs of the step.

Nothing of it has an effect outside of the job. Later steps decide by the outputs: where those
of a plan are lost, an apply would be skipped in silence, so that is an error.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.cli.files import append_to
from icesync.errors import FileUnwritable
from icesync.model.report import Command
from icesync.render import RenderContext, renderer
from icesync.render.github import encode_outputs, outputs, render_annotations
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.cli.console import Console
    from icesync.model.report import CommandResult

_SUMMARY_BYTES: Final = 1_000_000
"""A step's summary may be 1 MiB in all, or none is shown; other commands write to it too."""


def write_github_outputs(
    console: Console, review: CommandResult, view: RenderContext, saved_plan: Path | None
) -> None:
    """
    Write annotations to stderr, and summary and outputs where the runner wants them.

    Raises:
        FileUnwritable: the outputs cannot be written; of an apply, which is done, that is told.

    """

    def summarize(max_bytes: int) -> str:
        return renderer("markdown")(review, replace(view, limit_bytes=max_bytes))

    console.complain(render_annotations(review, view.ci))
    encoded = encode_outputs(outputs(review, str(saved_plan or "")))
    try:
        append_summary(summarize)
    except FileUnwritable as error:
        console.talk(f"warning: {safe(error.message)}")
    try:
        _append("GITHUB_OUTPUT", encoded)
    except FileUnwritable as error:
        if review.command is not Command.APPLY:
            raise
        console.talk(f"warning: {safe(error.message)}")


def append_summary(make: Callable[[int], str]) -> bool:
    """
    Append what *make* gives for so many bytes to the job's summary; return if there is one.

    Raises:
        FileUnwritable: it cannot be written.

    """
    name = os.environ.get("GITHUB_STEP_SUMMARY", "")
    used = Path(name).stat().st_size if name and Path(name).exists() else 0
    return _append("GITHUB_STEP_SUMMARY", make(max(_SUMMARY_BYTES - used, 0)) + "\n")


def _append(variable: str, text: str) -> bool:
    """Append *text* to the file that *variable* names."""
    name = os.environ.get(variable)
    if name:
        try:
            append_to(Path(name), text)
        except FileUnwritable as error:
            raise FileUnwritable(f"{variable}: {error.message}") from None
    return bool(name)
