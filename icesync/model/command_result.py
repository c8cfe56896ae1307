"""
What a command came to: the one value that every report is made from.

A command that was stopped has the parts that it got to, and a failure that says
why there are no more: a report of a failed run is written like any other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from icesync.frozen import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.diagnostics import Diagnostic
    from icesync.model.address import Address
    from icesync.model.plan import Plan, Refusal
    from icesync.model.probe import MailProtocol, ProbeKind, ProbeReport
    from icesync.model.report import Report

__all__ = [
    "Acknowledgement",
    "Command",
    "CommandResult",
    "ExpiringCertificate",
    "FailedLogin",
    "Failure",
    "Maintenance",
]


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

    *oldest* are the oldest assertions, the oldest first; *stale* all servers
    whose assertion is older than *max_age*, where somebody asked. *token_ends*
    is None where nobody knows. *failed_logins* and *ending*, the first end first, are
    what a probe saw, where somebody asked.
    """

    now: datetime
    oldest: tuple[Acknowledgement, ...] = ()
    max_age: str | None = None
    stale: tuple[Address, ...] = ()
    uncertain: tuple[Address, ...] = ()
    orphans: tuple[Address, ...] = ()
    token_ends: datetime | None = None
    failed_logins: tuple[FailedLogin, ...] = ()
    ending: tuple[ExpiringCertificate, ...] = ()

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {"maintenance": self}

    @property
    def due(self) -> bool:
        """Whether there is something to do, even where nothing is to be sent."""
        return bool(self.uncertain or self.stale or self.failed_logins or self.ending)


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
