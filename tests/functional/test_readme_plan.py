"""The plan that the README shows is a real one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from rig import run_program

ROOT = Path(__file__).parents[2]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The quickstart's repository, applied to the embedded emulator."""
    folder = tmp_path / "quickstart"
    shutil.copytree(
        ROOT / "examples" / "quickstart",
        folder,
        ignore=shutil.ignore_patterns(".icesync", "*.state.json*"),
    )
    run_program(["keygen", "--out", ".icesync/fingerprint.key"], folder)
    applied = run_program(["apply", "--auto-approve"], folder)
    assert applied.code == 0, applied.stderr
    assert (applied.stdout + applied.stderr).count("\n") <= 25, "the first apply fits a screen"
    return folder


def test_the_quickstart_ends_in_no_changes(fleet: Path) -> None:
    """After the README's first command the plan is empty."""
    planned = run_program(["plan", "--detailed-exitcode"], fleet)

    assert (planned.code, planned.stdout.split(".")[0]) == (0, "No changes")


def test_the_plan_of_the_readme_is_what_icesync_prints(fleet: Path) -> None:
    """A port edited and a password rotated give the page's plan, letter by letter."""
    shown = re.search(
        r"<!-- plan -->\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    sample = fleet / "servers" / "59-sample.yaml"
    sample.write_text(sample.read_text().replace("port: 995", "port: 110"))
    secrets = fleet / "demo-secrets.yaml"
    secrets.write_text(secrets.read_text().replace("demo-only-212-1003-smtp", "rotated"))

    planned = run_program(["plan"], fleet).stdout

    assert shown is not None
    assert DIGEST.sub("sha256:…", planned) == DIGEST.sub("sha256:…", shown[1])


def test_the_findings_of_the_readme_are_what_icesync_prints(tmp_path: Path) -> None:
    """Two mistakes in the first file that `init` writes give the page's findings."""
    shown = re.search(
        r"<!-- findings -->\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    run_program(["init", "--emulator", "--organization=59", "--skill=663"], tmp_path)
    servers = tmp_path / "servers" / "59-663.yaml"
    text = servers.read_text().replace("port: 587", "port: 22:30")
    servers.write_text(text.replace("ref+env://ICE_59_663_SMTP", "a literal"))

    found = run_program(["validate"], tmp_path).stdout

    assert shown is not None
    assert found == shown[1]
