"""What people type who know other programs is answered with what to type here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rig import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from rig import Repository


@pytest.mark.parametrize("command", ["", "state", "secrets", "ci", "completion"])
def test_a_group_alone_shows_its_page(command: str, tmp_path: Path) -> None:
    """A command that needs more words shows its help on stdout; that is no error."""
    alone = run_program(command.split(), tmp_path)
    asked = run_program([*command.split(), "--help"], tmp_path)

    assert (alone.code, alone.stderr, alone.stdout) == (0, "", asked.stdout)


@pytest.mark.parametrize(
    ("line", "page"),
    [("help", "--help"), ("help plan", "plan --help"), ("state help mv", "state mv --help"),
     ("plan help", "plan --help"),
     ("-version", "--version"), ("-V", "--version"), ("help state mv", "state mv --help")],
)  # fmt: skip
def test_another_spelling_of_help(line: str, page: str, tmp_path: Path) -> None:
    """``help`` and ``-V`` answer as the flags do."""
    typed, asked = run_program(line.split(), tmp_path), run_program(page.split(), tmp_path)

    assert (typed.code, typed.stdout) == (0, asked.stdout)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("destroy", "`removed:` in a server file"),
        ("refresh", "ICE has no read API"),
        ("drift", "`icesync check` reports"),
        ("diff", "`icesync plan` shows"),
        ("status", "`icesync check` reports"),
        ("sync", "`icesync apply` sends"),
        ("lint", "`icesync validate` checks"),
        ("list", "`icesync state list`"),
        ("output", "`icesync state show ADDR`"),
        ("console", "`icesync explain ADDR`"),
        ("apply --dry-run", "`icesync plan` shows what would be sent"),
        ("plan --refresh", "ICE has no read API"),
        ("plan --yes", "nothing to approve"),
        ("login --token x", "`api.token:` in icesync.yaml"),
        ("init elsewhere", "icesync -C elsewhere init"),
        ("check 59/663", "icesync plan 59/663"),
        ("whoami", "`icesync token`"),
        ("config", "`icesync explain configuration`"),
        ("export", "`icesync state pull`"),
        ("--verison", "did you mean `--version`?"),
        ("show 59/663", "icesync state show 59/663"),
        ("state list 59/663", "icesync state show 59/663"),
        ("token now", "`icesync token` takes no argument"),
        ("plan --taget 59/663", "did you mean `--target`?"),
        ("state lits", "did you mean `icesync state list`?"),
    ],
)
def test_a_habit_is_answered(line: str, answer: str, tmp_path: Path) -> None:
    """A word of another program, or a slip, is 64 and one sentence that leads on."""
    told = run_program(line.split(), tmp_path)

    assert told.code == 64
    assert answer in told.stderr
    assert told.stderr.count("error: ") == 1


@pytest.mark.parametrize(
    "line", ["aply", "inti", "imprt", "logn", "fnt", "state pussh", "state rmm", "apply --alow x",
             "apply --ressend all", "apply --auto-aprove", "import --assume-in-sink x",
             "import --as-iz x"],
)  # fmt: skip
def test_a_slip_is_not_answered_with_what_sends_or_writes(line: str, tmp_path: Path) -> None:
    """Whoever takes an answer unread sends nothing, writes nothing and allows nothing."""
    told = run_program(line.split(), tmp_path)

    assert told.code == 64
    assert "did you mean" not in told.stderr


@pytest.mark.parametrize(
    "line", ["plan -no-color -detailed-exitcode", "apply --yes -parallelism=2", "fmt -check -diff",
             "validate -json"],
)  # fmt: skip
def test_terraforms_spelling_of_options(line: str, tmp_path: Path) -> None:
    """Long options may have one dash: the first thing that is missing is the configuration."""
    told = run_program(line.split(), tmp_path)

    assert told.code == 3
    assert "no icesync.yaml" in told.stderr


@pytest.mark.parametrize("command", ["validate", "plan", "check", "doctor"])
def test_quiet_leaves_warnings_out(repository: Repository, command: str) -> None:
    """With ``-q`` only errors are printed, whichever command found them."""
    repository.replace(
        "servers/59.yaml",
        "desk@example.org\n    poll_rate: 10\n  imap",
        "sales@example.org\n    poll_rate: 10\n  imap",
    )
    loud, quiet = (repository.run(command, *more) for more in ([], ["-q"]))

    assert "warning" in loud.stdout + loud.stderr
    assert (quiet.code, quiet.stderr) == (loud.code, "")
    assert "warning" not in quiet.stdout
