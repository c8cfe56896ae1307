"""What happens while a use case runs: said to a person, written to a log, or dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from icesync.diagnostics import Diagnostic
    from icesync.model.plan import Plan, ResourceChange
    from icesync.model.report import Result


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
