"""What a person in front of a terminal sees, and what a pipe gets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from icesync.cli.console import wants_colour

if TYPE_CHECKING:
    import subprocess
    from typing import IO

    from rig import Repository, Result

ESCAPE = "\x1b["

COLOUR = {"NO_COLOR": ""}
"""The rig's terminal is without colour unless a test takes that back."""


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("always", {}, False, True),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {}, True, False),
        ("never", {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": "0"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": ""}, False, False),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"FORCE_COLOR": "0", "CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "0"}, False, False),
        ("auto", {"CLICOLOR_FORCE": ""}, False, False),
        ("auto", {"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, False, True),
        ("auto", {"CLICOLOR": "0"}, True, False),
        ("auto", {"CLICOLOR": "1"}, False, False),
        ("auto", {"CLICOLOR": "1"}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"TERM": "dumb"}, False, False),
    ],
)
def test_wants_colour(
    choice: str, environ: dict[str, str], *, terminal: bool, expected: bool
) -> None:
    """The flag, then NO_COLOR, then what forces, then what forbids, then the place."""
    assert wants_colour(choice, environ, terminal=terminal) is expected


@pytest.mark.parametrize(
    ("arguments", "environ", "coloured"),
    [
        ([], COLOUR, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {**COLOUR, "TERM": "dumb"}, False),
        ([], {**COLOUR, "CLICOLOR": "0"}, False),
        (["--color", "never"], COLOUR, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {**COLOUR, "ICESYNC_COLOR": "never"}, False),
    ],
)
def test_plan_in_a_terminal(
    repository: Repository, arguments: list[str], environ: dict[str, str], *, coloured: bool
) -> None:
    """In a terminal the plan is coloured, unless somebody does not want that."""
    result = repository.in_terminal("plan", *arguments, env=environ, stdout_too=True)

    assert (ESCAPE in result.stdout) is coloured


@pytest.mark.parametrize(
    ("arguments", "environ", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"CLICOLOR_FORCE": "1"}, True),
        (["--color=always"], {}, True),
    ],
)
def test_plan_in_a_pipe(
    repository: Repository, arguments: list[str], environ: dict[str, str], *, coloured: bool
) -> None:
    """In a pipe the plan is plain, unless somebody wants colour."""
    result = repository.spawn("plan", *arguments, env=environ)

    assert (ESCAPE in result.stdout) is coloured


def test_colour_is_all_that_differs(repository: Repository) -> None:
    """Without its escapes a coloured plan is the plain one, word for word."""
    import re

    plain = repository.run("plan").stdout
    coloured = repository.run("plan", "--color", "always").stdout

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize(
    "command", [["plan", "--json"], ["show", "--json"], ["validate", "--json"]]
)
def test_data_is_never_coloured(repository: Repository, command: list[str]) -> None:
    """A program that reads JSON gets no escapes, even if colour is forced."""
    repository.apply()

    assert ESCAPE not in repository.run(*command, "--color", "always").stdout


def approve(_: subprocess.Popen[str], screen: IO[bytes]) -> None:
    """Say yes."""
    screen.write(b"yes\n")


def apply_in_terminal(repository: Repository, *arguments: str, **environ: str) -> Result:
    """Apply in a terminal that shows stderr only."""
    return repository.in_terminal("apply", *arguments, env=environ, answer=approve)


def test_progress_bar(repository: Repository) -> None:
    """A terminal shows how far the apply is."""
    repository.servers(range(1, 30))

    assert "29/29" in apply_in_terminal(repository, **COLOUR).stderr


def test_progress_leaves_no_residue(repository: Repository) -> None:
    """What stdout gets is the same with a bar and without."""
    repository.servers(range(1, 30))
    result = apply_in_terminal(repository, **COLOUR)

    assert ESCAPE not in result.stdout
    assert result.stdout.rstrip().endswith("state serial 1.")


