"""Write down what the history keeps of one call: no query, no headers, no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.emulator.history import Call, canonical, timestamp
from icesync.emulator.wirescript import SPEAKING

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.emulator.actions import Asked, Decision
    from icesync.emulator.player import Pick

__all__ = ["write_call"]


def write_call(
    asked: Asked,
    decision: Decision,
    picked: Pick,
    now: datetime,
    overlaps: tuple[int, ...] = (),
    *,
    ended: bool = True,
) -> Call:
    """Return the record of a call that came *now*, and that *ended* at once or is in flight."""
    bound, address, at = decision.bound, asked.address, timestamp(now)
    return Call(
        at=at,
        method=asked.request.method,
        path=asked.request.path.partition("?")[0],
        status=decision.reply.status if _spoke(picked) else 0,
        outcome=decision.verdict,
        org=address and address.organization,
        skill=address and address.skill,
        request=canonical(bound.values) if bound else None,
        errors=bound.errors if bound else (),
        ignored=bound.ignored if bound else (),
        conflicts=bound.conflicts if bound else (),
        ended_at=at if ended else None,
        fault=str(picked) or None,
        overlaps=overlaps,
    )


def _spoke(picked: Pick) -> bool:
    """Return whether the caller sees a status."""
    fault = picked.main
    return fault is None or not fault.on_the_wire or fault.kind in SPEAKING
