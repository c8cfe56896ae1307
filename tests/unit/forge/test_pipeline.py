from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from icesync.errors import UsageError
from icesync.forge import read_pipeline
from icesync.forge.connect import with_target
from icesync.model.pipeline import Forge, Pipeline

COMMIT = "9c42ffc94aed41bb7e2a75b0bf5ae624a4b3a08b"
ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_API_URL": "https://ghe.test/api/v3",
    "GITHUB_SERVER_URL": "https://ghe.test",
    "GITHUB_REPOSITORY": "acme/mail",
    "GITHUB_SHA": COMMIT,
    "GITHUB_RUN_ID": "99",
}
PIPELINE = {
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.test/api/v4",
    "CI_PROJECT_ID": "42",
    "CI_PROJECT_URL": "https://gitlab.test/acme/mail",
    "CI_COMMIT_SHA": COMMIT,
    "CI_JOB_URL": "https://gitlab.test/acme/mail/-/jobs/5",
}
REVIEW = {
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.test/acme/mail",
}


def found(environ: dict[str, str], choice: str = "auto", **given: Any) -> Pipeline:
    """Return the place of a run that has *environ*; what is *given* counts more."""
    pipeline = read_pipeline(environ, Path("/"), choice)
    return with_target(pipeline, **{"api_url": None, "project": None, "number": None, **given})


QUEUE = "refs/heads/gh-readonly-queue"


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


def actions(tmp_path: Path, event: Any) -> Pipeline:
    """Return the place of a workflow that *event* started."""
    path = tmp_path / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event))
    return read_pipeline({**ACTIONS, "GITHUB_EVENT_PATH": str(path)}, tmp_path)


