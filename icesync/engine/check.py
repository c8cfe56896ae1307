"""Use case: what a schedule looks after: open changes, and what else is due."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.engine.apply import check_token
from icesync.engine.plan import Planning, PlanRequest, compare_fleet
from icesync.engine.secret_resolution import SecretsMode
from icesync.engine.session import SILENT, Session, View
from icesync.engine.validate import read_fleet
from icesync.errors import SecretMissing
from icesync.frozen import frozen
from icesync.model.plan import Action, Plan
from icesync.model.probe import ProbeReport, ProbeSeverity
from icesync.model.report import (
    Acknowledgement,
    ExpiringCertificate,
    FailedLogin,
    Found,
    Maintenance,
)
from icesync.model.snapshot import Entry, EntryStatus, Snapshot
from icesync.planner import older_than, parse_age
from icesync.wire.login import read_token

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.desired import Address
    from icesync.model.secret import SecretValue

_OLDEST: Final = 3


def _with_secrets() -> PlanRequest:
    return PlanRequest(secrets=SecretsMode.REQUIRE)


@frozen
class CheckRequest:
    """
    What a check is asked for.

    *max_age* is an age such as ``30d``. With ``plan.probe`` all mail servers are
    asked, not only those of what changes.
    """

    plan: PlanRequest = field(default_factory=_with_secrets)
    max_age: str | None = None


@frozen
class Check:
    """What a check came to."""

    planning: Planning
    maintenance: Maintenance

    @property
    def due(self) -> bool:
        """Whether there is something to do, or to allow before anything can be sent."""
        planning = self.planning
        return bool(planning.plan.effective or planning.refusals) or self.maintenance.due


_EVERYTHING: Final = CheckRequest()


def check(session: Session, request: CheckRequest = _EVERYTHING, view: View = SILENT) -> Check:
    """
    Return what is open, old or about to end; nothing is written, nothing is sent to ICE.

    Raises:
        ConfigError: the files or a secret are wrong.
        StateError: the state cannot be read.
        AccessError: the token has ended, or is none; what was found was shown before.

    """
    wanted, api, clock = request.plan, session.project.api, session.clock
    fleet = read_fleet(session, wanted.scope, strict=wanted.strict, secrets=wanted.secrets)
    planning = compare_fleet(session, fleet, wanted, view)
    view.show(planning)
    given = api.token is not None and wanted.secrets is SecretsMode.REQUIRE
    token = _token_at_hand(session, view) if given else None
    probe = None
    if wanted.probe is not None:
        from icesync.engine.probe_gate import probe_all

        probe = probe_all(session, planning, wanted.probe, view)
    snapshot, now = planning.stored.snapshot, clock.now()
    found = look_after(
        planning.plan, snapshot, now, request.max_age, token, probe,
        running=planning.stored.running is not None,
    )  # fmt: skip
    view.show(found)
    if token is not None:
        check_token(token, len(planning.plan.calls), api, clock)
    return Check(planning, found)


def _token_at_hand(session: Session, view: View) -> SecretValue | None:
    """Return the token; None in a job that has it not, since only an apply needs it."""
    try:
        return session.ice.token()
    except SecretMissing as error:
        project = session.project
        position = project.positions.get("api.token", SourcePosition(project.config_file))
        message = f"it was not checked when the token expires: {error.message}"
        view.notify(Found(Diagnostic("ICE412", message, position, None, Severity.WARNING)))
        return None


def check_age(text: str | None) -> str | None:
    """
    Return *text* as it is, once it is known to be an age or None.

    Raises:
        UsageError: it spells none.

    """
    if text is not None:
        parse_age(text)
    return text


def look_after(
    plan: Plan,
    snapshot: Snapshot,
    now: datetime,
    max_age: str | None = None,
    token: SecretValue | None = None,
    probe: ProbeReport | None = None,
    *,
    running: bool = False,
) -> Maintenance:
    """
    Return what is open, old or about to end; *max_age* is an age such as ``30d``.

    Without *probe* no mail server was asked. While an apply is *running*, what it is
    about to send is not open yet.

    Raises:
        UsageError: *max_age* cannot be read.

    """
    entries = snapshot.entries
    known = sorted(Acknowledgement(e.applied_at, a) for a, e in entries.items() if e.applied_at)
    out_of_date = older_than(snapshot, parse_age(max_age), now) if max_age else ()
    claims = read_token(token) if token is not None else None
    unknown = {a for a, entry in entries.items() if _is_open(entry, running)}
    # Of a state that was put back, the outcome is known: it is the plan that is open.
    unknown -= {c.address for c in plan.changes if c.reason and c.reason.put_back}
    return Maintenance(
        now=now,
        oldest=tuple(known[:_OLDEST]),
        max_age=max_age,
        out_of_date=out_of_date,
        uncertain=tuple(sorted(unknown)),
        not_in_any_file=tuple(c.address for c in plan.changes if c.action is Action.NOT_IN_FILES),
        token_ends=claims.expires_at if claims is not None else None,
        failed_logins=_failed_logins(probe) if probe is not None else (),
        ending=_ending(probe, now) if probe is not None else (),
    )


def _is_open(entry: Entry, running: bool) -> bool:
    """Return whether nobody knows how its last call ended; a *running* apply still may."""
    return entry.uncertain and not (running and entry.status is EntryStatus.PENDING)


def _failed_logins(probe: ProbeReport) -> tuple[FailedLogin, ...]:
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
