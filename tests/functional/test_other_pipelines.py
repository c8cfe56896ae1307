"""The pipelines for Azure, Bitbucket and Jenkins: valid by their schemas, and played."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, Final

import pytest
from localrunner import GIT, INSTALLS, ROOT, Origin, read_yaml, run_shell
from rig import KEY, run_program

if TYPE_CHECKING:
    from collections.abc import Callable

CI: Final = ROOT / "examples" / "ci"
AZURE: Final = CI / "azure" / "azure-pipelines.yml"
BITBUCKET: Final = CI / "bitbucket" / "bitbucket-pipelines.yml"
JENKINS: Final = CI / "jenkins" / "Jenkinsfile"
SECRETS: Final = {
    "ICESYNC_FINGERPRINT_KEY": KEY,
    "ICE_59_663_SMTP": "smtp-secret-8261",
    "ICE_59_663_IMAP": "imap-secret-7450",
}


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.azure-pipelines", AZURE), ("vendor.bitbucket-pipelines", BITBUCKET)],
    ids=["azure", "bitbucket"],
)
def test_schemas(schema: str, path: Path) -> None:
    """The published schemas accept what we offer to copy."""
    # Azure's patterns are none by the stricter grammar.
    command = ["check-jsonschema", "--regex-variant=python", "--builtin-schema", schema, str(path)]
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stderr


def azure() -> dict[str, str]:
    """Return the script of each stage."""

    def scripts(node: Any) -> list[str]:
        if isinstance(node, list):
            return [script for each in node for script in scripts(each)]
        if not isinstance(node, dict):
            return []
        lines = "".join(f"export {k}={v}\n" for k, v in node.get("env", {}).items() if "$" not in v)
        own = [lines + node["bash"]] if "bash" in node else []
        return own + [script for each in node.values() for script in scripts(each)]

    [pipeline] = read_yaml(AZURE.read_text())
    return {stage["stage"]: "\n".join(scripts(stage)) for stage in pipeline["stages"]}


def bitbucket() -> dict[str, str]:
    """Return the script of each pipeline."""
    [document] = read_yaml(BITBUCKET.read_text())
    found = document["pipelines"]
    chosen = {
        "plan": found["pull-requests"]["**"],
        "apply": found["branches"]["main"],
        "check": found["custom"]["check"],
    }
    return {name: "\n".join(steps[0]["step"]["script"]) for name, steps in chosen.items()}


def jenkins() -> dict[str, str]:
    """Return the script of each stage."""
    text = JENKINS.read_text()
    parts = re.split(r"stage\('([\w ]+)'\)", text)[1:]
    scripts = [re.findall(r"sh '''(.*?)'''", part, re.DOTALL) for part in parts[1::2]]
    return {name.lower(): "".join(found) for name, found in zip(parts[::2], scripts, strict=True)}


def test_brackets_of_the_jenkinsfile_match() -> None:
    """Jenkins has no schema: at least every bracket of its file is closed."""
    text = re.sub(r"'''.*?'''|'[^'\n]*'|//[^\n]*", "", JENKINS.read_text(), flags=re.DOTALL)
    while text != (
        shorter := re.sub(r"\([^(){}\[\]]*\)|\{[^(){}\[\]]*\}|\[[^(){}\[\]]*\]", "", text)
    ):
        text = shorter

    assert text.split() == ["pipeline"]


def _without_installing(script: str) -> str:
    return "\n".join(
        line for line in script.splitlines() if not INSTALLS.search(line) and "venv" not in line
        and 'pip" install' not in line
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(which("git") is None, reason="no git program to keep a repository")
@pytest.mark.parametrize("read", [azure, bitbucket, jenkins])
def test_story(tmp_path: Path, read: Callable[[], dict[str, str]]) -> None:
    """A merge is announced, applied and kept; a change is planned; the check finds nothing."""
    origin, scripts = Origin(tmp_path), read()
    run_program(["init", "--emulator", "--organization=59", "--skill=663"], origin.desk)
    origin.commit("first")
    target = {"BITBUCKET_PR_DESTINATION_BRANCH": "main", "CHANGE_TARGET": "main"}
    runs = []

    def play(name: str, branch: str, secrets: dict[str, str]) -> Path:
        work = tmp_path / f"{len(runs)}-{name}"
        origin.git("clone", "--quiet", "--branch", branch, str(origin.bare), str(work))
        environ = {**GIT, **target, "BITBUCKET_BRANCH": branch, **secrets}
        code, log = run_shell(_without_installing(scripts[name]), work, environ)
        runs.append((name, code))
        assert [secret for secret in SECRETS.values() if secret in log] == []
        assert code == 0, log
        return work

    applied = play("apply", "main", SECRETS)
    origin.update()
    subjects = origin.log[:2]
    play("check", "main", SECRETS)
    origin.edit("servers/59-663.yaml", "port: 587", "port: 2525")
    origin.commit("change", "change")
    planned = play("plan", "change", {})

    assert [line.split(": ", 1)[1].removesuffix(" [skip ci]") for line in subjects] == [
        "icesync: what ICE confirmed",
        "icesync: about to apply",
    ]
    assert "59/663" in next(applied.rglob("apply.xml")).read_text()
    assert "2525" in (planned / "plan.md").read_text()
    assert (planned / "icesync.sarif").exists()
    assert next(planned.rglob("validate.xml")).read_text().startswith("<?xml")
