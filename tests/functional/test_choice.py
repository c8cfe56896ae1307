"""``plan``, ``validate``, ``fmt`` and ``probe`` of some files or addresses, or since a git ref."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from rig import assert_refused

if TYPE_CHECKING:
    from rig import Repository


def git(repository: Repository, *words: str) -> None:
    """Run git in *repository*."""
    known = ["-c", "user.name=Chris", "-c", "user.email=chris@example.com"]
    subprocess.run(["git", *known, *words], cwd=repository.root, check=True, capture_output=True)


@pytest.fixture
def two(repository: Repository) -> Repository:
    """Two organizations with two servers each, one below a folder with its own defaults."""
    repository.servers([663, 664])
    text = repository.read("servers/59.yaml")
    moved = text.replace("organization: 59", "organization: 70").replace("desk@", "seventy@")
    repository.write("servers/us/70.yaml", moved)
    repository.write("servers/us/_defaults.yaml", "version: 1\ndefaults: {smtp: {poll_rate: 10}}\n")
    return repository


def planned(repository: Repository, *words: str) -> list[str]:
    """Return the addresses that a plan looks at."""
    found = repository.run("plan", "--json", *words).document
    return [change["address"] for change in found["resource_changes"]]


@pytest.mark.parametrize(
    ("words", "addresses"),
    [
        ("servers/us", ["70/663", "70/664"]),
        ("servers/us/_defaults.yaml", ["70/663", "70/664"]),
        ("servers/59.yaml 70/664", ["59/663", "59/664", "70/664"]),
        ("*/664", ["59/664", "70/664"]),
    ],
)
def test_plan_of_some(two: Repository, words: str, addresses: list[str]) -> None:
    """A plan of files, folders and addresses looks at their servers only."""
    assert planned(two, *words.split()) == addresses


def test_a_plan_of_some_says_so(two: Repository) -> None:
    """Nobody takes a part for the whole, however it was chosen."""
    told = "partial: 2 of 4 servers"

    assert told in two.run("plan", "servers/us").stderr
    assert told in two.run("plan", "--target", "70/*").stderr
    assert told in two.run("plan", "--organization", "70").stderr
    assert "partial" not in two.run("plan").stderr


def test_paths_begin_where_the_user_stands(two: Repository) -> None:
    """Below the configuration, and with -C, a path is relative to that folder."""
    assert planned(two, "-C", "servers/us", "70.yaml") == ["70/663", "70/664"]


def test_a_saved_plan_of_a_folder_is_applied(two: Repository) -> None:
    """What a plan of some looked at is what apply carries out."""
    assert two.run("plan", "servers/us", "-o", "plan.json").code == 0
    assert two.run("apply", "plan.json", "-y").code == 0
    assert sorted(two.entries) == ["70/663", "70/664"]


def test_validate_of_some(two: Repository) -> None:
    """Only what concerns the files is told, and decides the exit code; the rest is counted."""
    two.replace("servers/us/70.yaml", "port: 587", "port: 99999")
    here, there = two.run("validate", "servers/us"), two.run("validate", "servers/59.yaml")

    assert here.code == 3
    assert "servers/us/70.yaml:11" in here.stdout
    assert (there.code, "servers/us" in there.stdout) == (0, False)
    assert "findings elsewhere: " in there.stderr


def test_fmt_of_an_address(two: Repository) -> None:
    """An address stands for the file that defines it."""
    assert two.run("fmt", "70/663").stdout in {"", "servers/us/70.yaml\n"}
    assert_refused(two.run("fmt", "70/1"), 64, "no server matches 70/1")


@pytest.mark.parametrize("command", ["plan", "validate", "probe"])
def test_what_chooses_nothing_is_refused(two: Repository, command: str) -> None:
    """A slip is one sentence and 64, in every command."""
    assert_refused(two.run(command, "59/633"), 64, "no server matches 59/633", hint="did you mean")
    assert_refused(two.run(command, "nowhere"), 64, "no file of the configuration is at nowhere")
    assert_refused(two.run(command, "../x"), 64, "outside the configuration's folder")


def test_since_a_ref(two: Repository) -> None:
    """Servers whose effective settings differ are looked at: defaults, removals, wire options."""
    git(two, "init", "-q")
    git(two, "add", "servers", "icesync.yaml")
    git(two, "commit", "-qm", "one")
    assert planned(two, "--since", "HEAD") == []

    two.write("servers/us/_defaults.yaml", "version: 1\ndefaults: {smtp: {poll_rate: 9}}\n")
    two.replace("servers/us/70.yaml", "poll_rate: 10", "poll_rate: 11")
    two.replace("servers/59.yaml", "skill: 664", "skill: 665")
    changed = planned(two, "--since", "HEAD")
    within = planned(two, "servers/59.yaml", "--since", "HEAD")
    validated = two.run("validate", "--since", "HEAD")

    assert changed == ["59/665", "70/663", "70/664"]
    assert within == ["59/665"]
    assert "partial: 4 of 5 servers differ from HEAD" in validated.stderr

    two.replace("icesync.yaml", "version: 1", "version: 1\nfiles: [servers/*.yaml]")
    git(two, "commit", "-qam", "two")
    two.write("icesync.yaml", two.read("icesync.yaml").replace("files: [servers/*.yaml]\n", ""))
    assert planned(two, "--since", "HEAD") == ["70/663", "70/664"]


def test_a_default_that_is_gone_is_missed_where_it_was_used(two: Repository) -> None:
    """The file of a server is as it was; what it lacks now is told all the same."""
    two.write(
        "servers/us/_defaults.yaml", "version: 1\ndefaults: {smtp: {host: smtp.example.org}}\n"
    )
    two.replace("servers/us/70.yaml", "    host: smtp.example.org\n", "")
    git(two, "init", "-q")
    git(two, "add", "servers", "icesync.yaml")
    git(two, "commit", "-qm", "one")
    two.write("servers/us/_defaults.yaml", "version: 1\n")
    told = two.run("validate", "servers/us", "--since", "HEAD")

    assert told.code == 3
    assert "servers/us/70.yaml" in told.stdout


def test_a_ref_that_git_does_not_have(two: Repository) -> None:
    """Each reason is one sentence with the way out."""
    assert_refused(
        two.run("plan", "--since", "main"), 64, "not in a git repository", hint="git init"
    )
    git(two, "init", "-q")
    assert_refused(
        two.run("plan", "--since", "nope"), 64, "git knows no commit nope", hint="git fetch"
    )
    assert_refused(
        two.run("plan", "--since=--all"), 64, "--all is not a git ref", hint="--since main"
    )
    git(two, "add", "servers", "icesync.yaml")
    git(two, "commit", "-qm", "one")
    git(two, "commit", "-qm", "two", "--allow-empty")
    git(two, "clone", "-q", "--depth", "1", f"file://{two.root}", "shallow")
    shallow = two.run("-C", "shallow", "plan", "--since", "HEAD~1")
    assert_refused(shallow, 64, "this clone is shallow", hint="git fetch --unshallow")
