"""
Which pipeline this run is part of, read from the variables that its runner sets.

Only what is free of effects outside of the job is derived here: links, paths
and the files that GitHub's runner hands to each step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.model.ci import Ci, Forge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["AUTO", "detect_forge", "read_pipeline"]

AUTO: Final = "auto"

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
    )


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
