"""``icesync explain``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options, format_options

__all__ = ["command"]


@click.command(name="explain")
@click.argument("address", metavar="ADDR")
@click.argument("field", required=False)
@common_options
@format_options
@click.pass_obj
def command(
    common: Common, address: str, field: str | None, format_name: str, as_json: bool
) -> int:
    """
    Say which line gave each value of a server.

    With a FIELD, such as smtp.port or SMTPPort, its whole chain: every layer
    that gives it, what is sent of it, and where that is documented.

    \b
    icesync explain 59/663
    icesync explain 59/663 smtp.port
    """
    from icesync.cli.explaining import explain_server

    explain_server(common, address, field, as_json=as_json or format_name == "json")
    return 0
