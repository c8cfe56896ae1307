"""
The severity of findings: the rule's own, that of ``rules:``, or none where it is suppressed.

``rules:`` in icesync.yaml sets the severity of a rule, a comment suppresses it at
one place, ``--strict`` turns warnings into errors. A suppression that cannot be
read, or that is not used, is a finding itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from icesync.config.rules import RULES
from icesync.config.suppressions import Suppressions, find_suppressions
from icesync.diagnostics import Diagnostic, Severity
from icesync.model.project import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icesync.config.rules.base import UnplacedFinding
    from icesync.config.yaml.source import SourceFile

__all__ = ["SeverityPolicy", "WeightedFinding", "locate"]


class WeightedFinding(NamedTuple):
    """A finding that counts, and what it weighs."""

    finding: UnplacedFinding
    severity: Severity


@dataclass(slots=True)
class SeverityPolicy:
    """Knows the severities and the suppressions of all files."""

    levels: Mapping[str, Level]
    strict: bool = False
    suppressions: Suppressions = field(default_factory=Suppressions)

    def read(self, sources: Iterable[SourceFile]) -> list[Diagnostic]:
        """Take the suppressions of *sources*; return what is wrong with them."""
        problems: list[Diagnostic] = []
        for source in sources:
            suppressions, found = find_suppressions(source)
            problems += found
            self.suppressions.add(suppressions)
        return problems

    def apply(self, findings: Iterable[UnplacedFinding]) -> tuple[WeightedFinding, ...]:
        """Return those of *findings* that count; only what may be suppressed is placed."""
        suppressed = self.suppressions.rules
        return tuple(
            WeightedFinding(finding, severity)
            for finding in findings
            if (severity := self._weigh(finding.rule, finding.severity)) is not None
            and not (finding.rule in suppressed and self._suppresses(finding))
        )

    def apply_placed(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return those of *problems* that count, with what they weigh."""
        return [
            replace(problem, severity=severity)
            for problem in problems
            if (severity := self._weigh(problem.rule, problem.severity)) is not None
            and not self.suppressions.cover(problem.rule, problem.position, None)
        ]

    def unused(self) -> list[Diagnostic]:
        """Return a finding for each suppression of an offline rule that covered nothing so far."""
        found = [
            Diagnostic(
                "ICE015",
                f"a suppression of {unused.rule}, which does not fire here",
                unused.position,
                "remove it, or move it to the line of the finding",
                Severity.WARNING,
            )
            for unused in self.suppressions.unused()
            if RULES[unused.rule].offline
        ]
        return self.apply_placed(found)

    def _weigh(self, rule: str, severity: Severity) -> Severity | None:
        """Return what a finding of *rule* weighs, or None if it is switched off."""
        level = self.levels.get(rule)
        if level is Level.OFF:
            return None
        weight = Severity(level) if level is not None else severity
        return Severity.ERROR if self.strict and weight is Severity.WARNING else weight

    def _suppresses(self, finding: UnplacedFinding) -> bool:
        owner = finding.server.origin.position()
        return self.suppressions.cover(finding.rule, finding.position(), owner)


def locate(weighted: Iterable[WeightedFinding]) -> list[Diagnostic]:
    """
    Return *weighted* with places; what a shared default does to many servers is told once.

    The order of *weighted* decides which server is named.
    """
    groups: dict[Diagnostic, list[str]] = {}
    for finding, severity in weighted:
        placed = finding.located(severity)
        groups.setdefault(replace(placed, subject=""), []).append(placed.subject)
    return [_told(placed, subjects) for placed, subjects in groups.items()]


def _told(placed: Diagnostic, subjects: list[str]) -> Diagnostic:
    first, more = subjects[0], len(subjects) - 1
    others = f" and {more} more" if more else ""
    return replace(placed, message=f"{first}{others}: {placed.message}", subject=first)
