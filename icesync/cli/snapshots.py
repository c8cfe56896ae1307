"""What the commands about the snapshot have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync import __version__
from icesync.cli.applying import lock_owner
from icesync.cli.scoping import one_organization
from icesync.engine.state import Writer, load, save
from icesync.errors import StateLocked, UsageError
from icesync.model.address import Address, parse_address
from icesync.model.project import Backend
from icesync.render.state import entry_document, render_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.model.snapshot import Entry, Snapshot

__all__ = ["change_snapshot", "read_address", "show_snapshot", "tell_lock"]


def show_snapshot(common: Common, organization: int | None, *, as_json: bool) -> None:
    """Write the snapshot to stdout: a line an entry, or plain data."""
    context, console = one_organization(common.open(), organization), common.console
    snapshot = load(context.store, context.project.api.base_url).snapshot
    if as_json:
        servers = [entry_document(a, e) for a, e in sorted(snapshot.entries.items())]
        head = {"serial": snapshot.serial, "lineage": snapshot.lineage, "servers": servers}
        console.document({"format_version": "1.0", "kind": "icesync-snapshot", **head})
        return
    place, now = context.store.describe(), context.clock.now()
    console.data(render_snapshot(snapshot, place, now, console.style))


def read_address(text: str) -> Address:
    """
    Return the address that *text* spells.

    Raises:
        UsageError: it spells none.

    """
    address = parse_address(text)
    if address is None:
        raise UsageError(f"{ascii(text)[1:-1]} is not an address", "addresses look like 59/663")
    return address


def change_snapshot(
    common: Common,
    organization: int | None,
    operation: str,
    change: Callable[[Snapshot], Mapping[Address, Entry]],
    *,
    dry_run: bool,
    lock_timeout_s: float,
) -> None:
    """Store what *change* makes of the entries, under the lock; a dry run only says so."""
    context, console = one_organization(common.open(), organization), common.console
    base_url = context.project.api.base_url
    if dry_run:
        before = load(context.store, base_url).snapshot
        _tell_difference(console, before.entries, change(before))
        console.talk("dry run: nothing was written")
        return
    with context.store.lock(lock_owner(context, operation), lock_timeout_s):
        stored = load(context.store, base_url)
        after = save(context.store, stored, change(stored.snapshot), Writer(__version__))
    _tell_difference(console, stored.snapshot.entries, after.snapshot.entries)
    console.talk(f"{context.store.describe()}: serial {after.snapshot.serial}")


def tell_lock(common: Common, context: Context) -> None:
    """
    Say that the lock is free.

    Raises:
        StateLocked: somebody holds it; the message says who, the hint what frees it.

    """
    store = context.store
    owner = store.lock_owner()
    if owner is None:
        common.console.talk(f"{store.describe()} is not locked")
        return
    for_ = f" for {owner.operation}" if owner.operation else ""
    info = f", {owner.info}" if owner.info else ""
    local = context.project.state.backend is Backend.LOCAL
    hint = (
        f"kill {owner.pid}   on its machine ends that run cleanly and frees the lock"
        if local
        else f"icesync state unlock --force {owner.id}   if that run is dead for sure"
    )
    raise StateLocked(
        f"{store.describe()} is locked by {owner.who or 'somebody'} since {owner.created}"
        f"{for_}{info}",
        hint,
    )


def _tell_difference(
    console: Console, before: Mapping[Address, Entry], after: Mapping[Address, Entry]
) -> None:
    """Say which addresses left and which came: a pattern may mean more than was thought."""
    for address in sorted(before.keys() - after.keys()):
        console.talk(f"- {address}")
    for address in sorted(after.keys() - before.keys()):
        console.talk(f"+ {address}")
