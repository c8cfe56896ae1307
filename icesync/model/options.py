"""
What a row of ``icesync.yaml`` is: its path, kind, default, bounds, sentence and example.

The rows stand in :mod:`icesync.model.project`, each at the attribute that holds
its value, so the type checker knows it. The strict reader, the JSON Schema with
what editors show, the reference page and the variables that a job may set all
derive from them: an option is one row, and whatever uses it. Variables that are
neither an option's nor a flag's have their rows at the end.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from icesync.frozen import frozen
from icesync.model.secret import REFERENCE_GRAMMAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFERENCE_PATTERN: Final = f"^{REFERENCE_GRAMMAR}$"
LIMIT_PATTERN: Final = r"^([0-9]{1,9}|(100|[0-9]{1,2})%)$"

_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V")


class OptionKind(StrEnum):
    """What an option takes."""

    TEXT = "text"
    PATH = "file"
    ADDRESS = "address"
    REFERENCE = "reference to a secret"
    INTEGER = "whole number"
    NUMBER = "number"
    CHOICE = "one of a list"
    CHOICES = "list of words"
    TEXTS = "list of texts"
    LIMIT = "count, share, or a list of both"
    LEVELS = "severity by rule"


class Safeguard(StrEnum):
    """What makes an option that holds mistakes and attacks back looser than before."""

    CHANGED = "any change"
    LOST = "its absence"
    FEWER = "fewer words"
    MORE = "more words"
    HIGHER = "a higher limit"
    LOWER = "a lower severity"


@frozen
class Option:
    """
    One row.

    *text* is a sentence for people. *bounds* are for numbers, *choices* give each
    word its meaning, *pattern* with *expected* is for texts. *backend* names the
    only backend of the state that takes the option, *variable* what a job sets to
    say it instead of the file, *safeguard* what makes it looser, where it counts.
    """

    path: str
    kind: OptionKind
    text: str
    default: Any = None
    bounds: tuple[float, float] = (0, 0)
    choices: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Any, ...] = ()
    pattern: str | None = None
    expected: str | None = None
    required: bool = False
    backend: str | None = None
    variable: str | None = None
    safeguard: Safeguard | None = None


def option(kind: OptionKind, about: str, default: _T, *, path: str = "", **more: Any) -> _T:
    """
    Return the attribute of a data class that one row describes, with its *default*.

    *path* is only given where it is not that of the attribute.
    """
    return _attribute(default, {"option": Option(path, kind, about, default, **more)})


def required(kind: OptionKind, about: str, **more: Any) -> Any:
    """Return the attribute of a row that must be given wherever its group is."""
    return field(metadata={"option": Option("", kind, about, required=True, **more)})


def limits(rows: Mapping[_K, tuple[_V, str]]) -> dict[_K, _V]:
    """Return the attribute that holds a limit for each key, with its default and sentence."""
    default = {key: value for key, (value, _) in rows.items()}
    below = {
        key: Option("", OptionKind.LIMIT, about, value, safeguard=Safeguard.HIGHER)
        for key, (value, about) in rows.items()
    }
    return _attribute(default, {"options": below})


def group(made: type[_T]) -> _T:
    """Return the attribute that holds further rows, those of the data class *made*."""
    value: Any = field(default_factory=made, metadata={"group": made})
    return value  # type: ignore[no-any-return]


def optional_group(made: type[_T]) -> _T | None:
    """Return the attribute that is None where the file does not have the group *made*."""
    return _attribute(None, {"group": made})


def _attribute(default: _T, metadata: dict[str, Any]) -> _T:
    value: Any
    if isinstance(default, dict):
        value = field(default_factory=lambda: dict(default), metadata=metadata)
    else:
        value = field(default=default, metadata=metadata)
    return value  # type: ignore[no-any-return]


def rows_of(made: Any, prefix: str = "") -> Iterator[Option]:
    """Yield the rows of the data class *made* and of its groups, each with its dotted path."""
    for attribute in fields(made):
        path = prefix + attribute.name
        if "group" in attribute.metadata:
            yield from rows_of(attribute.metadata["group"], f"{path}.")
        for key, row in attribute.metadata.get("options", {}).items():
            yield replace(row, path=f"{path}.{key}")
        if "option" in attribute.metadata:
            row = attribute.metadata["option"]
            yield replace(row, path=row.path or path)


def build(made: Any, values: Mapping[str, Any], prefix: str = "", **more: Any) -> Any:
    """Return the data class *made* with *values* by dotted path; defaults where there is none."""
    given: dict[str, Any] = {}
    for attribute in fields(made):
        path, about = prefix + attribute.name, attribute.metadata
        if "group" in about:
            if attribute.default is not None or any(v.startswith(f"{path}.") for v in values):
                given[attribute.name] = build(about["group"], values, f"{path}.")
        elif "options" in about:
            given[attribute.name] = {
                key: values.get(f"{path}.{key}", row.default)
                for key, row in about["options"].items()
            }
        elif "option" in about:
            path = about["option"].path or path
            if path in values:
                given[attribute.name] = values[path]
    return made(**more, **given)


def value_of(value: Any, path: str) -> Any:
    """Return what *value*, made by :func:`build`, holds for the option at the dotted *path*."""
    for attribute in fields(value):
        about, name = attribute.metadata, attribute.name
        row: Option | None = about.get("option")
        if row is not None and (row.path or name) == path:
            return getattr(value, name)
        if "options" in about and path.startswith(f"{name}."):
            return getattr(value, name)[path.removeprefix(f"{name}.")]
        if "group" in about and path.startswith(f"{name}."):
            below = getattr(value, name)
            return None if below is None else value_of(below, path.removeprefix(f"{name}."))
    raise KeyError(path)


VARIABLES: Final = {
    "ICESYNC_ALLOW_HOST": "Hosts that may receive credentials, separated by commas. Only the job "
    "can allow a host; a repository cannot.",
    "ICESYNC_ALLOW_EXEC": "Set to 1 to allow `ref+exec://` references.",
    "ICESYNC_EXEC_ENV": "Names of the variables that programs of `ref+exec://` get besides the "
    "common ones, divided by blanks or commas.",
    "ICESYNC_FINGERPRINT_KEY": "The fingerprint key, unless `fingerprints.key` names another.",
    "ICESYNC_STATE_ADDRESS, TF_HTTP_ADDRESS": "The address of the state that the job names. "
    "`TF_HTTP_USERNAME` and `TF_HTTP_PASSWORD` go to no other.",
    "ICESYNC_STATE_USERNAME, ICESYNC_STATE_PASSWORD": "The login at a state server.",
    "ICESYNC_GITHUB_TOKEN, GITHUB_TOKEN": "The token for comments and issues on GitHub.",
    "ICESYNC_GITLAB_TOKEN, GITLAB_TOKEN": "The token for comments and issues on GitLab, and for "
    "a state that GitLab keeps.",
    "ICESYNC_TRUSTED_CONFIG": "The same as `--trusted-config` of `icesync plan`: take "
    "safeguards from that file or git ref.",
    "NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE": "Whether to use color, as everywhere.",
}
