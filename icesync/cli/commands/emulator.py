"""``icesync emulator``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="emulator")
@common_options
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8591,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--bind", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--insecure-bind", is_flag=True, help="Allow an ADDRESS that others can reach.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what it holds in FILE; otherwise in memory.",
)
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME:PASSWORD",
    help="Accept only these logins; otherwise any.",
)
@click.option(
    "--token-ttl",
    "token_ttl_s",
    type=click.IntRange(min=1),
    default=1200,
    metavar="SECONDS",
    help="How long tokens live.  [default: 1200]",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the address there once calls are taken.",
)
@click.pass_obj
def command(
    common: Common,
    port: int,
    bind: str,
    insecure_bind: bool,
    data: Path | None,
    users: tuple[str, ...],
    token_ttl_s: int,
    ready_file: Path | None,
) -> int:
    """
    Serve an emulated ICE on this machine; the page /_emulator/ shows what it holds.

    \b
    icesync emulator --port 8591
    icesync.yaml:  api: {base_url: http://127.0.0.1:8591/ICEAPI}
    """
    from icesync.bootstrap import EmulatorOptions, run_emulator
    from icesync.cli.files import write_private
    from icesync.errors import UsageError

    console = common.console
    accepted = dict(user.split(":", 1) for user in users if ":" in user)
    if len(accepted) != len(users):
        raise UsageError("--user takes NAME:PASSWORD, each name once")

    def ready(url: str) -> None:
        console.data(f"listening on {url}\n")
        console.flush()
        if ready_file is not None:
            write_private(ready_file, f"{url}\n".encode())

    options = EmulatorOptions(bind, port, data, accepted or None, token_ttl_s, insecure_bind)
    try:
        run_emulator(options, ready)
    except KeyboardInterrupt:
        console.talk("stopped")
    return 0
