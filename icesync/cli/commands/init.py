"""``icesync init``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options

_MAX_ID = 2**31 - 1
"""That of :mod:`icesync.model.address`, which `--help` does not load."""


@click.command(name="init")
@common_options
@click.option(
    "--organization", type=click.IntRange(1, _MAX_ID), help="The first organization.  [59]"
)
@click.option(
    "--skill", type=click.IntRange(1, _MAX_ID), help="The skill of the first server.  [663]"
)
@click.option(
    "--emulator/--no-emulator",
    "emulated",
    default=None,
    help="Call the embedded emulator, or ICE itself.  [ICE]",
)
@click.option(
    "--ci",
    "forge",
    type=click.Choice(["github", "gitlab", "none"]),
    help="Whose workflow to write.  [as the git remote says, else none]",
)
@click.option("--editor/--no-editor", default=True, help="Settings and schemas for editors.  [yes]")
@click.option("--pre-commit/--no-pre-commit", default=True, help="Hooks of pre-commit.  [yes]")
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
    Write a configuration and a first server file.

    Also .gitignore, a fingerprint key, settings and schemas for the editor, hooks, and a
    workflow for CI. What is there already is kept; what it writes validates at once.
    Asks for what no flag says, on a terminal only.

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
