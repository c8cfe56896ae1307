"""``icesync explain``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="explain")
@click.argument("topic", required=False, metavar="RULE")
@common_options
@click.pass_obj
def command(common: Common, topic: str | None) -> int:
    r"""
    Say what a rule means.

    RULE is the id that stands in a finding. What it looks at, why, an example
    before and after, and how to waive it. Without one, all rules are listed.

    \b
    icesync explain ICE303
    """
    from icesync.diagnostics import RULES
    from icesync.errors import UsageError
    from icesync.render.rules import near_rules, render_rule, render_rules

    console = common.console
    if topic is None:
        console.data(render_rules(RULES.values(), console.style))
        return 0
    rule = RULES.get(topic.upper())
    if rule is None:
        near = near_rules(topic)
        hint = f"did you mean {near}?" if near else "icesync explain   lists the rules"
        raise UsageError(f"no such rule: {ascii(topic)[1:-1]}", hint)
    console.data(render_rule(rule, console.style))
    return 0
