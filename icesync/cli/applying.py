"""The order of an apply: lock, plan, policy, approval, token, calls, report."""

from __future__ import annotations

import getpass
import os
import platform
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from icesync import __version__
from icesync.bootstrap import gateways, obtain_token
from icesync.cli.files import read_named, write_private
from icesync.cli.interrupt import halting
from icesync.cli.planning import ask_for_plan, show_facts
from icesync.cli.revision import current_revision
from icesync.cli.scoping import scoped
from icesync.codec.plan import decode_plan, plan_digest
from icesync.diagnostics import Diagnostic, Severity
from icesync.engine.apply import apply, check_token, check_token_scope, failure_of
from icesync.engine.executor import ApplyOptions, StopRequest
from icesync.engine.plan import restrict_to_saved
from icesync.engine.recorder import Recorder, Stamp
from icesync.engine.secret_resolution import SecretsMode
from icesync.errors import (
    EXIT_OK,
    ConfigInvalid,
    Interrupted,
    PlanStale,
    PolicyRefused,
    StateNotSaved,
    UsageError,
)
from icesync.model.lock import LockInfo
from icesync.model.report import Report
from icesync.render.findings import render_diagnostics
from icesync.render.plan import render_plan, totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.cli.output import Output
    from icesync.cli.scoping import Scope
    from icesync.engine.plan import Planning
    from icesync.model.plan import Plan, Selection

_RESCUED: Final = "errored.icesync.json"

__all__ = ["Approval", "Pace", "Probing", "apply_plan", "lock_owner"]


