"""The Python API does what its page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rig import run_process

import icesync

if TYPE_CHECKING:
    from rig import Repository

PACKAGE = Path(icesync.__file__).parent
PAGE = (PACKAGE / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(code: str, repository: Repository, **environ: str) -> str:
    """Run *code* in *repository*, in a process of its own, and return what it prints."""
    done = run_process(
        [], repository.root, {**repository.environ, **environ}, prepare=f"{code}\nraise SystemExit"
    )
    assert done.code == 0, done.stderr
    assert not any(secret in done.stdout for secret in repository.environ.values())
    return done.stdout


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_of_the_page_run(repository: Repository, number: int) -> None:
    """What the page shows can be pasted."""
    run(EXAMPLES[number], repository)


def test_a_bot_approves_by_its_own_rule(repository: Repository) -> None:
    """The example's bot lets one call through; with four it sends nothing and says why."""
    bot = next(example for example in EXAMPLES if "class Bot" in example)
    repository.servers((663, 664, 665, 666))

    refused = run(bot, repository)

    assert "9 not approved; nothing was sent" in refused

    repository.servers((663,))
    shown = run(bot, repository)

    assert "ApplyStarted\nCallStarted\nChangeEnded\nApplyEnded\nTrue" in shown
    assert repository.statuses == {"59/663": "applied"}


def test_a_reviewed_plan_is_carried_out_or_nothing(repository: Repository) -> None:
    """A saved plan needs no question; after the files changed it is refused."""
    code = """
from icesync import ApplyRequest, PlanRequest, SecretsMode, apply, open_project, plan
from icesync.errors import PlanStale
project = open_project(".")
made = plan(project, PlanRequest(secrets=SecretsMode.REQUIRE)).plan
print(apply(project, ApplyRequest(saved=made)).complete)
try:
    apply(project, ApplyRequest(saved=made))
except PlanStale as error:
    print(error.exit_code)
"""
    assert run(code, repository) == "True\n6\n"


def test_importing_costs_nothing() -> None:
    """A name is loaded when it is used, not before."""
    code = "import sys, icesync; print(*(m for m in sys.modules if m.startswith('icesync')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["icesync"]


def test_each_name_is_there_and_typed() -> None:
    """What the package exports exists, and type checkers know the same names."""
    stub = (PACKAGE / "__init__.pyi").read_text()
    typed = set(re.findall(r"import (?:.*, )?(\w+) as \1", stub)) | set(
        re.findall(r"(\w+) as \1", stub)
    )

    assert typed == set(icesync.__all__)
    assert all(getattr(icesync, name) is not None for name in icesync.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A slip is named as Python names it."""
    with pytest.raises(AttributeError, match="aply"):
        _ = icesync.aply  # type: ignore[attr-defined]
