"""``icesync explain``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, completing, format_options


@click.command(name="explain", cls=Page)
@click.argument(
    "topic",
    required=False,
    metavar="[ADDR [FIELD] | RULE | PROVIDER | TOPIC]",
    shell_complete=completing("topics"),
)
@click.argument("field", required=False, shell_complete=completing("fields"), metavar="")
@common_options
@format_options
@click.pass_obj
def command(common: Common, topic: str | None, field: str | None, as_json: bool) -> int:
    """
    Explain a value, a rule, a mail provider or a topic.

    Without arguments, lists the topics: rules, guards, limits, actions, exit codes,
    presets, configuration keys and environment variables. All of them are printed
    offline, from the installed version.

    For a server, shows each value with its file and line. With a FIELD, such as
    smtp.port or SMTPPort, shows all layers that set it, what is sent, and where that
    is documented. For a RULE: what it checks, why, an example, and how to suppress it.
    For a mail PROVIDER: hosts, ports, encryption and login, with source and date.

    \b
    icesync explain
    icesync explain 59/663 smtp.port
    icesync explain ICE303
    icesync explain gmail
    icesync explain host-change
    icesync explain configuration
    """
    from icesync.cli.explain_view import (
        explain_rule,
        explain_server,
        explain_topic,
        is_provider,
        is_rule,
        show_providers,
    )

    if topic is not None and field is not None:
        explain_server(common, topic, field, as_json=as_json)
    elif topic is not None and is_rule(topic):
        explain_rule(common, topic, as_json=as_json)
    elif explain_topic(common, topic, as_json=as_json):
        pass
    elif topic is not None and is_provider(topic):
        show_providers(common, topic, as_json=as_json)
    elif topic is not None:
        explain_server(common, topic, field, as_json=as_json)
    return 0
