"""Who runs icesync, on which machine, in which pipeline, and from which commit."""

from __future__ import annotations

import getpass
import os
import platform
import re
import uuid
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.bootstrap.git import Git
from icesync.model.snapshot import LockInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.ports import Clock

_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")


def lock_owner(operation: str, clock: Clock) -> LockInfo:
    """Return what other runs are told about this one while it holds the lock."""
    return LockInfo(
        id=str(uuid.uuid4()),
        operation=operation,
        who=f"{_user()}@{platform.node()}",
        pid=os.getpid(),
        created=clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        info=os.environ.get("CI_JOB_URL") or _github_url(),
        version=__version__,
    )


def current_commit(root: str) -> str | None:
    """Return the commit that CI says it runs, or that git says is checked out; None without."""
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        text = os.environ.get(name, "")
        if _COMMIT.fullmatch(text):
            return text
    return Git(root, os.environ).commit_of("HEAD")


_REVIEWS: Final = (
    "CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID", "GITHUB_HEAD_REF", "BITBUCKET_PR_ID",
    "SYSTEM_PULLREQUEST_PULLREQUESTID", "CHANGE_ID", "CIRCLE_PULL_REQUEST", "TRAVIS_PULL_REQUEST",
    "BUILDKITE_PULL_REQUEST", "DRONE_PULL_REQUEST", "CI_COMMIT_PULL_REQUEST",
    "APPVEYOR_PULL_REQUEST_NUMBER",
)  # fmt: skip
"""Variables that name a pull request: GitLab, GitHub, Bitbucket, Azure, Jenkins, and others."""


def is_unreviewed(environ: Mapping[str, str]) -> bool:
    """Return whether *environ* is that of a pull request, or of a branch beside the default one."""
    if any(environ.get(name, "").lower() not in {"", "false", "0"} for name in _REVIEWS):
        return True
    if environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return True
    branch, default = environ.get("CI_COMMIT_BRANCH"), environ.get("CI_DEFAULT_BRANCH")
    return bool(branch and default and branch != default)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _github_url() -> str:
    parts = [
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    ]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""
