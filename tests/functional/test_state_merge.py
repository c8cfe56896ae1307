"""Two branches that both applied are merged by git, with icesync as its merge driver."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from rig import KEY
from starter import program_folder

if TYPE_CHECKING:
    from rig import Repository


def git(repository: Repository, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git in *repository*."""
    known = ["-c", "user.name=Chris", "-c", "user.email=chris@example.com"]
    driver = f"merge.icesync.driver={program_folder()}/icesync state merge %O %A %B"
    return subprocess.run(
        ["git", *known, "-c", driver, *words],
        cwd=repository.root, capture_output=True, text=True, check=False,
    )  # fmt: skip


def change(repository: Repository, port: int, *skills: int) -> None:
    """Give some servers another port, apply, and commit files and state."""
    for skill in skills:
        repository.replace(f"servers/{skill}.yaml", "port: 587", f"port: {port}")
    repository.apply()
    git(repository, "commit", "-qam", f"port {port}")


@pytest.fixture
def branches(repository: Repository) -> Repository:
    """A repository whose branch ``other`` and present branch come from one applied commit."""
    for skill in (663, 664, 665, 666):
        repository.servers([skill])
        repository.write(f"servers/{skill}.yaml", repository.read("servers/59.yaml"))
    (repository.root / "servers/59.yaml").unlink()
    repository.apply()
    repository.write(".gitattributes", "state.json merge=icesync\n")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", ".gitattributes", "icesync.yaml", "servers", "state.json")
    git(repository, "commit", "-qm", "first")
    git(repository, "checkout", "-qb", "other")
    change(repository, 2525, 664, 666)
    git(repository, "checkout", "-q", "main")
    change(repository, 465, 663, 666)
    return repository


def test_applied_branches_merge(branches: Repository) -> None:
    """What one side sent is taken from it; what both sent is sent again, and named."""
    merged = git(branches, "merge", "-q", "--no-edit", "-X", "ours", "other")
    state, plan = branches.run("state", "list", "--json"), branches.run("plan", "--summary")

    assert merged.returncode == 0, merged.stderr
    assert "the sides differ on 59/666: the next apply sends that again" in merged.stderr
    assert branches.statuses == {
        "59/663": "applied", "59/664": "applied", "59/665": "applied", "59/666": "uncertain",
    }  # fmt: skip
    assert state.document["serial"] == 3
    assert "59/666" in plan.stdout
    assert "two merged versions of the state differ about it" in branches.run("plan").stdout
    assert "59/663" not in plan.stdout
    assert branches.run("apply", "-y").code == 0
    assert "uncertain" not in branches.statuses.values()


def test_the_merged_state_is_sealed(branches: Repository) -> None:
    """With the key at hand no safeguard is tripped; without it the merge says what to type."""
    git(branches, "merge", "-q", "--no-edit", "-X", "ours", "other")
    assert "edited" not in branches.run("plan").stdout

    git(branches, "reset", "-q", "--hard", "main@{1}")
    branches.root.joinpath("key").unlink()
    merged = git(branches, "merge", "-q", "--no-edit", "-X", "ours", "other")
    branches.write("key", f"{KEY}\n")

    assert "icesync apply --allow state-edited" in merged.stderr
    assert "--allow state-edited" in branches.run("plan").stderr


def test_states_that_are_not_one_stay_a_conflict(branches: Repository) -> None:
    """Where nothing can be united git is told so, and no command takes a side for the state."""
    git(branches, "checkout", "-q", "other")
    text = branches.read("state.json")
    branches.write("state.json", text.replace('"59/664"', '"59/9"'))
    git(branches, "commit", "-qam", "edited by hand")
    git(branches, "checkout", "-q", "main")
    merged = git(branches, "merge", "-q", "--no-edit", "-X", "ours", "other")

    assert merged.returncode == 1
    assert branches.run("plan").code == 8
    assert "merge-conflict markers" in branches.run("plan").stderr
