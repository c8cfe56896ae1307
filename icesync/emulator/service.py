"""
ICE as a function: a request goes in, a reply comes out, the archive remembers.

Pure but for the archive: no sockets, no sleep, and time comes from a clock. The
service knows the three documented calls; everything under ``/_emulator/`` is
inspection, which the real service does not have.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator import framework
from icesync.emulator.binding import LOGIN, LOGOUT, UPDATE, Bound, Parameter, Value, bind
from icesync.emulator.body import MediaTypeRefused, read_members
from icesync.emulator.history import Call, Tag, Verdict, canonical, timestamp
from icesync.emulator.inspection import inspect, is_inspection
from icesync.emulator.tokens import Tokens
from icesync.model.address import Address
from icesync.model.fields import FIELDS_BY_KEY
from icesync.wire.login import LOGIN_PATH, LOGOUT_PATH, encode_login_reply
from icesync.wire.reply import Reply
from icesync.wire.update import UPDATE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.emulator.archive import Archive
    from icesync.emulator.framework import Request
    from icesync.ports import Clock

__all__ = ["BASE_PATH", "TOKEN_TTL_S", "Service"]

BASE_PATH: Final = "/ICEAPI"
"""Where the vendor's application lives (doc)."""

TOKEN_TTL_S: Final = 20 * 60
"""How long a token lives unless told otherwise; the vendor does not say (assumed)."""

_ORGANIZATION, _SKILL = (FIELDS_BY_KEY[key].wire[0] for key in ("organization", "skill"))
_CREDENTIALS: Final = tuple(LOGIN.defaults)
_APPLIED: Final = framework.accepted(" Success")
"""with a blank in front (doc)"""


@dataclass(frozen=True, slots=True)
class _Decision:
    """What one call came to: the reply, and what the history says of it."""

    reply: Reply
    verdict: Verdict
    bound: Bound | None = None


_Action: TypeAlias = Callable[[Bound, "datetime"], _Decision]


