"""What a command came to, as one JSON document; a run that was stopped gives its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.codec.canonical import pretty
from icesync.codec.plan import plan_document
from icesync.errors import ConfigError
from icesync.model.review import Command
from icesync.render.findings import diagnostics_document
from icesync.render.probedoc import probe_document
from icesync.render.report import report_document

if TYPE_CHECKING:
    from icesync.model.plan import Refusal
    from icesync.model.review import Failure, Review, Upkeep
    from icesync.render.formats import View

__all__ = ["document", "failure_document", "render"]

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def render(review: Review, view: View) -> str:
    """Return :func:`document` as text."""
    return pretty(document(review, view))


def document(review: Review, view: View) -> dict[str, Any]:
    """
    Return *review* as plain data.

    A plan is the very document that ``plan -o`` saves; its files, like those of
    all documents, are relative to the configuration. What a probe saw stands
    beside it, after ``--probe`` only.
    """
    if review.command is Command.PROBE and review.probe is not None:
        return {**probe_document(review.probe), **_ended(review)}
    probed = {"probe": probe_document(review.probe)} if review.probe is not None else {}
    return {**_document(review, view), **probed}


def _document(review: Review, view: View) -> dict[str, Any]:
    if review.plan is None:
        return _findings(review, view)
    if review.command is Command.PLAN and review.failure is None:
        return plan_document(review.plan, view.version)
    if review.command is Command.CHECK and review.upkeep is not None:
        return _check(review, view)
    if review.report is not None:
        return {**report_document(review.report), **_ended(review)}
    return _findings(review, view)


def _ended(review: Review) -> dict[str, Any]:
    return {"exit_code": review.exit_code, "failure": failure_document(review.failure)}


def _findings(review: Review, view: View) -> dict[str, Any]:
    return {
        "kind": "icesync-findings",
        "command": review.command.value,
        "folder": view.ci.folder,
        "files": len(review.files),
        "servers": review.servers,
        **diagnostics_document(review.findings, stopped=review.exit_code == ConfigError.exit_code),
        "refusals": _refusals(review.refusals),
        **_ended(review),
    }


def _check(review: Review, view: View) -> dict[str, Any]:
    assert review.plan is not None
    assert review.upkeep is not None
    return {
        "kind": "icesync-check",
        "format_version": "1.0",
        "folder": view.ci.folder,
        "plan": plan_document(review.plan, view.version),
        "refusals": _refusals(review.refusals),
        "diagnostics": diagnostics_document(review.findings)["diagnostics"],
        "upkeep": _upkeep(review.upkeep),
        **_ended(review),
    }


def _upkeep(upkeep: Upkeep) -> dict[str, Any]:
    ends = upkeep.token_ends
    return {
        "now": upkeep.now.strftime(_TIME),
        "uncertain": [str(address) for address in upkeep.uncertain],
        "orphans": [str(address) for address in upkeep.orphans],
        "max_age": upkeep.max_age,
        "stale": [str(address) for address in upkeep.stale],
        "oldest": [{"address": str(a.address), "applied_at": a.applied_at} for a in upkeep.oldest],
        "token_ends_at": ends.strftime(_TIME) if ends is not None else None,
        "said_no": [
            {"address": str(n.address), "protocol": n.protocol.value, "result": n.kind.value}
            for n in upkeep.said_no
        ],
        "certificates_ending": [
            {
                "host": one.host,
                "port": one.port,
                "not_after": one.not_after.strftime(_TIME),
                "addresses": [str(address) for address in one.addresses],
            }
            for one in upkeep.ending
        ],
    }


def _refusals(refusals: tuple[Refusal, ...]) -> list[dict[str, Any]]:
    return [
        {
            "rule": refusal.rule,
            "summary": refusal.message,
            "allow": refusal.allow,
            "address": str(refusal.address) if refusal.address is not None else None,
        }
        for refusal in refusals
    ]


def failure_document(failure: Failure | None) -> dict[str, Any] | None:
    """Return what stopped a command as plain data, or None."""
    if failure is None:
        return None
    return {
        "summary": failure.message,
        "hints": list(failure.hints),
        "exit_code": failure.exit_code,
    }
