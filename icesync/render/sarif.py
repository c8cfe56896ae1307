"""
The findings as SARIF 2.1.0, with what GitHub's code scanning asks for beyond the standard.

All four members of a region, rules with help, no empty texts
(https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.codec.canonical import pretty
from icesync.config.rules import RULES
from icesync.diagnostics import Rule, Severity
from icesync.render.finding_fingerprint import identities
from icesync.render.style import safe

if TYPE_CHECKING:
    from icesync.diagnostics import Diagnostic
    from icesync.model.command_result import CommandResult
    from icesync.render.formats import RenderContext

__all__ = ["render"]

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_RULE_NUMBERS: Final = {rule: number for number, rule in enumerate(RULES)}


def render(review: CommandResult, view: RenderContext) -> str:
    """Return the findings of *review* as a SARIF log; files are relative to the repository."""
    prints = identities(review.findings, view.ci)
    run = {
        "tool": {"driver": _driver(view)},
        "invocations": [_invocation(review)],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(one, known, view) for one, known in zip(review.findings, prints, strict=True)
        ],
    }
    return pretty({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver(view: RenderContext) -> dict[str, Any]:
    return {
        "name": "icesync",
        "semanticVersion": view.version or "0.0.0",
        "rules": [_rule(rule) for rule in RULES.values()],
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


def _invocation(review: CommandResult) -> dict[str, Any]:
    invocation: dict[str, Any] = {
        "executionSuccessful": review.failure is None,
        "exitCode": review.exit_code,
    }
    if review.failure is not None:
        message = {"text": safe(review.failure.message)}
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": message}]
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
