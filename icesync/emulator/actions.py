"""
The three calls that ICE documents, from a request to a decision.

Nothing is stored here: a decision says what a call came to, and the service
that asked for it keeps it, or does not where a fault wants it so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator import framework
from icesync.emulator.binding import (
    LOGIN,
    LOGOUT,
    ORGANIZATION,
    SERVER_ID,
    SKILL,
    Bound,
    Parameter,
    Value,
    bind,
    filled_up,
    update_parameter,
)
from icesync.emulator.body import MediaTypeRefused, read_members
from icesync.emulator.history import Tag, Verdict
from icesync.emulator.profile import (
    EmptyText,
    Mismatch,
    ModelErrors,
    Profile,
    Role,
    ServerKey,
    UnknownPair,
)
from icesync.emulator.wording import Speaker
from icesync.model.address import Address
from icesync.wire.login import LOGIN_PATH, LOGOUT_PATH, encode_login_reply
from icesync.wire.update import UPDATE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.emulator.archive import Archive
    from icesync.emulator.framework import Request
    from icesync.emulator.tokens import Tokens
    from icesync.wire.reply import Reply
    from icesync.wire.token import Token

__all__ = ["Actions", "Asked", "Decision"]

_CREDENTIALS: Final = tuple(LOGIN.defaults)


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What one call came to: the reply, and what the history says of it.

    It may end a token, or move the record that was at another address.
    """

    reply: Reply
    verdict: Verdict
    bound: Bound | None = None
    ends: Token | None = None
    moved_from: Address | None = None


