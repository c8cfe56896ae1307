"""
What happens while a use case runs, what each write came to, and the command as a whole.

A command that was stopped has the parts that it got to, and a failure that says
why there are no more: a report of a failed run is written like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.frozen import NamedTuple, frozen

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.diagnostics import Diagnostic
    from icesync.model.desired import Address
    from icesync.model.plan import Action, Plan, Refusal, ResourceChange
    from icesync.model.probe import MailProtocol, ProbeKind, ProbeReport


class ResultStatus(StrEnum):
    """How one planned change ended."""

    APPLIED = "applied"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    NOT_ATTEMPTED = "not attempted"


class Retry(NamedTuple):
    """
    How often a call is made in all, and how long to wait between.

    Waits are drawn evenly from 0 to ``base_s * 2 ** n``, at most *cap_s*.
    """

    attempts: int
    base_s: float = 0.5
    cap_s: float = 20.0

    def longest_s(self, attempt: int) -> float:
        """Return the longest wait after attempt number *attempt*."""
        return min(self.cap_s, self.base_s * 2.0 ** (attempt - 1))


class OutcomeKind(StrEnum):
    """What one reply, or its absence, means; :data:`_MEANINGS` says what follows from it."""

    APPLIED = "applied"
    REJECTED = "rejected"
    """refused; the record is as it was"""

    MISCONFIGURED = "misconfigured"
    """refused in a way that every call would meet: wrong URL, verb, redirect, TLS"""

    AUTH = "auth"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    """surely not sent or not processed"""

    UNCERTAIN = "uncertain"
    """perhaps written, perhaps not"""

    @property
    def was_written(self) -> bool | None:
        """Whether ICE holds the record now; None where nobody knows."""
        return _MEANINGS[self].was_written

    @property
    def retry(self) -> Retry | None:
        """How the call is made again; None where that would change nothing."""
        return _MEANINGS[self].retry

    @property
    def stops_run(self) -> bool:
        """Whether every further call would fail too, too."""
        return _MEANINGS[self].stops_run

    @property
    def is_failure_of_service(self) -> bool:
        """Whether it says that the service is not well, rather than something about the call."""
        return self in {OutcomeKind.TRANSIENT, OutcomeKind.UNCERTAIN}

    @property
    def status(self) -> ResultStatus:
        """How a change ends whose last call came to this."""
        return _STATUS[self.was_written]

    @property
    def tone(self) -> str:
        """The class under which pages show it."""
        return _MEANINGS[self].tone


class _Meaning(NamedTuple):
    was_written: bool | None
    tone: str
    retry: Retry | None = None
    stops_run: bool = False


_MEANINGS: Final[Mapping[OutcomeKind, _Meaning]] = {
    OutcomeKind.APPLIED: _Meaning(was_written=True, tone="applied"),
    OutcomeKind.REJECTED: _Meaning(was_written=False, tone="failed"),
    OutcomeKind.MISCONFIGURED: _Meaning(was_written=False, tone="failed", stops_run=True),
    OutcomeKind.AUTH: _Meaning(was_written=False, tone="failed", stops_run=True),
    OutcomeKind.THROTTLED: _Meaning(
        was_written=False, tone="throttled", retry=Retry(6, base_s=1.0)
    ),
    OutcomeKind.TRANSIENT: _Meaning(was_written=False, tone="throttled", retry=Retry(4)),
    OutcomeKind.UNCERTAIN: _Meaning(was_written=None, tone="uncertain", retry=Retry(3)),
}

_STATUS: Final[Mapping[bool | None, ResultStatus]] = {
    True: ResultStatus.APPLIED,
    False: ResultStatus.FAILED,
    None: ResultStatus.UNCERTAIN,
}


@frozen
class Outcome:
    """
    The meaning of one call.

    *detail* is one line, safe to print; *retry_after_s* what the service asked
    for; *fields* the dotted keys that it complained about.
    """

    kind: OutcomeKind
    detail: str = ""
    retry_after_s: float | None = None
    fields: tuple[str, ...] = ()


@frozen
class Attempt:
    """One call that came back: what it meant, and when it left, in seconds of the run."""

    kind: OutcomeKind
    started_s: float
    elapsed_s: float


@frozen
class Result:
    """How one change of the plan ended, and why; *attempts* are its calls, in order."""

    address: Address
    action: Action
    status: ResultStatus
    outcome: Outcome | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def started_s(self) -> float | None:
        """When its first call left, None where none came back."""
        return self.attempts[0].started_s if self.attempts else None

    @property
    def elapsed_s(self) -> float | None:
        """How long it took from its first call to the end of its last, waits included."""
        if not self.attempts:
            return None
        last = self.attempts[-1]
        return last.started_s + last.elapsed_s - self.attempts[0].started_s


@frozen
class Report:
    """
    How an apply ended: one result for every effective change, sorted by address.

    *stopped* says in words why a run was ended early, None where it was not. Of a run whose
    results could not be *saved*, *serial* is that of the state before.
    """

    results: tuple[Result, ...]
    serial: int
    elapsed_s: float = 0.0
    stopped: str | None = None
    saved: bool = True

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {"report": self}

    def with_status(self, status: ResultStatus) -> tuple[Result, ...]:
        """Return the results that ended as *status*."""
        return tuple(r for r in self.results if r.status is status)

    @property
    def complete(self) -> bool:
        """Whether every planned change was applied."""
        return all(r.status is ResultStatus.APPLIED for r in self.results)


class Command(StrEnum):
    """The commands that can be reported on."""

    VALIDATE = "validate"
    PLAN = "plan"
    APPLY = "apply"
    CHECK = "check"
    PROBE = "probe"


@frozen
class Failure:
    """What stopped a command, and the way out."""

    message: str
    hints: tuple[str, ...] = ()
    exit_code: int = 1


class Acknowledgement(NamedTuple):
    """When ICE acknowledged a server last; UTC, ``YYYY-MM-DDTHH:MM:SSZ``."""

    applied_at: str
    address: Address


class FailedLogin(NamedTuple):
    """A mail server that said no to what the files want."""

    address: Address
    protocol: MailProtocol
    kind: ProbeKind


class ExpiringCertificate(NamedTuple):
    """A certificate that ends soon: where it was seen, when it ends, whose mail goes there."""

    host: str
    port: int
    not_after: datetime
    addresses: tuple[Address, ...]


@frozen
class Maintenance:
    """
    What a schedule looks after, beside the changes, at the moment *now*.

    *oldest* are the oldest confirmations, the oldest first; *out_of_date* all servers
    whose confirmation is older than *max_age*, where somebody asked. *token_ends*
    is None where nobody knows. *failed_logins* and *ending*, the first end first, are
    what a probe saw, where somebody asked.
    """

    now: datetime
    oldest: tuple[Acknowledgement, ...] = ()
    max_age: str | None = None
    out_of_date: tuple[Address, ...] = ()
    uncertain: tuple[Address, ...] = ()
    not_in_any_file: tuple[Address, ...] = ()
    token_ends: datetime | None = None
    failed_logins: tuple[FailedLogin, ...] = ()
    ending: tuple[ExpiringCertificate, ...] = ()

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {"maintenance": self}

    @property
    def due(self) -> bool:
        """Whether there is something to do, even where nothing is to be sent."""
        return any(
            (
                self.uncertain,
                self.out_of_date,
                self.not_in_any_file,
                self.failed_logins,
                self.ending,
            )
        )


@frozen
class CommandResult:
    """
    What *command* came to; parts that it did not get to are None.

    *files* are all that were read, *findings* what is to be said about them,
    both relative to the configuration. *assertions* are those of all servers
    before the run, sorted by address. *exit_code* is the command's own.
    """

    command: Command
    findings: tuple[Diagnostic, ...] = ()
    files: tuple[str, ...] = ()
    servers: int = 0
    plan: Plan | None = None
    refusals: tuple[Refusal, ...] = ()
    assertions: tuple[Acknowledgement, ...] = ()
    report: Report | None = None
    probe: ProbeReport | None = None
    maintenance: Maintenance | None = None
    failure: Failure | None = None
    exit_code: int = 0


class Health(StrEnum):
    """How one thing is that the doctor looks at."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    """the next run fails"""


@frozen
class HealthCheck:
    """One line of the doctor: what was looked at, how it is, and what to type."""

    name: str
    health: Health
    text: str
    hints: tuple[str, ...] = ()


class Note(NamedTuple):
    """A sentence that is worth knowing."""

    text: str


class Caution(NamedTuple):
    """A sentence about what may go wrong."""

    text: str


class Found(NamedTuple):
    """A finding that only this run could make."""

    diagnostic: Diagnostic


class ApplyStarted(NamedTuple):
    """The changes of *plan* are carried out from now on."""

    plan: Plan


class CallStarted(NamedTuple):
    """The call of *change* leaves now; said by the worker that makes it."""

    change: ResourceChange


class CallsPaused(NamedTuple):
    """No call leaves for *wait_s* seconds; said by any worker."""

    wait_s: float
    reason: str


class ChangeEnded(NamedTuple):
    """One more change ended as *result*."""

    result: Result


class ApplyEnded(NamedTuple):
    """No more changes will end."""


Event: TypeAlias = (
    Note | Caution | Found | ApplyStarted | CallStarted | CallsPaused | ChangeEnded | ApplyEnded
)
Notify: TypeAlias = Callable[[Event], None]
"""Takes each event when it happens; called from several threads."""
