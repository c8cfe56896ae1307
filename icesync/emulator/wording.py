"""
How an action words its replies, and how a token is refused: both are choices of the profile.

Texts about tokens are those of the library that the vendor's tokens point to (observed).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from icesync.emulator import framework
from icesync.emulator.history import Verdict
from icesync.emulator.profile import LogoutReply, Profile, Role, TokenFailure, Wording
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.emulator.framework import Request

__all__ = ["VARIANTS", "Speaker", "reword"]

_Document: TypeAlias = dict[str, object]

_KEY: Final = "Message"
_SHAPES: Final = frozenset({Wording.LOWER_CASE, Wording.LIST, Wording.SPACED})
_PERMISSIONS: Final = {Role.ADMIN: 1, Role.AGENT: 2, Role.SUPERVISOR: 3}
"""help: the roles and their numbers"""

_TOKEN_TEXTS: Final = {
    Verdict.TOKEN_MISSING: "Token must consist of 3 delimited by dot parts.",
    Verdict.TOKEN_FORGED: "Invalid signature",
    Verdict.NOT_ADMIN: framework.DENIED,
    Verdict.OTHER_ORGANIZATION: framework.DENIED,
}
_TOKEN_ENDED: Final = "Token has expired."  # noqa: S105 - a text about one


class Speaker:
    """Words what the actions of one service say, as its profile wants it."""

    def __init__(self, profile: Profile, base_path: str) -> None:
        self._profile = profile
        self._base_path = base_path
        self.applied = reword(framework.accepted(" Success"), profile.message)
        """The success of a write: the documented one has a blank in front (doc)."""

    def logged_in(self, body: bytes) -> Reply:
        """Return the success of a login, whose documented object is *body*."""
        document = json.loads(body) | {"Permission": _PERMISSIONS[self._profile.role]}
        return self._shaped(framework.json_reply(_encode(document)))

    def logged_out(self) -> Reply:
        """Return the success of a logout."""
        reply = framework.accepted("Success")
        return reword(reply, Wording.LIST) if self._listed() else self._shaped(reply)

    def refused(self) -> Reply:
        """Return the documented failure."""
        return self._shaped(framework.invalid())

    def token_refused(self, why: Verdict, request: Request) -> Reply:
        """Return how a token is refused; only one shape tells the caller why."""
        match self._profile.token:
            case TokenFailure.UNAUTHORIZED:
                return framework.unauthorized()
            case TokenFailure.OK_MESSAGE:
                return self._shaped(framework.message(200, _TOKEN_TEXTS.get(why, _TOKEN_ENDED)))
            case TokenFailure.ERROR:
                return framework.broken()
            case TokenFailure.REDIRECT:
                return framework.redirect(self.login_page(request))
            case _:
                return self.refused()

    def login_page(self, request: Request) -> str:
        """Return where the web server sends people to log in."""
        return f"{self._base_path}/Login.aspx?ReturnUrl={quote(request.path, safe='')}"

    def _listed(self) -> bool:
        return self._profile.logout is LogoutReply.LIST

    def _shaped(self, reply: Reply) -> Reply:
        """Return *reply* with the profile's keys, but its own text."""
        wording = self._profile.message
        return reword(reply, wording) if wording in _SHAPES else reply


def reword(reply: Reply, variant: str) -> Reply:
    """Return *reply*, whose body is one JSON object, in the words of *variant*."""
    body = VARIANTS[variant](json.loads(reply.body))
    return Reply(reply.status, reply.headers, body)


def _encode(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(document: _Document) -> bytes:
    return _encode(document | {_KEY: str(document[_KEY]).strip()})


def _successful(document: _Document) -> bytes:
    good = str(document[_KEY]).strip() == "Success"
    return _encode(document | {_KEY: " Successful"} if good else document)


def _lower_case(document: _Document) -> bytes:
    return _encode({k.lower() if k == _KEY else k: v for k, v in document.items()})


def _list(document: _Document) -> bytes:
    return _encode([document])


def _spaced(document: _Document) -> bytes:
    return _encode({f" {key} ": value for key, value in document.items()})


def _unsuccessful(document: _Document) -> bytes:
    return _encode(document | {_KEY: "Unsuccessful"})


def _duplicate_key(document: _Document) -> bytes:
    """Return success and failure in one object."""
    said, rest = _encode({_KEY: document[_KEY]}), _encode({_KEY: "The request is invalid."})
    return said[:-1] + b"," + rest[1:]


VARIANTS: Final[dict[str, Callable[[_Document], bytes]]] = {
    Wording.DOCUMENTED: _encode,
    Wording.PLAIN: _plain,
    Wording.SUCCESSFUL: _successful,
    Wording.LOWER_CASE: _lower_case,
    Wording.LIST: _list,
    Wording.SPACED: _spaced,
    "unsuccessful": _unsuccessful,
    "duplicate-key": _duplicate_key,
    "empty": lambda _: b"",
}
"""The wordings of a profile, and three more that only a fault asks for."""
