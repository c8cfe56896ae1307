"""One row of the rule table: what a rule is about, what it weighs, and why it is there."""

from __future__ import annotations

from dataclasses import dataclass

from icesync.diagnostics.finding import Severity

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One rule; the id stays stable, texts may change.

    *title* is a noun phrase, *what* says when the rule fires, *why* what would
    go wrong. *before* and *after* are YAML: some lines of a server, of a server
    file or of ``icesync.yaml``; tests hold them to break and to keep the rule.
    *source* says where the fact comes from. A rule that is not *waivable* can
    neither be waived nor turned off nor lowered. One that is not *offline* needs
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
    waivable: bool = True
    offline: bool = True
