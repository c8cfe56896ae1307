"""What a command may load: start-up pays for what it needs, and a plan has nothing that sends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from rig import Repository

NETWORK = {"httpx", "ssl", "asyncio", "h11", "sqlite3", "http.client", "urllib.request"}
HEAVY = {"jsonschema", "deepdiff", "rich", "referencing", "jinja2"}
UNUSED = {
    "concurrent.futures", "email", "importlib.metadata", "logging", "random", "socket", "tempfile",
    "textwrap", "_strptime", "icesync.config.schema", "icesync.config.yaml_tree",
    "icesync.planner.recovery",
}  # fmt: skip
"""What takes milliseconds to load and is of no use to a command that finds all in order."""

PROBE = """
import sys
before = set(sys.modules)
sys.argv = ["icesync", *sys.argv[1:]]
from icesync.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stdout.flush()
print("\\0", *(set(sys.modules) - before), file=sys.stderr)
"""


def loaded(arguments: list[str], cwd: Path, environ: dict[str, str] | None = None) -> set[str]:
    """Return the modules that a command has loaded when it ends."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=cwd, env={**os.environ, **(environ or {})}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stderr.partition("\0")[2].split())


@pytest.mark.parametrize("arguments", [["--version"], ["version"]], ids=" ".join)
def test_version_loads_nothing(tmp_path: Path, arguments: list[str]) -> None:
    """The version is told before click is loaded."""
    modules = loaded(arguments, tmp_path)

    assert modules.isdisjoint({"click", "yaml", *NETWORK, *HEAVY})
    assert {name for name in modules if name.startswith("icesync")} == {
        "icesync",
        "icesync.__main__",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["plan", "--help"], ["apply", "--help"], ["probe", "--help"],
        ["state", "--help"], ["state", "mv", "--help"], ["import", "--help"],
        ["explain", "--help"], ["emulator", "--help"], ["completion", "bash"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_help_loads_click_only(tmp_path: Path, arguments: list[str]) -> None:
    """Help and completion answer at once."""
    modules = loaded(arguments, tmp_path)

    assert "click" in modules
    assert modules & {"yaml", *NETWORK, *HEAVY} == set()


def test_completing_a_word_loads_click_only(tmp_path: Path) -> None:
    """The key that completes must not be waited for."""
    environ = {"_ICESYNC_COMPLETE": "bash_complete", "COMP_WORDS": "icesync pl", "COMP_CWORD": "1"}
    modules = loaded([], tmp_path, environ)

    assert modules & {"yaml", *NETWORK, *HEAVY} == set()


@pytest.mark.parametrize(
    ("command", "used"),
    [("validate", set[str]()), ("fmt", {"icesync.config.yaml_tree"})],
    ids=["validate", "fmt"],
)
def test_reading_loads_no_schema_library(
    repository: Repository, command: str, used: set[str]
) -> None:
    """Files that are right never pay for what explains wrong ones, nor for a plan."""
    modules = loaded([command], repository.root)

    of_plans = {"icesync.engine.plan", "icesync.planner.plan", "icesync.codec", "json", "hashlib"}
    assert modules & {*NETWORK, *HEAVY, *(UNUSED - used), *of_plans} == set()


def test_fmt_of_files_in_shape_makes_no_tree(tmp_path: Path) -> None:
    """Nor does it load what writes one."""
    (tmp_path / "icesync.yaml").write_text(
        'version: 1\napi: {base_url: emulator}\nfiles: ["*/*"]\n'
    )
    (tmp_path / "servers").mkdir()
    servers = "version: 1\norganization: 59\nservers:\n  # The desk.\n  - skill: 663  # ours\n"
    (tmp_path / "servers" / "59.yaml").write_text(servers)
    modules = loaded(["fmt", "--check"], tmp_path)

    assert modules & {"icesync.config.yaml_tree", "icesync.config.fmt_text"} == set()


@pytest.mark.parametrize(
    ("command", "unused"),
    [
        ("plan", UNUSED), ("check", set[str]()), ("show", set[str]()), ("state list", set[str]()),
        ("explain 59/663", set[str]()),
    ],
    ids=["plan", "check", "show", "state list", "explain"],
)  # fmt: skip
def test_plan_without_changes_loads_little(
    repository: Repository, command: str, unused: set[str]
) -> None:
    """Where nothing differs, nothing is loaded that compares, paints or sends."""
    repository.apply()
    modules = loaded(command.split(), repository.root, repository.environ)

    assert modules & {*NETWORK, *HEAVY, *unused} == set()


def test_plan_with_changes_has_nothing_that_sends(repository: Repository) -> None:
    """Whoever plans cannot send, whatever the plan is; and a first plan loads few of our files."""
    modules = loaded(["plan"], repository.root, repository.environ)

    assert modules & {*NETWORK, "icesync.net", "icesync.client"} == set()
    assert sum(name.partition(".")[0] == "icesync" for name in modules) <= 72


def test_apply_loads_no_emulator(repository: Repository) -> None:
    """An apply without changes opens neither a client nor the emulator."""
    repository.apply()
    modules = loaded(["apply", "-y"], repository.root, repository.environ)

    assert modules & {*NETWORK, "icesync.net", "icesync.client", "icesync.emulator"} == set()
