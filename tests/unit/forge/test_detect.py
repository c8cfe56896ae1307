from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from icesync.errors import UsageError
from icesync.forge.detect import find_place
from icesync.model.ci import Forge
from icesync.model.forge import Place

if TYPE_CHECKING:
    from pathlib import Path

ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_API_URL": "https://ghe.test/api/v3",
    "GITHUB_SERVER_URL": "https://ghe.test",
    "GITHUB_REPOSITORY": "acme/mail",
    "GITHUB_RUN_ID": "99",
}
PIPELINE = {
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.test/api/v4",
    "CI_PROJECT_ID": "42",
    "CI_PROJECT_URL": "https://gitlab.test/acme/mail",
    "CI_JOB_URL": "https://gitlab.test/acme/mail/-/jobs/5",
}
REVIEW = {
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.test/acme/mail",
}


def pull(head: Any = "acme/mail") -> dict[str, Any]:
    """Return the event of a pull request from the repository *head*."""
    repo = None if head is None else {"full_name": head}
    return {
        "pull_request": {
            "number": 7,
            "head": {"repo": repo},
            "base": {"repo": {"full_name": "acme/mail"}},
        }
    }


def actions(tmp_path: Path, event: Any) -> Place:
    """Return the place of a workflow that *event* started."""
    path = tmp_path / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event))
    return find_place({**ACTIONS, "GITHUB_EVENT_PATH": str(path)})


def test_pull_request(tmp_path: Path) -> None:
    """The event says which pull request, the variables all else."""
    assert actions(tmp_path, pull()) == Place(
        Forge.GITHUB,
        "https://ghe.test/api/v3",
        "acme/mail",
        7,
        "https://ghe.test/acme/mail/actions/runs/99",
    )


@pytest.mark.parametrize(
    ("event", "number", "foreign"),
    [
        (pull("eve/mail"), 7, True),
        (pull(None), 7, True),
        ({"issue": {"number": 8}}, 8, False),
        ({"workflow_run": {"pull_requests": [{"number": 9}]}}, 9, False),
        ({"workflow_run": {"pull_requests": []}}, None, False),
        ({"workflow_run": {"pull_requests": [9]}}, None, False),
        ({"ref": "refs/heads/main"}, None, False),
        ({"pull_request": {"number": "7"}}, None, False),
        ({"pull_request": []}, None, False),
        ([], None, False),
        ("not JSON", None, False),
        ("[" * 100_000, None, False),
    ],
)
def test_event(tmp_path: Path, event: Any, number: int | None, foreign: bool) -> None:
    """A deleted fork is one; an event that is odd says nothing."""
    place = actions(tmp_path, event)

    assert (place.number, place.foreign) == (number, foreign)


def test_workflow_without_an_event() -> None:
    """Nothing is demanded of the runner."""
    assert find_place({"GITHUB_ACTIONS": "true"}, project="acme/mail") == Place(
        Forge.GITHUB, "https://api.github.com", "acme/mail"
    )


def test_merge_request() -> None:
    """GitLab's variables say it all."""
    assert find_place({**PIPELINE, **REVIEW}) == Place(
        Forge.GITLAB,
        "https://gitlab.test/api/v4",
        "42",
        7,
        "https://gitlab.test/acme/mail/-/jobs/5",
        "https://gitlab.test/acme/mail/-/merge_requests/7",
    )


def test_merge_request_of_a_fork() -> None:
    """The pipeline runs in the fork; the merge request is in the other project."""
    fork = {"CI_PROJECT_ID": "77", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "77"}
    place = find_place({**PIPELINE, **REVIEW, **fork})

    assert (place.project, place.foreign) == ("42", True)


@pytest.mark.parametrize("number", ["", "x", "7 ", "-1"])
def test_pipeline_without_a_merge_request(number: str) -> None:
    """A pipeline of a branch is for no review, and has no page of one."""
    place = find_place({**PIPELINE, "CI_MERGE_REQUEST_IID": number})

    assert (place.number, place.review_url) == (None, None)


def test_no_pipeline() -> None:
    """On a desk, somebody has to say where."""
    with pytest.raises(UsageError, match="neither GitHub Actions nor GitLab CI"):
        find_place({})


def test_flags_count_more() -> None:
    """What is given replaces what is detected."""
    place = find_place(
        ACTIONS, Forge.GITLAB, api_url="https://gl.test/api/v4/", project="a/b/c", number=3
    )

    assert place == Place(Forge.GITLAB, "https://gl.test/api/v4", "a/b/c", 3)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/api/v4", "http://localhost", "http://[::1]:9"]
)
def test_loopback_needs_no_tls(url: str) -> None:
    """What does not leave the machine may go as it is."""
    assert find_place({}, Forge.GITLAB, api_url=url, project="42").api_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://gitlab.test", "ftp://gitlab.test", "gitlab.test", "https://", "https://u:p@gl.test",
        "https://gl.test/?x", "https://gl.test/#x", "https://gl.test:x", "https://[", "https://ü.test",
        "https://gl.test/a\nb",
    ],
)  # fmt: skip
def test_address_that_gets_no_token(url: str) -> None:
    """A token goes to an https address and nowhere else."""
    with pytest.raises(UsageError, match=r"https|address"):
        find_place({}, Forge.GITLAB, api_url=url, project="42")


@pytest.mark.parametrize(
    ("forge", "project"),
    [
        (Forge.GITHUB, ""), (Forge.GITHUB, "acme"), (Forge.GITHUB, "a/b/c"), (Forge.GITHUB, "a/b?"),
        (Forge.GITLAB, ""), (Forge.GITLAB, "acme"), (Forge.GITLAB, "a b/c"), (Forge.GITLAB, "42?x"),
    ],
)  # fmt: skip
def test_project_that_is_none(forge: Forge, project: str) -> None:
    """What is not the name of a project gets into no address."""
    with pytest.raises(UsageError, match="project"):
        find_place({}, forge, project=project)
