from __future__ import annotations

import pytest
from builders import SALES, SUPPORT, Place, position, server

from icesync.config.lint import Finding, Problem
from icesync.config.verdict import Judge, locate
from icesync.config.yaml.source import SourceFile
from icesync.diagnostics import Diagnostic, Severity
from icesync.model.project import Level

FIRST, SECOND = server(SUPPORT), server(SALES)
PORT = Problem("ICE304", "smtp.port", "a port")


def _waiving(comment: str, line: int) -> Judge:
    judge = Judge({})
    text = "a: 1\n" * (line - 1) + f"b: 1  # icesync: allow {comment}\n"
    file = FIRST.origin.position().file
    assert judge.read([SourceFile(file, text.encode())]) == []
    return judge


@pytest.mark.parametrize(
    ("level", "strict", "expected"),
    [
        (None, False, [Severity.WARNING]),
        (None, True, [Severity.ERROR]),
        (Level.OFF, True, []),
        (Level.INFO, True, [Severity.INFO]),
        (Level.ERROR, False, [Severity.ERROR]),
    ],
)
def test_what_a_finding_weighs(
    level: Level | None, expected: list[Severity], *, strict: bool
) -> None:
    """The configuration goes before the rule's own weight; strict makes errors of warnings."""
    judge = Judge({"ICE304": level} if level else {}, strict)
    placed = Diagnostic("ICE304", "a port", position(3), severity=Severity.WARNING)

    assert [j.severity for j in judge.judge([Finding(FIRST, PORT)])] == expected
    assert [d.severity for d in judge.judge_placed([placed])] == expected


def test_a_problem_may_weigh_otherwise_than_its_rule() -> None:
    """A placeholder out of use is only a warning."""
    light = Problem("ICE507", "imap.host", "a placeholder", severity=Severity.WARNING)

    [judged] = Judge({}).judge([Finding(FIRST, light)])

    assert judged.severity is Severity.WARNING


def test_a_waiver_excuses_its_rule_at_its_line() -> None:
    """And neither another rule nor another line."""
    line = FIRST.origin.position("smtp.port").line
    other = Problem("ICE309", "smtp.port", "unusual")
    judge = _waiving("ICE304 because", line)

    assert [j.finding.problem for j in judge.judge([Finding(FIRST, PORT)])] == []
    assert [j.finding.problem for j in judge.judge([Finding(FIRST, other)])] == [other]
    assert judge.unused() == []
    assert len(_waiving("ICE304 because", line + 1).judge([Finding(FIRST, PORT)])) == 1


def test_a_waiver_that_waived_nothing_is_a_finding() -> None:
    """It says which rule, where; a rule that only a plan can break is not reproached."""
    [unused] = _waiving("ICE304 because", 3).unused()

    assert (unused.rule, unused.severity, unused.position.line) == ("ICE015", Severity.WARNING, 3)
    assert "ICE304" in unused.message
    assert _waiving("ICE405 because", 3).unused() == []


def test_what_many_servers_share_is_told_once() -> None:
    """One place and one sentence are one finding, which counts the servers."""
    keys = ("smtp.port",)
    shared = [server(address) for address in (SUPPORT, SALES)]
    same = [Finding(s, PORT) for s in shared]
    own = Finding(SECOND, Problem("ICE304", "smtp.port", "another sentence"))
    assert Place("f", keys).position("smtp.port").line == 2

    found = locate(Judge({}).judge([*same, own]))

    assert [(d.message, d.subject) for d in found] == [
        ("59/663 and 1 more: a port", "59/663"),
        ("59/664: another sentence", "59/664"),
    ]
