"""``icesync token``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="token")
@common_options
@click.pass_obj
def command(common: Common) -> int:
    """
    Say what the token holds and when it ends.

    That is the token of `api.token`; it is never printed. Exits 4 when it has ended or is no token.
    """
    from icesync.cli.tokens import describe_token
    from icesync.engine.apply import check_token
    from icesync.errors import AccessError

    session = common.open()
    api = session.project.api
    if api.token is None:
        raise AccessError(
            f"{session.project.config_file} has no `api.token`",
            "with `api.login` each apply obtains a token of its own",
        )
    token = session.fetch(api.token)
    check_token(token, 0, api, session.clock)
    common.console.data(f"{describe_token(token, session.clock.now())}\n")
    return 0
