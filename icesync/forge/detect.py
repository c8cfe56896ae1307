"""
Where a run is, told by the variables that GitHub Actions and GitLab CI set.

Branch names and titles are not read: their authors are anybody.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import UsageError
from icesync.model.ci import Forge
from icesync.model.forge import Place
from icesync.net import is_confidential

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_API: Final = {
    Forge.GITHUB: "https://api.github.com",
    Forge.GITLAB: "https://gitlab.com/api/v4",
}
_ADDRESS: Final = re.compile(r"[a-z]+://[^\s@?#\x00-\x20\x7f-\U0010ffff]+")
_MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
_PROJECT: Final = {
    Forge.GITHUB: re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"),
    Forge.GITLAB: re.compile(r"[0-9]+|[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+"),
}


def find_place(
    environ: Mapping[str, str],
    forge: Forge | None = None,
    *,
    api_url: str | None = None,
    project: str | None = None,
    number: int | None = None,
) -> Place:
    """
    Return where the run that has *environ* is; what is given here counts more.

    Raises:
        UsageError: it is in no pipeline, or what is known does not make a place.

    """
    found = forge or _forge(environ)
    detected = _github(environ) if found is Forge.GITHUB else _gitlab(environ)
    place = replace(
        detected,
        api_url=(api_url or detected.api_url or _DEFAULT_API[found]).rstrip("/"),
        project=project or detected.project,
        number=detected.number if number is None else number,
    )
    _check(place)
    return place


def _forge(environ: Mapping[str, str]) -> Forge:
    if environ.get("GITHUB_ACTIONS") == "true":
        return Forge.GITHUB
    if environ.get("GITLAB_CI") == "true":
        return Forge.GITLAB
    raise UsageError(
        "this is neither GitHub Actions nor GitLab CI",
        "--forge github --project OWNER/NAME --number 7   says where to post",
    )


def _github(environ: Mapping[str, str]) -> Place:
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    pull = _member(event, "pull_request")
    later = _member(event, "workflow_run")  # a workflow that runs after that of a pull request
    pulls = later.get("pull_requests")
    first = pulls[0] if isinstance(pulls, list) and pulls and isinstance(pulls[0], dict) else {}
    number = pull.get("number") or _member(event, "issue").get("number") or first.get("number")
    run = [environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    head = _member(_member(pull, "head"), "repo").get("full_name")
    base = _member(_member(pull, "base"), "repo").get("full_name")
    return Place(
        Forge.GITHUB,
        environ.get("GITHUB_API_URL", ""),
        run[1],
        number if isinstance(number, int) else None,
        f"{run[0]}/{run[1]}/actions/runs/{run[2]}" if all(run) else None,
        foreign=bool(pull) and head != base,
    )


def _event(path: str) -> Mapping[str, Any]:
    """Return the event that started a workflow; what cannot be read says nothing."""
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


def _gitlab(environ: Mapping[str, str]) -> Place:
    target = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", "")
    source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") or target
    number = environ.get("CI_MERGE_REQUEST_IID", "")
    page = environ.get("CI_MERGE_REQUEST_PROJECT_URL") or environ.get("CI_PROJECT_URL")
    known = re.fullmatch(r"[0-9]{1,9}", number) is not None
    return Place(
        Forge.GITLAB,
        environ.get("CI_API_V4_URL", ""),
        target,
        int(number) if known else None,
        environ.get("CI_JOB_URL") or None,
        f"{page}/-/merge_requests/{number}" if page and known else None,
        foreign=source != target,
    )


def _check(place: Place) -> None:
    """Refuse what no call may be made to: it would get a token."""
    if not _ADDRESS.fullmatch(place.api_url):
        raise UsageError("the address of the API is not an address", "--api-url https://…")
    if not is_confidential(place.api_url):
        raise UsageError(
            f"{place.api_url} must be https: the call carries a token", "--api-url https://…"
        )
    if not _PROJECT[place.forge].fullmatch(place.project):
        form = "OWNER/NAME" if place.forge is Forge.GITHUB else "ID or GROUP/NAME"
        message = f"`{place.project}` is no project" if place.project else "no project is named"
        raise UsageError(f"{message} on {place.forge.label}", f"--project {form}")
