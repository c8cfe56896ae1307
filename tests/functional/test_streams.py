"""Where the output goes: full disks, readers that leave, streams that are closed, old locales."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rig import Repository, Result, start_process

FULL = Path("/dev/full")
LOST = "cannot write to stdout: No space left on device"

WRITING = [
    ["plan"], ["plan", "--json"], ["plan", "-v"], ["apply", "-y"], ["check"], ["show"],
    ["state", "list"], ["token", "--help"], ["schema"], ["schema", "email-servers"],
    ["completion", "bash"], ["keygen"], ["--help"], ["validate", "--json"], ["version", "--json"],
]  # fmt: skip


@pytest.mark.skipif(not FULL.exists(), reason="the full device is Linux's")
@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_full_disk(repository: Repository, command: list[str]) -> None:
    """What could not be written is a failure, told in one sentence."""
    with FULL.open("w") as stdout:
        result = repository.spawn(*command, stdout=stdout)

    assert result.code == 1
    assert result.stderr.count(f"error: {LOST}") == 1
    assert (f"{LOST}; nothing was sent" in result.stderr) is (command[0] == "apply")
    assert_quiet(result)


@pytest.mark.skipif(not FULL.exists(), reason="the full device is Linux's")
@pytest.mark.parametrize("command", [["plan"], ["apply", "-y"]], ids=" ".join)
def test_full_disk_without_a_buffer(repository: Repository, command: list[str]) -> None:
    """The same is told when the write itself fails, and not the last flush."""
    with FULL.open("w") as stdout:
        result = repository.spawn(*command, env={"PYTHONUNBUFFERED": "1"}, stdout=stdout)

    assert result.code == 1
    assert result.stderr.count(f"error: {LOST}") == 1
    assert_quiet(result)


@pytest.mark.skipif(not FULL.exists(), reason="the full device is Linux's")
def test_full_disk_does_not_hide_what_was_sent(repository: Repository) -> None:
    """Events that nobody could read were still calls that ICE confirmed."""
    with FULL.open("w") as stdout:
        result = repository.spawn("apply", "-y", "--json", stdout=stdout)

    assert result.code == 1
    assert f"error: {LOST}; 1 applied" in result.stderr


@pytest.mark.skipif(not FULL.exists(), reason="the full device is Linux's")
def test_full_disk_hides_no_error(repository: Repository) -> None:
    """An error keeps its sentence and its exit code when stdout is full as well."""
    repository.replace("servers/59.yaml", "port: 587", "port: 66000")
    with FULL.open("w") as stdout:
        result = repository.spawn("plan", stdout=stdout)

    assert result.code == 3
    assert "ICE301" in result.stderr


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_reader_that_left(repository: Repository, command: list[str]) -> None:
    """A closed pipe ends the program without a word, and not as a success."""
    ours, theirs = os.pipe()
    os.close(ours)
    result = repository.spawn(*command, stdout=theirs)
    os.close(theirs)

    assert result.code == 1
    assert "error:" not in result.stderr
    assert_quiet(result)


def test_reader_that_left_in_the_middle(repository: Repository) -> None:
    """A reader that took the first lines of a long plan ends it without noise."""
    repository.servers(range(1, 400))
    with repository.start("plan", "-v") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()

    assert first.startswith("Plan: 399 to add")
    assert process.returncode == 1
    assert_quiet(Result(1, "", stderr))


@pytest.mark.parametrize(
    ("closed", "code"), [("<&-", 0), (">&-", 1), ("2>&-", 0), ("<&- >&- 2>&-", 1)]
)
def test_closed_streams(repository: Repository, closed: str, code: int) -> None:
    """A stream that is closed from the start is no reason for a traceback."""
    result = shell(repository, f'exec "$@" plan {closed}')

    assert result.code == code
    assert_quiet(result)


def test_version_that_nobody_can_read(repository: Repository) -> None:
    """The shortest answer is none, either, where stdout is closed."""
    assert shell(repository, 'exec "$@" --version >&-').code == 1


def test_closed_stderr_catches_no_file(repository: Repository) -> None:
    """What is meant for a closed stderr ends up in no file that was opened since."""
    shell(repository, 'exec "$@" apply -y -v 2>&-')

    assert repository.read("state.json.lock") == ""
    assert repository.statuses == {"59/663": "applied"}


@pytest.mark.parametrize("command", ["plan", "show", "validate"])
def test_old_locale(repository: Repository, command: str) -> None:
    """In an ASCII locale a name beyond ASCII is spelled out."""
    repository.apply()
    repository.replace("servers/59.yaml", "name: Desk 663", "name: Zürich 窓口, smtp: {port: 25}")
    result = repository.spawn(command, env={"LC_ALL": "C", "PYTHONUTF8": "0"})

    assert result.code == 0
    assert (result.stdout + result.stderr).isascii()


def test_old_locale_spells_out(repository: Repository) -> None:
    """What cannot be shown is shown by its code points, and nothing is left out."""
    repository.replace("servers/59.yaml", "name: Desk 663", "name: Zürich")
    result = repository.spawn("plan", env={"LC_ALL": "C", "PYTHONUTF8": "0"})

    assert '"Z\\xfcrich" will be sent' in result.stdout


def test_old_locale_can_ask_for_help(repository: Repository) -> None:
    """Help shows in every locale."""
    assert repository.spawn("apply", "--help", env={"LC_ALL": "C", "PYTHONUTF8": "0"}).code == 0


def test_old_locale_names_a_folder(repository: Repository) -> None:
    """A path beyond ASCII on the command line is a path."""
    repository.root = repository.root.rename(repository.root.with_name("Büro"))
    result = start_process(
        ["-C", "Büro", "validate"], repository.root.parent, {"LC_ALL": "C", "PYTHONUTF8": "0"}
    )
    _, stderr = result.communicate(timeout=30)

    assert (result.returncode, stderr) == (0, "OK: 1 server in 1 file\n")


def shell(repository: Repository, script: str) -> Result:
    """Run the program by a shell that opens and closes its streams."""
    process = subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "icesync"],
        cwd=repository.root, env={**os.environ, **repository.environ},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return Result(process.returncode, process.stdout, process.stderr)


def assert_quiet(result: Result) -> None:
    """Demand that Python itself had nothing to say."""
    __tracebackhide__ = True
    for noise in ("Traceback", "Exception ignored", "BrokenPipe", "lost sys.std"):
        assert noise not in result.stderr
