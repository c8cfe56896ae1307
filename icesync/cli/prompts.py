"""The few questions of ``icesync init``, asked only where a person can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icesync.cli.scaffold import FORGES, Wishes, guess_forge
from icesync.errors import UsageError
from icesync.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path

_ID = click.IntRange(1, 2**31 - 1)


@frozen
class Wanted:
    """What the flags say; None where no flag was given."""

    organization: int | None = None
    skill: int | None = None
    emulated: bool | None = None
    forge: str | None = None
    editor: bool | None = None
    pre_commit: bool | None = None
    readme: bool | None = None


def complete(folder: Path, wanted: Wanted, *, anew: bool, asking: bool) -> Wishes:
    """
    Return *wanted* with what a person answers to the rest, or with what is usual.

    Where a configuration is there already, only what the flags name is wished for.

    Raises:
        click.Abort: the person went away.
        UsageError: a server is named by half, or where there is a configuration already.

    """
    if not anew:
        if wanted.organization or wanted.skill or wanted.emulated is not None:
            raise UsageError(
                "icesync.yaml is there already: init adds no server to it and leaves it as it is",
                "icesync import FILE   or write the server into a file that `files:` finds",
            )
        return Wishes(
            anew=False,
            forge=wanted.forge or "none",
            editor=bool(wanted.editor),
            pre_commit=bool(wanted.pre_commit),
            readme=bool(wanted.readme),
        )
    server = _ask_for_server(wanted) if asking else _server(wanted.organization, wanted.skill)
    emulated = bool(wanted.emulated)
    forge = wanted.forge or guess_forge(folder)
    if asking:
        emulated = _ask_for_emulator() if wanted.emulated is None else wanted.emulated
        forge = wanted.forge or _ask_for_forge(forge)
    return Wishes(
        anew=True,
        server=server,
        emulated=emulated,
        forge=forge,
        editor=wanted.editor is not False,
        pre_commit=wanted.pre_commit is not False,
        readme=wanted.readme is not False,
    )


def _server(organization: int | None, skill: int | None) -> tuple[int, int] | None:
    if organization is None and skill is None:
        return None
    if organization is None or skill is None:
        raise UsageError(
            "a first server has an organization and a skill",
            "give --organization and --skill, or neither",
        )
    return organization, skill


def _ask_for_server(wanted: Wanted) -> tuple[int, int] | None:
    organization = wanted.organization
    if organization is None and wanted.skill is None:
        organization = click.prompt(
            "Organization of a first server (Return: none, to import them)",
            default="", show_default=False, value_proc=_read_id, err=True,
        )  # fmt: skip
        if organization is None:
            return None
    return (
        organization or click.prompt("Organization", type=_ID, err=True),
        wanted.skill or click.prompt("Skill of that server", type=_ID, err=True),
    )


def _read_id(text: str) -> int | None:
    return int(_ID(text.strip())) if text.strip() else None


def _ask_for_emulator() -> bool:
    return click.confirm("Try it on the embedded emulator first?", default=True, err=True)


def _ask_for_forge(usual: str) -> str:
    choice = click.Choice([*FORGES, "none"])
    answer: str = click.prompt("Whose CI workflow", usual, type=choice, err=True)
    return answer
