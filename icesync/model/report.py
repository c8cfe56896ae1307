"""What each write came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icesync.model.address import Address
    from icesync.model.plan import Action

__all__ = [
    "Attempt",
    "Outcome",
    "OutcomeKind",
    "Report",
    "Result",
    "ResultStatus",
]


class OutcomeKind(StrEnum):
    """What one reply, or its absence, means."""

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


@dataclass(frozen=True, slots=True)
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


class ResultStatus(StrEnum):
    """How one planned change ended."""

    APPLIED = "applied"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that came back: what it meant, and when it left, in seconds of the run."""

    kind: OutcomeKind
    started_s: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Report:
    """
    How an apply ended: one result for every effective change, sorted by address.

    *stopped* says in words why a run was ended early, None where it was not.
    """

    results: tuple[Result, ...]
    serial: int
    elapsed_s: float = 0.0
    stopped: str | None = None

    def with_status(self, status: ResultStatus) -> tuple[Result, ...]:
        """Return the results that ended as *status*."""
        return tuple(r for r in self.results if r.status is status)

    @property
    def complete(self) -> bool:
        """Whether every planned change was applied."""
        return all(r.status is ResultStatus.APPLIED for r in self.results)
