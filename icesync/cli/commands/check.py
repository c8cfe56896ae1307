"""``icesync check``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options, format_options

__all__ = ["command"]


@click.command(name="check")
@common_options
@format_options
@click.option(
    "--secrets",
    "secrets_mode",
    type=click.Choice(["auto", "require", "skip"]),
    default="require",
    show_default=True,
    help="As for plan.",
)
@click.option(
    "--max-age", metavar="AGE", help="Exit 2 also when an acknowledgement is older: 30d, 12h."
)
@click.pass_obj
def command(
    common: Common, format_name: str, as_json: bool, secrets_mode: str, max_age: str | None
) -> int:
    """
    For schedules: exit 2 when there is something to send.

    Exits 4 when the token has ended. Nothing is written and nothing is sent.
    Secrets must be there, so that a rotation cannot be missed because a
    variable was.

    \b
    icesync check || echo "look at it: exit code $?"
    """
    from icesync.bootstrap import obtain_token
    from icesync.cli.planning import ask_for_plan, show_facts, show_plan
    from icesync.engine.apply import check_token
    from icesync.engine.secrets import SecretsMode
    from icesync.errors import EXIT_CHANGES, EXIT_OK
    from icesync.model.plan import Selection
    from icesync.planner.select import older_than, parse_age

    age = parse_age(max_age) if max_age else None
    context = common.open()
    console = common.console
    mode = SecretsMode(secrets_mode)
    planning = ask_for_plan(context, Selection(), secrets=mode)
    show_plan(console, planning.plan, as_json=as_json or format_name == "json")
    show_facts(console, context, planning)
    api = context.project.api
    if api.token is not None and mode is SecretsMode.REQUIRE:
        check_token(obtain_token(context), len(planning.plan.calls), api, context.clock)
    old = older_than(planning.stored.snapshot, age, context.clock.now()) if age else ()
    if old:
        told = ", ".join(str(address) for address in old[:10])
        more = f" and {len(old) - 10} more" if len(old) > 10 else ""
        console.talk(f"not acknowledged within {max_age}: {told}{more}")
        console.talk(f"hint: icesync apply --resend older-than={max_age}   asserts them anew")
    return EXIT_CHANGES if planning.plan.effective or old else EXIT_OK
