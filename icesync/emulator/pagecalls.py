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
    return (
        str(call.id),
        render_time(call.at),
        _request(call),
        "" if call.org is None else f"{call.org}/{call.skill}",
        render_pill(call.outcome, "good" if call.outcome in GOOD else "bad"),
        str(call.status or NONE),
        _fault(call),
        _alarm(call) + escape("; ".join(_remarks(call))),
    )


def _request(call: Call) -> str:
    """Return method and path; of a long path the end is shown, and all when pointed at."""
    parts = call.path.split("/")
    shown = f"…/{'/'.join(parts[-2:])}" if len(parts) > 3 else call.path
    whole = escape(f"{call.method} {call.path}")
    return f'<span class="mono" title="{whole}">{escape(call.method)} {escape(shown)}</span>'


def _fault(call: Call) -> str:
    """Return each fault on a line of its own."""
    faults = call.fault.split(" + ") if call.fault else ()
    return "".join(f'<code class="struck">{escape(fault)}</code>' for fault in faults)


def _alarm(call: Call) -> str:
    """Return what must never happen, where it did: two calls for one address at a time."""
    others = ", ".join(map(str, call.overlaps))
    return f"{render_pill(f'overlaps call {others}', 'bad')} " if others else ""


def _remarks(call: Call) -> Iterator[str]:
    if call.ended_at is None:
        yield "in flight"
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
