"""What a probe saw, as plain data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.model.probe import SPEAKS_FROM_HERE, ProbeSeverity

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.probe import Certificate, ProbeReport, ProbeRow

__all__ = ["probe_document"]

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def probe_document(report: ProbeReport) -> dict[str, Any]:
    """Return *report* as plain data; keys stay as they are."""
    return {
        "kind": "icesync-probe",
        "format_version": "1.0",
        "note": SPEAKS_FROM_HERE,
        "made_at": report.made_at.strftime(_TIME),
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


def _row(row: ProbeRow, now: datetime) -> dict[str, Any]:
    target, result, position = row.target, row.result, row.position
    return {
        "address": str(row.address),
        "name": row.name,
        "file": position.file if position else None,
        "line": position.line if position else None,
        "protocol": target.protocol.value,
        "host": target.host,
        "port": target.port,
        "ip": result.ip or None,
        "username": target.username,
        "mode": (result.mode or target.mode).value,
        "mode_reason": target.reason,
        "result": result.kind.value,
        "gravity": row.severity.value,
        "detail": result.detail,
        "hint": result.hint,
        "server": {"code": result.code, "text": result.text},
        "tls_version": result.tls_version or None,
        "cipher": result.cipher or None,
        "certificate": _certificate(result.certificate, now) if result.certificate else None,
        "mechanisms_offered": list(result.offered),
        "mechanism": result.mechanism or None,
        "senders": [check._asdict() for check in result.senders],
        "inbox_messages": result.inbox_messages,
        "notes": list(result.notes),
        "steps": [{"name": s.name.value, "elapsed_s": round(s.elapsed_s, 4)} for s in result.steps],
        "elapsed_s": round(result.elapsed_s, 3),
        "attempts": result.attempts,
        "shared_with": [str(address) for address in row.shared_with],
    }


def _certificate(certificate: Certificate, now: datetime) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "not_before": certificate.not_before.strftime(_TIME),
        "not_after": certificate.not_after.strftime(_TIME),
        "days_left": certificate.days_left(now),
    }
