"""Findings in the user's files as data, and the table of the rules that they break."""

from __future__ import annotations

from typing import Final

from icesync.diagnostics import blocks, credentials, fleet, identity, moves, names, ports, reading
from icesync.diagnostics.finding import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.diagnostics.rule import Rule

__all__ = ["RULES", "Diagnostic", "Rule", "Severity", "SourcePosition", "sort_diagnostics"]

_FAMILIES: Final = (reading, identity, moves, blocks, ports, credentials, names, fleet)

RULES: Final = {rule.id: rule for family in _FAMILIES for rule in family.ROWS}
"""Every rule by its id, in the order of the ids."""
