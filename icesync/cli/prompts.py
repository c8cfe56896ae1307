"""The few questions of ``icesync init``, asked only where a person can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from icesync.cli.scaffold import FORGES, Wishes, guess_forge
from icesync.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Wanted", "complete"]

_ORGANIZATION: Final = 59
_SKILL: Final = 663
"""The address in the vendor's sample request (doc:sample)."""


@frozen
class Wanted:
    """What the flags say; None where no flag was given."""

    organization: int | None
    skill: int | None
    emulated: bool | None
    forge: str | None
    editor: bool
    pre_commit: bool


def complete(folder: Path, wanted: Wanted, *, asking: bool) -> Wishes:
    """
    Return *wanted* with what a person answers to the rest, or with what is usual.

    Raises:
        click.Abort: the person went away.

    """
    forge = guess_forge(folder)
    if not asking:
        return Wishes(
            wanted.organization or _ORGANIZATION,
            wanted.skill or _SKILL,
            emulated=bool(wanted.emulated),
            forge=wanted.forge or forge,
            editor=wanted.editor,
            pre_commit=wanted.pre_commit,
        )
    return Wishes(
        wanted.organization or _ask_id("Organization", _ORGANIZATION),
        wanted.skill or _ask_id("Skill of its first server", _SKILL),
        emulated=_ask_for_emulator() if wanted.emulated is None else wanted.emulated,
        forge=wanted.forge or _ask_for_forge(forge),
        editor=wanted.editor,
        pre_commit=wanted.pre_commit,
    )


def _ask_id(question: str, usual: int) -> int:
    answer: int = click.prompt(question, usual, type=click.IntRange(min=1), err=True)
    return answer


def _ask_for_emulator() -> bool:
    return click.confirm("Try it on the embedded emulator first?", default=True, err=True)


def _ask_for_forge(usual: str) -> str:
    choice = click.Choice([*FORGES, "none"])
    answer: str = click.prompt("Whose CI workflow", usual, type=choice, err=True)
    return answer
