"""The way from an empty folder to a fleet that is as the files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rig import Ice, Repository, assert_refused, run_program

if TYPE_CHECKING:
    from pathlib import Path

INIT = ["init", "--organization=59", "--skill=663"]
SECRETS = {"ICE_59_663_SMTP": "one", "ICE_59_663_IMAP": "two"}


def test_what_init_writes_validates(tmp_path: Path) -> None:
    """The first files are valid as they are."""
    run_program(INIT, tmp_path)

    assert run_program(["validate"], tmp_path).code == 0


def test_what_init_writes_applies(tmp_path: Path) -> None:
    """With the emulator, the first files can be applied at once."""
    run_program([*INIT, "--emulator"], tmp_path)

    assert run_program(["apply", "-y"], tmp_path, SECRETS).code == 0


def test_after_apply_the_plan_is_empty(repository: Repository, ice: Ice) -> None:
    """What was acknowledged is not planned again."""
    repository.calls(ice).apply()

    assert repository.run("plan", "--detailed-exitcode").code == 0


def test_changes_are_told_by_exit_code(repository: Repository) -> None:
    """With the flag, changes are 2."""
    assert repository.run("plan", "--detailed-exitcode").code == 2


def test_the_whole_record_is_sent(repository: Repository, ice: Ice) -> None:
    """A change of one setting sends all of them."""
    repository.calls(ice).apply()
    repository.replace("servers/59.yaml", "587", "2525")
    repository.apply()
    first, second = (call.request for call in ice.accepted)

    assert second == (first or "").replace('"SMTPPort":"587"', '"SMTPPort":"2525"')


def test_a_token_from_login_is_used(repository: Repository, ice: Ice) -> None:
    """Login keeps a token in a file that ``api.token`` can name."""
    repository.calls(ice).run("login")
    repository.replace("icesync.yaml", "login: {", "token: ref+file://.icesync/token, login: {")
    result = repository.run("apply", "-y", env={"ICE_PASSWORD": ""})

    assert (result.code, ice.skills) == (0, [663])


def test_both_ways_of_running_agree(repository: Repository) -> None:
    """In this process and in its own, the program says the same."""
    assert repository.run("plan") == repository.spawn("plan")


def test_check_tells_changes(repository: Repository) -> None:
    """For a schedule, something to send is exit code 2."""
    assert repository.run("check").code == 2


@pytest.mark.parametrize(
    "arguments", [["-q", "plan"], ["plan", "-q"], ["state", "-q", "list"], ["state", "list", "-q"]]
)
def test_flags_before_and_behind(repository: Repository, arguments: list[str]) -> None:
    """Flags that all commands take may stand before or behind the name."""
    assert repository.run(*arguments).stderr == ""


def test_configuration_by_variable(repository: Repository) -> None:
    """A pipeline names the configuration by a variable."""
    (repository.root / "icesync.yaml").rename(repository.root / "other.yaml")

    assert repository.run("validate", env={"ICESYNC_CONFIG": "other.yaml"}).code == 0


def test_another_folder(repository: Repository) -> None:
    """With ``-C`` the program works from anywhere, and names files from there."""
    folder = repository.root.name
    result = run_program(["-C", folder, "plan"], repository.root.parent, repository.environ)
    here = repository.run("plan")

    assert result.code == here.code
    assert result.stdout == here.stdout.replace("servers/", f"{folder}/servers/")


def test_revision_is_remembered(repository: Repository) -> None:
    """The commit of a pipeline stands beside what was acknowledged."""
    commit = "0123456789" * 4
    repository.run("apply", "-y", env={"GITHUB_ACTIONS": "true", "GITHUB_SHA": commit})

    assert repository.entries["59/663"]["revision"] == commit


def test_snapshot_is_the_same_for_the_same(repository: Repository) -> None:
    """An apply without changes leaves the snapshot as it is, byte for byte."""
    before = repository.apply().read("state.json")

    assert repository.apply().read("state.json") == before


def test_plan_writes_nothing(repository: Repository) -> None:
    """Looking leaves no trace in the repository."""
    before = {path for path in repository.root.rglob("*") if path.is_file()}
    for command in ("validate", "plan", "check", "show"):
        repository.run(command)

    assert {path for path in repository.root.rglob("*") if path.is_file()} == before


def test_emulator_without_a_place(repository: Repository) -> None:
    """Data of the embedded emulator that cannot be kept is told in a sentence."""
    repository.write(".icesync", "a file where a folder should be")

    assert_refused(repository.run("apply", "-y"), 64, "cannot store the emulator's data")


@pytest.mark.parametrize(
    "name", ["::error::x", "##[group]x", "##vso[task.x]y", "::add-mask::59", "a\u2028::error::x"]
)
def test_hostile_name(repository: Repository, name: str) -> None:
    """A name in a file starts no command of a CI runner."""
    repository.replace("servers/59.yaml", "name: Desk 663", f"name: '{name}'")
    shown = "\n".join(
        result.stdout + result.stderr
        for command in ("plan", "apply -y", "show", "validate")
        for result in [repository.run(*command.split())]
    )

    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())
    assert "##[" not in shown
    assert "##vso" not in shown
