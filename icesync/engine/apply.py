"""
Use case: lock, plan, approve, apply, persist.

Worker threads only send; one thread records. A worker takes the next server
when it is free, so never two calls for one address are in flight, and calls
start in the plan's order.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, NoReturn

from icesync import __version__
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.engine.executor import SETTLE_S, ApplyOptions, Executor, OpenGateway, StopRequest
from icesync.engine.plan import Planning, PlanRequest, compare_fleet, restrict_to_saved
from icesync.engine.recorder import Recorder, Stamp
from icesync.engine.secret_resolution import SecretsMode
from icesync.engine.session import SILENT, Session, Silent, View
from icesync.engine.state import Writer, is_new, locked, save
from icesync.engine.validate import Fleet, Scope, read_fleet
from icesync.errors import (
    AccessError,
    ApplyIncomplete,
    ConfigInvalid,
    IcesyncError,
    Interrupted,
    PlanStale,
    PolicyRefused,
    Refused,
    StateConflict,
    StateMissing,
    TokenExpired,
    Unreachable,
    UsageError,
    listed,
    printable,
)
from icesync.frozen import NamedTuple, frozen
from icesync.model.plan import STATE_EDITED, FieldChange, Plan, ResourceChange, SecretChange
from icesync.model.report import (
    ApplyEnded,
    ApplyStarted,
    Caution,
    ChangeEnded,
    Event,
    Found,
    Note,
    Notify,
    Outcome,
    OutcomeKind,
    Report,
    Result,
    ResultStatus,
)
from icesync.model.secret import ask_for
from icesync.model.snapshot import readable_time
from icesync.planner.policy import allowing
from icesync.ports import Joined
from icesync.wire.login import read_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Address
    from icesync.model.project import Api, Project
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock

_TOKEN_MARGIN_S: Final = 60.0

_NAMED: Final = 5
"""So many of a list are named in a message."""


def _with_secrets() -> PlanRequest:
    return PlanRequest(secrets=SecretsMode.REQUIRE)


@frozen
class ApplyRequest:
    """
    What an apply is asked for.

    *saved* is a plan that was reviewed: exactly that is carried out, or nothing.
    *digest* is that of the only plan that may be carried out. Without *saved* the
    view is asked, unless *automatic* says that nobody need be. *concurrency* None
    leaves it to the configuration. *create_state* starts a state where a remote store
    holds none.
    """

    plan: PlanRequest = field(default_factory=_with_secrets)
    saved: Plan | None = None
    digest: str | None = None
    automatic: bool = False
    concurrency: int | None = None
    fail_fast: bool = False
    settle_s: float = SETTLE_S
    lock_timeout_s: float = 0.0
    create_state: bool = False


_EVERYTHING: Final = ApplyRequest()


def apply(session: Session, request: ApplyRequest = _EVERYTHING, view: View = SILENT) -> Report:
    """
    Lock, plan, check the limits, ask, send and save; return how each change ended.

    Raises:
        UsageError: a saved plan is narrowed further, or the digest is none.
        PlanStale: the plan is not the one that was saved, or not that of the digest.
        PolicyRefused: a limit or a guard stands against it, or nobody approved.
        AccessError: there is no token that would last.
        StateLocked: another run holds the lock.
        StateMissing: a remote store holds no state, and none may be started.
        ApplyIncomplete: some changes were not carried out; its ``report`` says which.
        Interrupted: a signal ended it; what ICE confirmed is saved.

    """
    _check_request(request)
    try:
        return _apply(session, request, view)
    except StateMissing:
        if not request.create_state:
            raise
    from icesync.engine.state_operations import StateRequest, init_state

    begun = [place for place, new in init_state(session, StateRequest(), view.notify) if new]
    view.notify(Note(f"started a new state: {listed(begun)}"))
    return _apply(session, request, view)


def _apply(session: Session, request: ApplyRequest, view: View) -> Report:
    wanted, saved = request.plan, request.saved
    fleet = _read_fleet(session, wanted, saved)
    warning = fleet.store.lock_warning()
    if warning is not None:
        view.notify(Caution(warning))
    ahead = _look_ahead(session, fleet, wanted)
    with locked(
        session, fleet.store, "apply", request.lock_timeout_s, view.notify, _NOTHING, planning=True
    ) as work:
        planning = _plan_locked(session, fleet, wanted, view, ahead)
        if saved is not None:
            planning = restrict_to_saved(planning, saved, wanted.allowed)
        view.show(planning)
        _check_digest(planning, request.digest)
        _check_seals(planning)
        if not planning.plan.effective:
            _check_policy(planning)
            report = Report((), _record_safety(planning))
            view.show(report)
            return report
        _check_policy(planning)
        if wanted.probe is not None:
            from icesync.engine.probe_gate import guard_by_probe

            planning = guard_by_probe(session, planning, wanted, view)
            _check_policy(planning)
        if saved is None and not request.automatic and not view.approve(planning):
            raise PolicyRefused(f"not approved; {_NOTHING}")
        report, stop = _send(session, planning, request, view)
        work.done = _done(report)
        view.show(report)
        _conclude(report, stop)
    return report


class _Ahead(NamedTuple):
    """A plan that was made before the lock, what it had to tell, and whom it concerns."""

    planning: Planning
    told: tuple[Event, ...]
    organizations: frozenset[int] | None


def _look_ahead(session: Session, fleet: Fleet, wanted: PlanRequest) -> _Ahead | None:
    """
    Plan before the lock, where each organization has a state: who has changes is locked.

    Where more than their entries is to be written, all are.
    """
    store = fleet.store
    if not isinstance(store, Joined):
        return None
    listener = _Listener()
    planning = compare_fleet(session, fleet, wanted, listener, holding=True)
    stored, key = planning.stored, planning.key
    safety = planning.project.safety
    writer = Writer(__version__, key.id if key else None, safety=safety, key=key, trusted=True)
    organizations = None
    if not is_new(stored, stored.snapshot.entries, writer):
        organizations = _organizations(planning.plan)
        store.narrow(organizations)
    return _Ahead(planning, tuple(listener.told), organizations)


class _Listener(Silent):
    """Remembers what there was to tell."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def notify(self, event: Event) -> None:
        """Remember *event*."""
        self.told.append(event)


