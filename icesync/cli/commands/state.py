"""``icesync state``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import (
    Common,
    common_options,
    format_options,
    lock_option,
    organization_option,
)

__all__ = ["command"]

_dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would change; write nothing."
)


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
@_dry_run_option
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
@_dry_run_option
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
    Forget what was acknowledged; ICE is not told. The next plan adds them anew.

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
@_dry_run_option
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


@command.command(name="pull")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.")
@common_options
@organization_option
@click.pass_obj
def pull(common: Common, out: Path | None, organization: int | None) -> int:
    """
    Write the snapshot as it is stored to stdout; it holds no secret.

    \b
    icesync state pull -o before.json
    """
    from icesync.cli.files import write_private
    from icesync.cli.scoping import one_organization
    from icesync.engine.state_transfer import pull as read

    data = read(one_organization(common.open(), organization).store)
    if out is None:
        common.console.data(data.decode())
    else:
        write_private(out, data)
    return 0


@command.command(name="push")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Also another lineage, or an older serial.")
@common_options
@organization_option
@_dry_run_option
@lock_option
@click.pass_obj
def push(
    common: Common,
    file: Path,
    force: bool,
    organization: int | None,
    dry_run: bool,
    lock_timeout_s: float,
) -> int:
    """
    Store the snapshot in FILE, such as errored.icesync.json.

    It must be whole, of this target and lineage, and younger than what is stored.

    \b
    icesync state push errored.icesync.json
    """
    from icesync.cli.applying import lock_owner
    from icesync.cli.files import read_named
    from icesync.cli.scoping import one_organization
    from icesync.codec.state import decode_state
    from icesync.engine.state_transfer import push as store
    from icesync.errors import UsageError

    context, data = one_organization(common.open(), organization), read_named(file)
    base_url = context.project.api.base_url
    if organization is not None:
        foreign = [a for a in decode_state(data).entries if a.organization != organization]
        if foreign:
            raise UsageError(
                f"FILE holds {foreign[0]}, which is not of organization {organization}"
            )
    with context.store.lock(lock_owner(context, "state push"), lock_timeout_s):
        pushed = store(context.store, data, base_url, force=force, dry_run=dry_run)
    _tell(common, context.store.describe(), pushed.serial, dry_run=dry_run)
    return 0


@command.command(name="rekey")
@click.option("--new-key", required=True, metavar="REF", help="The new key, by reference.")
@common_options
@organization_option
@_dry_run_option
@lock_option
@click.pass_obj
def rekey(
    common: Common,
    new_key: str,
    organization: int | None,
    dry_run: bool,
    lock_timeout_s: float,
) -> int:
    """
    Make all fingerprints anew with another key.

    The old key is that of `fingerprints.key`; change it there afterwards. Needs
    every secret, and refuses where one was rotated since it was acknowledged.

    \b
    icesync keygen --out .icesync/next.key
    icesync state rekey --new-key ref+file://.icesync/next.key
    """
    from icesync import __version__
    from icesync.cli.applying import lock_owner
    from icesync.cli.scoping import one_organization
    from icesync.engine.rekey import rekey as make_anew
    from icesync.errors import UsageError
    from icesync.model.secret import parse_secret_ref

    reference = parse_secret_ref(new_key)
    if reference is None:
        raise UsageError("--new-key takes a reference", "--new-key ref+env://NAME")
    context, console = one_organization(common.open(), organization), common.console
    with context.store.lock(lock_owner(context, "state rekey"), lock_timeout_s):
        count = make_anew(
            context.project, context.store, context.providers, reference, __version__,
            dry_run=dry_run,
        )  # fmt: skip
    console.talk(f"{count} fingerprints {'would be ' if dry_run else ''}made with the new key")
    if not dry_run:
        console.talk(f"now set `fingerprints.key` in {context.project.config_file} to {reference}")
    return 0


@command.command(name="migrate")
@click.option("--from-config", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="The configuration as it was, with the old `state:`.")  # fmt: skip
@common_options
@_dry_run_option
@lock_option
@click.pass_obj
def migrate(common: Common, from_config: Path, dry_run: bool, lock_timeout_s: float) -> int:
    """
    Copy the snapshot from where it was to where `state:` says now.

    With `per: organization` it is split; a part that holds something is no target.

    \b
    git show HEAD:icesync.yaml > old.yaml
    icesync state migrate --from-config old.yaml --dry-run
    icesync state migrate --from-config old.yaml
    """
    from icesync.bootstrap import open_context
    from icesync.cli.applying import lock_owner
    from icesync.codec.state import decode_state
    from icesync.engine.state_transfer import migrate as copy
    from icesync.engine.state_transfer import pull as read
    from icesync.errors import UsageError

    source = open_context(common.folder, common.folder / from_config)
    if source.project.state.per is not None:
        raise UsageError(
            "the old configuration keeps a snapshot for each organization: they are not joined",
            "keep `per: organization`, or carry one by state pull and state push",
        )
    target = common.open()
    if target.project.state.per is not None:
        entries = decode_state(read(source.store)).entries
        target = target.within(address.organization for address in entries)
    owner = lock_owner(target, "state migrate")
    with source.store.lock(owner, lock_timeout_s), target.store.lock(owner, lock_timeout_s):
        copied = copy(source.store, target.store, target.project.api.base_url, dry_run=dry_run)
    _tell(common, target.store.describe(), copied.serial, dry_run=dry_run)
    common.console.talk(f"{source.store.describe()} stays as it is; remove it when you are sure")
    return 0


def _tell(common: Common, place: str, serial: int, *, dry_run: bool) -> None:
    common.console.talk(f"{place}: serial {serial}")
    if dry_run:
        common.console.talk("dry run: nothing was written")
