"""What each command may come to, for the tests of all formats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from builders import SALES, SUPPORT, desired, entry, every_action, plan, server, snapshot
from probes import PROBED

from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.model.desired import Address
from icesync.model.pipeline import Forge, Pipeline
from icesync.model.plan import Refusal
from icesync.model.probe import MailProtocol, ProbeKind
from icesync.model.report import (
    Acknowledgement,
    Attempt,
    Command,
    CommandResult,
    ExpiringCertificate,
    FailedLogin,
    Failure,
    Maintenance,
    Outcome,
    OutcomeKind,
    Report,
    Result,
    ResultStatus,
)
from icesync.render import RenderContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["GITHUB", "REVIEWS", "UPKEEP", "VIEW", "findings"]

COMMIT: Final = "9c42ffc94aed41bb7e2a75b0bf5ae624a4b3a08b"

GITHUB: Final = Pipeline(
    Forge.GITHUB,
    "mail",
    COMMIT,
    f"https://github.example/o/r/blob/{COMMIT}/",
    "https://github.example/o/r/actions/runs/7",
)

VIEW: Final = RenderContext(ci=GITHUB, version="0.1.0")


def findings() -> tuple[Diagnostic, ...]:
    """Return an error with a hint, one without, and a warning, in two files."""
    return (
        Diagnostic(
            "ICE401",
            "59/663: `smtp.password` is a plaintext secret",
            SourcePosition("servers/59.yaml", 16, 17),
            "use a reference: ref+env://ICE_NAME",
        ),
        Diagnostic(
            "ICE301",
            "59/664: `smtp.port` must be 1 to 65535",
            SourcePosition("servers/59.yaml", 22, 13),
        ),
        Diagnostic(
            "ICE012",
            "`old/*.yaml` matches no file",
            SourcePosition("icesync.yaml", 3, 9),
            "correct `files:`",
            Severity.WARNING,
        ),
    )


def _report() -> Report:
    """Return an apply of :func:`builders.every_action` in which all that can happen happened."""
    ended = (
        (ResultStatus.APPLIED, Outcome(OutcomeKind.APPLIED), ("throttled", "applied")),
        (ResultStatus.FAILED, Outcome(OutcomeKind.REJECTED, "ICE said: no such skill"),
         ("rejected",)),
        (ResultStatus.UNCERTAIN, Outcome(OutcomeKind.UNCERTAIN, "no reply within 30 s"),
         ("uncertain",) * 3),
        (ResultStatus.NOT_ATTEMPTED, None, ()),
        (ResultStatus.APPLIED, None, ()),
        (ResultStatus.APPLIED, Outcome(OutcomeKind.APPLIED), ("applied",)),
    )  # fmt: skip
    results = [
        Result(change.address, change.action, status, outcome, _attempts(float(number), kinds))
        for number, (change, (status, outcome, kinds)) in enumerate(
            zip(every_action().effective, ended, strict=True)
        )
    ]
    return Report(tuple(results), 5, 7.25, "ICE keeps failing; the run was ended to leave it alone")


def _attempts(started_s: float, kinds: Iterable[str]) -> tuple[Attempt, ...]:
    """Return a call every two seconds, each half a second long."""
    return tuple(
        Attempt(OutcomeKind(kind), started_s + 2.0 * n, 0.5) for n, kind in enumerate(kinds)
    )


_FILES: Final = ("servers/59.yaml", "servers/70.yaml")
_REFUSED: Final = Refusal("disables", "disables: 2 planned, the limit is 1", "disables")
_GUARDED: Final = Refusal("tls-off", "59/2: `tls` is switched off", "tls-off:59/2", Address(59, 2))
_SAID_NO: Final = Refusal("probe", f"{SALES}: imap says no", f"probe:{SALES}", SALES)
_LOCKED: Final = Failure(
    "the lock is held by somebody@host", ("wait for it: --lock-timeout 5m",), 5
)
_INVALID: Final = Failure("2 errors in the configuration", (), 3)

UPKEEP: Final = Maintenance(
    now=datetime(2026, 2, 10, 12, tzinfo=UTC),
    oldest=(
        Acknowledgement("2026-01-01T00:00:00Z", SUPPORT),
        Acknowledgement("2026-02-10T11:00:00Z", SALES),
    ),
    max_age="30d",
    out_of_date=(Address(59, 7),),
    uncertain=(Address(59, 3),),
    not_in_any_file=(Address(59, 6),),
    token_ends=datetime(2026, 2, 12, 13, tzinfo=UTC),
)

REVIEWS: Final[Mapping[str, CommandResult]] = {
    "validate": CommandResult(Command.VALIDATE, files=_FILES, servers=7),
    "validate-findings": CommandResult(
        Command.VALIDATE, findings(), (*_FILES, "icesync.yaml"), servers=7, exit_code=3
    ),
    "plan": CommandResult(
        Command.PLAN, findings()[2:], _FILES, 7, every_action(), (_REFUSED, _GUARDED), exit_code=2
    ),
    "plan-idle": CommandResult(Command.PLAN, plan=replace(plan(desired()), complete=False)),
    "plan-invalid": CommandResult(Command.PLAN, findings(), failure=_INVALID, exit_code=3),
    "plan-locked": CommandResult(Command.PLAN, failure=_LOCKED, exit_code=5),
    "apply": CommandResult(
        Command.APPLY,
        (),
        _FILES,
        7,
        every_action(),
        report=_report(),
        exit_code=7,
        failure=Failure("ICE failed", ("run `icesync apply` to send the rest",), 7),
    ),
    "apply-refused": CommandResult(
        Command.APPLY,
        (),
        _FILES,
        7,
        every_action(),
        (_REFUSED,),
        failure=Failure("disables: 2 planned; nothing was sent", ("--allow disables",), 9),
        exit_code=9,
    ),
    "apply-idle": CommandResult(Command.APPLY, (), _FILES, 7, every_action(), report=Report((), 4)),
    "plan-probed": CommandResult(
        Command.PLAN, (), _FILES, 7, every_action(), (_REFUSED,), probe=PROBED, exit_code=2
    ),
    "apply-probed": CommandResult(
        Command.APPLY,
        (),
        _FILES,
        7,
        every_action(),
        (_SAID_NO,),
        probe=PROBED,
        failure=Failure(f"{_SAID_NO.message}; nothing was sent", ("--allow probe:59/664",), 9),
        exit_code=9,
    ),
    "probe": CommandResult(
        Command.PROBE, probe=PROBED, failure=Failure("2 of 8 probes failed", (), 11), exit_code=11
    ),
    "check-idle": CommandResult(
        Command.CHECK,
        (),
        _FILES,
        1,
        plan(desired(server()), snapshot({SUPPORT: entry()})),
        maintenance=Maintenance(UPKEEP.now),
    ),
    "check-probed": CommandResult(
        Command.CHECK,
        (),
        _FILES,
        1,
        plan(desired(server()), snapshot({SUPPORT: entry()})),
        probe=PROBED,
        maintenance=Maintenance(
            PROBED.made_at,
            failed_logins=(
                FailedLogin(SALES, MailProtocol.SMTP, ProbeKind.OK_SENDER_REFUSED),
                FailedLogin(SALES, MailProtocol.IMAP, ProbeKind.AUTH_REJECTED),
            ),
            ending=(
                ExpiringCertificate(
                    "imap.example.org", 993, PROBED.made_at + timedelta(days=19, hours=3), (SALES,)
                ),
            ),
        ),
        exit_code=2,
    ),
    "check": CommandResult(
        Command.CHECK, (), _FILES, 7, every_action(), (_REFUSED,), maintenance=UPKEEP, exit_code=2
    ),
}
"""Reviews by name; the name starts with that of the command."""
