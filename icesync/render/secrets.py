"""Where the references lead, for people and as plain data; values are not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.errors import listed
from icesync.model.snapshot import utc_text
from icesync.render.style import Style, age_of, safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icesync.model.secret import SecretStatus
    from icesync.render import documents


_NAMED_USERS: Final = 2


def render_secrets(statuses: Sequence[SecretStatus], now: datetime, style: Style) -> str:
    """
    Return one line for each reference: found or missing, version, age, used by.

    The reason of a missing one stands below it, the count of all at the end.
    """
    if not statuses:
        return "no secret references\n"
    rows = [
        (safe(str(s.reference)), "missing" if s.problem else "found", _metadata(s, now), _users(s))
        for s in statuses
    ]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for status, (reference, word, facts, users) in zip(statuses, rows, strict=True):
        shown = style.paint(f"{word:<{wide[1]}}", "red" if status.problem else "green")
        used_by = style.paint(users, "dim")
        lines.append(f"{shown}  {reference:<{wide[0]}}  {facts:<{wide[2]}}  {used_by}".rstrip())
        if status.problem:
            lines.append(f"  {safe(status.problem)}")
            lines += [f"  {style.paint('hint:', 'cyan')} {safe(hint)}" for hint in status.hints]
    return "\n".join([*lines, "", _total(statuses)]) + "\n"


def secrets_document(statuses: Sequence[SecretStatus]) -> documents.Secrets:
    """Return *statuses* as plain data."""
    return {
        "kind": "icesync-secrets",
        "format_version": "1.0",
        "secrets": [
            {
                "reference": str(s.reference),
                "provider": s.reference.scheme,
                "found": s.problem is None,
                "problem": s.problem,
                "hints": list(s.hints),
                "version": s.metadata.version,
                "changed_at": utc_text(at) if (at := s.metadata.changed_at) else None,
                "used_by": list(s.used_by),
            }
            for s in statuses
        ],
    }


def _metadata(status: SecretStatus, now: datetime) -> str:
    version, changed_at = status.metadata.version, status.metadata.changed_at
    parts = [f"version {safe(version)[:12]}"] if version else []
    return ", ".join([*parts, *([age_of(changed_at, now)] if changed_at else [])])


def _users(status: SecretStatus) -> str:
    return listed([safe(user) for user in status.used_by], _NAMED_USERS)


def _total(statuses: Sequence[SecretStatus]) -> str:
    missing = sum(s.problem is not None for s in statuses)
    count = "1 reference" if len(statuses) == 1 else f"{len(statuses)} references"
    return f"{count}: {len(statuses) - missing} found, {missing} missing"
