"""``icesync explain``."""

from __future__ import annotations

import click

from icesync.cli.completing import fields, topics
from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, format_options


@click.command(name="explain", cls=Page)
@click.argument(
    "topic",
    required=False,
    metavar="[ADDR [FIELD] | RULE | PROVIDER]",
    shell_complete=topics,
)
@click.argument("field", required=False, shell_complete=fields, metavar="")
@common_options
@format_options
@click.pass_obj
def command(
    common: Common, topic: str | None, field: str | None, format_name: str, as_json: bool
) -> int:
    """
    Show which line sets each value, or explain a rule or a mail provider.

    Of a server every value with its file and line. With a FIELD, such as
    smtp.port or SMTPPort, its whole chain: every layer that gives it, what is
    sent of it, and where that is documented. Of a RULE, the id that stands in a
    finding: what it looks at, why, an example before and after, and how to suppress
    it. Of a mail PROVIDER, by its name, a domain of its addresses or one of its
    hosts: hosts, ports, encryption and login, with source and date. Without
    anything, all rules are listed.

    \b
    icesync explain 59/663
    icesync explain 59/663 smtp.port
    icesync explain ICE303
    icesync explain gmail
    """
    from icesync.cli.explain_view import (
        explain_rule,
        explain_server,
        is_provider,
        is_rule,
        show_providers,
    )

    if topic is None or (field is None and is_rule(topic)):
        explain_rule(common, topic)
    elif field is None and is_provider(topic):
        show_providers(common, topic, as_json=as_json or format_name == "json")
    else:
        explain_server(common, topic, field, as_json=as_json or format_name == "json")
    return 0