def _organizations(plan: Plan) -> frozenset[int]:
    """Return whose state changes when *plan* is carried out."""
    moved = {c.moved_from.organization for c in plan.effective if c.moved_from is not None}
    return frozenset(moved | {c.address.organization for c in plan.effective})


def _plan_locked(
    session: Session, fleet: Fleet, wanted: PlanRequest, view: View, ahead: _Ahead | None
) -> Planning:
    """Return the plan under the lock: the one made *ahead*, if the state is still the same."""
    if ahead is not None and fleet.store.read() == ahead.planning.stored.data:
        for event in ahead.told:
            view.notify(event)
        return ahead.planning
    planning = compare_fleet(session, fleet, wanted, view, holding=True)
    locked_ones = ahead.organizations if ahead is not None else None
    if locked_ones is not None and not _organizations(planning.plan) <= locked_ones:
        raise StateConflict(
            "another run changed the state while this one started; nothing was sent",
            "icesync apply",
        )
    return planning


_NOTHING: Final = "nothing was sent"


def _done(report: Report) -> str:
    """Return how much of a run is certain, and kept."""
    applied, total = len(report.with_status(ResultStatus.APPLIED)), len(report.results)
    noun = "change" if total == 1 else "changes"
    return f"{applied} of {total} {noun} were applied, and saved"


def _check_request(request: ApplyRequest) -> None:
    """Demand that what is asked for can be meant."""
    if request.saved is not None and request.plan.scope != Scope():
        raise UsageError(
            "a saved plan already selects its servers",
            "omit --target, --exclude, --resend, --shard and --organization, "
            "or save a new plan with them",
        )
    if request.digest is not None and _DIGEST.fullmatch(request.digest) is None:
        raise UsageError(
            f"invalid --expect-digest {printable(request.digest)}",
            "use what the plan prints: sha256: and 64 digits",
        )


_DIGEST: Final = re.compile("sha256:[0-9a-f]{64}")


def _read_fleet(session: Session, wanted: PlanRequest, saved: Plan | None) -> Fleet:
    """Return the files; a saved plan says itself which servers it is about."""
    if saved is None:
        return read_fleet(session, wanted.scope, strict=wanted.strict, secrets=wanted.secrets)
    fleet = read_fleet(
        session, Scope(saved.selection), strict=wanted.strict, secrets=wanted.secrets
    )
    return replace(fleet, named=())


def _check_digest(planning: Planning, expected: str | None) -> None:
    if expected is None:
        return
    found = planning.digest
    if found != expected:
        raise PlanStale(
            f"the plan has changed: its digest is {found}",
            "review the plan above, then pass its digest",
        )


def _check_seals(planning: Planning) -> None:
    """Demand that a person allowed what was not written by icesync, also if nothing is sent."""
    found = [refusal for refusal in planning.refusals if refusal.rule == STATE_EDITED]
    if found:
        raise PolicyRefused(
            f"{found[0].message}; nothing was sent",
            "run `git log -p` to see who changed it",
            f"run `icesync apply --allow {found[0].allow}` to accept it",
        )


def _check_policy(planning: Planning) -> None:
    refusals = planning.refusals
    if refusals:
        first = refusals[0]
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        raise PolicyRefused(
            f"{first.message}{more}; nothing was sent",
            f"icesync apply {allowing(refusals)}",
        )


