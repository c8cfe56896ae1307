"""Findings in the user's files as data: rule, severity, place, sentence, hint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

__all__ = ["RULES", "Diagnostic", "Rule", "Severity", "SourcePosition", "sort_diagnostics"]


class Severity(StrEnum):
    """How much a finding weighs: an error stops the run, a warning does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class SourcePosition(NamedTuple):
    """A place in a file, relative to the configuration; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the rule table: its id, what it is about, and its weight."""

    id: str
    title: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding; *message* is a single line that never quotes a secret."""

    rule: str
    message: str
    position: SourcePosition
    hint: str | None = None
    severity: Severity = Severity.ERROR


def sort_diagnostics(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return *diagnostics* sorted by file, line, column and rule, without repetitions."""
    return tuple(sorted(set(diagnostics), key=lambda d: (d.position, d.rule, d.message)))


RULES: Final = {
    rule.id: rule
    for rule in (
        Rule("ICE001", "a file cannot be read"),
        Rule("ICE002", "a file is not UTF-8"),
        Rule("ICE003", "a control, bidi or invisible character"),
        Rule("ICE004", "a file is too large, too deep or expands too far"),
        Rule("ICE005", "merge-conflict markers"),
        Rule("ICE006", "not valid YAML"),
        Rule("ICE007", "an empty file"),
        Rule("ICE008", "a file outside of the configuration's folder"),
        Rule("ICE009", "a YAML feature that configuration must not use"),
        Rule("ICE010", "a mapping, a list or a single value where another is expected"),
        Rule("ICE011", "an unsupported format version"),
        Rule("ICE012", "a pattern that matches no file", Severity.WARNING),
        Rule("ICE013", "a value that does not fit its type"),
        Rule("ICE014", "an import that cannot be read"),
        Rule("ICE015", "an import of something that exists already"),
        Rule("ICE101", "an id that is missing or not positive"),
        Rule("ICE102", "one address defined twice"),
        Rule("ICE104", "an id too large for the service"),
        Rule("ICE105", "an unknown key"),
        Rule("ICE106", "a key given twice"),
        Rule("ICE107", "a setting without a value"),
        Rule("ICE109", "a value that YAML versions read differently"),
        Rule("ICE110", "a server both present and removed"),
        Rule("ICE111", "a server that moved and is still defined"),
        Rule("ICE112", "a move that contradicts another"),
        Rule("ICE113", "a move to a server that no file defines"),
        Rule("ICE114", "a move between two servers that the snapshot knows"),
        Rule("ICE208", "a value outside of its closed list"),
        Rule("ICE301", "a port outside of 1 to 65535"),
        Rule("ICE310", "a poll rate that is not a positive integer"),
        Rule("ICE401", "a literal secret"),
        Rule("ICE409", "an unknown secret provider"),
        Rule("ICE410", "a secret reference that cannot be read"),
        Rule("ICE411", "a reference to icesync's own credentials"),
        Rule("ICE412", "a secret reference that leads to no usable value"),
    )
}
"""Every rule by its id; ids stay stable, texts may change."""
