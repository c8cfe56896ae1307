from __future__ import annotations

import pytest
from builders import SALES, SUPPORT, Place, position, server

from icesync.config.rules import UnplacedFinding, Violation
from icesync.config.severity import SeverityPolicy, locate
from icesync.config.yaml_document import SourceFile
from icesync.diagnostics import Diagnostic, Severity
from icesync.model.project import Level

FIRST, SECOND = server(SUPPORT), server(SALES)
PORT = UnplacedFinding(FIRST, "ICE308", Violation("smtp.port", "a port"))


def _waiving(comment: str, line: int) -> SeverityPolicy:
    policy = SeverityPolicy({})
    text = "".join(f"a{n}: 1\n" for n in range(1, line)) + f"b: 1  # icesync: allow {comment}\n"
    file = FIRST.origin.position().file
    assert policy.read([SourceFile(file, text.encode())]) == []
    return policy


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
    policy = SeverityPolicy({"ICE308": level} if level else {}, strict)
    placed = Diagnostic("ICE308", "a port", position(3), severity=Severity.WARNING)

    assert [j.severity for j in policy.apply([PORT])] == expected
    assert [d.severity for d in policy.apply_placed([placed])] == expected


def test_a_problem_may_weigh_otherwise_than_its_rule() -> None:
    """A placeholder out of use is only a warning."""
    light = Violation("imap.host", "a placeholder", severity=Severity.WARNING)

    [weighted] = SeverityPolicy({}).apply([UnplacedFinding(FIRST, "ICE507", light)])

    assert weighted.severity is Severity.WARNING


def test_a_waiver_excuses_its_rule_at_its_line() -> None:
    """And neither another rule nor another line."""
    line = FIRST.origin.position("smtp.port").line
    other = UnplacedFinding(FIRST, "ICE309", Violation("smtp.port", "unusual"))
    policy = _waiving("ICE308 because", line)

    assert [j.finding for j in policy.apply([PORT])] == []
    assert [j.finding for j in policy.apply([other])] == [other]
    assert policy.unused() == []
    assert len(_waiving("ICE308 because", line + 1).apply([PORT])) == 1


def test_a_waiver_that_waived_nothing_is_a_finding() -> None:
    """It says which rule, where; a rule that only a plan can break is not reproached."""
    [unused] = _waiving("ICE308 because", 3).unused()

    assert (unused.rule, unused.severity, unused.position.line) == ("ICE015", Severity.WARNING, 3)
    assert "ICE308" in unused.message
    assert _waiving("ICE405 because", 3).unused() == []


def test_what_many_servers_share_is_told_once() -> None:
    """One place and one sentence are one finding, which counts the servers."""
    keys = ("smtp.port",)
    shared = [server(address) for address in (SUPPORT, SALES)]
    same = [UnplacedFinding(s, "ICE308", PORT.violation) for s in shared]
    own = UnplacedFinding(SECOND, "ICE308", Violation("smtp.port", "another sentence"))
    assert Place("f", keys).position("smtp.port").line == 2

    found = locate(SeverityPolicy({}).apply([*same, own]))

    assert [(d.message, d.subject) for d in found] == [
        ("59/663 and 1 more: a port", "59/663"),
        ("59/664: another sentence", "59/664"),
    ]