_Action: TypeAlias = Callable[["Asked", Bound, "datetime"], Decision]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was understood: bound for an *action*, or *refused* without asking one."""

    request: Request
    bound: Bound | None = None
    action: _Action | None = None
    refused: Decision | None = None

    @property
    def address(self) -> Address | None:
        """Whose record it is about, as far as that could be read."""
        if self.bound is None or SKILL not in self.bound.values:
            return None
        return _address(self.bound)


class Actions:
    """Understands requests and decides them, as *profile* and *users* say."""

    def __init__(
        self,
        archive: Archive,
        tokens: Tokens,
        profile: Profile,
        base_path: str,
        users: Mapping[str, str] | None,
    ) -> None:
        self._archive = archive
        self._tokens = tokens
        self._profile = profile
        self._base = f"{base_path.lower()}/"
        self._speaker = Speaker(profile, base_path)
        self._users = None if users is None else {n: archive.tag(w) for n, w in users.items()}
        actions: dict[str, tuple[Parameter, _Action]] = {
            LOGIN_PATH: (LOGIN, self._login),
            LOGOUT_PATH: (LOGOUT, self._logout),
            UPDATE_PATH: (update_parameter(profile.org_key), self._update),
        }
        self._actions = {f"{base_path}{path}".lower(): row for path, row in actions.items()}

    def understand(self, request: Request) -> Asked:
        """Return *request* bound to the parameter of its action, if it has one."""
        found = self._actions.get(request.route)
        if found is None:
            inside = request.route.startswith(self._base)
            reply = framework.not_found(request.url) if inside else framework.iis_page(404)
            return Asked(request, refused=Decision(reply, Verdict.NOT_FOUND))
        if request.method != "POST":
            reply = framework.wrong_verb(request.method)
            return Asked(request, refused=Decision(reply, Verdict.WRONG_VERB))
        return self._bind(request, *found)

    def decide(self, asked: Asked, now: datetime, *, refuse_token: bool = False) -> Decision:
        """Return what the call comes to; the framework's refusals come before the action's."""
        if asked.refused or asked.bound is None or asked.action is None:
            return asked.refused or Decision(framework.broken(), Verdict.NULL_MODEL)
        if refuse_token:
            return self._no_token(asked, Verdict.TOKEN_REFUSED)
        return asked.action(asked, asked.bound, now)

    def _bind(self, request: Request, parameter: Parameter, action: _Action) -> Asked:
        """Return the parameter, or how the framework answers without asking the action."""
        checked = self._profile.modelstate is ModelErrors.CHECKED
        try:
            members = read_members(request)
        except MediaTypeRefused as refusal:
            reply = framework.unsupported(refusal.media_type)
            return Asked(request, refused=Decision(reply, Verdict.MEDIA_TYPE))
        except ValueError:
            if checked:
                reply = framework.invalid([parameter.name])
                return Asked(request, refused=Decision(reply, Verdict.BAD_BODY))
            members = None
        if members is None:
            return Asked(request)
        bound = bind(members, parameter, self._archive.tag)
        if bound.errors and checked:
            reply = framework.invalid([f"{parameter.name}.{name}" for name in bound.errors])
            return Asked(request, bound, refused=Decision(reply, Verdict.BAD_MEMBER, bound))
        return Asked(request, bound, action)

    def _update(self, asked: Asked, bound: Bound, now: datetime) -> Decision:
        """Replace the whole record."""
        token = self._judge(bound, now)
        if isinstance(token, Verdict):
            return self._no_token(asked, token)
        address = _address(bound)
        if min(address) < 1:
            return Decision(self._speaker.refused(), Verdict.NO_ADDRESS, bound)
        held = self._held_at(bound, address)
        current = self._archive.server(held)
        if current is None and self._profile.unknown is UnknownPair.REJECT:
            return Decision(self._speaker.refused(), Verdict.UNKNOWN_SERVER, bound)
        if current is not None and self._profile.empty_string is EmptyText.KEEP:
            bound = filled_up(bound, current.document)
        moved_from = held if held != address else None
        return Decision(self._speaker.applied, Verdict.APPLIED, bound, moved_from=moved_from)

    def _held_at(self, bound: Bound, address: Address) -> Address:
        """Return where the record is that the call replaces, which may be elsewhere."""
        server_id = _number(bound.values[SERVER_ID])
        if self._profile.key is ServerKey.ADDRESS or server_id == 0:
            return address
        return self._archive.holder(SERVER_ID, server_id) or address

    def _login(self, _: Asked, bound: Bound, now: datetime) -> Decision:
        organization, username, password = (bound.values[name] for name in _CREDENTIALS)
        name = str(username or "")
        if not organization or not self._knows(name, password):
            return Decision(self._speaker.refused(), Verdict.LOGIN_REFUSED, bound)
        token = self._tokens.issue(_number(organization), name, now)
        body = encode_login_reply(_number(organization), name, token)
        return Decision(self._speaker.logged_in(body), Verdict.LOGGED_IN, bound)

    def _logout(self, asked: Asked, bound: Bound, now: datetime) -> Decision:
        token = self._tokens.judge(bound.token, now)
        if isinstance(token, Verdict):
            return self._no_token(asked, token)
        return Decision(self._speaker.logged_out(), Verdict.LOGGED_OUT, bound, ends=token)

    def _judge(self, bound: Bound, now: datetime) -> Token | Verdict:
        """Return a token that may write, or why it may not; organizations may differ (doc)."""
        token = self._tokens.judge(bound.token, now)
        if isinstance(token, Verdict):
            return token
        if self._profile.role is not Role.ADMIN:
            return Verdict.NOT_ADMIN
        strict = self._profile.orgid is Mismatch.REJECT
        if strict and token.organization != _address(bound).organization:
            return Verdict.OTHER_ORGANIZATION
        return token

    def _no_token(self, asked: Asked, why: Verdict) -> Decision:
        return Decision(self._speaker.token_refused(why, asked.request), why, asked.bound)

    def _knows(self, username: str, password: Value) -> bool:
        """Return whether this user may log in; an empty password never gets a tag."""
        if not username or not isinstance(password, Tag):
            return False
        return self._users is None or self._users.get(username) == password


def _address(bound: Bound) -> Address:
    return Address(_number(bound.values[ORGANIZATION]), _number(bound.values[SKILL]))


def _number(value: Value) -> int:
    """Return a value that was bound as a number; one that did not come is 0."""
    return value if isinstance(value, int) else 0
