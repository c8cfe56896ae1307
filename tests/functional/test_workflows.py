"""The workflows that run here and those that users copy are safe by the field's own checkers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ACTIONLINT: Final = os.environ.get("ICESYNC_TEST_ACTIONLINT")
WORKFLOWS: Final = sorted(
    [*(ROOT / ".github" / "workflows").glob("*.yml"), *(ROOT / "examples/ci/github").glob("*.yml")]
)
PINNED: Final = re.compile(r"uses: +[\w./-]+@[0-9a-f]{40} # v\d")


def test_zizmor_finds_nothing() -> None:
    """No workflow lets a pull request run code, take a token or change what is installed."""
    program = str(Path(sys.executable).parent / "zizmor")
    files = [str(path) for path in (*WORKFLOWS, ROOT / "action.yml")]
    done = subprocess.run(
        [program, "--offline", "--no-progress", *files], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(ACTIONLINT is None, reason="ICESYNC_TEST_ACTIONLINT names no actionlint")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(path: Path) -> None:
    """Expressions, contexts and inputs of each workflow exist."""
    done = subprocess.run([str(ACTIONLINT), str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.name)
def test_each_action_is_pinned_by_commit(path: Path) -> None:
    """Nobody who moves a tag changes what runs; the tag stands beside the commit for people."""
    used = [
        line
        for line in path.read_text().splitlines()
        if "uses:" in line and not line.lstrip().startswith("#")
    ]

    assert [line for line in used if not PINNED.search(line)] == []


@pytest.mark.parametrize(
    "path",
    [*WORKFLOWS, ROOT / "action.yml", *sorted((ROOT / "examples/ci/gitlab").glob("*.yml"))],
    ids=lambda path: path.name,
)
def test_no_pipeline_runs_a_pip_of_the_checkout(path: Path) -> None:
    """``python -m pip`` would import ``pip.py`` of the working directory; ``-I`` does not."""
    text = path.read_text()

    assert "python -m pip" not in text
    assert "icesync==0" not in text
