"""
Use case: carry out a plan.

Worker threads only send; one thread records. A worker takes the next server
when it is free, so never two calls for one address are in flight, and calls
start in the plan's order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.engine.executor import ApplyOptions, Executor, OpenGateway, StopRequest
from icesync.errors import (
    AccessError,
    ApplyIncomplete,
    IcesyncError,
    Refused,
    TokenExpired,
    Unreachable,
)
from icesync.model.report import Outcome, OutcomeKind, Report, Result, ResultStatus
from icesync.wire.token import read_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.engine.recorder import Recorder
    from icesync.model.address import Address
    from icesync.model.plan import FieldChange, Plan, ResourceChange, SecretChange
    from icesync.model.project import Api, Project
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock, Progress

__all__ = ["apply", "check_token", "check_token_scope", "failure_of", "foreign_organizations"]

_TOKEN_MARGIN_S: Final = 60.0


def check_token(token: SecretValue, calls: int, api: Api, clock: Clock) -> None:
    """
    Demand that *token* outlives a run of *calls*.

    Raises:
        AccessError: it is no token.
        TokenExpired: it has ended, or would end during the run.

    """
    claims = read_token(token)
    renew = "icesync login   obtains a new one; or give `api.login` in icesync.yaml"
    if claims is None:
        told = "the token is not a JSON Web Token: three parts with dots (ICE404)"
        raise AccessError(told, renew)
    if claims.expires_at is None:
        return
    left_s = (claims.expires_at - clock.now()).total_seconds()
    ends = claims.expires_at.strftime("%Y-%m-%d %H:%M:%SZ")
    if left_s <= 0:
        raise TokenExpired(f"the token expired at {ends} (ICE403)", renew)
    needed_s = calls / min(api.rate_per_s, api.concurrency / 0.05) + _TOKEN_MARGIN_S
    if left_s < needed_s and calls:
        raise TokenExpired(
            f"the token expires at {ends}, in {left_s:.0f} s; {calls} calls need about "
            f"{needed_s:.0f} s (ICE403)",
            renew,
        )


def foreign_organizations(token: SecretValue, plan: Plan) -> tuple[int, ...]:
    """
    Return the organizations that *plan* writes to and *token* does not name, sorted.

    Only worth a warning: in the vendor's own sample they differ (doc:sample).
    """
    claims = read_token(token)
    if claims is None or claims.organization is None:
        return ()
    return tuple(sorted({c.address.organization for c in plan.calls} - {claims.organization}))


def check_token_scope(token: SecretValue, made: Plan, project: Project) -> list[Diagnostic]:
    """Return what ICE402 says of *token*; the emulator's own token is for nobody."""
    foreign = foreign_organizations(token, made)
    if not foreign or project.api.emulated:
        return []
    others = ", ".join(str(number) for number in foreign[:5])
    more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
    told = f"the token is for another organization than {others}{more}"
    position = project.positions.get("api.token", SourcePosition(project.config_file))
    return [Diagnostic("ICE402", told, position, None, Severity.WARNING)]


def apply(
    plan: Plan,
    values: Mapping[str, SecretValue],
    recorder: Recorder,
    open_gateway: OpenGateway,
    clock: Clock,
    run: ApplyOptions,
    progress: Progress,
    halt: StopRequest,
) -> Report:
    """
    Carry out the effective changes of *plan* and return how each ended.

    *values* holds every secret that the calls need, by the text of its
    reference. The lock must be held.

    Raises:
        StateError: the snapshot could not be saved; before the first call
            nothing was sent.

    """
    began = clock.monotonic()
    executor = Executor(plan, values, recorder, open_gateway, clock, run, halt, progress)
    recorder.begin(plan)
    progress.start(len(plan.effective))
    results: dict[Address, Result] = {}
    try:
        for change, outcome in executor.outcomes():
            recorder.record(change, outcome)
            result = _result(change, outcome, executor)
            results[change.address] = result
            progress.advance(result)
            if outcome is not None:
                recorder.save_if_due()
    finally:
        progress.stop()
        executor.close()
        recorder.finish(executor.in_flight())
    for change in plan.effective:
        results.setdefault(change.address, _unfinished(change, executor))
    ordered = tuple(results[change.address] for change in plan.effective)
    return Report(ordered, recorder.serial, clock.monotonic() - began, executor.stopped)


def _result(change: ResourceChange, outcome: Outcome | None, executor: Executor) -> Result:
    if outcome is None:
        return Result(change.address, change.action, ResultStatus.APPLIED)
    status = outcome.kind.status
    attempts = executor.attempts(change.address)
    return Result(change.address, change.action, status, _placed(change, outcome), attempts)


def _placed(change: ResourceChange, outcome: Outcome) -> Outcome:
    """Return *outcome* with the lines that gave the values which ICE complains about."""
    rows: tuple[FieldChange | SecretChange, ...] = (*change.fields, *change.secrets)
    lines = {
        row.key: f"{row.position.file}:{row.position.line}"
        for row in rows
        if row.position is not None
    }
    places = [lines[key] for key in outcome.fields if key in lines]
    if not places:
        return outcome
    return replace(outcome, detail=f"{outcome.detail}; see {', '.join(places)}")


def _unfinished(change: ResourceChange, executor: Executor) -> Result:
    if change.address in executor.in_flight():
        outcome = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: the run ended before a reply")
        attempts = executor.attempts(change.address)
        return Result(change.address, change.action, ResultStatus.UNCERTAIN, outcome, attempts)
    return Result(change.address, change.action, ResultStatus.NOT_ATTEMPTED)


def failure_of(report: Report) -> IcesyncError | None:
    """Return the error that *report* ends a command with, or None when all was applied."""
    if report.complete:
        return None
    outcomes = {r.outcome.kind: r.outcome for r in reversed(report.results) if r.outcome}
    auth, setup, lost = (outcomes.get(kind) for kind in _TELLING)
    written = any(kind.was_written is not False for kind in outcomes)
    if auth is not None:
        return AccessError(auth.detail, _LOGIN, _AGAIN)
    if setup is not None and written:
        return ApplyIncomplete(f"the run was stopped: {setup.detail}", _ADDRESS, _AGAIN)
    if setup is not None:
        return Refused(f"ICE refused the first call: {setup.detail}", _ADDRESS)
    if lost is not None and len(outcomes) == 1:
        return Unreachable(f"ICE was not reached: {lost.detail}", "check the network", _AGAIN)
    failed = len(report.results) - len(report.with_status(ResultStatus.APPLIED))
    told = report.stopped or f"{failed} of {len(report.results)} changes were not applied"
    hints = (_LOGIN, _AGAIN) if outcomes.keys() == {OutcomeKind.REJECTED} else (_AGAIN,)
    return ApplyIncomplete(told, *hints)


_TELLING: Final = (OutcomeKind.AUTH, OutcomeKind.MISCONFIGURED, OutcomeKind.TRANSIENT)
_AGAIN: Final = "icesync apply   sends what is still open, and nothing else"
_LOGIN: Final = "icesync token   says what the token holds; icesync login   obtains another"
_ADDRESS: Final = "check `api.base_url`, and `api.ca_file` where the certificate is a private one"
