"""``icesync login``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="login", cls=Page)
@common_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File for the token, readable only by you.",
    show_default=".icesync/token beside icesync.yaml",
)
@click.pass_obj
def command(common: Common, out: Path | None) -> int:  # fmt: skip
    """
    Log in and save the token to a file.

    Logs in with `api.login`. The token is never printed.

    \b
    icesync login
    icesync.yaml:  api: {token: ref+file://.icesync/token}
    """
    from icesync.cli.files import check_writable, write_secret
    from icesync.cli.tokens import describe_token
    from icesync.engine.access import log_in
    from icesync.engine.protect import KEY, demand_free, demand_private

    session = common.open()
    path = out
    if path is None:
        path = Path(session.project.root) / ".icesync" / "token"
        path.parent.mkdir(exist_ok=True)
    demand_free(session, "--out", path, own=KEY)
    if path.parts[:2] != ("/", "dev"):  # /dev/stdout is a link that no repository holds
        demand_private(path)
    check_writable(path)
    data, info = log_in(session)
    write_secret(path, data)
    common.console.talk(f"saved to {out or '.icesync/token'}: {describe_token(info)}")
    return 0
