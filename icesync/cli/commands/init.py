"""``icesync init``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

_MAX_ID = 2**31 - 1
"""That of :mod:`icesync.model.address`, which `--help` does not load."""


@click.command(name="init", cls=Page)
@common_options
@click.option(
    "--organization",
    type=click.IntRange(1, _MAX_ID),
    metavar="ORG",
    help="First organization.",
    show_default="59",
)
@click.option(
    "--skill",
    type=click.IntRange(1, _MAX_ID),
    metavar="SKILL",
    help="Skill of the first server.",
    show_default="663",
)
@click.option(
    "--emulator/--no-emulator",
    "emulated",
    default=None,
    help="Use the built-in emulator instead of ICE.",
)
@click.option(
    "--ci",
    "forge",
    type=click.Choice(["github", "gitlab", "none"]),
    help="CI system to write a workflow for.",
    show_default="from the git remote",
)
@click.option(
    "--editor/--no-editor",
    default=True,
    help="Write settings and schemas for editors.",
    show_default="yes",
)
@click.option(
    "--pre-commit/--no-pre-commit", default=True, help="Write pre-commit hooks.", show_default="yes"
)
@click.pass_obj
def command(
    common: Common,
    organization: int | None,
    skill: int | None,
    emulated: bool | None,
    forge: str | None,
    editor: bool,
    pre_commit: bool,
) -> int:
    """
    Set up a new configuration.

    Writes icesync.yaml, a first server file, .gitignore, a fingerprint key, settings
    and schemas for editors, pre-commit hooks and a CI workflow. Existing files are never
    overwritten. On a terminal, prompts for anything not given as a flag.

    \b
    icesync init
    icesync init --organization 59 --skill 663 --emulator --ci github
    """
    from icesync.cli.prompts import Wanted, complete
    from icesync.cli.scaffold import scaffold, tell
    from icesync.render.style import safe

    console = common.console
    wanted = Wanted(organization, skill, emulated, forge, editor, pre_commit)
    asking = console.interactive and not common.no_input
    wishes = complete(common.folder, wanted, asking=asking)
    files = dict(scaffold(common.folder, wishes))
    for line in tell(common.folder, wishes, files):
        console.talk(safe(line))
    return 0
