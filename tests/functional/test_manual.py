"""
Every command and every file that a page of the manual prints works as it is printed.

``console`` blocks are played in the order of the page; ``pytest --update-golden``
writes their output anew. ``sh`` blocks need a network or a pipeline, so their command
lines are parsed. ``yaml`` blocks are read as what they are.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner
from starter import program_folder

from icesync.cli.main import program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    path
    for path in (
        *ROOT.glob("*.md"), *ROOT.glob("schemas/*.md"), *ROOT.glob("examples/**/*.md"),
        ROOT / "tests" / "README.md", ROOT / "icesync" / "README.md",
    )
    if path.exists() and path.name != "CHANGELOG.md"
)  # fmt: skip
CONSOLE: Final = re.compile(r"```console\n(.*?)```", re.DOTALL)
COMMAND: Final = re.compile(r"(?:^|[\s`(])((?:\.venv/bin/)?icesync(?: [^`\n|#>]*)?)")
SHELL: Final = re.compile(r"```sh\n(.*?)```", re.DOTALL)
CHANGING: Final = re.compile(r"sha256:[0-9a-f]{64}|\b\d+(?:\.\d)? m?s\b")
"""What differs from run to run: digests that hold random salts, durations."""


def played(page: Path, folder: Path) -> str:
    """Return *page* with the output of its console blocks as it is now."""
    environ = {
        "PATH": f"{program_folder()}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder), "LANG": "C.UTF-8", "COLUMNS": "100",
    }  # fmt: skip
    exported: list[str] = []

    def answer(block: re.Match[str]) -> str:
        lines = []
        for line in block[1].splitlines():
            if not line.startswith("$ "):
                continue
            script = "\n".join([*exported, line[2:]])
            done = subprocess.run(
                ["sh", "-c", script], cwd=folder, env=environ, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            if line.startswith("$ export "):
                exported.append(line[2:])
            lines += [line, *(done.stdout + done.stderr).splitlines()]
        return "```console\n" + "\n".join(lines) + "\n```"

    return CONSOLE.sub(answer, page.read_text())


@pytest.mark.parametrize(
    "page", [page for page in PAGES if CONSOLE.search(page.read_text())],
    ids=lambda page: str(page.relative_to(ROOT)),
)  # fmt: skip
def test_console_blocks_show_real_output(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A reader who types what a page shows sees what the page shows."""
    now = played(page, tmp_path)
    if request.config.getoption("--update-golden"):
        page.write_text(now)

    assert CHANGING.sub("…", page.read_text()) == CHANGING.sub("…", now)


def commands() -> Iterator[tuple[str, str]]:
    """Return each command line of a shell block, with its page."""
    for page in PAGES:
        for block in SHELL.findall(page.read_text()):
            for line in block.splitlines():
                for match in COMMAND.finditer(line.partition("  #")[0]):
                    text = match[1].partition("&&")[0].partition(" || ")[0].strip()
                    yield str(page.relative_to(ROOT)), text


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_printed_commands_parse(page: str, line: str) -> None:
    """No page prints a command or a flag that does not exist."""
    words = shlex.split(line)[1:]
    asked = CliRunner().invoke(program, [*words, "--help"] if "--version" not in words else words)

    assert asked.exit_code == 0, f"{page}: {line}\n{asked.output}"
