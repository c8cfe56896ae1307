"""``icesync state``."""

from __future__ import annotations

import click

from icesync.cli.options import (
    Common,
    common_options,
    format_options,
    lock_option,
    organization_option,
)
from icesync.cli.transfers import dry_run_option, migrate, pull, push, rekey

__all__ = ["command"]


@click.group(name="state")
@common_options
def command() -> None:
    """
    Look at the snapshot and operate on it.

    The snapshot is the only memory of what ICE acknowledged. Every writer
    locks it, keeps a backup and has --dry-run.
    """


@command.command(name="list")
@common_options
@organization_option
@format_options
@click.pass_obj
def list_(common: Common, organization: int | None, format_name: str, as_json: bool) -> int:
    """List the servers: address, status, age of the acknowledgement, commit."""
    from icesync.cli.snapshots import show_snapshot

    show_snapshot(common, organization, as_json=as_json or format_name == "json")
    return 0


@command.command(name="show")
@click.argument("address", metavar="ADDR")
@common_options
@organization_option
@format_options
@click.pass_obj
def show(
    common: Common, address: str, organization: int | None, format_name: str, as_json: bool
) -> int:
    """Show everything that the snapshot says about one server."""
    from icesync.cli.scoping import one_organization
    from icesync.cli.snapshots import read_address
    from icesync.engine.state import load
    from icesync.planner.select import check_patterns
    from icesync.render.state import entry_document, render_entry

    wanted = read_address(address)
    context, console = one_organization(common.open(), organization), common.console
    snapshot = load(context.store, context.project.api.base_url).snapshot
    check_patterns("ADDR", (str(wanted),), snapshot.entries.keys())
    entry = snapshot.entries[wanted]
    if as_json or format_name == "json":
        console.document(entry_document(wanted, entry))
    else:
        console.data(render_entry(wanted, entry, context.clock.now(), console.style))
    return 0


@command.command(name="mv")
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@common_options
@organization_option
@dry_run_option
@lock_option
@click.pass_obj
def mv(
    common: Common,
    source: str,
    target: str,
    organization: int | None,
    dry_run: bool,
    lock_timeout_s: float,
) -> int:
    """
    Keep the record of SOURCE under the address TARGET; nothing is sent.

    That ICE holds it there is only assumed from then on; `moved:` in a server
    file sends it there instead.

    \b
    icesync state mv 59/666 59/667
    """
    from icesync.cli.snapshots import change_snapshot, read_address
    from icesync.engine.state import move
    from icesync.errors import UsageError

    old, new = read_address(source), read_address(target)
    if organization is not None and (old.organization, new.organization) != (organization,) * 2:
        raise UsageError(
            "`state mv` stays within one organization's snapshot",
            "`moved:` in a server file leads from one organization to another",
        )
    change_snapshot(
        common,
        organization,
        "state mv",
        lambda snapshot: move(snapshot, old, new),
        dry_run=dry_run,
        lock_timeout_s=lock_timeout_s,
    )
    return 0


@command.command(name="rm")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@common_options
@organization_option
@dry_run_option
@lock_option
@click.pass_obj
def rm(
    common: Common,
    addresses: tuple[str, ...],
    organization: int | None,
    dry_run: bool,
    lock_timeout_s: float,
) -> int:
    """
    Forget what was acknowledged; ICE is not told. The next plan adopts them anew.

    \b
    icesync state rm 59/663 '70/*'
    """
    from icesync.cli.snapshots import change_snapshot
    from icesync.engine.state import remove

    change_snapshot(
        common,
        organization,
        "state rm",
        lambda snapshot: remove(snapshot, addresses),
        dry_run=dry_run,
        lock_timeout_s=lock_timeout_s,
    )
    return 0


@command.command(name="resolve")
@common_options
@organization_option
@dry_run_option
@lock_option
@click.pass_obj
def resolve(common: Common, organization: int | None, dry_run: bool, lock_timeout_s: float) -> int:
    """
    Unite the two sides of a merge conflict in the snapshot.

    What both sides say stays; every server about which they differ becomes
    uncertain, and the next apply sends it again.
    """
    from icesync import __version__
    from icesync.cli.applying import lock_owner
    from icesync.cli.scoping import one_organization
    from icesync.engine.state import resolve as unite

    context = one_organization(common.open(), organization)
    with context.store.lock(lock_owner(context, "state resolve"), lock_timeout_s):
        after = unite(context.store, __version__, dry_run=dry_run)
    uncertain = sum(entry.uncertain for entry in after.entries.values())
    common.console.talk(
        f"{context.store.describe()}: serial {after.serial}, "
        f"{len(after.entries)} in all, {uncertain} of them uncertain"
    )
    if dry_run:
        common.console.talk("dry run: nothing was written")
    return 0


@command.command(name="unlock")
@click.option("--force", "lock_id", metavar="ID", help="Break the lock of that id.")
@common_options
@organization_option
@click.pass_obj
def unlock(common: Common, lock_id: str | None, organization: int | None) -> int:
    """
    Say who holds the lock; with --force ID, break a lock whose run is dead.

    The lock of a file belongs to a living process and ends with it, so only the
    locks of remote stores can be left over. Be sure that the run is dead: two
    runs at once would send and record past each other. With snapshots per
    organization, ID frees all that the dead run held.
    """
    from icesync.cli.scoping import one_organization, whole
    from icesync.cli.snapshots import tell_lock

    context = common.open()
    # The locks of one run have one id: a run that died left all of them.
    context = whole(context) if organization is None else one_organization(context, organization)
    if lock_id is None:
        tell_lock(common, context)
        return 0
    context.store.break_lock(lock_id)
    common.console.talk(f"the lock {ascii(lock_id)[1:-1]} of {context.store.describe()} is broken")
    return 0


for _more in (pull, push, rekey, migrate):
    command.add_command(_more)