class Service:
    """
    The emulated service; safe to use from several threads.

    *base_path* stands before every documented path. With *users*, a mapping of
    names to passwords, a login must name one of them; without, any name and any
    password are good as long as neither is empty. The organization is never
    checked, but must be given. Tokens live for *token_ttl_s* seconds.
    """

    def __init__(
        self,
        clock: Clock,
        archive: Archive,
        *,
        base_path: str = BASE_PATH,
        users: Mapping[str, str] | None = None,
        token_ttl_s: int = TOKEN_TTL_S,
    ) -> None:
        self.base_path = base_path
        self._clock = clock
        self._archive = archive
        self._tokens = Tokens(archive, token_ttl_s)
        self._users = None if users is None else {n: archive.tag(w) for n, w in users.items()}
        actions: dict[str, tuple[Parameter, _Action]] = {
            LOGIN_PATH: (LOGIN, self._login),
            LOGOUT_PATH: (LOGOUT, self._logout),
            UPDATE_PATH: (UPDATE, self._update),
        }
        self._actions = {f"{base_path}{path}".lower(): row for path, row in actions.items()}

    def answer(self, request: Request) -> Reply:
        """Return the reply to *request*; every call to ICE is in the history afterwards."""
        now = self._clock.now()
        try:
            if is_inspection(request):
                reply = inspect(request, self._archive, self.base_path)
            else:
                decision = self._decide(request, now)
                reply = decision.reply
                stored = decision.verdict is Verdict.APPLIED
                self._archive.record(_call(request, decision, now), store=stored)
        except sqlite3.Error:
            reply = framework.broken()
        headers = {**reply.headers, "date": _http_date(now.replace(microsecond=0))}
        return Reply(reply.status, headers, reply.body)

    def _decide(self, request: Request, now: datetime) -> _Decision:
        found = self._actions.get(request.route)
        if found is None:
            return self._unknown(request)
        if request.method != "POST":
            return _Decision(framework.wrong_verb(request.method), Verdict.WRONG_VERB)
        parameter, action = found
        bound = self._bind(request, parameter)
        return action(bound, now) if isinstance(bound, Bound) else bound

    def _bind(self, request: Request, parameter: Parameter) -> Bound | _Decision:
        """Return the parameter, or how the framework answers without asking the action."""
        try:
            members = read_members(request)
        except MediaTypeRefused as refusal:
            return _Decision(framework.unsupported(refusal.media_type), Verdict.MEDIA_TYPE)
        except ValueError:
            return _Decision(framework.invalid([parameter.name]), Verdict.BAD_BODY)
        if members is None:
            return _Decision(framework.broken(), Verdict.NULL_MODEL)
        bound = bind(members, parameter, self._archive.tag)
        if bound.errors:
            keys = [f"{parameter.name}.{name}" for name in bound.errors]
            return _Decision(framework.invalid(keys), Verdict.BAD_MEMBER, bound)
        return bound

    def _unknown(self, request: Request) -> _Decision:
        """Return the 404 of the application, or of the web server outside of it."""
        inside = request.route.startswith(f"{self.base_path.lower()}/")
        reply = framework.not_found(request.url) if inside else framework.iis_page(404)
        return _Decision(reply, Verdict.NOT_FOUND)

    def _update(self, bound: Bound, now: datetime) -> _Decision:
        """Replace the whole record; a token of any organization will do (doc:sample)."""
        token = self._tokens.judge(bound.token, now)
        if isinstance(token, Verdict):
            return _Decision(framework.invalid(), token, bound)
        if min(_address(bound)) < 1:
            return _Decision(framework.invalid(), Verdict.NO_ADDRESS, bound)
        return _Decision(_APPLIED, Verdict.APPLIED, bound)

    def _login(self, bound: Bound, now: datetime) -> _Decision:
        organization, username, password = (bound.values[name] for name in _CREDENTIALS)
        name = str(username or "")
        if not organization or not self._knows(name, password):
            return _Decision(framework.invalid(), Verdict.LOGIN_REFUSED, bound)
        token = self._tokens.issue(_number(organization), name, now)
        reply = framework.json_reply(encode_login_reply(_number(organization), name, token))
        return _Decision(reply, Verdict.LOGGED_IN, bound)

    def _logout(self, bound: Bound, now: datetime) -> _Decision:
        token = self._tokens.judge(bound.token, now)
        if isinstance(token, Verdict):
            return _Decision(framework.invalid(), token, bound)
        self._tokens.revoke(token)
        return _Decision(framework.accepted("Success"), Verdict.LOGGED_OUT, bound)

    def _knows(self, username: str, password: Value) -> bool:
        """Return whether this user may log in; an empty password never gets a tag."""
        if not username or not isinstance(password, Tag):
            return False
        return self._users is None or self._users.get(username) == password


@lru_cache(maxsize=1)
def _http_date(second: datetime) -> str:
    return format_datetime(second, usegmt=True)


def _call(request: Request, decision: _Decision, now: datetime) -> Call:
    """Return what the history keeps: no query, no headers, no token."""
    bound = decision.bound
    address = _address(bound) if bound is not None and _SKILL in bound.values else None
    return Call(
        at=timestamp(now),
        method=request.method,
        path=request.path.partition("?")[0],
        status=decision.reply.status,
        outcome=decision.verdict,
        org=address and address.organization,
        skill=address and address.skill,
        request=canonical(bound.values) if bound else None,
        errors=bound.errors if bound else (),
        ignored=bound.ignored if bound else (),
        conflicts=bound.conflicts if bound else (),
    )


def _address(bound: Bound) -> Address:
    return Address(_number(bound.values[_ORGANIZATION]), _number(bound.values[_SKILL]))


def _number(value: Value) -> int:
    """Return a value that was bound as a number; one that did not come is 0."""
    return value if isinstance(value, int) else 0