def test_progress_bar_is_taken_away(repository: Repository) -> None:
    """When all is done, the cursor is back and the line of the bar is erased."""
    result = apply_in_terminal(repository, **COLOUR)

    assert result.stderr.rfind("\x1b[?25h") > result.stderr.rfind("\x1b[?25l")
    assert result.stderr.rstrip("\r\n").endswith("\x1b[2K")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {**COLOUR, "TERM": "dumb"}], ids=str)
def test_plain_terminal_gets_no_bar(repository: Repository, environ: dict[str, str]) -> None:
    """Where colour is not wanted, nothing moves either."""
    assert ESCAPE not in apply_in_terminal(repository, **environ).stderr


def test_quiet_is_quiet(repository: Repository) -> None:
    """With ``-q`` stderr is silent but for the question."""
    result = apply_in_terminal(repository, "-q")

    assert result.stderr.replace("\r", "").strip().startswith("Apply these changes (1 to add)?")


def test_every_server_with_verbose(repository: Repository) -> None:
    """With ``-v`` each server that was done is told on a line."""
    repository.servers([663, 664])
    result = repository.run("apply", "-y", "-v")

    assert "1/2 59/663 applied\n2/2 59/664 applied\n" in result.stderr


def test_narrow_terminal(repository: Repository) -> None:
    """A width that makes no sense is no reason to fail."""
    result = repository.in_terminal("plan", env={"COLUMNS": "1"}, stdout_too=True)

    assert result.code == 0


def test_pipeline_with_a_terminal_gets_no_bar(repository: Repository) -> None:
    """Some runners have a pseudo-terminal; nothing may move in their logs."""
    assert "\x1b[?25l" not in apply_in_terminal(repository, CI="true", **COLOUR).stderr


def test_silence_in_a_log_is_explained(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing ends, a line now and then still says how it goes, and stops with the run."""
    monkeypatch.setattr("icesync.cli.progress._LINE_EVERY_S", 0.0)

    assert "applying: 0/1 done, " in repository.run("apply", "-y").stderr
    assert not [t for t in threading.enumerate() if t.name == "progress"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_terminal_is_not_overrun(repository: Repository, width: int) -> None:
    """Plan and talk stay within the width of their terminal, but for the digest."""
    result = repository.in_terminal("plan", env={"COLUMNS": str(width)}, stdout_too=True)
    lines = [line for line in result.stdout.splitlines() if "sha256:" not in line]

    assert max(map(len, lines)) <= width


def test_width_is_that_of_the_stream(repository: Repository) -> None:
    """With stdout in a file, talk is folded by the terminal that shows it."""
    result = repository.in_terminal("plan", answer=None)
    lines = result.stderr.splitlines()

    assert max(map(len, lines)) <= 100
    assert len(lines) > 1


def test_summary_is_one_line_a_server(repository: Repository) -> None:
    """Plan, apply and check can be short, and are whole in a pipe."""
    repository.servers([663, 664])
    planned = repository.run("plan", "--summary").stdout
    applied = repository.run("apply", "-y", "--summary").stdout
    repository.replace("servers/59.yaml", "587", "465")
    checked = repository.run("check", "--summary").stdout

    assert planned.splitlines()[2:4] == ["+ add  59/663  Desk 663", "+ add  59/664  Desk 664"]
    assert [line.split()[:3] for line in applied.splitlines() if line.startswith("applied")] == [
        ["applied", "59/663", "add"], ["applied", "59/664", "add"],
    ]  # fmt: skip
    assert "~ update  59/663  Desk 663  smtp.port" in checked


def test_validate_has_no_summary(repository: Repository) -> None:
    """Its findings are a line each already."""
    assert repository.run("validate", "--summary").code == 64


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_ascii_terminal_gets_ascii(repository: Repository, locale: str) -> None:
    """Where the encoding knows no more, what icesync itself draws is plain letters."""
    environ = {**COLOUR, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    repository.servers(range(1, 30))
    result = apply_in_terminal(repository, **environ)

    assert "29/29" in result.stderr
    assert result.stderr.isascii()
