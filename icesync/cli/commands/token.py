"""``icesync token``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="token", cls=Page)
@common_options
@click.pass_obj
def command(common: Common) -> int:
    """
    Show whose token it is and when it expires.

    Reads the token of `api.token`, which is never printed. Exits 4 if it has expired or is
    not a token.

    \b
    icesync token
    icesync token || icesync login
    """
    from icesync.cli.tokens import describe_token
    from icesync.engine.access import inspect_token

    common.console.data(f"{describe_token(inspect_token(common.open()))}\n")
    return 0
