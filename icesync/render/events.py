"""
The events of an apply as plain data: one for each line of ``apply --json``.

Every line carries ``format_version``, ``event`` and ``at``. What happens to a
server comes as *calling* and *outcome*; the last line is the *summary*, which
holds the whole report, however the run ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icesync.codec import one_line
from icesync.codec.plan import plan_digest
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.render.jsondoc import document

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.report import CommandResult, Result
    from icesync.render import RenderContext

Event = dict[str, Any]


def line(event: Event, now: datetime) -> str:
    """Return *event* of the moment *now* as a line of the stream."""
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return one_line({"format_version": "1.0", "at": moment, **event})


def started(plan: Plan, version: str) -> Event:
    """The run begins: what it is about to do, by number."""
    return {
        "event": "started",
        "icesync_version": version,
        "digest": plan_digest(plan),
        "changes": len(plan.effective),
        "calls": len(plan.calls),
        "counts": {action.value: plan.count(action) for action in Action},
    }


def called(change: ResourceChange) -> Event:
    """The intent is durable, and the call leaves."""
    return {"event": "calling", "address": str(change.address), "action": change.action.value}


def paused(wait_s: float, reason: str) -> Event:
    """No call leaves for a while."""
    return {"event": "paused", "wait_s": round(wait_s, 3), "reason": reason}


def ended(result: Result, done: int, total: int) -> Event:
    """A change has ended, as *done* of *total*."""
    outcome = result.outcome
    return {
        "event": "outcome",
        "address": str(result.address),
        "action": result.action.value,
        "status": result.status.value,
        "outcome": outcome.kind.value if outcome else None,
        "detail": outcome.detail if outcome else None,
        "done": done,
        "total": total,
    }


def stopped(reason: str) -> Event:
    """The run was ended early."""
    return {"event": "stopped", "reason": reason}


def summary(review: CommandResult, view: RenderContext) -> Event:
    """The last line: the report, or what kept the run from having one."""
    return {"event": "summary", **document(review, view)}
