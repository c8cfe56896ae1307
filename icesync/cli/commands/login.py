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
    from icesync.cli.tokens import describe_token, store_token
    from icesync.errors import AccessError

    session = common.open()
    login = session.project.api.login
    if login is None:
        raise AccessError(
            f"{session.project.config_file} has no `api.login`",
            "login: {organization: 59, username: admin@example.com, password: ref+env://ICE_PASSWORD}",
        )
    token = session.ice.log_in(login, session.fetch(login.password))
    path = Path(session.project.root) / out
    store_token(path, token)
    common.console.talk(f"kept in {out}: {describe_token(token, session.clock.now())}")
    return 0
