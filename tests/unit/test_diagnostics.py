from __future__ import annotations

import re

from builders import position

from icesync.config.rules import RULES
from icesync.diagnostics import Diagnostic, SourcePosition, sort_diagnostics


def test_place_prints_as_editors_read_it() -> None:
    """``file:line:column`` is what terminals make clickable."""
    assert str(SourcePosition("servers/eu.yaml", 3, 5)) == "servers/eu.yaml:3:5"


def test_findings_are_sorted_by_place_and_said_once() -> None:
    """The same finding twice is one; order is file, line, column, rule."""
    late = Diagnostic("ICE101", "a", position(10))
    early = Diagnostic("ICE301", "b", position(2))
    other_rule = Diagnostic("ICE105", "c", position(2))

    assert sort_diagnostics([late, early, other_rule, late]) == (other_rule, early, late)


def test_rules_are_listed_under_their_own_id() -> None:
    """Ids look alike and stand in order."""
    assert list(RULES) == sorted(RULES)
    assert all(re.fullmatch(r"ICE[0-9]{3}", id_) and rule.id == id_ for id_, rule in RULES.items())
