"""
How the emulated service behaves where the vendor's pages leave it open.

Nobody outside knows what the real service does in these places, so each is a
switch: a client that is right must be right with every setting of all of them.
The first value of each is the default.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import UsageError
from icesync.model.project import OrgKey

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Accept",
    "EmptyText",
    "LogoutReply",
    "Mismatch",
    "ModelErrors",
    "Profile",
    "Role",
    "ServerKey",
    "TokenFailure",
    "UnknownPair",
    "Wording",
    "parse_profile",
]


class TokenFailure(StrEnum):
    """How a token that is missing, forged, over or revoked is answered."""

    INVALID = "invalid"
    """400 and the documented text"""
    UNAUTHORIZED = "unauthorized"
    """401, as the framework's own filter"""
    OK_MESSAGE = "ok-message"
    """200 with a message about the token"""
    ERROR = "error"
    """500, as an exception that nobody caught"""
    REDIRECT = "redirect"
    """302 to a page to log in"""


class Wording(StrEnum):
    """How what an action says is spelled; the vendor's pages show all of these (help)."""

    DOCUMENTED = "documented"
    """``" Success"``"""
    PLAIN = "plain"
    """``"Success"``"""
    SUCCESSFUL = "successful"
    """``" Successful"``"""
    LOWER_CASE = "lower-case"
    """the key in lower case"""
    LIST = "list"
    """a list of one object"""
    SPACED = "spaced"
    """blanks around the keys"""


class UnknownPair(StrEnum):
    """What a write to an organization and skill does that has no record yet."""

    CREATE = "create"
    REJECT = "reject"


class Mismatch(StrEnum):
    """What a write does whose organization is not the token's."""

    IGNORE = "ignore"
    """as the vendor's own sample needs (doc:sample)"""
    REJECT = "reject"


class ModelErrors(StrEnum):
    """Whether the action asks for model errors, or applies zeros where members did not fit."""

    CHECKED = "checked"
    IGNORED = "ignored"


class EmptyText(StrEnum):
    """What a text that comes empty, or not at all, does to the one that was stored."""

    CLEAR = "clear"
    """as a record that is replaced"""
    KEEP = "keep"
    """so a password could not be taken away"""


class ServerKey(StrEnum):
    """By what a record is found that shall be replaced."""

    ADDRESS = "address"
    SERVER_ID = "server-id"
    """by ``EmailServerId`` where that is given, wherever it is: the record moves"""


class Accept(StrEnum):
    """Whether a caller that prefers XML gets it; the framework would do so."""

    IGNORED = "ignored"
    HONOURED = "honoured"


class LogoutReply(StrEnum):
    """The two shapes in which the vendor prints the end of a session (help)."""

    OBJECT = "object"
    LIST = "list"


class Role(StrEnum):
    """Who the callers are; only an admin may write."""

    ADMIN = "admin"
    AGENT = "agent"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Profile:
    """One setting of every switch; *org_key* is the name under which the organization binds."""

    token: TokenFailure = TokenFailure.INVALID
    message: Wording = Wording.DOCUMENTED
    unknown: UnknownPair = UnknownPair.CREATE
    orgid: Mismatch = Mismatch.IGNORE
    modelstate: ModelErrors = ModelErrors.CHECKED
    empty_string: EmptyText = EmptyText.CLEAR
    key: ServerKey = ServerKey.ADDRESS
    accept: Accept = Accept.IGNORED
    logout: LogoutReply = LogoutReply.OBJECT
    role: Role = Role.ADMIN
    org_key: OrgKey = OrgKey.BOTH

    def settings(self) -> dict[str, str]:
        """Return every switch and its value, as ``--profile`` takes them."""
        return {name.replace("_", "-"): str(value) for name, value in asdict(self).items()}

    def choices(self) -> tuple[str, ...]:
        """Return the switches that differ from the default, as ``KEY=VALUE``."""
        usual = Profile().settings()
        return tuple(f"{k}={v}" for k, v in self.settings().items() if v != usual[k])


def _switches() -> dict[str, type[StrEnum]]:
    """Return every key and the set of its values, read off the defaults."""
    usual = Profile()
    return {f.name.replace("_", "-"): type(getattr(usual, f.name)) for f in fields(usual)}


_SWITCHES: Final = _switches()


def parse_profile(settings: Iterable[str]) -> Profile:
    """
    Return the profile that *settings*, each ``KEY=VALUE``, make of the default.

    Raises:
        UsageError: a key or a value is unknown, or a key comes twice.

    """
    chosen: dict[str, Any] = {}
    for setting in settings:
        key, equals, word = (part.strip().lower() for part in setting.partition("="))
        if not equals:
            raise UsageError(
                f"a profile setting is KEY=VALUE: `{_shown(setting)}`",
                f"the keys are {', '.join(_SWITCHES)}",
            )
        if key not in _SWITCHES:
            raise UsageError(f"no such profile key: `{_shown(key)}`", _near(key, _SWITCHES))
        name = key.replace("-", "_")
        if name in chosen:
            raise UsageError(f"the profile key `{key}` is given twice", "give it once")
        chosen[name] = _value(key, word)
    return Profile(**chosen)


def _value(key: str, word: str) -> StrEnum:
    values = {str(value).lower(): value for value in _SWITCHES[key]}
    if word not in values:
        raise UsageError(
            f"the profile key `{key}` does not take `{_shown(word)}`",
            _near(word, [str(value) for value in _SWITCHES[key]]),
        )
    return values[word]


def _near(word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(names)}"


def _shown(text: str) -> str:
    return ascii(text)[1:-1]
