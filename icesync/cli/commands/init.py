"""``icesync init``."""

from __future__ import annotations

import os

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

_MAX_ID = 2**31 - 1
"""That of :mod:`icesync.model.desired`, which `--help` does not load."""


@click.command(name="init", cls=Page)
@common_options
@click.option(
    "--organization",
    type=click.IntRange(1, _MAX_ID),
    metavar="ORG",
    help="Organization of a first server.",
    show_default="none; writes an example beside",
)
@click.option(
    "--skill",
    type=click.IntRange(1, _MAX_ID),
    metavar="SKILL",
    help="Skill of the first server.",
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
    help="CI system to write workflows for.",
    show_default="from the git remote",
)
@click.option(
    "--editor/--no-editor",
    default=None,
    help="Write settings and schemas for editors.",
    show_default="yes",
)
@click.option(
    "--pre-commit/--no-pre-commit", default=None, help="Write pre-commit hooks.", show_default="yes"
)
@click.option(
    "--readme/--no-readme",
    default=None,
    help="Write a README for colleagues who edit in the browser.",
    show_default="yes",
)
@click.option("--go-live", is_flag=True, help="Call ICE instead of the emulator.")
@click.option(
    "--token",
    is_flag=False,
    flag_value="ref+env://ICE_TOKEN",
    metavar="REF",
    help="With --go-live: the token, by reference.",
    show_default="ref+env://ICE_TOKEN",
)
@click.option(
    "--login", metavar="USER", help="With --go-live: log in as USER of the --organization instead."
)
@click.pass_obj
def command(
    common: Common,
    organization: int | None,
    skill: int | None,
    emulated: bool | None,
    forge: str | None,
    editor: bool | None,
    pre_commit: bool | None,
    readme: bool | None,
    go_live: bool,
    token: str | None,
    login: str | None,
) -> int:
    """
    Set up a repository, or add to one.

    Writes icesync.yaml, .gitignore, a fingerprint key, settings and schemas for editors,
    pre-commit hooks, a README for colleagues and CI workflows. Files that you wrote or
    changed are never overwritten. With an existing configuration, writes only what a flag
    names. On a terminal, prompts for anything not given as a flag.

    \b
    icesync init
    icesync init --organization 59 --skill 663 --emulator --ci github
    icesync init --ci gitlab --editor     adds these to a repository
    icesync init --go-live                from the emulator to ICE
    icesync init --go-live --login admin@example.com --organization 59
    """
    from dataclasses import replace

    from icesync.bootstrap.installation import installable, remote_of, web_address
    from icesync.cli import files
    from icesync.cli.prompts import InitFlags, complete
    from icesync.engine.init import (
        ADDITIONS,
        FORGES,
        bare_layout,
        guess_forge,
        layout_of,
        part_of,
        tell,
        write_files,
    )
    from icesync.render.style import safe

    console = common.console
    if go_live:
        return _go_live(common, token, login, organization)
    if token or login:
        raise click.UsageError("--token and --login belong to --go-live")
    flags = InitFlags(organization, skill, emulated, forge, editor, pre_commit, readme)
    asking = console.interactive and not common.no_input
    config = common.find()
    remote = remote_of(common.folder, os.environ)
    request = complete(flags, guess_forge(remote), anew=config is None, asking=asking)
    if config is not None and request.forge in FORGES:
        layout = layout_of(common.open())
    else:
        layout = bare_layout(config or common.folder / (common.config or "icesync.yaml"), request)
    layout = replace(
        layout,
        home=web_address(remote),
        install=installable(os.environ),
        part=part_of(layout, files),
    )
    results = dict(write_files(layout, request, files))
    if config is not None:
        console.talk(safe(f"the configuration is {os.path.relpath(config)}"))
    for line in tell(layout, request, results, files) if results else ADDITIONS:
        console.talk(safe(line))
    return 0


def _go_live(common: Common, token: str | None, login: str | None, organization: int | None) -> int:
    from icesync.cli import files
    from icesync.cli.prompts import ask_for_access
    from icesync.engine.init import go_live
    from icesync.render.style import safe

    session, console = common.open(), common.console
    api = session.project.api
    access = None
    if token or login or (api.emulated and not (api.token or api.login)):
        asking = console.interactive and not common.no_input
        access = ask_for_access(token, login, organization, asking=asking)
    for line in go_live(session, access, files, common.open):
        console.talk(safe(line))
    return 0
