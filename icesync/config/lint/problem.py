"""What a rule returns, and the same with the server that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from icesync.diagnostics import RULES, Diagnostic, Severity

if TYPE_CHECKING:
    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import DesiredServer

__all__ = ["UnplacedFinding", "Violation"]


class Violation(NamedTuple):
    """
    One rule broken at the setting *key* (empty: the server itself).

    *severity* is None where it is the rule's own.
    """

    rule: str
    key: str
    message: str
    hint: str | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class UnplacedFinding:
    """
    A problem of one server, not placed yet.

    A place costs a second look at the file, so it is looked up by
    :meth:`located`, for findings that are shown or may be waived.
    """

    server: DesiredServer
    problem: Violation

    @property
    def severity(self) -> Severity:
        """How much it weighs, before the configuration has a say."""
        return self.problem.severity or RULES[self.problem.rule].severity

    def position(self) -> SourcePosition:
        """Return the place of the value that broke the rule."""
        return self.server.origin.position(self.problem.key)

    def located(self, severity: Severity) -> Diagnostic:
        """Return the finding with its place, weighing *severity*; the message names no server."""
        rule, _, message, hint, _ = self.problem
        subject = str(self.server.address)
        return Diagnostic(rule, message, self.position(), hint, severity, subject)
