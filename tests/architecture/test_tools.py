"""The tools of the house agree with the tree: contracts, lint, format, types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.quality


def run(*command: str) -> tuple[int, str]:
    """Run a tool of this environment over the project."""
    program = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_import_contracts() -> None:
    """Arrows point down, and each third-party library stays in its room."""
    code, told = run("lint-imports", "--no-cache")

    assert code == 0, told


def test_lint() -> None:
    """Ruff has nothing to say."""
    code, told = run("ruff", "check", "--quiet", "icesync", "tests")

    assert code == 0, told


def test_format() -> None:
    """All code is laid out by the formatter."""
    code, told = run("ruff", "format", "--check", "--quiet", "icesync", "tests")

    assert code == 0, told


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_types(platform: str) -> None:
    """All types are told and hold, on each platform that is promised."""
    code, told = run("mypy", "--platform", platform, "--cache-dir", f".mypy_cache/{platform}")

    assert code == 0, told
