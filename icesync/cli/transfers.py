"""The commands of ``icesync state`` that carry a whole snapshot, or change its key."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import Common, common_options, lock_option, organization_option

__all__ = ["dry_run_option", "migrate", "pull", "push", "rekey"]

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would change; write nothing."
)


@click.command(name="pull")
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
    from icesync.engine.transfer import pull as read

    data = read(one_organization(common.open(), organization).store)
    if out is None:
        common.console.data(data.decode())
    else:
        write_private(out, data)
    return 0


@click.command(name="push")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Also another lineage, or an older serial.")
@common_options
@organization_option
@dry_run_option
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
    from icesync.engine.transfer import push as store
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


@click.command(name="rekey")
@click.option("--new-key", required=True, metavar="REF", help="The new key, by reference.")
@common_options
@organization_option
@dry_run_option
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


@click.command(name="migrate")
@click.option("--from-config", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="The configuration as it was, with the old `state:`.")  # fmt: skip
@common_options
@dry_run_option
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
    from icesync.engine.transfer import migrate as copy
    from icesync.engine.transfer import pull as read
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
