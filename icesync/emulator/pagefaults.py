"""The faults in force on the page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from icesync.emulator.pagetable import NONE, render_pill, render_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.emulator.fault import Fault
    from icesync.emulator.player import Standing

__all__ = ["fault_table"]

_COLUMNS: Final = (
    ("Fault", ""), ("What happens", "note"), ("The write is", ""),
    ("Calls seen", "number"), ("Fired", "number"),
)  # fmt: skip


def fault_table(faults: Iterable[Standing]) -> str:
    """Return the table of *faults*, or how to add one."""
    empty = (
        "No fault: every call is answered as it should be. "
        "<code>curl -d status:503@nth=3 &hellip;/_emulator/faults</code> adds one."
    )
    return render_table(_COLUMNS, [_cells(standing) for standing in faults], empty)


def _cells(standing: Standing) -> tuple[str, ...]:
    fault = standing.fault
    return (
        f"<code>{escape(str(fault))}</code>",
        escape(fault.row.meaning),
        _write(fault),
        f"{standing.seen:,}",
        render_pill(f"{standing.fired:,}", "struck" if standing.fired else ""),
    )


def _write(fault: Fault) -> str:
    if fault.row.stores is None:
        return NONE
    return "stored" if fault.stores else "dropped"
