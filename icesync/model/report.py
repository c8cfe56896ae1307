"""What each write came to."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.address import Address
    from icesync.model.plan import Action


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
        """Whether every further call would meet it, too."""
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

    *stopped* says in words why a run was ended early, None where it was not.
    """

    results: tuple[Result, ...]
    serial: int
    elapsed_s: float = 0.0
    stopped: str | None = None

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