def test_pull_request(tmp_path: Path) -> None:
    """The event says which pull request, the variables all else."""
    assert actions(tmp_path, pull()) == Pipeline(
        Forge.GITHUB,
        commit=COMMIT,
        files_url=f"https://ghe.test/acme/mail/blob/{COMMIT}/",
        run_url="https://ghe.test/acme/mail/actions/runs/99",
        repository="acme/mail",
        run=99,
        api_url="https://ghe.test/api/v3",
        project="acme/mail",
        number=7,
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
        ({"merge_group": {"head_ref": f"{QUEUE}/main/pr-104-{'b' * 40}"}}, 104, False),
        ({"merge_group": {"head_ref": f"{QUEUE}/a/b/pr-1-x/pr-7-{'b' * 40}"}}, 7, False),
        ({"merge_group": {"head_ref": "refs/heads/pr-104"}}, None, False),
        ({"merge_group": {"head_ref": 104}}, None, False),
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
    place = found({"GITHUB_ACTIONS": "true"}, project="acme/mail")

    assert (place.api_url, place.project, place.run) == (
        "https://api.github.com",
        "acme/mail",
        None,
    )


def test_merge_request() -> None:
    """GitLab's variables say it all."""
    assert found({**PIPELINE, **REVIEW}) == Pipeline(
        Forge.GITLAB,
        commit=COMMIT,
        files_url=f"https://gitlab.test/acme/mail/-/blob/{COMMIT}/",
        run_url="https://gitlab.test/acme/mail/-/jobs/5",
        api_url="https://gitlab.test/api/v4",
        project="42",
        number=7,
        review_url="https://gitlab.test/acme/mail/-/merge_requests/7",
        unreviewed=True,
    )


def test_merge_request_of_a_fork() -> None:
    """The pipeline runs in the fork; the merge request is in the other project."""
    fork = {"CI_PROJECT_ID": "77", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "77"}
    place = found({**PIPELINE, **REVIEW, **fork})

    assert (place.project, place.foreign) == ("42", True)


@pytest.mark.parametrize("number", ["", "x", "7 ", "-1"])
def test_pipeline_without_a_merge_request(number: str) -> None:
    """A pipeline of a branch is for no review, and has no page of one."""
    place = found({**PIPELINE, "CI_MERGE_REQUEST_IID": number})

    assert (place.number, place.review_url) == (None, "")


def test_no_pipeline() -> None:
    """On a desk, somebody has to say where."""
    with pytest.raises(UsageError, match="in GitHub Actions or GitLab CI"):
        found({})


def test_flags_count_more() -> None:
    """What is given replaces what is detected."""
    given = {"api_url": "https://gl.test/api/v4/", "project": "a/b/c", "number": 3}
    place = found(ACTIONS, "gitlab", **given)

    assert place == Pipeline(
        Forge.GITLAB, api_url="https://gl.test/api/v4", project="a/b/c", number=3
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/api/v4", "http://localhost", "http://[::1]:9"]
)
def test_loopback_needs_no_tls(url: str) -> None:
    """What does not leave the machine may go as it is."""
    assert found({}, "gitlab", api_url=url, project="42").api_url == url


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
    with pytest.raises(UsageError, match=r"https|URL"):
        found({}, "gitlab", api_url=url, project="42")


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
        found({}, forge, project=project)


@pytest.mark.parametrize(
    ("choice", "environ", "forge"),
    [
        ("auto", {}, Forge.NONE),
        ("auto", {"CI": "true"}, Forge.NONE),
        ("auto", {"GITHUB_ACTIONS": "false"}, Forge.NONE),
        ("auto", ACTIONS, Forge.GITHUB),
        ("auto", PIPELINE, Forge.GITLAB),
        ("none", ACTIONS, Forge.NONE),
        ("gitlab", ACTIONS, Forge.GITLAB),
        ("github", {}, Forge.GITHUB),
    ],
)
def test_forge(choice: str, environ: dict[str, str], forge: Forge) -> None:
    """A runner is known by its own variable, and the flag has the last word."""
    assert read_pipeline(environ, Path("/"), choice).forge is forge


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration's folder two below the root of its repository."""
    (tmp_path / ".git").mkdir()
    made = tmp_path / "teams" / "mail"
    made.mkdir(parents=True)
    return made


def test_links_on_github(root: Path) -> None:
    """Links lead to the commit and to the run."""
    ci = read_pipeline(ACTIONS, root, Forge.GITHUB)

    assert ci.files_url == f"https://ghe.test/acme/mail/blob/{COMMIT}/"
    assert ci.run_url == "https://ghe.test/acme/mail/actions/runs/99"
    assert (ci.folder, ci.key, ci.commit) == ("teams/mail", "teams/mail", COMMIT)


def test_links_on_gitlab(root: Path) -> None:
    """Links lead to the commit and to the job."""
    ci = read_pipeline(PIPELINE, root, Forge.GITLAB)

    assert ci.files_url == f"https://gitlab.test/acme/mail/-/blob/{COMMIT}/"
    assert ci.run_url == "https://gitlab.test/acme/mail/-/jobs/5"


def test_nowhere(root: Path) -> None:
    """Without a pipeline only the folder is known."""
    ci = read_pipeline(ACTIONS, root, Forge.NONE)

    assert (ci.folder, ci.commit, ci.files_url, ci.run_url) == ("teams/mail", "", "", "")


@pytest.mark.parametrize(
    "changed",
    [
        {"GITHUB_SERVER_URL": "javascript:alert(1)//"},
        {"GITHUB_REPOSITORY": "o/r) [x](https://evil.example"},
        {"GITHUB_SERVER_URL": ""},
        {"GITHUB_SHA": "main"},
        {"GITHUB_SHA": f"{COMMIT}\n"},
    ],
)
def test_odd_variables_make_no_link(root: Path, changed: dict[str, str]) -> None:
    """What is no address of a commit is not linked to."""
    assert read_pipeline({**ACTIONS, **changed}, root, Forge.GITHUB).files_url == ""


@pytest.mark.parametrize(
    ("forge", "name"), [("github", "GITHUB_WORKSPACE"), ("gitlab", "CI_PROJECT_DIR")]
)
def test_workspace_is_the_root(tmp_path: Path, forge: str, name: str) -> None:
    """Where there is no ``.git``, the runner says where the repository starts."""
    root = tmp_path / "w" / "mail"
    root.mkdir(parents=True)

    assert read_pipeline({name: f"{tmp_path}/w/"}, root, forge).folder == "mail"
    assert read_pipeline({name: "/elsewhere"}, root, forge).folder == ""


def test_root_of_the_repository(root: Path) -> None:
    """A configuration at the root is in no folder, and has a key all the same."""
    ci = read_pipeline({}, root.parents[1], Forge.NONE)

    assert (ci.folder, ci.key, ci.path("a.yaml")) == ("", ".", "a.yaml")


@pytest.mark.parametrize(
    ("environ", "unreviewed"),
    [
        ({}, False),
        ({"GITHUB_EVENT_NAME": "pull_request"}, True),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, True),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_HEAD_REF": ""}, False),
        ({"GITHUB_EVENT_NAME": "merge_group"}, False),
        ({"CI_MERGE_REQUEST_IID": "7", "CI_PIPELINE_SOURCE": "merge_request_event"}, True),
        ({"CI_COMMIT_BRANCH": "feature", "CI_DEFAULT_BRANCH": "main"}, True),
        ({"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}, False),
        ({"BITBUCKET_PR_ID": "7"}, True),
        ({"SYSTEM_PULLREQUEST_PULLREQUESTID": "7"}, True),
        ({"CHANGE_ID": "7"}, True),
        ({"BUILDKITE_PULL_REQUEST": "false", "TRAVIS_PULL_REQUEST": "false"}, False),
    ],
)
def test_a_change_that_nobody_may_have_approved(environ: dict[str, str], unreviewed: bool) -> None:
    """The pipeline of a pull request is known on every CI system that names it."""
    assert read_pipeline(environ, Path("/")).unreviewed is unreviewed


@pytest.mark.parametrize(
    ("event", "unreviewed"),
    [
        ({"workflow_run": {"event": "pull_request", "pull_requests": []}}, True),
        ({"workflow_run": {"event": "push"}}, False),
        ({"issue": {"number": 8, "pull_request": {"url": "x"}}}, True),
        ({"issue": {"number": 8}}, False),
        ({"merge_group": {"head_ref": f"{QUEUE}/main/pr-104-{'b' * 40}"}}, False),
    ],
)
def test_a_workflow_beside_that_of_a_pull_request(
    tmp_path: Path, event: Any, unreviewed: bool
) -> None:
    """A comment, or the end of another workflow, starts one with secrets for what nobody read."""
    assert actions(tmp_path, event).unreviewed is unreviewed
