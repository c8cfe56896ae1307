"""
Commands that icesync prints, made from this run's own arguments: they work when pasted.

Whoever writes a sentence says the command alone, ``icesync apply --allow adds``; here
it gets ``-C`` and ``--config`` of this run, and an apply that is to be made again
gets what this one was called with.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.cli.options import Common

_NOT_REPEATED: Final = frozenset(
    {"format_name", "as_json", "reports", "pipeline", "summary", "digest"}
)
_AGAIN: Final = "icesync apply   sends what is still open"


def locate(text: str, common: Common, commands: Iterable[str]) -> str:
    """Return *text* with where the configuration is in each command of icesync's that it names."""
    where = _where(common)
    if not where:
        return text
    names = "|".join(map(re.escape, commands))
    return re.sub(rf"\bicesync (?=(?:{names})\b)", lambda _: f"icesync {shlex.join(where)} ", text)


def _where(common: Common) -> list[str]:
    words = []
    if str(common.folder) != ".":
        words += ["-C", str(common.folder)]
    if common.config is not None:
        words += ["--config", str(common.config)]
    return words


def own_words(*, without: frozenset[str] = frozenset()) -> list[str]:
    """Return the arguments of the command that is running, as they were given."""
    context = click.get_current_context(silent=True)
    if context is None:
        return []
    words: list[str] = []
    for parameter in context.command.params:
        name = str(parameter.name)
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and parameter.expose_value and name not in _NOT_REPEATED | without:
            words += _spelled(parameter, context.params.get(name))
    return words


def _spelled(parameter: click.Parameter, value: Any) -> list[str]:
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(parameter, click.Argument):
        return [str(each) for each in values if each is not None]
    option = max(parameter.opts, key=len)
    if getattr(parameter, "is_flag", False):
        return [option] if value else []
    return [word for each in values for word in (option, _number(each))]


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def apply_again(hints: Iterable[str]) -> tuple[str, ...]:
    """Return *hints* of an apply with what this one was called with in the commands they name."""
    return tuple(map(_again, hints))


def _again(hint: str) -> str:
    if hint.startswith(_AGAIN):
        # A saved plan is out of date once a part of it was carried out.
        words = own_words(without=frozenset({"planfile"}))
        return _joined(words, hint.removeprefix("icesync apply"))
    found = _COMMAND.fullmatch(hint)
    if found is None:
        return hint
    return _joined([*own_words(), *shlex.split(found[1])], found[2] or "")


_COMMAND: Final = re.compile(r"icesync apply ((?:(?!  ).)+)(  +.*)?", re.DOTALL)


def _joined(words: list[str], rest: str) -> str:
    return f"{shlex.join(['icesync', 'apply', *words])}{rest}"
