"""The commands that create the secrets of a pipeline carry every value as it is."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from icesync.codec.secretfile import env_lines
from icesync.engine.ci_secrets import CiSecrets, assigned_in, commands
from icesync.model.secret import SecretValue

if TYPE_CHECKING:
    from pathlib import Path

VALUES: Final = (
    "it's0", "ends in \\", "'", '$HOME `id` "x"', " blanks ", "a\\nb", "two\nlines", "-n", "%s",
)  # fmt: skip
NAMES: Final = tuple(f"ICE_59_{number}_SMTP_PASSWORD" for number in range(len(VALUES)))
STAND_IN: Final = """\
#!/bin/sh
printf '%s|' "$@"
cat
printf '\\0'
"""
"""Shows how it was called and what it was given."""


def run(line: str, tmp_path: Path, typed: str = "", shell: str = "sh") -> list[str]:
    """Run *line* in a shell that has stand-ins for gh and glab, and return their calls."""
    for name in ("gh", "glab"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [shell, "-euc", line], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        input=typed.encode(), capture_output=True, check=True,
    )  # fmt: skip
    return [part.partition(": \n")[2] or part for part in done.stdout.decode().split("\0")[:-1]]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_passwords_of_a_file(tmp_path: Path, shell: str) -> None:
    """Every password of an import arrives whole, and nothing else of its file goes along."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    lines = env_lines(zip(NAMES, map(SecretValue, VALUES), strict=True))
    (tmp_path / "mail.env").write_bytes(lines + b"ICE_TOKEN=secret\n")
    held = {"./mail.env": assigned_in((tmp_path / "mail.env").read_text(), NAMES)}

    needed = CiSecrets(("ICE_TOKEN",), NAMES, "key", held)
    github, gitlab = (
        next(line for line in commands(forge, needed) if "mail.env" in line)
        for forge in ("github", "gitlab")
    )

    assert run(github, tmp_path, shell=shell) == [
        f"secret|set|{name}|--env|{environment}|{value}"
        for name, value in zip(NAMES, VALUES, strict=True)
        for environment in ("icesync-plan", "icesync-apply")
    ]
    assert run(gitlab, tmp_path, shell=shell) == [
        f"variable|set|{name}|--protected|--masked|--raw|{value}"
        for name, value in zip(NAMES, VALUES, strict=True)
    ]


def test_passwords_of_no_file_are_asked_for(tmp_path: Path) -> None:
    """One question each; the token goes where only the apply can read it."""
    needed = CiSecrets(("ICE_TOKEN",), ("ICE_A", "ICE_B"), "key", {})
    *_, line = commands("github", needed)

    calls = run(line, tmp_path, " it's \\\nb\ntoken", "bash")

    assert calls == [
        "secret|set|ICE_A|--env|icesync-plan| it's \\",
        "secret|set|ICE_A|--env|icesync-apply| it's \\",
        "secret|set|ICE_B|--env|icesync-plan|b",
        "secret|set|ICE_B|--env|icesync-apply|b",
        "secret|set|ICE_TOKEN|--env|icesync-apply|token",
    ]


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_no_secret_for_every_branch(forge: str) -> None:
    """Nothing but the token of the comments can be read by a branch under review."""
    needed = CiSecrets(("ICE_TOKEN",), ("ICE_A",), "key", {})
    sets = [
        part
        for line in commands(forge, needed)
        for part in line.split(";")
        if " set " in part and "ICESYNC_INSTALL" not in part
    ]

    open_to_all = [part for part in sets if "--env" not in part and "--protected" not in part]
    assert len(open_to_all) == (forge == "gitlab")
    assert ("--scope icesync" if forge == "gitlab" else "icesync-apply") in sets[
        -1 - (forge == "gitlab")
    ]


def test_environment_that_is_there_keeps_its_reviewers(tmp_path: Path) -> None:
    """Only one that is missing is created, for the main branch."""
    create = next(iter(commands("github", CiSecrets((), ("ICE_A",), "key", {}))))

    there = run(create, tmp_path)

    assert [call.split("|")[:4] for call in there] == [
        ["api", "--silent", f"repos/{{owner}}/{{repo}}/environments/{name}", ""]
        for name in ("icesync-plan", "icesync-apply")
    ]
