"""
What the configuration and the waivers make of findings: off, lighter, heavier, excused.

``rules:`` in icesync.yaml sets what a rule weighs, a waiver excuses one place,
``--strict`` makes errors of warnings. What is wrong with a waiver is a finding
too, and so is one that waives nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from icesync.config.rules import RULES
from icesync.config.suppressions import find_suppressions
from icesync.diagnostics import Diagnostic, Severity
from icesync.model.project import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icesync.config.rules.base import UnplacedFinding
    from icesync.config.suppressions import Suppression
    from icesync.config.yaml.source import SourceFile
    from icesync.diagnostics import SourcePosition

__all__ = ["SeverityPolicy", "WeightedFinding", "locate"]


class WeightedFinding(NamedTuple):
    """A finding that counts, and what it weighs."""

    finding: UnplacedFinding
    severity: Severity


@dataclass(slots=True)
class SeverityPolicy:
    """Knows the waivers of all files, and which of them were needed so far."""

    levels: Mapping[str, Level]
    strict: bool = False
    waivers: dict[str, list[Suppression]] = field(default_factory=dict)
    used: set[Suppression] = field(default_factory=set)

    def read(self, sources: Iterable[SourceFile]) -> list[Diagnostic]:
        """Take the waivers of *sources*; return what is wrong with them."""
        problems: list[Diagnostic] = []
        for source in sources:
            waivers, found = find_suppressions(source)
            problems += found
            for waiver in waivers:
                self.waivers.setdefault(waiver.rule, []).append(waiver)
        return problems

    def apply(self, findings: Iterable[UnplacedFinding]) -> tuple[WeightedFinding, ...]:
        """Return those of *findings* that count; only what may be waived is placed."""
        return tuple(
            WeightedFinding(finding, severity)
            for finding in findings
            if (severity := self._weigh(finding.rule, finding.severity)) is not None
            and not (finding.rule in self.waivers and self._waives(finding))
        )

    def apply_placed(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return those of *problems* that count, with what they weigh."""
        return [
            replace(problem, severity=severity)
            for problem in problems
            if (severity := self._weigh(problem.rule, problem.severity)) is not None
            and not self._excused(problem.rule, problem.position, None)
        ]

    def unused(self) -> list[Diagnostic]:
        """Return a finding for each waiver of an offline rule that waived nothing so far."""
        found = [
            Diagnostic(
                "ICE015",
                f"a waiver of {waiver.rule}, which does not fire here",
                waiver.position,
                "remove it, or move it to the line of the finding",
                Severity.WARNING,
            )
            for waivers in self.waivers.values()
            for waiver in waivers
            if waiver not in self.used and RULES[waiver.rule].offline
        ]
        return self.apply_placed(found)

    def _weigh(self, rule: str, severity: Severity) -> Severity | None:
        """Return what a finding of *rule* weighs, or None if it is switched off."""
        level = self.levels.get(rule)
        if level is Level.OFF:
            return None
        weight = Severity(level) if level is not None else severity
        return Severity.ERROR if self.strict and weight is Severity.WARNING else weight

    def _waives(self, finding: UnplacedFinding) -> bool:
        owner = finding.server.origin.position()
        return self._excused(finding.rule, finding.position(), owner)

    def _excused(self, rule: str, position: SourcePosition, owner: SourcePosition | None) -> bool:
        covering = [w for w in self.waivers.get(rule, ()) if w.covers(position, owner)]
        self.used.update(covering)
        return bool(covering)


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
