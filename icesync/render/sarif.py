"""
The findings as SARIF 2.1.0, with what GitHub's code scanning asks for beyond the standard.

All four members of a region, rules with help, no empty texts
(https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.codec import pretty
from icesync.config.rules import RULES
from icesync.diagnostics import Rule, Severity
from icesync.errors import counted
from icesync.model.plan import SAFEGUARDS
from icesync.render.findings import blocking, identities
from icesync.render.style import safe

if TYPE_CHECKING:
    from icesync.diagnostics import Diagnostic
    from icesync.model.report import CommandResult
    from icesync.render import RenderContext


_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SEVEREST_FIRST: Final = tuple(_LEVELS)
_MAX_RESULTS: Final = 25_000
"""GitHub refuses a file with more results in one run
(https://docs.github.com/en/code-security/code-scanning: limits of SARIF uploads)."""

_SAFEGUARDS: Final = {
    "id": SAFEGUARDS,
    "shortDescription": {"text": "A safeguard is looser than at the last apply"},
    "fullDescription": {"text": "A safeguard in icesync.yaml is looser than at the last apply."},
    "help": {"text": "Blocked until somebody runs `icesync apply --allow safeguards`."},
    "defaultConfiguration": {"level": "warning"},
    "properties": {"tags": ["security"], "precision": "very-high"},
}
"""What only a plan can refuse, and has a line."""

_RULE_NUMBERS: Final = {rule: number for number, rule in enumerate((*RULES, SAFEGUARDS))}


def render(review: CommandResult, view: RenderContext) -> str:
    """Return the findings of *review* as a SARIF log; files are relative to the repository."""
    findings = (*review.findings, *blocking(review))
    found = list(zip(findings, identities(findings, view.ci), strict=True))
    if len(found) > _MAX_RESULTS:
        found.sort(key=lambda pair: _SEVEREST_FIRST.index(pair[0].severity))
    run = {
        "tool": {"driver": _driver(view)},
        "invocations": [_invocation(review, len(found) - _MAX_RESULTS)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, known, view) for one, known in found[:_MAX_RESULTS]],
    }
    return pretty({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver(view: RenderContext) -> dict[str, Any]:
    return {
        "name": "icesync",
        "semanticVersion": view.version or "0.0.0",
        "rules": [*map(_rule, RULES.values()), _SAFEGUARDS],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    title = rule.title[0].upper() + rule.title[1:]
    return {
        "id": rule.id,
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title}."},
        "help": {"text": f"{title}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["configuration"], "precision": "very-high"},
    }


def _invocation(review: CommandResult, left_out: int) -> dict[str, Any]:
    invocation: dict[str, Any] = {
        "executionSuccessful": review.failure is None,
        "exitCode": review.exit_code,
    }
    notes = []
    if review.failure is not None:
        notes.append(("error", safe(review.failure.message)))
    if left_out > 0:
        notes.append(("note", f"{counted(left_out, 'more finding')} not listed; see the log"))
    if notes:
        invocation["toolExecutionNotifications"] = [
            {"level": level, "message": {"text": text}} for level, text in notes
        ]
    return invocation


def _result(one: Diagnostic, fingerprint: str, view: RenderContext) -> dict[str, Any]:
    place = one.position
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.line,
        "endColumn": place.column + 1,
    }
    hint = f" ({safe(one.hint)})" if one.hint else ""
    location = {
        "artifactLocation": {"uri": view.ci.url_path(place.file)},
        "region": region,
    }
    return {
        "ruleId": one.rule,
        "ruleIndex": _RULE_NUMBERS[one.rule],
        "level": _LEVELS[one.severity],
        "message": {"text": safe(one.message) + hint},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"icesync/v1": fingerprint},
    }
