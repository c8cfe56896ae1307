"""
Which pipeline this run is part of, and what its runner is told.

All of it is free of effects outside of the job: links, annotations, sections of
the log, and the files that GitHub's runner hands to each step.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.model.ci import Ci, Forge
from icesync.render.formats import renderer
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.cli.console import Console
    from icesync.model.report import CommandResult
    from icesync.render.formats import RenderContext

__all__ = ["AUTO", "detect_forge", "read_pipeline", "write_github_outputs"]

AUTO: Final = "auto"

_BRANCH: Final = "ref: refs/heads/"
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>()\[\]`\\^{|}]+")
_WORKSPACES: Final = {Forge.GITHUB: "GITHUB_WORKSPACE", Forge.GITLAB: "CI_PROJECT_DIR"}


def detect_forge(choice: str, environ: Mapping[str, str]) -> Forge:
    """Return the forge that *choice* names; ``auto`` goes by the runner's own variable."""
    if choice != AUTO:
        return Forge(choice)
    if environ.get("GITHUB_ACTIONS") == "true":
        return Forge.GITHUB
    return Forge.GITLAB if environ.get("GITLAB_CI") == "true" else Forge.NONE


def read_pipeline(forge: Forge, environ: Mapping[str, str], root: Path) -> Ci:
    """Return what *environ* says about the pipeline; *root* is the configuration's folder."""
    commit, files_url, run_url = "", "", ""
    if forge is Forge.GITHUB:
        home = "/".join(environ.get(f"GITHUB_{n}", "") for n in ("SERVER_URL", "REPOSITORY"))
        commit = environ.get("GITHUB_SHA", "")
        files_url = f"{home}/blob/{commit}/"
        run_url = f"{home}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
    elif forge is Forge.GITLAB:
        commit = environ.get("CI_COMMIT_SHA", "")
        files_url = f"{environ.get('CI_PROJECT_URL', '')}/-/blob/{commit}/"
        run_url = environ.get("CI_JOB_URL", "")
    commit = commit if _COMMIT.fullmatch(commit) else ""
    return Ci(
        forge,
        _folder(root, environ.get(_WORKSPACES.get(forge, ""), "")),
        commit,
        _address(files_url) if commit else "",
        _address(run_url),
        *_names(forge, environ, root),
    )


def _names(forge: Forge, environ: Mapping[str, str], root: Path) -> tuple[str, str]:
    """Return repository and branch, as the runner names them or as git has them here."""
    if forge is Forge.GITHUB:
        branch = environ.get("GITHUB_HEAD_REF") or environ.get("GITHUB_REF_NAME", "")
        return environ.get("GITHUB_REPOSITORY", ""), branch
    if forge is Forge.GITLAB:
        return environ.get("CI_PROJECT_PATH", ""), environ.get("CI_COMMIT_REF_NAME", "")
    for folder in (root.resolve(), *root.resolve().parents):
        head = folder / ".git" / "HEAD"
        with suppress(OSError, ValueError):
            text = head.read_text(encoding="utf-8").strip()
            return folder.name, text.removeprefix(_BRANCH) if text.startswith(_BRANCH) else ""
    return "", ""


def _address(text: str) -> str:
    """Return *text* if it can stand in a link of any format, else nothing."""
    return text if _ADDRESS.fullmatch(text) else ""


def _folder(root: Path, workspace: str) -> str:
    """Return where *root* lies in its repository, which the runner or ``.git`` tells."""
    root = root.resolve()
    for folder in (root, *root.parents):
        if str(folder) == workspace.rstrip("/") or (folder / ".git").exists():
            found = root.relative_to(folder).as_posix()
            return "" if found == "." else found
    return ""


_SUMMARY_BYTES: Final = 1_000_000
"""A step's summary may be 1 MiB in all; other commands of the step write to it too."""


def write_github_outputs(
    console: Console, review: CommandResult, view: RenderContext, saved_plan: Path | None
) -> None:
    """Write annotations to stderr, and summary and outputs where the runner wants them."""
    from icesync.render.github import encode_outputs, outputs, render_annotations

    console.complain(render_annotations(review, view.ci))
    _append(console, "GITHUB_STEP_SUMMARY", lambda used: _summary(review, view, used))
    told = outputs(review, str(saved_plan or ""))
    _append(console, "GITHUB_OUTPUT", lambda _: encode_outputs(told))


def _summary(review: CommandResult, view: RenderContext, used_bytes: int) -> str:
    limited = replace(view, limit_bytes=max(_SUMMARY_BYTES - used_bytes, 0))
    return renderer("markdown")(review, limited) + "\n"


def _append(console: Console, variable: str, make: Callable[[int], str]) -> None:
    """Append to the file that *variable* names; what cannot be written is only worth a warning."""
    name = os.environ.get(variable)
    if not name:
        return
    try:
        path = Path(name)
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", errors="replace") as stream:
            stream.write(make(used))
    except OSError as error:
        told = error.strerror or type(error).__name__
        console.complain(f"warning: {variable} cannot be written: {safe(told)}\n")
