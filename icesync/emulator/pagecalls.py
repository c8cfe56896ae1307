"""The calls on the page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from icesync.emulator.history import Verdict
from icesync.emulator.pagetable import NONE, render_pill, render_table, render_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icesync.emulator.history import Call

__all__ = ["GOOD", "call_table"]

GOOD: Final = frozenset(
    {Verdict.APPLIED, Verdict.APPLIED_LATE, Verdict.LOGGED_IN, Verdict.LOGGED_OUT}
)
"""The verdicts of calls that had the effect that they asked for."""

_COLUMNS: Final = (
    ("Call", "number"), ("When", ""), ("Request", "path"), ("Server", ""), ("Outcome", ""),
    ("HTTP", "number"), ("Fault", "fault"), ("Remarks", "note"),
)  # fmt: skip


def call_table(calls: Iterable[Call]) -> str:
    """Return the table of *calls*."""
    return render_table(_COLUMNS, [_cells(call) for call in calls], "No call yet.")


def _cells(call: Call) -> tuple[str, ...]:
    request = f"{escape(call.method)} {escape(call.path)}"
    return (
        str(call.id),
        render_time(call.at),
        f'<span class="mono" title="{request}">{request}</span>',
        "" if call.org is None else f"{call.org}/{call.skill}",
        render_pill(call.outcome, "good" if call.outcome in GOOD else "bad"),
        str(call.status or NONE),
        _fault(call),
        escape("; ".join(_remarks(call))),
    )


def _fault(call: Call) -> str:
    return "" if call.fault is None else f'<code class="struck">{escape(call.fault)}</code>'


def _remarks(call: Call) -> Iterator[str]:
    if call.ended_at is None:
        yield "in flight"
    if call.overlaps:
        yield f"overlaps call {', '.join(map(str, call.overlaps))}"
    if call.revision is not None:
        yield f"revision {call.revision}"
    elif call.fault and call.request:
        yield "nothing stored"
    if call.errors:
        yield f"does not fit: {', '.join(call.errors)}"
    if call.ignored:
        yield f"ignored: {', '.join(call.ignored)}"
    if call.conflicts:
        yield f"two values: {', '.join(call.conflicts)}"
