"""A command that icesync prints works when it is pasted, and does what the run was about."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from rig import Repository, Result, run_program

if TYPE_CHECKING:
    from pathlib import Path

    from rig import Ice


@pytest.fixture
def far(tmp_path: Path, ice: Ice) -> Repository:
    """A repository of three servers in a folder with a blank, called from another folder."""
    return Repository(tmp_path / "my repo", [663, 664, 665]).calls(ice)


def run(far: Repository, *words: str) -> Result:
    """Run the program from outside of the repository."""
    return run_program(["-C", str(far.root), *words], far.root.parent, far.environ)


def printed(result: Result, begin: str) -> list[str]:
    """Return the words of the command after *begin* that *result* names."""
    line = next(row for row in result.stderr.splitlines() if row.startswith(begin))
    told = line.removeprefix(begin).strip()
    quoted = re.search("`(icesync [^`]+)`", told)
    return shlex.split(quoted[1] if quoted else told)


def paste(far: Repository, words: list[str]) -> Result:
    """Run what was printed, in the same place."""
    assert words[0] == "icesync"
    return run_program(words[1:], far.root.parent, far.environ)


def test_a_saved_plan_is_applied_by_what_plan_says(far: Repository, ice: Ice) -> None:
    """With the folder and the file's name quoted."""
    saved = run(far, "plan", "-o", "my plan.json")
    pasted = paste(far, printed(saved, "Plan saved. To apply exactly this plan: "))

    assert (pasted.code, sorted(ice.skills)) == (0, [663, 664, 665])  # type: ignore[type-var]


@pytest.mark.parametrize("rule", ["host-change", "adds"])
def test_a_refused_apply_is_allowed_by_its_hint(far: Repository, ice: Ice, rule: str) -> None:
    """All that stands against it at once; only the servers that this run was about are sent."""
    run(far, "apply", "-y", "--target", "59/663")
    far.replace("servers/59.yaml", "smtp.example.org", "smtp.example.net")
    if rule == "adds":
        far.replace("icesync.yaml", "adds: 100", "adds: 0")
    target = "59/664" if rule == "adds" else "59/663"
    refused = run(far, "apply", "-y", "--target", target)
    assert refused.code == 9
    before = len(ice.skills)
    pasted = paste(far, printed(refused, "hint: "))

    assert pasted.code == 0, pasted
    assert ice.skills[before:] == [int(target.partition("/")[2])]


def test_a_refused_saved_plan_stays_the_one_that_was_reviewed(far: Repository, ice: Ice) -> None:
    """The hint names the plan, too: without it, other servers would be sent."""
    run(far, "apply", "-y", "--target", "59/663")
    far.replace("servers/59.yaml", "smtp.example.org", "smtp.example.net")
    run(far, "plan", "--target", "59/663", "-o", "plan.json")
    refused = run(far, "apply", "plan.json")
    before = len(ice.skills)
    pasted = paste(far, printed(refused, "hint: "))

    assert (refused.code, pasted.code, ice.skills[before:]) == (9, 0, [663]), (refused, pasted)


def test_whoever_cannot_be_asked_is_told_the_whole_command(far: Repository, ice: Ice) -> None:
    """The flags of this run are in it."""
    refused = run(far, "apply", "--target", "59/664", "--no-input")
    pasted = paste(far, printed(refused, "hint: "))

    assert (refused.code, pasted.code, ice.skills) == (9, 0, [664])
