from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from reviews import GITHUB, REVIEWS, findings

from icesync.codec.plan import plan_digest
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.model.report import Command, CommandResult
from icesync.render.github import encode_outputs, outputs, render_annotations
from icesync.render.gitlab import close_section, open_section

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("name", REVIEWS)
def test_annotations(name: str, golden: Callable[[str, str], None]) -> None:
    """Each ending is told at the lines that it is about, most severe first."""
    golden(f"reports/{name}.annotations.txt", render_annotations(REVIEWS[name], GITHUB))


def many(**counts: int) -> CommandResult:
    """Return findings, so many of each severity, the least severe first."""
    found = [
        Diagnostic("ICE301", f"{name} {n}", SourcePosition("a.yaml", n), None, Severity(name))
        for name in ("info", "warning", "error")
        for n in range(1, counts.get(name, 0) + 1)
    ]
    return CommandResult(Command.VALIDATE, tuple(found))


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (10, 10), (11, 10), (500, 10)])
def test_level_shows_ten(count: int, lines: int) -> None:
    """The runner drops what goes beyond ten of a level, so the tenth says how many there are."""
    shown = render_annotations(many(error=count), GITHUB).splitlines()

    assert len(shown) == lines
    assert ("and" in shown[-1] and f"{count - 9} more" in shown[-1]) if count > 10 else True


def test_most_severe_first() -> None:
    """What matters most is not what is dropped."""
    shown = render_annotations(many(info=12, warning=12, error=2), GITHUB).splitlines()

    assert [line.split()[0] for line in shown] == (
        ["::error"] * 2 + ["::warning"] * 10 + ["::notice"] * 10
    )


def test_escapes() -> None:
    """Names and messages are escaped as the runner's own toolkit does it."""
    odd = Diagnostic("ICE301", "100%: a, b", SourcePosition("50%,a:b.yaml", 3), "line\ntwo")
    line = render_annotations(CommandResult(Command.VALIDATE, (odd,)), replace(GITHUB, folder=""))

    assert line == (
        "::error file=50%25%2Ca%3Ab.yaml,line=3,col=1,title=ICE301"
        "::50%25,a:b.yaml:3:1: ICE301 100%25: a, b%0Aline%0Atwo\n"
    )


def test_outputs() -> None:
    """A step's outputs are those that later steps decide by."""
    plan = REVIEWS["plan"].plan

    assert plan is not None
    assert outputs(REVIEWS["plan"], "plan.json") == {
        "changes": "true",
        "digest": plan_digest(plan),
        "to_add": "1",
        "to_update": "1",
        "to_move": "1",
        "to_disable": "1",
        "to_forget": "1",
        "to_resend": "1",
        "plan_path": "plan.json",
        "exit_code": "2",
    }


def test_outputs_without_a_plan() -> None:
    """A run that was stopped claims nothing about changes."""
    assert outputs(REVIEWS["plan-locked"], "") == {"exit_code": "5"}


@pytest.mark.parametrize("value", ["a\nchanges=false", "a\nend_0\nx=y", "a\r\nb"])
def test_no_value_names_another_output(value: str) -> None:
    """A line of a value is a line of that value."""
    first, *rest = encode_outputs({"plan_path": value}).split("\n")
    end = first.removeprefix("plan_path<<")

    assert rest[-2:] == [end, ""]
    assert end not in value
    assert "\n".join(rest[:-2]) == value


def test_plain_output() -> None:
    """A plain value is written plainly."""
    assert encode_outputs({"a": "b", "c": "d=e"}) == "a=b\nc=d=e\n"


def test_every_finding_is_told() -> None:
    """Nothing is left out below the limits."""
    shown = render_annotations(CommandResult(Command.VALIDATE, findings()), GITHUB)

    assert [one.rule for one in findings() if one.rule not in shown] == []


def test_section() -> None:
    """GitLab folds what stands between the two marks."""
    assert open_section("a", "title", 7) == "\x1b[0Ksection_start:7:a\r\x1b[0Ktitle\n"
    assert "a[collapsed=true]\r" in open_section("a", "title", 7, collapsed=True)
    assert close_section("a", 8) == "\x1b[0Ksection_end:8:a\r\x1b[0K\n"
