"""The files to copy: valid by their vendors' schemas, careful with permissions and with texts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from localrunner import ROOT, read_yaml

from icesync.engine.init import FORGES, Layout, variables_of, workflow_files

WORKFLOWS = sorted((ROOT / "examples" / "ci" / "github").glob("*.yml"))
TEMPLATE = ROOT / "examples" / "ci" / "gitlab" / "icesync.yml"
SHARDS = TEMPLATE.with_name("shards.yml")
CHECKER = Path(sys.executable).parent / "check-jsonschema"
TRIGGERS = {"pull_request", "push", "schedule", "workflow_dispatch"}
WRITES = {
    "plan.yml": {"plan": {"pull-requests"}},
    "apply.yml": {"plan": set(), "apply": {"contents"}},
    "check.yml": {"check": {"issues"}},
    "shards.yml": {"apply": set()},
}


@pytest.mark.parametrize("forge", FORGES)
def test_examples_are_what_init_writes(
    forge: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """The files to copy and those of ``icesync init`` have one source."""
    setting = Layout(tmp_path, passwords=variables_of(59, 663))

    for path, text in workflow_files(forge, setting).items():
        example = ROOT / "examples" / "ci" / forge / path.rpartition("/")[2].replace("icesync-", "")
        if pytestconfig.getoption("--update-golden"):
            example.write_text(text)

        assert example.read_text() == text


def load(path: Path) -> Any:
    """Return the one document in *path*."""
    [document] = read_yaml(path.read_text())
    return document


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Return all steps of a workflow or an action."""
    document = load(path)
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


def test_schemas(tmp_path: Path) -> None:
    """GitHub's and GitLab's published schemas accept what we offer to copy."""
    head, _, body = TEMPLATE.read_text().partition("\n---\n")
    parts = [tmp_path / "head.yml", tmp_path / "body.yml"]
    for path, text in zip(parts, (head, body), strict=True):
        path.write_text(text)
    checks = {
        "vendor.github-workflows": WORKFLOWS,
        "vendor.github-actions": [ROOT / "action.yml"],
        "vendor.gitlab-ci": [
            *parts,
            SHARDS,
            TEMPLATE.with_name(".gitlab-ci.yml"),
        ],
    }
    for schema, paths in checks.items():
        done = subprocess.run(
            [CHECKER, "--builtin-schema", schema, *paths],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stderr


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda p: p.name)
def test_no_text_gets_into_a_shell(path: Path) -> None:
    """Whatever is interpolated reaches a shell as a variable."""
    scripts = [step["run"] for step in steps_of(path) if "run" in step]

    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_no_input_gets_into_a_script() -> None:
    """GitLab's inputs reach a shell as variables, too."""
    _, jobs = read_yaml(TEMPLATE.read_text())
    lines = [
        line
        for job in jobs.values()
        for part in ("before_script", "script", "after_script")
        for line in job.get(part, [])
    ]

    assert len(lines) > 10
    assert [line for line in lines if "$[[" in line] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_least_permissions(path: Path) -> None:
    """A workflow may nothing, its jobs may read and write the one thing that they write."""
    workflow = load(path)
    jobs = workflow["jobs"]
    writes = {
        name: {what for what, may in job["permissions"].items() if may == "write"}
        for name, job in jobs.items()
    }

    assert workflow["permissions"] == {}
    assert writes == WRITES[path.name]
    assert all(set(job["permissions"]) <= {"contents"} | writes[name] for name, job in jobs.items())
    assert set(workflow["on"]) <= TRIGGERS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_secrets_are_behind_an_environment(path: Path) -> None:
    """A job that is given secrets names the environment that guards them; others get none."""
    jobs = load(path)["jobs"].values()

    assert all(("secrets." in str(job)) is ("environment" in job) for job in jobs)


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda p: p.name)
def test_actions_are_those_of_github(path: Path) -> None:
    """What users copy needs nobody's action but GitHub's own."""
    used = {step["uses"].partition("@")[0] for step in steps_of(path) if "uses" in step}

    assert used <= {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}


@pytest.mark.parametrize("name", ["plan.yml", "check.yml", "shards.yml"])
def test_credentials_are_not_left(name: str) -> None:
    """Only the job that pushes keeps git's credentials on its disk."""
    [checkout] = [
        s for s in steps_of(WORKFLOWS[0].with_name(name)) if "checkout" in s.get("uses", "")
    ]

    assert checkout["with"]["persist-credentials"] is False


def test_a_run_that_sends_is_not_cut_off() -> None:
    """No newer run cancels an apply, and two never send at once."""
    apply = load(WORKFLOWS[0].with_name("apply.yml"))["jobs"]["apply"]
    _, jobs = read_yaml(TEMPLATE.read_text())
    gitlab = jobs["icesync-apply"]

    assert apply["concurrency"] == {"group": "icesync-apply", "cancel-in-progress": False}
    assert (gitlab["resource_group"], gitlab["interruptible"]) == ("icesync", False)


def test_every_shard_has_a_job() -> None:
    """The jobs of a matrix are all shards of its split, and none cuts off another."""
    job = load(WORKFLOWS[0].with_name("shards.yml"))["jobs"]["apply"]
    shards = job["strategy"]["matrix"]["shard"]
    [split] = [s["env"]["ICESYNC_SHARD"] for s in job["steps"] if "ICESYNC_SHARD" in str(s)]
    gitlab = load(SHARDS)["icesync-shards"]

    assert split == "${{ matrix.shard }}/" + str(len(shards))
    assert shards == list(range(1, len(shards) + 1))
    assert job["strategy"]["fail-fast"] is job["concurrency"]["cancel-in-progress"] is False
    assert (gitlab["parallel"], gitlab["interruptible"]) == (5, False)
    assert gitlab["script"][-1].endswith('--shard "$CI_NODE_INDEX/$CI_NODE_TOTAL"')


def test_hooks() -> None:
    """The hooks run commands that exist, by the rules of pre-commit."""
    from icesync.cli.main import COMMANDS

    hooks = {hook["id"]: hook for hook in load(ROOT / ".pre-commit-hooks.yaml")}

    assert set(hooks) == {"icesync-validate", "icesync-fmt"}
    assert hooks["icesync-validate"]["pass_filenames"] is False
    for hook in hooks.values():
        assert {"id", "name", "entry", "language"} <= hook.keys()
        program, command = hook["entry"].split()
        assert (program, command in COMMANDS) == ("icesync", True)


def test_image() -> None:
    """The image runs as nobody in particular, has a shell, and copies what is there."""
    text = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert sorted(" ".join(copied).split()) == sorted(kept)
    assert all((ROOT / name).exists() for name in kept)
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001"]
    assert re.findall(r"^FROM \S*slim\b", text, re.MULTILINE) == ["FROM python:3.12-slim"] * 2
    assert text.rstrip().endswith("\nFROM icesync")
    assert "ADD" not in text
