"""Use case: what a schedule looks after, beside the changes of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.plan import Action
from icesync.model.review import Assertion, Upkeep
from icesync.planner.select import older_than, parse_age
from icesync.wire.token import read_token

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.plan import Plan
    from icesync.model.secret import SecretValue
    from icesync.model.snapshot import Snapshot

__all__ = ["look_after"]

_OLDEST: Final = 3


def look_after(
    plan: Plan,
    snapshot: Snapshot,
    now: datetime,
    max_age: str | None = None,
    token: SecretValue | None = None,
) -> Upkeep:
    """
    Return what is open, old or about to end; *max_age* is an age such as ``30d``.

    Raises:
        UsageError: *max_age* cannot be read.

    """
    entries = snapshot.entries
    known = sorted(Assertion(e.applied_at, a) for a, e in entries.items() if e.applied_at)
    stale = older_than(snapshot, parse_age(max_age), now) if max_age else ()
    claims = read_token(token) if token is not None else None
    return Upkeep(
        now=now,
        oldest=tuple(known[:_OLDEST]),
        max_age=max_age,
        stale=stale,
        uncertain=tuple(sorted(a for a, entry in entries.items() if entry.uncertain)),
        orphans=tuple(c.address for c in plan.changes if c.action is Action.ORPHAN),
        token_ends=claims.expires_at if claims is not None else None,
    )