def announce(
    session: Session, request: ApplyRequest = _EVERYTHING, view: View = SILENT
) -> Planning:
    """
    Write into the state what an apply of *request* is about to send, and send nothing.

    Raises:
        UsageError: a saved plan is narrowed further, or the digest is none.
        PlanStale: the plan is not the one that was saved, or not that of the digest.
        PolicyRefused: a limit or a guard stands against it.
        StateLocked: another run holds the lock.

    """
    wanted, saved = request.plan, request.saved
    _check_request(request)
    fleet = _read_fleet(session, wanted, saved)
    with locked(
        session, fleet.store, "state begin", request.lock_timeout_s, view.notify, planning=True
    ) as work:
        planning = compare_fleet(session, fleet, wanted, view, holding=True)
        if saved is not None:
            planning = restrict_to_saved(planning, saved, wanted.allowed)
        view.show(planning)
        _check_digest(planning, request.digest)
        _check_seals(planning)
        _check_policy(planning)
        if planning.plan.calls:
            with work.saving("the calls are announced in the state"):
                _recorder(session, planning).announce(planning.plan)
    return planning


def _recorder(session: Session, planning: Planning) -> Recorder:
    """Return the recorder of a run that carries out *planning*."""
    project = planning.project
    stamp = Stamp(__version__, session.caller.commit(), project.safety, project.api.wire)
    values, store = planning.resolution.values, planning.fleet.store
    return Recorder(store, planning.stored, session.clock, stamp, values, planning.key)


def _record_safety(planning: Planning) -> int:
    """Record the safeguards of a run that sends nothing, where they differ; return the serial."""
    stored, safety = planning.stored, planning.project.safety
    if stored.recovered is None and (stored.data is None or safety is None):
        return stored.snapshot.serial
    writer = Writer(__version__, safety=safety, key=planning.key, trusted=True)
    return save(planning.fleet.store, stored, stored.snapshot.entries, writer).snapshot.serial


def _send(
    session: Session, planning: Planning, request: ApplyRequest, view: View
) -> tuple[Report, StopRequest]:
    """Get a token, send the calls and save what they came to."""
    plan, project, clock = planning.plan, session.project, session.clock
    values, api = planning.resolution.values, session.project.api
    token = session.ice.token() if plan.calls else None
    if token is not None:
        # A login renews its token on the way; a given one must last.
        check_token(token, len(plan.calls) if api.token is not None else 0, api, clock)
        _warn_of_scope(planning, check_token_scope(token, plan, project), view)
    run = ApplyOptions(
        request.concurrency or api.concurrency, api.rate_per_s, request.fail_fast, request.settle_s
    )
    recorder = _recorder(session, planning)
    waiting = max((recorder.settling_s(c, run.settle_s) for c in plan.calls), default=0.0)
    if waiting:
        view.notify(
            Note(f"a call without an outcome may still arrive; its server waits {waiting:.0f} s")
        )
    halt = StopRequest()
    open_gateway = session.ice.gateways(token) if token is not None else _no_gateway
    with session.signals.stopping(halt):
        report = carry_out(
            plan, values, recorder, open_gateway, clock, run, view.notify, halt
        )  # fmt: skip
    return report, halt


def _warn_of_scope(planning: Planning, found: list[Diagnostic], view: View) -> None:
    """Say what is odd about whom the token is for; stop where the configuration says so."""
    judged = planning.fleet.validation.severities.apply_placed(found)
    if any(d.severity is Severity.ERROR for d in judged):
        raise ConfigInvalid("the token is for another organization", diagnostics=tuple(judged))
    for diagnostic in judged:
        view.notify(Found(diagnostic))


def _no_gateway() -> NoReturn:
    raise AssertionError("a plan without calls opened a gateway")


def _conclude(report: Report, halt: StopRequest) -> None:
    failure = failure_of(report)
    if halt.signal_number is not None:
        failure = Interrupted(
            "interrupted; what ICE confirmed is saved",
            "run `icesync apply` to send the rest",
            signal_number=halt.signal_number,
        )
    if failure is not None:
        failure.report = report
        raise failure


def check_token(token: SecretValue, calls: int, api: Api, clock: Clock) -> None:
    """
    Demand that *token* outlives a run of *calls*.

    Raises:
        AccessError: it is no token.
        TokenExpired: it has ended, or would end during the run.

    """
    claims = read_token(token)
    if claims is None:
        message = "`api.token` is not a JWT: three parts separated by dots (ICE404)"
        raise AccessError(message, *renewal_of(api))
    if claims.expires_at is None:
        return
    left_s = (claims.expires_at - clock.now()).total_seconds()
    ends = readable_time(claims.expires_at)
    if left_s <= 0:
        raise TokenExpired(f"the token expired at {ends} (ICE403)", *renewal_of(api))
    needed_s = calls / min(api.rate_per_s, api.concurrency / 0.05) + _TOKEN_MARGIN_S
    if left_s < needed_s and calls:
        raise TokenExpired(
            f"the token expires at {ends}, in {left_s:.0f} s; {calls} calls need about "
            f"{needed_s:.0f} s (ICE403)",
            *renewal_of(api),
        )


