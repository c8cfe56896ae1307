"""Use case: what a schedule looks after, beside the changes of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.command_result import (
    Acknowledgement,
    ExpiringCertificate,
    FailedLogin,
    Maintenance,
)
from icesync.model.plan import Action
from icesync.model.probe import ProbeSeverity
from icesync.planner.select import older_than, parse_age
from icesync.wire.token import read_token

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.address import Address
    from icesync.model.plan import Plan
    from icesync.model.probe import ProbeReport
    from icesync.model.secret import SecretValue
    from icesync.model.snapshot import Snapshot

__all__ = ["look_after"]

_OLDEST: Final = 3


def look_after(
    plan: Plan,
    snapshot: Snapshot,
    now: datetime,
    max_age: str | None = None,
    token: SecretValue | None = None,
    probe: ProbeReport | None = None,
) -> Maintenance:
    """
    Return what is open, old or about to end; *max_age* is an age such as ``30d``.

    Without *probe* no mail server was asked.

    Raises:
        UsageError: *max_age* cannot be read.

    """
    entries = snapshot.entries
    known = sorted(Acknowledgement(e.applied_at, a) for a, e in entries.items() if e.applied_at)
    stale = older_than(snapshot, parse_age(max_age), now) if max_age else ()
    claims = read_token(token) if token is not None else None
    return Maintenance(
        now=now,
        oldest=tuple(known[:_OLDEST]),
        max_age=max_age,
        stale=stale,
        uncertain=tuple(sorted(a for a, entry in entries.items() if entry.uncertain)),
        orphans=tuple(c.address for c in plan.changes if c.action is Action.ORPHAN),
        token_ends=claims.expires_at if claims is not None else None,
        failed_logins=_said_no(probe) if probe is not None else (),
        ending=_ending(probe, now) if probe is not None else (),
    )


def _said_no(probe: ProbeReport) -> tuple[FailedLogin, ...]:
    failed = probe.with_severity(ProbeSeverity.FAILED)
    return tuple(FailedLogin(row.address, row.target.protocol, row.result.kind) for row in failed)


def _ending(probe: ProbeReport, now: datetime) -> tuple[ExpiringCertificate, ...]:
    """Return the certificates that end soon, one for each endpoint that shows it."""
    users: dict[tuple[datetime, str, int], list[Address]] = {}
    for row in probe.rows:
        certificate = row.result.certificate
        if certificate is not None and row.result.ending(now) is not None:
            place = (certificate.not_after, row.target.host.lower(), row.target.port)
            users.setdefault(place, []).append(row.address)
    return tuple(
        ExpiringCertificate(host, port, end, tuple(dict.fromkeys(who)))
        for (end, host, port), who in sorted(users.items())
    )
