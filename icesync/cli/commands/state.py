"""``icesync state``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icesync.cli.help import Pages
from icesync.cli.options import (
    Common,
    common_options,
    completing,
    format_options,
    lock_option,
    output_options,
    plan_options,
    state_options,
)
from icesync.errors import counted, printable
from icesync.model.report import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output
    from icesync.engine.plan import PlanRequest
    from icesync.engine.state_operations import StateRequest


@click.group(name="state", cls=Pages)
@common_options
def command() -> None:
    """
    Inspect and change the state.

    The state is the only record of what ICE confirmed. Every command that writes it
    takes the lock and keeps a backup; those that change entries have --dry-run.

    \b
    icesync state list
    icesync state show 59/663
    """


@command.command(name="init")
@common_options
@click.pass_obj
@state_options(locks=False)
def init(common: Common, request: StateRequest) -> int:
    """
    Begin an empty state in a remote store; what is there already is kept.

    Needed once. Without it a wrong name or a deleted state would look like a
    first run, and every server would be sent again. A state in a file begins with
    the first apply. Needs the fingerprint key, if there is one. With states per
    organization, each that is missing is begun.

    \b
    icesync state init --dry-run
    icesync state init
    """
    from icesync.engine.state_operations import init_state

    for place, begun in init_state(common.open(), request, common.console.note):
        what = "holds a state already" if not begun else "would be begun"
        common.console.talk(f"{place}: {'begun' if begun and not request.dry_run else what}")
    if request.dry_run:
        common.console.talk("dry run: nothing was written")
    return 0


@command.command(name="list")
@common_options
@format_options
@click.pass_obj
@state_options(writes=False)
def list_(common: Common, request: StateRequest, as_json: bool) -> int:
    """
    List the servers: address, status, age of the confirmation, commit.

    \b
    icesync state list
    icesync state list --json | jq -r '.servers[].address'
    """
    from icesync.cli.state_view import show_state

    show_state(common, request.organization, as_json=as_json)
    return 0


@command.command(name="show")
@click.argument("address", metavar="ADDR", shell_complete=completing("addresses"))
@common_options
@format_options
@click.pass_obj
@state_options(writes=False)
def show(common: Common, request: StateRequest, address: str, as_json: bool) -> int:
    """
    Show the recorded settings of one server.

    \b
    icesync state show 59/663
    icesync state show 59/663 --json
    """
    from icesync.engine.state_operations import read_address, read_entry
    from icesync.render.state import entry_document, render_entry

    server, console = read_address(address), common.console
    found, entry = read_entry(common.open(), request.organization, server, console.note)
    if as_json:
        console.document(entry_document(server, entry))
    else:
        console.data(render_entry(server, entry, found.now, console.style))
    return 0


@command.command(name="mv")
@click.argument("source", metavar="SOURCE", shell_complete=completing("addresses"))
@click.argument("target", metavar="TARGET", shell_complete=completing("addresses"))
@common_options
@click.pass_obj
@state_options()
def mv(common: Common, request: StateRequest, source: str, target: str) -> int:
    """
    Move the record of SOURCE to the address TARGET; nothing is sent.

    The new address is unconfirmed from then on. To send it there, use `moved:` in a
    server file instead.

    \b
    icesync state mv 59/666 59/667 --dry-run
    icesync state mv 59/666 59/667
    """
    from icesync.cli.state_view import tell_change
    from icesync.engine.state_operations import move_state, read_address

    change = move_state(
        common.open(), request, read_address(source), read_address(target), common.console.note
    )
    tell_change(common.console, change, dry_run=request.dry_run)
    return 0


@command.command(name="rm")
@click.argument(
    "addresses",
    metavar="ADDR...",
    nargs=-1,
    required=True,
    shell_complete=completing("addresses"),
)
@common_options
@click.pass_obj
@state_options()
def rm(common: Common, request: StateRequest, addresses: tuple[str, ...]) -> int:
    """
    Remove servers from the state; nothing is sent. The next plan adds them again.

    \b
    icesync state rm '70/*' --dry-run
    icesync state rm 59/663 59/664
    """
    from icesync.cli.state_view import tell_change
    from icesync.engine.state_operations import remove_state

    change = remove_state(common.open(), request, addresses, common.console.note)
    tell_change(common.console, change, dry_run=request.dry_run)
    return 0


@command.command(name="begin")
@click.argument("planfile", required=False, type=click.Path(path_type=Path))
@common_options
@click.option(
    "--expect-digest", "digest", metavar="sha256:…", help="Abort unless the plan has this digest."
)
@lock_option
@click.pass_obj
@output_options(Command.PLAN)
@plan_options()
def begin(output: Output, request: PlanRequest, planfile: Path | None, **flags: Any) -> int:
    """
    Record in the state what the next apply will send; send nothing.

    For jobs that commit the state: commit and push it before the apply, so that it is
    known what was in progress if the runner disappears. The plan does not change: a
    saved plan or a digest stays valid.

    \b
    icesync state begin plan.json
    git commit -m "icesync: about to apply" icesync.state.json && git push
    icesync apply plan.json
    """
    from icesync.cli.files import read_plan
    from icesync.engine.apply import ApplyRequest, announce

    session = output.open()
    saved = read_plan(planfile, "`--target {}` announces some servers only")
    made = announce(session, ApplyRequest(request, saved, **flags), output)
    calls = len(made.plan.calls)
    output.console.talk(f"{counted(calls, 'call')} announced in the state; nothing was sent")
    return 0


@command.command(name="resolve")
@common_options
@click.pass_obj
@state_options()
def resolve(common: Common, request: StateRequest) -> int:
    """
    Resolve a merge conflict in the state.

    What both sides agree on is kept. Servers they disagree on become uncertain, and
    the next apply sends them again.

    \b
    icesync state resolve --dry-run
    icesync state resolve
    """
    from icesync.cli.state_view import tell_union
    from icesync.engine.state_operations import resolve_state

    found = resolve_state(common.open(), request)
    assert found.united is not None
    tell_union(common.console, found.united)
    if request.dry_run:
        common.console.talk("dry run: nothing was written")
    return 0


@command.command(name="merge")
@click.argument("base", metavar="%O", type=click.Path(path_type=Path))
@click.argument("ours", metavar="%A", type=click.Path(path_type=Path))
@click.argument("theirs", metavar="%B", type=click.Path(path_type=Path))
@common_options
@click.pass_obj
def merge(common: Common, base: Path, ours: Path, theirs: Path) -> int:
    """
    Merge two versions of the state for git, as its merge driver.

    Writes the result to %A. Servers that both branches changed become uncertain, and
    the next apply sends them again. Exits 1, and leaves a conflict, where the two are
    not of one state.

    Each clone needs `git config merge.icesync.driver 'icesync state merge %O %A %B'`,
    and `.gitattributes` the line `icesync.state.json merge=icesync`.

    \b
    icesync state merge base.json ours.json theirs.json
    icesync state list
    """
    from icesync.cli.files import read_named, write_open
    from icesync.cli.state_view import tell_union
    from icesync.engine.state_merge import merge_states
    from icesync.errors import EXIT_UNEXPECTED, StateError

    data, found = merge_states(common.open, *map(read_named, (base, ours, theirs)))
    write_open(ours, data)
    if isinstance(found, StateError):
        found.exit_code = EXIT_UNEXPECTED  # what git reads as a conflict
        raise found
    tell_union(common.console, found)
    return 0


@command.command(name="unlock")
@click.option("--force", "lock_id", metavar="ID", help="Remove the lock with this id.")
@common_options
@click.pass_obj
@state_options(writes=False)
def unlock(common: Common, request: StateRequest, lock_id: str | None) -> int:
    """
    Show who holds the lock, or remove the lock of a dead run.

    Local locks end with their process; only locks of remote stores can remain. Make
    sure that the run is dead before you use --force ID: two runs at once would
    overwrite each other's results. With states per organization, ID removes all locks
    of that run.

    \b
    icesync state unlock
    icesync state unlock --force 3f2a9c1e
    """
    from icesync.engine.state_operations import break_lock, demand_unlocked

    session = common.open()
    if lock_id is None:
        common.console.talk(f"{demand_unlocked(session, request.organization)} is not locked")
        return 0
    place = break_lock(session, request.organization, lock_id)
    common.console.talk(f"removed the lock {printable(lock_id)} of {place}")
    return 0


@command.command(name="pull")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.")
@common_options
@click.pass_obj
@state_options(writes=False)
def pull(common: Common, request: StateRequest, out: Path | None) -> int:
    """
    Print the stored state. It contains no secrets.

    \b
    icesync state pull -o before.json
    icesync state pull | jq .serial
    """
    from icesync.cli.files import check_writable, write_private
    from icesync.engine.session import demand_free
    from icesync.engine.state_operations import pull_state

    session = common.open()
    if out is not None:
        demand_free(session.project, "--out", out)
        check_writable(out)
    data = pull_state(session, request.organization, common.console.note)
    if out is None:
        common.console.data(data.decode())
    else:
        write_private(out, data)
    return 0


@command.command(name="push")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Accept another lineage or an older serial.")
@common_options
@click.pass_obj
@state_options()
def push(common: Common, request: StateRequest, file: Path, force: bool) -> int:
    """
    Store the state from FILE, such as errored.icesync.json.

    It must be complete, of the same target and lineage, and newer than the stored one.

    \b
    icesync state push errored.icesync.json --dry-run
    icesync state push errored.icesync.json
    """
    from icesync.cli.files import read_named
    from icesync.cli.state_view import tell_serial
    from icesync.engine.state_operations import push_state

    change = push_state(common.open(), request, read_named(file), force=force)
    tell_serial(common.console, change, dry_run=request.dry_run)
    return 0


@command.command(name="rekey")
@click.option("--new-key", required=True, metavar="REF", help="Reference to the new key.")
@common_options
@click.pass_obj
@state_options()
def rekey(common: Common, request: StateRequest, new_key: str) -> int:
    """
    Recompute all fingerprints with a new key.

    The old key is the one of `fingerprints.key`; change it there afterwards. Needs all
    secrets, and stops if one was rotated since ICE confirmed it.

    \b
    icesync keygen --out .icesync/next.key
    icesync state rekey --new-key ref+file://.icesync/next.key
    """
    from icesync.engine.state_operations import rekey_state

    session, console = common.open(), common.console
    count = rekey_state(session, request, new_key, common.console.note)
    console.talk(
        f"{count} fingerprints {'would be ' if request.dry_run else ''}made with the new key"
    )
    if not request.dry_run:
        config = session.project.config_file
        console.talk(f"now set `fingerprints.key` in {config} to {new_key}")
    return 0


@command.command(name="migrate")
@click.option("--from-config", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="The old configuration, with the old `state:`.")  # fmt: skip
@common_options
@click.pass_obj
@state_options()
def migrate(common: Common, request: StateRequest, from_config: Path) -> int:
    """
    Copy the state to the place that `state:` names now.

    With `per: organization` it is split; where that was dropped, the parts are joined
    again. A state that is not empty is never overwritten.

    \b
    git show HEAD:icesync.yaml > old.yaml
    icesync state migrate --from-config old.yaml --dry-run
    icesync state migrate --from-config old.yaml
    """
    from icesync.bootstrap import open_session
    from icesync.cli.state_view import tell_serial
    from icesync.engine.state_operations import migrate_state

    source = open_session(common.folder, from_config)
    change, old = migrate_state(source, common.open(), request)
    tell_serial(common.console, change, dry_run=request.dry_run)
    common.console.talk(f"{old} is unchanged; delete it when you no longer need it")
    return 0
