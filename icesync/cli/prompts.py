"""The few questions of ``icesync init``, asked only where a person can answer."""

from __future__ import annotations

from typing import Final

import click

from icesync.engine.go_live import Access
from icesync.engine.init import FORGES, InitRequest
from icesync.errors import UsageError, printable
from icesync.frozen import frozen
from icesync.model.secret import parse_secret_ref

TOKEN: Final = "ref+env://ICE_TOKEN"  # noqa: S105 - references
PASSWORD: Final = "ref+env://ICE_PASSWORD"  # noqa: S105
_ID: Final = click.IntRange(1, 2**31 - 1)


@frozen
class InitFlags:
    """What the flags say; None where no flag was given."""

    organization: int | None = None
    skill: int | None = None
    emulated: bool | None = None
    forge: str | None = None
    editor: bool | None = None
    pre_commit: bool | None = None
    readme: bool | None = None


def complete(flags: InitFlags, forge: str, *, anew: bool, asking: bool) -> InitRequest:
    """
    Return *flags* with what a person answers to the rest, or with the defaults.

    *forge* is whose CI the repository has, as far as git knows.

    Where a configuration is there already, only what the flags name is wished for.

    Raises:
        click.Abort: the person went away.
        UsageError: a server is named by half, or where there is a configuration already.

    """
    if not anew:
        if flags.organization or flags.skill or flags.emulated is not None:
            raise UsageError(
                "icesync.yaml is there already: init adds no server to it and leaves it as it is",
                "run `icesync import FILE`, or add the server to a file that `files:` matches",
            )
        return InitRequest(
            anew=False,
            forge=flags.forge or "none",
            editor=bool(flags.editor),
            pre_commit=bool(flags.pre_commit),
            readme=bool(flags.readme),
        )
    server = _ask_for_server(flags) if asking else _server(flags.organization, flags.skill)
    emulated = bool(flags.emulated)
    forge = flags.forge or forge
    if asking:
        emulated = _ask_for_emulator() if flags.emulated is None else flags.emulated
        forge = flags.forge or _ask_for_forge(forge)
    return InitRequest(
        anew=True,
        server=server,
        emulated=emulated,
        forge=forge,
        editor=flags.editor is not False,
        pre_commit=flags.pre_commit is not False,
        readme=flags.readme is not False,
    )


def ask_for_access(
    token: str | None, username: str | None, organization: int | None, *, asking: bool
) -> Access:
    """
    Return who icesync is to act as: as the flags say, or as a person answers.

    Raises:
        click.Abort: the person went away.
        UsageError: it is said twice or by half, or a token stands in the place of its reference.

    """
    if token is not None and username is not None:
        raise UsageError("--token and --login exclude each other", "give one of them")
    if token is not None and parse_secret_ref(token) is None:
        raise UsageError(_NOT_ITSELF, f"icesync init --go-live --token {TOKEN}")
    if asking and token is None and username is None:
        kinds = click.Choice(["token", "login"])
        if click.prompt("Access to ICE by", "token", type=kinds, err=True) == "login":
            organization = organization or click.prompt("Organization", type=_ID, err=True)
            username = click.prompt("User name of an administrator", err=True)
        else:
            token = click.prompt(
                "Reference of the token", TOKEN, value_proc=_read_reference, err=True
            )
    if username is None:
        return Access(token or TOKEN)
    if organization is None:
        raise UsageError(
            "a login needs its organization",
            "icesync init --go-live --login USER --organization ORG",
        )
    return Access(PASSWORD, organization, username)


_NOT_ITSELF: Final = "`--token` takes a reference, not the token itself"


def _read_reference(text: str) -> str:
    if parse_secret_ref(text.strip()) is None:
        raise click.UsageError(f"type a reference such as {TOKEN}, not the token itself")
    return text.strip()


def _server(organization: int | None, skill: int | None) -> tuple[int, int] | None:
    if organization is None and skill is None:
        return None
    if organization is None or skill is None:
        raise UsageError(
            "a first server has an organization and a skill",
            "give --organization and --skill, or neither",
        )
    return organization, skill


def _ask_for_server(flags: InitFlags) -> tuple[int, int] | None:
    organization = flags.organization
    if organization is None and flags.skill is None:
        organization = click.prompt(
            "Organization of a first server (Return: none, to import them)",
            default="", show_default=False, value_proc=_read_id, err=True,
        )  # fmt: skip
        if organization is None:
            return None
    return (
        organization or click.prompt("Organization", type=_ID, err=True),
        flags.skill or click.prompt("Skill of that server", type=_ID, err=True),
    )


def _read_id(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(_ID(text.strip()))
    except click.BadParameter:
        raise click.UsageError(
            f"{printable(text.strip())} is not an organization id; type a number such as 59"
        ) from None


def _ask_for_emulator() -> bool:
    return click.confirm("Try it with the built-in emulator first?", default=True, err=True)


def _ask_for_forge(default: str) -> str:
    choice = click.Choice([*FORGES, "none"])
    answer: str = click.prompt("CI system", default, type=choice, err=True)
    return answer
