"""What a program needs beside the use cases: open a project, and put a plan into words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icesync.bootstrap import open_session

if TYPE_CHECKING:
    from os import PathLike

    from icesync.engine.session import Session
    from icesync.model.plan import Plan


def open_project(
    folder: str | PathLike[str] = ".", config: str | PathLike[str] | None = None
) -> Session:
    """
    Return the project of the ``icesync.yaml`` that governs *folder*, or of the file *config*.

    Raises:
        ConfigError: there is none, or it is wrong.

    """
    return open_session(Path(folder), Path(config) if config is not None else None)


def describe(plan: Plan) -> str:
    """Return *plan* in words, as ``icesync plan`` prints it; it holds no secret."""
    from icesync.engine.plan import plan_digest
    from icesync.render.plan import render_plan
    from icesync.render.style import Style

    return render_plan(plan, plan_digest(plan), Style())
