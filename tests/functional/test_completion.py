"""What a shell is offered while somebody types, and how the script gets into its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete
from rig import run_program

from icesync.cli.main import program

if TYPE_CHECKING:
    from rig import Repository


def offered(repository: Repository, line: str) -> list[str]:
    """Return what is offered at the end of *line*."""
    *words, typed = line.split(" ")
    before = Path.cwd()
    os.chdir(repository.root)
    try:
        found = ShellComplete(program, {}, "icesync", "_X").get_completions(words, typed)
    finally:
        os.chdir(before)
    return [item.value for item in found]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("plan 59/6", ["59/663", "59/664"]),
        ("plan ", ["servers/", "servers/59.yaml", "59/663"]),
        ("plan --target ", ["59/663", "59/664"]),
        ("apply --resend ", ["all", "59/663"]),
        ("plan --organization ", ["59"]),
        ("apply --allow ho", ["host-change"]),
        ("apply --allow host-change:", ["host-change:59/663"]),
        ("apply --allow ad", ["adds"]),
        ("plan --report j", ["json="]),
        ("schema email", ["email-servers"]),
        ("explain ICE30", ["ICE301"]),
        ("explain gm", ["gmail"]),
        ("explain 59/663 smtp.p", ["smtp.port"]),
        ("state show 59/", ["59/663"]),
        ("fmt ser", ["servers/59.yaml"]),
        ("-C servers plan ", ["59.yaml"]),
        ("valid", ["validate"]),
        ("state re", ["resolve", "rekey"]),
        ("plan --since", ["--since"]),
    ],
)
def test_what_is_offered(repository: Repository, line: str, some: list[str]) -> None:
    """Every word that icesync knows, and those of the configuration, complete."""
    repository.servers([663, 664])
    found = offered(repository, line)

    assert [word for word in some if word not in found] == []
    assert [word for word in found if not word.startswith(line.rpartition(" ")[2])] == []


def test_no_configuration_offers_nothing(repository: Repository) -> None:
    """A broken or missing configuration is no reason to disturb who types."""
    (repository.root / "icesync.yaml").unlink()
    assert offered(repository, "plan ") == []
    repository.write("icesync.yaml", "files: [")
    assert offered(repository, "plan --target 59/6") == ["59/663"]


@pytest.mark.parametrize(
    ("shell", "path", "said"),
    [
        ("bash", ".local/share/bash-completion/completions/icesync", "exec bash"),
        ("zsh", ".zfunc/_icesync", "fpath+="),
        ("fish", ".config/fish/completions/icesync.fish", "exec fish"),
    ],
)
def test_the_script_is_installed_once(tmp_path: Path, shell: str, path: str, said: str) -> None:
    """It lands where the shell looks, and a second time nothing changes."""
    home = {"HOME": str(tmp_path), "SHELL": f"/usr/bin/{shell}", "ZDOTDIR": "", "XDG_DATA_HOME": ""}
    home |= {"XDG_CONFIG_HOME": "", "BASH_COMPLETION_USER_DIR": ""}
    first = run_program(["completion", "--install"], tmp_path, home)
    second = run_program(["completion", "--install", shell], tmp_path, home)
    printed = run_program(["completion", shell], tmp_path).stdout

    assert (tmp_path / path).read_text() == printed
    assert "was written" in first.stderr
    assert said in first.stderr
    assert "is up to date" in second.stderr


def test_zsh_that_looks_there_already_is_told_nothing_more(tmp_path: Path) -> None:
    """Who has the line in .zshrc need not add it."""
    (tmp_path / ".zshrc").write_text("fpath+=(~/.zfunc)\n")
    told = run_program(["completion", "zsh", "--install"], tmp_path, {"HOME": str(tmp_path)})

    assert "fpath" not in told.stderr


def test_a_shell_that_nobody_named(tmp_path: Path) -> None:
    """Where $SHELL says nothing either, the three are named."""
    told = run_program(["completion", "--install"], tmp_path, {"SHELL": "/bin/tcsh"})

    assert told.code == 64
    assert [
        f"hint: icesync completion --install {shell}\n" in told.stderr
        for shell in ("bash", "zsh", "fish")
    ] == [True] * 3
