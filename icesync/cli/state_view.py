"""The state as people read it, and what an operation on it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.engine.state_operations import read_state
from icesync.render.state import entries_document, render_snapshot

if TYPE_CHECKING:
    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.engine.state_operations import StateChange


def show_state(common: Common, organization: int | None, *, as_json: bool) -> None:
    """Write the state to stdout: a line an entry, or plain data."""
    found, console = read_state(common.open(), organization), common.console
    snapshot = found.snapshot
    if as_json:
        console.document(entries_document(snapshot))
        return
    console.data(render_snapshot(snapshot, found.place, found.now, console.style))


def tell_change(console: Console, change: StateChange, *, dry_run: bool) -> None:
    """Say which addresses left and which came: a pattern may mean more than was thought."""
    for address in sorted(change.before.keys() - change.after.keys()):
        console.talk(f"- {address}")
    for address in sorted(change.after.keys() - change.before.keys()):
        console.talk(f"+ {address}")
    if dry_run:
        console.talk("dry run: nothing was written")
    else:
        console.talk(f"{change.place}: serial {change.serial}")


def tell_serial(console: Console, change: StateChange, *, dry_run: bool) -> None:
    """Say which state is stored now, or would be."""
    console.talk(f"{change.place}: serial {change.serial}")
    if dry_run:
        console.talk("dry run: nothing was written")
