"""The published hooks under the real pre-commit, in a folder of a monorepo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRE_COMMIT = os.environ.get("ICESYNC_TEST_PRE_COMMIT") or shutil.which("pre-commit")
MESSY = "organization: 60\nversion: 1\nservers:\n- {skill: 1}\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PRE_COMMIT is None, reason="pre-commit is not installed"),
]


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "PRE_COMMIT_HOME": str(folder.parent / "cache")}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def _repository(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (
        ["init", "-q"],
        ["config", "user.email", "a@example.org"],
        ["config", "user.name", "a"],
        ["add", "-A"],
        ["commit", "-qm", "all"],
        ["tag", "v1"],
    ):
        assert _run(folder, "git", *command).returncode == 0
    return folder


@pytest.mark.parametrize(
    "arguments", ["[-C, infra/mail]", "[--config, infra/mail/icesync.yaml]"], ids=["-C", "--config"]
)
def test_hooks_look_at_their_own_files(tmp_path: Path, arguments: str) -> None:
    """Server files are formatted and validated; the YAML of others is neither read nor touched."""
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    published = _repository(tmp_path / "icesync", {".pre-commit-hooks.yaml": hooks})
    config = f"repos:\n- repo: {published}\n  rev: v1\n  hooks:\n"
    for hook in ("icesync-fmt", "icesync-validate"):
        # As published, but not installed anew: the tests need no network.
        config += f"  - {{id: {hook}, language: system, args: {arguments}}}\n"
    mono = _repository(
        tmp_path / "mono",
        {
            ".pre-commit-config.yaml": config,
            "infra/mail/icesync.yaml": "version: 1\napi: {base_url: emulator}\n",
            "infra/mail/servers/60.yaml": MESSY,
            "k8s/app.yaml": "b:   [\n  1,2 ]\n---\na: &x !t 1\n",
        },
    )

    first = _run(mono, str(PRE_COMMIT), "run", "--all-files", "--verbose")
    changed = _run(mono, "git", "status", "--porcelain").stdout.split("\n")
    second = _run(mono, str(PRE_COMMIT), "run", "icesync-fmt", "--all-files")

    assert first.returncode == second.returncode + 1 == 1
    assert changed == [" M infra/mail/servers/60.yaml", ""]
    assert "app.yaml" not in first.stdout
    assert "ICE107" in first.stdout
