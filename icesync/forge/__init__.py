"""
GitHub and GitLab, where a change is reviewed: what icesync posts there, and as whom.

Here the variables that a runner sets tell the pipeline of a run: their only reader. Titles
are not read, and the names of branches are only shown: their authors are anybody.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icesync.model.pipeline import Forge, Pipeline
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO: Final = "auto"

_COMMIT: Final = regex(r"[0-9a-f]{40,64}")
_LINK: Final = regex(r"https?://[^\s\"'<>()\[\]`\\^{|}]+")
_QUEUED: Final = regex(r"refs/heads/gh-readonly-queue/.+/pr-([0-9]{1,9})-[0-9a-f]{40,64}")
_BRANCH: Final = "ref: refs/heads/"
_MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
_RUNNERS: Final = {"GITHUB_ACTIONS": Forge.GITHUB, "GITLAB_CI": Forge.GITLAB}


def read_pipeline(environ: Mapping[str, str], root: Path, choice: str = AUTO) -> Pipeline:
    """
    Return what *environ* says about the pipeline; *root* is the configuration's folder.

    *choice* names GitHub, GitLab or none; ``auto`` goes by the runner's own variable.
    """
    if choice == AUTO:
        forge = next((f for n, f in _RUNNERS.items() if environ.get(n) == "true"), Forge.NONE)
    else:
        forge = Forge(choice)
    root = Path(os.path.realpath(root))
    if forge is Forge.GITHUB:
        found, workspace = _github(environ), environ.get("GITHUB_WORKSPACE", "")
    elif forge is Forge.GITLAB:
        found, workspace = _gitlab(environ), environ.get("CI_PROJECT_DIR", "")
    else:
        found, workspace = _checkout(root), ""
    commit = found.commit if _COMMIT.fullmatch(found.commit) else ""
    return replace(
        found,
        folder=_folder(root, workspace),
        commit=commit,
        files_url=_link(found.files_url) if commit else "",
        run_url=_link(found.run_url),
        unreviewed=found.unreviewed or _is_unreviewed(environ),
    )


def _github(environ: Mapping[str, str]) -> Pipeline:
    server, repository, run = (
        environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    commit = environ.get("GITHUB_SHA", "")
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    pull = _member(event, "pull_request")
    later = _member(event, "workflow_run")  # a workflow that runs after that of a pull request
    pulls = later.get("pull_requests")
    first = pulls[0] if isinstance(pulls, list) and pulls and isinstance(pulls[0], dict) else {}
    issue, queued = _member(event, "issue"), _member(event, "merge_group")
    number = pull.get("number") or issue.get("number") or first.get("number")
    number = number or _queued_number(queued.get("head_ref"))
    # Started by somebody's comment, or after the workflow of a pull request.
    aside = "pull_request" in issue or str(later.get("event")).startswith("pull_request")
    head = _member(_member(pull, "head"), "repo").get("full_name")
    base = _member(_member(pull, "base"), "repo").get("full_name")
    return Pipeline(
        Forge.GITHUB,
        commit=commit,
        files_url=f"{server}/{repository}/blob/{commit}/",
        run_url=f"{server}/{repository}/actions/runs/{run}" if repository and run else "",
        repository=repository,
        branch=environ.get("GITHUB_HEAD_REF") or environ.get("GITHUB_REF_NAME", ""),
        run=_number(run),
        api_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
        project=repository,
        number=number if isinstance(number, int) else None,
        foreign=bool(pull) and head != base,
        unreviewed=aside,
    )


def _queued_number(ref: object) -> int | None:
    """Return which pull request a merge queue tries, by the name of its branch."""
    match = _QUEUED.fullmatch(ref) if isinstance(ref, str) else None
    return int(match[1]) if match is not None else None


def _event(path: str) -> Mapping[str, Any]:
    """Return the event that started a workflow; what cannot be read says nothing."""
    import json

    try:
        with Path(path).open("rb") as stream:
            event = json.loads(stream.read(_MAX_EVENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _member(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a mapping inside of a mapping, empty where there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _gitlab(environ: Mapping[str, str]) -> Pipeline:
    commit = environ.get("CI_COMMIT_SHA", "")
    home = environ.get("CI_PROJECT_URL", "")
    target = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", "")
    source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") or target
    number = _number(environ.get("CI_MERGE_REQUEST_IID", ""))
    page = environ.get("CI_MERGE_REQUEST_PROJECT_URL") or home
    return Pipeline(
        Forge.GITLAB,
        commit=commit,
        files_url=f"{home}/-/blob/{commit}/",
        run_url=environ.get("CI_JOB_URL", ""),
        repository=environ.get("CI_PROJECT_PATH", ""),
        branch=environ.get("CI_COMMIT_REF_NAME", ""),
        run=_number(environ.get("CI_PIPELINE_ID", "")),
        api_url=environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4",
        project=target,
        number=number,
        review_url=f"{page}/-/merge_requests/{number}" if page and number else "",
        foreign=source != target,
    )


def _checkout(root: Path) -> Pipeline:
    """Return the names that git has here, outside of any pipeline."""
    for folder in (root, *root.parents):
        with suppress(OSError, ValueError):
            text = (folder / ".git" / "HEAD").read_text(encoding="utf-8").strip()
            branch = text.removeprefix(_BRANCH) if text.startswith(_BRANCH) else ""
            return Pipeline(repository=folder.name, branch=branch)
    return Pipeline()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _link(text: str) -> str:
    """Return *text* if it can stand in a link of any format, else nothing."""
    return text if _LINK.fullmatch(text) else ""


def _folder(root: Path, workspace: str) -> str:
    """Return where *root* lies in its repository, which the runner or ``.git`` tells."""
    for folder in (root, *root.parents):
        if str(folder) == workspace.rstrip("/") or os.path.lexists(folder / ".git"):
            found = root.relative_to(folder).as_posix()
            return "" if found == "." else found
    return ""


_REVIEWS: Final = (
    "CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID", "GITHUB_HEAD_REF", "BITBUCKET_PR_ID",
    "SYSTEM_PULLREQUEST_PULLREQUESTID", "CHANGE_ID", "CIRCLE_PULL_REQUEST", "TRAVIS_PULL_REQUEST",
    "BUILDKITE_PULL_REQUEST", "DRONE_PULL_REQUEST", "CI_COMMIT_PULL_REQUEST",
    "APPVEYOR_PULL_REQUEST_NUMBER",
)  # fmt: skip
"""Variables that name a pull request: GitLab, GitHub, Bitbucket, Azure, Jenkins, and others."""


def _is_unreviewed(environ: Mapping[str, str]) -> bool:
    """Return whether *environ* is that of a pull request, or of a branch beside the default one."""
    if any(environ.get(name, "").lower() not in {"", "false", "0"} for name in _REVIEWS):
        return True
    if environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return True
    branch, default = environ.get("CI_COMMIT_BRANCH"), environ.get("CI_DEFAULT_BRANCH")
    return bool(branch and default and branch != default)
