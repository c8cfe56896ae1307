"""The state as people read it, and the result of an operation on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.engine.state_operations import StateChange, read_state
from icesync.errors import counted, listed
from icesync.render.state import entries_document, render_snapshot

if TYPE_CHECKING:
    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.engine.state_merge import United

_NAMED: Final = 10


def show_state(common: Common, organization: int | None, *, as_json: bool) -> None:
    """Write the state to stdout: a line an entry, or plain data."""
    console = common.console
    found = read_state(common.open(), organization, console.note)
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


def tell_union(console: Console, united: United) -> None:
    """Show the result of a merge, which servers it sends again, and the next step."""
    snapshot, contested = united.snapshot, united.contested
    console.talk(f"merged: {counted(len(snapshot.entries), 'server')}, serial {snapshot.serial}")
    if contested:
        named = listed([str(address) for address in contested], _NAMED)
        console.talk(f"the sides differ on {named}: the next apply sends that again")
    if united.unsealed:
        console.talk("note: without the fingerprint key the state is not signed")
        console.talk("hint: review the change, then run `icesync apply --allow state-edited`")
    console.talk("hint: run `icesync plan` to see what the next apply sends")