@dataclass(frozen=True, slots=True)
class Probing:
    """A probe of what changes, which must not fail; it trusts *ca_file* besides the public list."""

    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """
    What permits the calls: a saved plan, a digest, lifted rules, the flag not to ask, a probe.

    With *strict* no warning may stand.
    """

    planfile: Path | None = None
    digest: str | None = None
    allowed: tuple[str, ...] = ()
    automatic: bool = False
    strict: bool = False
    probing: Probing | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How to carry out, as the command line wants it; None leaves it to the configuration."""

    concurrency: int | None
    settle_s: float
    fail_fast: bool


def lock_owner(context: Context, operation: str) -> LockInfo:
    """Return what other runs are told about this one while it holds the lock."""
    run_url = os.environ.get("CI_JOB_URL") or _github_url()
    return LockInfo(
        id=str(uuid.uuid4()),
        operation=operation,
        who=f"{_user()}@{platform.node()}",
        pid=os.getpid(),
        created=context.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        info=run_url,
        version=__version__,
    )


def apply_plan(
    output: Output,
    selection: Selection,
    approval: Approval,
    *,
    scope: Scope,
    pace: Pace,
    lock_timeout_s: float,
) -> int:
    """Carry out the plan for *selection*, or the saved one, and return the exit code."""
    context = output.open()
    console = output.console
    saved = decode_plan(read_named(approval.planfile)) if approval.planfile else None
    narrowed = scoped(context, saved.selection if saved else selection, scope, console)
    context, selection = narrowed.context, narrowed.selection
    option_name = None if saved and context.project.state.per else narrowed.option_name
    warning = context.store.lock_warning()
    if warning is not None:
        console.talk(f"warning: {warning}")
    with context.store.lock(lock_owner(context, "apply"), lock_timeout_s):
        planning = ask_for_plan(
            context, selection, approval.allowed, SecretsMode.REQUIRE,
            strict=approval.strict, option_name=option_name,
        )  # fmt: skip
        if saved is not None:
            planning = restrict_to_saved(planning, saved, context.project, approval.allowed)
        output.planned(planning)
        show_facts(console, context, planning)
        _check_digest(planning.plan, approval.digest)
        if not planning.plan.effective:
            output.applied(Report((), planning.stored.snapshot.serial))
            return EXIT_OK
        _check_policy(planning)
        if approval.probing is not None:
            _check_probe(context, output, planning, approval)
        if saved is None:
            _ask(output, planning.plan, approval)
        api = context.project.api
        concurrency = pace.concurrency or api.concurrency
        run = ApplyOptions(concurrency, api.rate_per_s, pace.fail_fast, pace.settle_s)
        report, halt = _carry_out(context, output, planning, run)
    output.applied(report)
    return _conclude(report, halt)


def _check_digest(plan: Plan, expected: str | None) -> None:
    if expected is None:
        return
    found = plan_digest(plan)
    if found != expected:
        raise PlanStale(
            f"the plan is another one than was expected: its digest is {found}",
            "review the plan above, then give its digest",
        )


def _check_policy(planning: Planning) -> None:
    refusals = planning.refusals
    if refusals:
        first = refusals[0]
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        raise PolicyRefused(
            f"{first.message}{more}; nothing was sent",
            *(f"icesync apply --allow {refusal.allow}" for refusal in refusals[:5]),
        )


def _check_probe(context: Context, output: Output, planning: Planning, approval: Approval) -> None:
    """Probe what changes; a mail server that says no is a guard like any other."""
    from icesync.cli.probing import guard_by_probe

    ca_file = approval.probing.ca_file if approval.probing else None
    _check_policy(guard_by_probe(context, output, planning, approval.allowed, ca_file))


def _ask(output: Output, plan: Plan, approval: Approval) -> None:
    if approval.automatic:
        return
    console = output.console
    if output.common.no_input or not console.interactive:
        raise PolicyRefused(
            "nobody can be asked for approval here; nothing was sent",
            "icesync apply --auto-approve   applies without asking",
            "icesync plan -o FILE, then icesync apply FILE   applies what was reviewed",
        )
    if not output.is_text:
        # Who is asked must have seen what for; stdout holds no plan here.
        console.complain(render_plan(plan, plan_digest(plan), console.talk_style))
    answer = console.ask(f"\nApply these changes ({totals(plan)})? Only `yes` will do: ")
    if answer != "yes":
        raise PolicyRefused("not approved; nothing was sent")


def _carry_out(
    context: Context, output: Output, planning: Planning, run: ApplyOptions
) -> tuple[Report, StopRequest]:
    console = output.console
    plan, values = planning.plan, planning.resolution.values
    token = obtain_token(context) if plan.calls else None
    if token is not None:
        # A login renews its token on the way; a given one must last.
        calls = len(plan.calls) if context.project.api.token is not None else 0
        check_token(token, calls, context.project.api, context.clock)
        _check_scope(console, planning, check_token_scope(token, plan, context.project))
    revision = current_revision(context.project.root)
    stamp = Stamp(__version__, revision)
    recorder = Recorder(context.store, planning.stored, context.clock, stamp, values, planning.key)
    waiting = max((recorder.settling_s(c, run.settle_s) for c in plan.calls), default=0.0)
    if waiting:
        console.talk(
            f"note: a call without an outcome may still arrive; its server waits {waiting:.0f} s"
        )
    halt = StopRequest()
    open_gateway = gateways(context, token) if token is not None else _no_gateway
    with halting(halt, console), _rescuing(context):
        report = apply(
            plan, values, recorder, open_gateway, context.clock, run, output.progress(plan), halt
        )
    return report, halt


def _check_scope(console: Console, planning: Planning, found: list[Diagnostic]) -> None:
    """Say what is odd about whom the token is for; stop where the configuration says so."""
    judged = planning.severities.apply_placed(found)
    if any(d.severity is Severity.ERROR for d in judged):
        raise ConfigInvalid("the token is for another organization", diagnostics=tuple(judged))
    if not console.quiet:
        console.complain(render_diagnostics(judged, console.talk_style))


@contextmanager
def _rescuing(context: Context) -> Iterator[None]:
    """Write a snapshot that the store refuses to a file beside the configuration."""
    try:
        yield
    except StateNotSaved as error:
        # Of one per organization, what was written stands, and what is pending is sent again.
        if error.document is not None and context.project.state.per is None:
            rescued = Path(context.project.root) / _RESCUED
            with suppress(UsageError):
                write_private(rescued, error.document)
                error.hints = (
                    *error.hints,
                    (
                        f"the snapshot is in {_RESCUED}, without secrets; once it can be stored: "
                        f"icesync state push {_RESCUED}"
                    ),
                )
        raise


def _no_gateway() -> NoReturn:
    raise AssertionError("a plan without calls opened a gateway")


def _conclude(report: Report, halt: StopRequest) -> int:
    if halt.signal_number is not None:
        raise Interrupted(
            "interrupted; what ICE acknowledged is saved",
            "icesync apply   sends what is still open",
            signal_number=halt.signal_number,
        )
    failure = failure_of(report)
    if failure is not None:
        raise failure
    return EXIT_OK


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _github_url() -> str:
    parts = [
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    ]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""
