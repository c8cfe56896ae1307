from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.cli.ci_environment import detect_forge, read_pipeline
from icesync.model.ci import Forge

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "9c42ffc94aed41bb7e2a75b0bf5ae624a4b3a08b"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "o/r",
    "GITHUB_SHA": COMMIT,
    "GITHUB_RUN_ID": "7",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example/g/r",
    "CI_COMMIT_SHA": COMMIT,
    "CI_JOB_URL": "https://gitlab.example/g/r/-/jobs/9",
}


@pytest.mark.parametrize(
    ("choice", "environ", "forge"),
    [
        ("auto", {}, Forge.NONE),
        ("auto", {"CI": "true"}, Forge.NONE),
        ("auto", {"GITHUB_ACTIONS": "false"}, Forge.NONE),
        ("auto", GITHUB, Forge.GITHUB),
        ("auto", GITLAB, Forge.GITLAB),
        ("none", GITHUB, Forge.NONE),
        ("gitlab", GITHUB, Forge.GITLAB),
        ("github", {}, Forge.GITHUB),
    ],
)
def test_forge(choice: str, environ: dict[str, str], forge: Forge) -> None:
    """A runner is known by its own variable, and the flag has the last word."""
    assert detect_forge(choice, environ) is forge


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration's folder two below the root of its repository."""
    (tmp_path / ".git").mkdir()
    made = tmp_path / "teams" / "mail"
    made.mkdir(parents=True)
    return made


def test_github(root: Path) -> None:
    """Links lead to the commit and to the run."""
    ci = read_pipeline(Forge.GITHUB, GITHUB, root)

    assert ci.files_url == f"https://github.example/o/r/blob/{COMMIT}/"
    assert ci.run_url == "https://github.example/o/r/actions/runs/7"
    assert (ci.folder, ci.key, ci.commit) == ("teams/mail", "teams/mail", COMMIT)


def test_gitlab(root: Path) -> None:
    """Links lead to the commit and to the job."""
    ci = read_pipeline(Forge.GITLAB, GITLAB, root)

    assert ci.files_url == f"https://gitlab.example/g/r/-/blob/{COMMIT}/"
    assert ci.run_url == "https://gitlab.example/g/r/-/jobs/9"


def test_nowhere(root: Path) -> None:
    """Without a pipeline only the folder is known."""
    ci = read_pipeline(Forge.NONE, GITHUB, root)

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
    assert read_pipeline(Forge.GITHUB, {**GITHUB, **changed}, root).files_url == ""


@pytest.mark.parametrize(
    ("forge", "name"), [("github", "GITHUB_WORKSPACE"), ("gitlab", "CI_PROJECT_DIR")]
)
def test_workspace_is_the_root(tmp_path: Path, forge: str, name: str) -> None:
    """Where there is no ``.git``, the runner says where the repository starts."""
    root = tmp_path / "w" / "mail"
    root.mkdir(parents=True)

    assert read_pipeline(Forge(forge), {name: f"{tmp_path}/w/"}, root).folder == "mail"
    assert read_pipeline(Forge(forge), {name: "/elsewhere"}, root).folder == ""


def test_root_of_the_repository(root: Path) -> None:
    """A configuration at the root is in no folder, and has a key all the same."""
    ci = read_pipeline(Forge.NONE, {}, root.parents[1])

    assert (ci.folder, ci.key, ci.path("a.yaml")) == ("", ".", "a.yaml")
