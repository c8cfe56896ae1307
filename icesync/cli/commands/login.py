"""``icesync login``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="login")
@common_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path(".icesync/token"),
    show_default=True,
    help="Keep the token there, readable by its owner only.",
)
@click.pass_obj
def command(common: Common, out: Path) -> int:  # fmt: skip
    """
    Obtain a token and keep it in a file.

    It is that of `api.login`, and is never printed.

    \b
    icesync login
    icesync.yaml:  api: {token: ref+file://.icesync/token}
    """
    from icesync.cli.files import write_private
    from icesync.cli.tokens import describe_token
    from icesync.engine.access import log_in

    session = common.open()
    data, info = log_in(session)
    path = Path(session.project.root) / out
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, data)
    common.console.talk(f"kept in {out}: {describe_token(info)}")
    return 0
