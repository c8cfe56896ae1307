"""``icesync init``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="init")
@common_options
@click.option(
    "--organization",
    type=click.IntRange(min=1),
    default=59,
    show_default=True,
    help="The organization of the first server file.",
)
@click.option(
    "--skill",
    type=click.IntRange(min=1),
    default=663,
    show_default=True,
    help="The skill of the first server.",
)
@click.option(
    "--emulator", "emulated", is_flag=True, help="Call the embedded emulator instead of ICE."
)
@click.pass_obj
def command(common: Common, organization: int, skill: int, emulated: bool) -> int:  # fmt: skip
    """
    Write a configuration and a first server file.

    That is icesync.yaml, servers/ORG.yaml, .gitignore and a fingerprint key.
    Nothing that is there already is touched; what it writes validates at once.

    \b
    icesync init --organization 59 --skill 663 && icesync validate
    """
    from icesync.cli.scaffold import scaffold

    console = common.console
    for path, written in scaffold(common.folder, organization, skill, emulated=emulated):
        console.talk(f"{'wrote' if written else 'kept '} {path}")
    console.talk("next: edit the server file, then icesync validate and icesync plan")
    return 0
