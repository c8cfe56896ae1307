"""What a probe saw, as plain data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.probe import SPEAKS_FROM_HERE, ProbeSeverity
from icesync.render.style import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.probe import Certificate, ProbeReport, ProbeRow
    from icesync.render import documents


def probe_document(report: ProbeReport) -> documents.Probe:
    """Return *report* as plain data; keys stay as they are."""
    return {
        "kind": "icesync-probe",
        "format_version": "1.0",
        "note": SPEAKS_FROM_HERE,
        "made_at": timestamp(report.made_at),
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
        "not_before": timestamp(certificate.not_before),
        "not_after": timestamp(certificate.not_after),
        "days_left": certificate.days_left(now),
    }
