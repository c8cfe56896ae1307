"""
How the emulated service behaves where the vendor's pages leave it open.

Nobody outside knows what the real service does in these places, so each is a
switch: a client that is right must be right with every setting of all of them.
The first value of each is the default.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from icesync.emulator.faults import near
from icesync.errors import UsageError, printable
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


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


class UnknownPair(StrEnum):
    """What a write to an organization and skill does that has no record yet."""

    CREATE = "create"
    REJECT = "reject"


@frozen
class Profile:
    """One setting of every switch."""

    token: TokenFailure = TokenFailure.INVALID
    message: Wording = Wording.DOCUMENTED
    unknown: UnknownPair = UnknownPair.CREATE

    def settings(self) -> dict[str, str]:
        """Return every switch and its value, as ``--profile`` takes them."""
        return {name: str(value) for name, value in asdict(self).items()}

    def choices(self) -> tuple[str, ...]:
        """Return the switches that differ from the default, as ``KEY=VALUE``."""
        default = Profile().settings()
        return tuple(f"{k}={v}" for k, v in self.settings().items() if v != default[k])


_SWITCHES: Final[dict[str, type[StrEnum]]] = {
    field.name: type(getattr(Profile(), field.name)) for field in fields(Profile)
}


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
                f"invalid profile setting `{printable(setting)}`: use KEY=VALUE",
                f"the keys are {', '.join(_SWITCHES)}",
            )
        if key not in _SWITCHES:
            raise UsageError(f"unknown profile key `{printable(key)}`", near(key, _SWITCHES))
        if key in chosen:
            raise UsageError(f"the profile key `{key}` is given twice", "give it once")
        if word not in set(_SWITCHES[key]):
            message = f"the profile key `{key}` does not accept `{printable(word)}`"
            raise UsageError(message, near(word, _SWITCHES[key]))
        chosen[key] = _SWITCHES[key](word)
    return Profile(**chosen)
