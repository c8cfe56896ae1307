"""
Bind a body to a record as ASP.NET does with Json.NET.

Names match exactly, then ignoring case; unknown members are ignored but
listed; of a name given twice the last wins; a member that does not fit is
named, keeps its default, and binding goes on (all observed). What each wire
type takes from each JSON value is the matter of :mod:`icesync.emulator.coercion`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator.coercion import CONVERTERS, DEFAULTS
from icesync.emulator.history import Tag
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, Field, Role, WireType
from icesync.model.project import OrgKey
from icesync.model.secret import SecretValue
from icesync.wire.update import TOKEN_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.emulator.coercion import Converter
    from icesync.emulator.loosejson import Members

    Seal: TypeAlias = Callable[[str], Tag]

__all__ = [
    "LOGIN",
    "LOGOUT",
    "ORGANIZATION",
    "SERVER_ID",
    "SKILL",
    "UPDATE",
    "Bound",
    "Member",
    "Parameter",
    "Secrecy",
    "Value",
    "bind",
    "filled_up",
    "update_parameter",
]

Value: TypeAlias = str | int | bool | Tag | None
"""A bound value; a password is a tag, unless it is empty or null."""


class Secrecy(StrEnum):
    """What becomes of a text once it is bound."""

    OPEN = "open"
    SEALED = "sealed"
    """kept as a tag"""
    TOKEN = "token"  # noqa: S105 - a kind
    """held apart, never kept"""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an action's parameter; the first of *names* is the one it is stored under."""

    names: tuple[str, ...]
    type: WireType
    secrecy: Secrecy = Secrecy.OPEN


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    The parameter of one action; *name* opens its keys in ``ModelState``.

    *index* leads from every name, exact and in lower case, to the known
    spelling, the member and its converter; *defaults* is what an empty object
    binds to.
    """

    name: str
    index: Mapping[str, tuple[str, Member, Converter]]
    defaults: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
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


def bind(sent: Members, parameter: Parameter, seal: Seal) -> Bound:
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
        known, member, convert = found
        try:
            value = convert(raw)
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


def filled_up(bound: Bound, stored: Mapping[str, object]) -> Bound:
    """Return *bound* with what is *stored* for each text that came empty or not at all."""
    texts = {name for name, value in bound.values.items() if value is None or value == ""}
    kept = {name: _stored_text(stored.get(name)) for name in texts}
    return replace(bound, values={**bound.values, **kept})


def _stored_text(value: object) -> Value:
    """Return a text of a document, or the tag that stands there for a password."""
    if isinstance(value, dict):
        return Tag(str(value["hmac"]))
    return None if value is None else str(value)


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


_TOKEN: Final = Member((TOKEN_NAME,), WireType.STRING, Secrecy.TOKEN)


def _parameter(name: str, *members: Member) -> Parameter:
    exact = {
        spelling: (spelling, member, CONVERTERS[member.type])
        for member in members
        for spelling in member.names
    }
    kept = (member for member in members if member.secrecy is not Secrecy.TOKEN)
    return Parameter(
        name,
        index={_fold(spelling): row for spelling, row in exact.items()} | exact,
        defaults={member.names[0]: DEFAULTS[member.type] for member in kept},
    )


def _row(field: Field) -> Member:
    secrecy = Secrecy.SEALED if field.secret else Secrecy.OPEN
    return Member(field.wire, field.wire_type, secrecy)


UPDATE: Final = _parameter(
    "server", *(_row(f) for f in FIELDS if f.role in {Role.ADDRESS, Role.SENT}), _TOKEN
)
"""``UpdateEmailServer``: the address rows and the sent rows of the field table, and a token."""

ORGANIZATION, SKILL, SERVER_ID = (
    FIELDS_BY_KEY[key].wire[0] for key in ("organization", "skill", "email_server_id")
)
"""The members under which the address of an update is bound, and the id of its server."""


def update_parameter(org_key: OrgKey) -> Parameter:
    """Return ``UPDATE`` as it is where the organization has one name only (unknown which)."""
    if org_key is OrgKey.BOTH:
        return UPDATE
    spellings = {name.lower() for name in FIELDS_BY_KEY["organization"].wire}
    strangers = spellings - {org_key.value.lower()}
    index = {name: row for name, row in UPDATE.index.items() if name.lower() not in strangers}
    return Parameter(UPDATE.name, index, UPDATE.defaults)


LOGIN: Final = _parameter(
    "login",
    Member(("OrganisationID", "OrganizationID", "OrgId"), WireType.NUMBER),
    Member(("UserName",), WireType.STRING),
    Member(("Password",), WireType.STRING, Secrecy.SEALED),
)
"""``Login``; the vendor's pages spell the organization in more ways than one (help)."""

LOGOUT: Final = _parameter("logout", Member(("UserId",), WireType.STRING), _TOKEN)
"""``Logout`` (help)."""
