"""What a command came to, as one JSON document; a run that was stopped gives its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from icesync import codec
from icesync.codec.plan import plan_document
from icesync.errors import ConfigError
from icesync.model.probe import SPEAKS_FROM_HERE, Certificate, ProbeReport, ProbeRow, ProbeSeverity
from icesync.model.report import Command, CommandResult, Failure, Maintenance
from icesync.model.snapshot import utc_text
from icesync.render.findings import diagnostics_document
from icesync.render.report import report_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from icesync.model.plan import Refusal
    from icesync.render import RenderContext, documents


def spell(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of *document* as every command prints JSON."""
    return codec.stream(document)


def probe_document(report: ProbeReport) -> documents.Probe:
    """Return *report* as plain data; keys stay as they are."""
    return {
        "kind": "icesync-probe",
        "format_version": "1.0",
        "note": SPEAKS_FROM_HERE,
        "made_at": utc_text(report.made_at),
        "elapsed_s": round(report.elapsed_s, 3),
        "logins": report.logins,
        "counts": {
            severity.value: len(report.with_severity(severity)) for severity in ProbeSeverity
        },
        "results": [_row(row, report.made_at) for row in report.rows],
        "domains": [
            {
                "domain": note.domain,
                "heuristic": note.text,
                "worrying": note.worrying,
                "addresses": [str(address) for address in note.addresses],
            }
            for note in report.domains
        ],
    }


def _row(row: ProbeRow, now: datetime) -> documents.Login:
    target, result, position = row.target, row.result, row.position
    return {
        "address": str(row.address),
        "name": row.name,
        "file": position.file if position else None,
        "line": position.line if position else None,
        "protocol": target.protocol,
        "host": target.host,
        "port": target.port,
        "ip": result.ip or None,
        "username": target.username,
        "mode": result.mode or target.mode,
        "mode_reason": target.reason,
        "result": result.kind,
        "gravity": row.severity,
        "detail": result.detail,
        "hint": result.hint,
        "server": {"code": result.code, "text": result.text},
        "tls_version": result.tls_version or None,
        "cipher": result.cipher or None,
        "certificate": _certificate(result.certificate, now) if result.certificate else None,
        "mechanisms_offered": list(result.offered),
        "mechanism": result.mechanism or None,
        "senders": [
            {"sender": c.sender, "accepted": c.accepted, "answer": c.answer} for c in result.senders
        ],
        "inbox_messages": result.inbox_messages,
        "notes": list(result.notes),
        "steps": [{"name": s.name, "elapsed_s": round(s.elapsed_s, 4)} for s in result.steps],
        "elapsed_s": round(result.elapsed_s, 3),
        "attempts": result.attempts,
        "shared_with": [str(address) for address in row.shared_with],
    }


def _certificate(certificate: Certificate, now: datetime) -> documents.Certificate:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "not_before": utc_text(certificate.not_before),
        "not_after": utc_text(certificate.not_after),
        "days_left": certificate.days_left(now),
    }


def render(review: CommandResult, view: RenderContext) -> Iterator[str]:
    """Yield :func:`document` as text, as it is made."""
    return spell(document(review, view))


def document(review: CommandResult, view: RenderContext) -> dict[str, Any]:
    """
    Return *review* as plain data.

    A plan is the very document that ``plan -o`` saves; its files, like those of
    all documents, are relative to the configuration. What a probe saw stands
    beside it, after ``--probe`` only. Changes are a series, to be written.
    """
    if review.command is Command.PROBE and review.probe is not None:
        return {**probe_document(review.probe), **_ended(review)}
    probed = {"probe": probe_document(review.probe)} if review.probe is not None else {}
    return {**_document(review, view), **probed}


def _document(review: CommandResult, view: RenderContext) -> Mapping[str, object]:
    if review.plan is None:
        return _findings(review, view)
    if review.command is Command.PLAN and review.failure is None:
        return plan_document(review.plan, view.version)
    if review.command is Command.CHECK and review.maintenance is not None:
        return _check(review, view)
    if review.report is not None:
        return {**report_document(review.report), **_ended(review)}
    return _findings(review, view)


def _ended(review: CommandResult) -> documents.Ended:
    return {"exit_code": review.exit_code, "failure": _failure(review.failure)}


def _findings(review: CommandResult, view: RenderContext) -> documents.Findings:
    stopped = review.exit_code == ConfigError.exit_code
    found = diagnostics_document(review.findings, stopped=stopped)
    return {
        "kind": "icesync-findings",
        "command": review.command,
        "folder": view.ci.folder,
        "files": len(review.files),
        "servers": review.servers,
        "format_version": found["format_version"],
        "valid": found["valid"],
        "error_count": found["error_count"],
        "warning_count": found["warning_count"],
        "diagnostics": found["diagnostics"],
        "refusals": _refusals(review.refusals),
        "exit_code": review.exit_code,
        "failure": _failure(review.failure),
    }


def _check(review: CommandResult, view: RenderContext) -> documents.Check:
    assert review.plan is not None
    assert review.maintenance is not None
    return {
        "kind": "icesync-check",
        "format_version": "1.0",
        "folder": view.ci.folder,
        "plan": cast("documents.Plan", plan_document(review.plan, view.version)),
        "refusals": _refusals(review.refusals),
        "diagnostics": diagnostics_document(review.findings)["diagnostics"],
        "maintenance": _maintenance(review.maintenance),
        "exit_code": review.exit_code,
        "failure": _failure(review.failure),
    }


def _maintenance(maintenance: Maintenance) -> documents.MaintenanceDue:
    ends = maintenance.token_ends
    return {
        "now": utc_text(maintenance.now),
        "uncertain": [str(address) for address in maintenance.uncertain],
        "not_in_any_file": [str(address) for address in maintenance.not_in_any_file],
        "max_age": maintenance.max_age,
        "out_of_date": [str(address) for address in maintenance.out_of_date],
        "oldest": [
            {"address": str(a.address), "applied_at": a.applied_at} for a in maintenance.oldest
        ],
        "token_ends_at": utc_text(ends) if ends is not None else None,
        "failed_logins": [
            {"address": str(n.address), "protocol": n.protocol, "result": n.kind}
            for n in maintenance.failed_logins
        ],
        "certificates_ending": [
            {
                "host": one.host,
                "port": one.port,
                "not_after": utc_text(one.not_after),
                "addresses": [str(address) for address in one.addresses],
            }
            for one in maintenance.ending
        ],
    }


def _refusals(refusals: tuple[Refusal, ...]) -> list[documents.Blocked]:
    return [
        {
            "rule": refusal.rule,
            "summary": refusal.message,
            "allow": refusal.allow,
            "address": str(refusal.address) if refusal.address is not None else None,
        }
        for refusal in refusals
    ]


def _failure(failure: Failure | None) -> documents.Stopped | None:
    """Return what stopped a command as plain data, or None."""
    if failure is None:
        return None
    return {
        "summary": failure.message,
        "hints": list(failure.hints),
        "exit_code": failure.exit_code,
    }