def renewal_of(api: Api) -> tuple[str, ...]:
    """Return how a new token gets to where *api* reads it, as hints."""
    token, login = api.token, api.login
    if token is None:
        return ("timedatectl",)
    if login is not None and token.scheme == "file":
        return (f"run `icesync login --out {shlex.quote(token.path)}` to get a token",)
    if token.scheme == "env":
        kept = f"get a token, then run `{ask_for([token.path])}`"
    else:
        kept = f"get a token and store it at {token}"
    if login is not None:
        return (kept, f"or remove `token:`: then each apply logs in as {login.username}")
    return (kept, "or log in: icesync init --go-live --login USER --organization ORG")


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
    others = listed([str(number) for number in foreign], _NAMED)
    message = f"the token is for another organization than {others}"
    position = project.positions.get("api.token", SourcePosition(project.config_file))
    return [Diagnostic("ICE402", message, position, None, Severity.WARNING)]


def carry_out(
    plan: Plan,
    values: Mapping[str, SecretValue],
    recorder: Recorder,
    open_gateway: OpenGateway,
    clock: Clock,
    run: ApplyOptions,
    notify: Notify,
    halt: StopRequest,
) -> Report:
    """
    Carry out the effective changes of *plan* and return how each ended.

    *values* holds every secret that the calls need, by the text of its
    reference. The lock must be held. Whatever ends it after the first call has the
    ``report`` of what was sent.

    Raises:
        StateError: the state could not be saved; before the first call
            nothing was sent.

    """
    began = clock.monotonic()
    executor = Executor(plan, values, recorder, open_gateway, clock, run, halt, notify)
    recorder.begin(plan)
    notify(ApplyStarted(plan))
    results: dict[Address, Result] = {}
    saved = False

    def report() -> Report:
        ended = (results.get(c.address) or _unfinished(c, executor) for c in plan.effective)
        took_s = clock.monotonic() - began
        return Report(tuple(ended), recorder.serial, took_s, executor.stopped, saved=saved)

    try:
        try:
            for change, outcome in executor.outcomes():
                recorder.record(change, outcome)
                result = _result(change, outcome, executor)
                results[change.address] = result
                notify(ChangeEnded(result))
                if outcome is not None:
                    recorder.save_if_due()
        finally:
            notify(ApplyEnded())
            executor.close()
            recorder.finish(executor.in_flight())
            saved = True
    except BaseException as error:
        vars(error)["report"] = report()
        raise
    return report()


def _result(change: ResourceChange, outcome: Outcome | None, executor: Executor) -> Result:
    if outcome is None:
        return Result(change.address, change.action, ResultStatus.APPLIED)
    status = outcome.kind.status
    attempts = executor.attempts(change.address)
    return Result(change.address, change.action, status, _placed(change, outcome), attempts)


def _placed(change: ResourceChange, outcome: Outcome) -> Outcome:
    """Return *outcome* with the lines that gave the values which ICE complains about."""
    if not outcome.fields:
        return outcome
    rows: tuple[FieldChange | SecretChange, ...] = (*change.fields, *change.secrets)
    blamed = {row.key: row.position for row in rows if row.key in outcome.fields}
    positions = [blamed.get(key) for key in outcome.fields]
    places = [f"{place.file}:{place.line}" for place in positions if place is not None]
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
        return Refused(f"ICE rejected the first call: {setup.detail}", _ADDRESS)
    if lost is not None and len(outcomes) == 1:
        return Unreachable(f"ICE is unreachable: {lost.detail}", "check the network", _AGAIN)
    failed = len(report.results) - len(report.with_status(ResultStatus.APPLIED))
    message = report.stopped or f"{failed} of {len(report.results)} changes were not applied"
    hints = (_LOGIN, _AGAIN) if outcomes.keys() == {OutcomeKind.REJECTED} else (_AGAIN,)
    return ApplyIncomplete(message, *hints)


_TELLING: Final = (OutcomeKind.AUTH, OutcomeKind.MISCONFIGURED, OutcomeKind.TRANSIENT)
_AGAIN: Final = "run `icesync apply` to send the rest"
_LOGIN: Final = "run `icesync token` to see whose token it is and when it expires"
_ADDRESS: Final = "check `api.base_url`, and `api.ca_file` for a private certificate"
