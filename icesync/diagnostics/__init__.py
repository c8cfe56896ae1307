"""Findings in the user's files as data, and the row that describes a rule; no rule itself."""

from __future__ import annotations

from enum import StrEnum

from icesync.frozen import NamedTuple, frozen


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


@frozen
class Diagnostic:
    """
    One finding; *message* is a single line that never quotes a secret.

    *subject* is the address of the server that it is about, or empty.
    """

    rule: str
    message: str
    position: SourcePosition
    hint: str | None = None
    severity: Severity = Severity.ERROR
    subject: str = ""


def sort_diagnostics(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return *diagnostics* sorted by file, line, column and rule, without repetitions."""
    return tuple(sorted(set(diagnostics), key=lambda d: (d.position, d.rule, d.message)))


@frozen
class Rule:
    """
    One rule; the id stays stable, texts may change.

    *title* is a noun phrase, *what* says when the rule fires, *why* what would
    go wrong. *before* and *after* are YAML: some lines of a server, of a server
    file or of ``icesync.yaml``; tests hold them to break and to keep the rule.
    *source* says where the fact comes from. A rule that is not *suppressible* can
    neither be suppressed nor turned off nor lowered. One that is not *offline* needs
    what only a plan or an apply knows: secrets, the token, the changes.
    """

    id: str
    title: str
    severity: Severity = Severity.ERROR
    what: str = ""
    why: str = ""
    before: str = ""
    after: str = ""
    source: str = "icesync"
    suppressible: bool = True
    offline: bool = True
