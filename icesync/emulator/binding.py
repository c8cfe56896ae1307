"""
Read a body and bind it to a record, as ASP.NET does.

Names match exactly, then ignoring case; unknown members are ignored but
listed; a member that does not fit its type is named, keeps its default, and
binding goes on (all observed). A text takes null, a number takes text that
spells one, a boolean takes the words true and false.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator.storage import Tag
from icesync.frozen import frozen
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, Field, Role, WireType
from icesync.model.secret import SecretValue
from icesync.wire.update import TOKEN_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.emulator.aspnet import Request

Value: TypeAlias = str | int | bool | Tag | None
"""A bound value; a password is a tag, unless it is empty or null."""

Members: TypeAlias = list[tuple[str, object]]
"""A JSON object as its members, in order, so that a name given twice is seen."""


class MediaTypeRefused(Exception):
    """No reader takes this *media_type*, which is empty where none was given."""

    def __init__(self, media_type: str) -> None:
        super().__init__(media_type)
        self.media_type = media_type


def read_members(request: Request) -> Members | None:
    """
    Return the members of the body, or None where the framework sees no model at all.

    Raises:
        MediaTypeRefused: there is a body, and it is not said to be JSON.
        ValueError: the body is not a JSON object.

    """
    if not request.body.strip():
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {"application/json", "text/json"}:
        raise MediaTypeRefused(media_type)
    try:
        document = json.loads(request.body.decode(), object_pairs_hook=_Object)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if document is not None and not isinstance(document, _Object):
        raise ValueError("the body contains no object")
    return document


class _Object(list[tuple[str, object]]):
    """What tells an object from an array."""

    __slots__ = ()


class Secrecy(StrEnum):
    """What becomes of a text once it is bound."""

    OPEN = "open"
    SEALED = "sealed"
    """kept as a tag"""
    TOKEN = "token"  # noqa: S105 - a kind
    """held apart, never kept"""


@frozen
class Member:
    """One member of an action's parameter; the first of *names* is the one it is stored under."""

    names: tuple[str, ...]
    type: WireType
    secrecy: Secrecy = Secrecy.OPEN


@frozen
class Parameter:
    """
    The parameter of one action; *name* opens its keys in ``ModelState``.

    *index* leads from every name, exact and in lower case, to the known spelling
    and the member; *defaults* is what an empty object binds to.
    """

    name: str
    index: Mapping[str, tuple[str, Member]]
    defaults: Mapping[str, Value]


@frozen
class Bound:
    """
    What binding came to.

    *values* holds every member but the token by its first name, defaults where
    nothing came; *errors* the names that did not fit and *ignored* the unknown
    ones, as they were sent; *conflicts* the members that came under two names
    with different values, of which the first name won.
    """

    values: Mapping[str, Value]
    token: SecretValue | None = None
    errors: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def bind(sent: Members, parameter: Parameter, seal: Callable[[str], Tag]) -> Bound:
    """Return *sent* bound to *parameter*; *seal* makes a tag of every password but an empty one."""
    values = dict(parameter.defaults)
    token: SecretValue | None = None
    errors: dict[str, None] = {}
    ignored: dict[str, None] = {}
    synonyms: dict[Member, dict[str, Value]] = {}
    for name, raw in sent:
        found = parameter.index.get(name) or parameter.index.get(_fold(name))
        if found is None:
            ignored[name] = None
            continue
        known, member = found
        try:
            value = _CONVERTERS[member.type](raw)
        except ValueError:
            errors[name] = None
            continue
        if member.secrecy is Secrecy.TOKEN:
            token = _wrap(value)
        elif member.secrecy is Secrecy.SEALED:
            values[known] = seal(value) if isinstance(value, str) and value else value
        elif len(member.names) > 1:
            synonyms.setdefault(member, {})[known] = value
        else:
            values[known] = value
    conflicts = tuple(m.names[0] for m, given in synonyms.items() if _settle(m, given, values))
    return Bound(values, token, tuple(errors), tuple(ignored), conflicts)


def _settle(member: Member, given: Mapping[str, Value], values: dict[str, Value]) -> bool:
    """Put what came under several names under the first; return whether they disagree."""
    ranked = [given[name] for name in member.names if name in given]
    values[member.names[0]] = ranked[0]
    return any(value != ranked[0] for value in ranked)


def _wrap(value: object) -> SecretValue | None:
    """Return a token; half a surrogate pair, which no token holds, becomes a question mark."""
    return SecretValue(str(value).encode(errors="replace").decode()) if value else None


def _fold(name: str) -> str:
    """Return *name* in lower case, as .NET compares: letters beyond ASCII stay apart."""
    return name.lower() if name.isascii() else name


def _to_text(raw: object) -> str | None:
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return json.dumps(raw)
    raise ValueError("not a string")


def _to_integer(raw: object) -> int:
    spelled = isinstance(raw, str) and _INTEGER.fullmatch(raw.strip())
    if not spelled and (isinstance(raw, bool) or not isinstance(raw, int)):
        raise ValueError("not a number")
    value = int(str(raw))
    if value not in _INT32:
        raise ValueError("too large or small for an Int32")
    return value


def _to_boolean(raw: object) -> bool:
    word = raw.strip().lower() if isinstance(raw, str) else raw
    if word not in {"true", "false"} and not isinstance(word, bool):
        raise ValueError("not a boolean")
    return word in {"true", True}


_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}")
_INT32: Final = range(-(2**31), 2**31)
_CONVERTERS: Final[Mapping[WireType, Callable[[object], str | int | bool | None]]] = {
    WireType.STRING: _to_text,
    WireType.NUMBER: _to_integer,
    WireType.BOOLEAN: _to_boolean,
}
_DEFAULTS: Final[Mapping[WireType, str | int | bool | None]] = {
    WireType.STRING: None,
    WireType.NUMBER: 0,
    WireType.BOOLEAN: False,
}
"""What .NET gives a member that did not come, without an error (observed)."""


def _parameter(name: str, *members: Member) -> Parameter:
    exact = {spelling: (spelling, member) for member in members for spelling in member.names}
    kept = (member for member in members if member.secrecy is not Secrecy.TOKEN)
    return Parameter(
        name,
        index={_fold(spelling): row for spelling, row in exact.items()} | exact,
        defaults={member.names[0]: _DEFAULTS[member.type] for member in kept},
    )


def _row(field: Field) -> Member:
    secrecy = Secrecy.SEALED if field.secret else Secrecy.OPEN
    return Member(field.wire, field.wire_type, secrecy)


_TOKEN: Final = Member((TOKEN_NAME,), WireType.STRING, Secrecy.TOKEN)

UPDATE: Final = _parameter(
    "server", *(_row(f) for f in FIELDS if f.role in {Role.ADDRESS, Role.SENT}), _TOKEN
)
"""``UpdateEmailServer``: the address rows and the sent rows of the field table, and a token."""

ORGANIZATION, SKILL = (FIELDS_BY_KEY[key].wire[0] for key in ("organization", "skill"))
"""The members under which the address of an update is bound."""

LOGIN: Final = _parameter(
    "login",
    Member(("OrganisationID", "OrganizationID", "OrgId"), WireType.NUMBER),
    Member(("UserName",), WireType.STRING),
    Member(("Password",), WireType.STRING, Secrecy.SEALED),
)
"""``Login``; the vendor's pages spell the organization in more ways than one (help)."""

LOGOUT: Final = _parameter("logout", Member(("UserId",), WireType.STRING), _TOKEN)
"""``Logout`` (help)."""
