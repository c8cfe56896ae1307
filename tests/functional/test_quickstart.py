"""The way from an empty folder to a fleet that is as the files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rig import Ice, Repository, run_program

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {"ICE_59_663_SMTP": "one", "ICE_59_663_IMAP": "two"}


def test_what_init_writes_validates(tmp_path: Path) -> None:
    """The first files are valid as they are."""
    run_program(["init"], tmp_path)

    assert run_program(["validate"], tmp_path).code == 0


def test_what_init_writes_applies(tmp_path: Path) -> None:
    """With the emulator, the first files can be applied at once."""
    run_program(["init", "--emulator"], tmp_path)

    assert run_program(["apply", "-y"], tmp_path, SECRETS).code == 0


def test_init_touches_nothing(tmp_path: Path) -> None:
    """A second init keeps every file."""
    run_program(["init"], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    run_program(["init", "--organization", "70"], tmp_path)

    assert {path: path.read_bytes() for path in before} == before


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
