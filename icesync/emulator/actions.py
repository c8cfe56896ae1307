"""
The three calls that ICE documents, from a request to a decision.

Nothing is stored here: a decision says what a call came to, and the service
that asked for it keeps it, or does not where a fault wants it so. Texts about
tokens are those of the library that the vendor's tokens point to (observed).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from icesync.emulator import aspnet
from icesync.emulator.binding import (
    LOGIN,
    LOGOUT,
    ORGANIZATION,
    SKILL,
    UPDATE,
    Bound,
    MediaTypeRefused,
    Parameter,
    Value,
    bind,
    read_members,
)
from icesync.emulator.profile import Profile, TokenFailure, UnknownPair, Wording
from icesync.emulator.storage import Storage, Tag, Verdict
from icesync.frozen import frozen
from icesync.model.desired import Address
from icesync.wire.login import (
    LOGIN_PATH,
    LOGOUT_PATH,
    Token,
    encode_login_reply,
    read_token,
    sign_token,
    verify_token,
)
from icesync.wire.reply import Reply
from icesync.wire.update import UPDATE_PATH

if TYPE_CHECKING:
    from icesync.emulator.aspnet import Request
    from icesync.model.secret import SecretValue


class Tokens:
    """
    Signs tokens with the storage's own key; each is good for *ttl_s* seconds.

    A token is known by what it says, never by its text: nothing here opens it.
    """

    def __init__(self, storage: Storage, ttl_s: int) -> None:
        self._storage = storage
        self._ttl = timedelta(seconds=ttl_s)
        self._over = storage.tokens_over()
        self._latest = 0

    def issue(self, organization: int, username: str, now: datetime) -> SecretValue:
        """Return a new token; never one that was revoked within the same second, or expired."""
        end = self._end(now)
        while self._storage.is_revoked(_name(Token(organization, username, end))):
            end += timedelta(seconds=1)
        self._latest = max(self._latest, int(end.timestamp()))
        claims = {"orgid": organization, "username": username, "exp": int(end.timestamp())}
        return sign_token(claims, self._storage.signing_key)

    def judge(self, secret: SecretValue | None, now: datetime) -> Token | Verdict:
        """Return what a good token says, or why it is none; its end is kept without leeway."""
        if secret is None:
            return Verdict.TOKEN_MISSING
        signed = verify_token(secret, self._storage.signing_key)
        token = read_token(secret) if signed else None
        if token is None or token.expires_at is None:
            return Verdict.TOKEN_FORGED
        if now >= token.expires_at or token.expires_at.timestamp() <= self._over:
            return Verdict.TOKEN_EXPIRED
        return Verdict.TOKEN_REVOKED if self._storage.is_revoked(_name(token)) else token

    def revoke(self, token: Token) -> None:
        """End *token* before its time."""
        self._storage.revoke(_name(token))

    def expire(self, now: datetime) -> None:
        """End all tokens that were given out until now; those of later logins are good."""
        self._over = max(self._over, self._latest, int(self._end(now).timestamp()))
        self._storage.end_tokens(self._over)

    def _end(self, now: datetime) -> datetime:
        """Return when a token of this moment ends: behind all that were ended together."""
        end = now.replace(microsecond=0) + self._ttl
        behind_s = self._over + 1 - int(end.timestamp())
        return end + timedelta(seconds=max(behind_s, 0))


def _name(token: Token) -> str:
    """Return what tells one token from every other: the name comes last, it may hold anything."""
    return f"{token.organization} {token.expires_at} {token.username!a}"


_CREDENTIALS: Final = tuple(LOGIN.defaults)
_TOKEN_TEXTS: Final = {
    Verdict.TOKEN_MISSING: "Token must consist of 3 delimited by dot parts.",
    Verdict.TOKEN_FORGED: "Invalid signature",
}
_TOKEN_ENDED: Final = "Token has expired."  # noqa: S105 - a text about one


@frozen
class Decision:
    """What one call came to: the reply, and what the history says of it; it may end a token."""

    reply: Reply
    verdict: Verdict
    bound: Bound | None = None
    ends: Token | None = None


_Action: TypeAlias = Callable[["Asked", Bound, "datetime"], Decision]


@frozen
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
        storage: Storage,
        tokens: Tokens,
        profile: Profile,
        base_path: str,
        users: Mapping[str, str] | None,
    ) -> None:
        self._storage = storage
        self._tokens = tokens
        self._profile = profile
        self._base_path = base_path
        self._users = None if users is None else {n: storage.tag(w) for n, w in users.items()}
        self._applied = self._worded(aspnet.accepted(" Success"))
        """The success of a write: the documented one has a blank in front (doc)."""
        actions: dict[str, tuple[Parameter, _Action]] = {
            LOGIN_PATH: (LOGIN, self._login),
            LOGOUT_PATH: (LOGOUT, self._logout),
            UPDATE_PATH: (UPDATE, self._update),
        }
        self._actions = {f"{base_path}{path}".lower(): row for path, row in actions.items()}

    def understand(self, request: Request) -> Asked:
        """Return *request* bound to the parameter of its action, if it has one."""
        found = self._actions.get(request.route)
        if found is None:
            inside = request.route.startswith(f"{self._base_path.lower()}/")
            reply = aspnet.not_found(request.url) if inside else aspnet.iis_page(404)
            return Asked(request, refused=Decision(reply, Verdict.NOT_FOUND))
        if request.method != "POST":
            reply = aspnet.wrong_verb(request.method)
            return Asked(request, refused=Decision(reply, Verdict.WRONG_VERB))
        return self._bind(request, *found)

    def decide(self, asked: Asked, now: datetime) -> Decision:
        """Return what the call comes to; the framework's refusals come before the action's."""
        if asked.refused or asked.bound is None or asked.action is None:
            return asked.refused or Decision(aspnet.broken(), Verdict.NULL_MODEL)
        return asked.action(asked, asked.bound, now)

    def _bind(self, request: Request, parameter: Parameter, action: _Action) -> Asked:
        """Return the parameter, or how the framework answers without asking the action."""
        try:
            members = read_members(request)
        except MediaTypeRefused as refusal:
            reply = aspnet.unsupported(refusal.media_type)
            return Asked(request, refused=Decision(reply, Verdict.MEDIA_TYPE))
        except ValueError:
            reply = aspnet.invalid([parameter.name])
            return Asked(request, refused=Decision(reply, Verdict.BAD_BODY))
        if members is None:
            return Asked(request)
        bound = bind(members, parameter, self._storage.tag)
        if bound.errors:
            reply = aspnet.invalid([f"{parameter.name}.{name}" for name in bound.errors])
            return Asked(request, bound, refused=Decision(reply, Verdict.BAD_MEMBER, bound))
        return Asked(request, bound, action)

    def _update(self, asked: Asked, bound: Bound, now: datetime) -> Decision:
        """Replace the whole record; token and server may be of different organizations (doc)."""
        token = self._tokens.judge(bound.token, now)
        if isinstance(token, Verdict):
            return self._no_token(asked, token)
        address = _address(bound)
        if min(address) < 1:
            return Decision(self._shaped(aspnet.invalid()), Verdict.NO_ADDRESS, bound)
        if self._profile.unknown is UnknownPair.REJECT and self._storage.server(address) is None:
            return Decision(self._shaped(aspnet.invalid()), Verdict.UNKNOWN_SERVER, bound)
        return Decision(self._applied, Verdict.APPLIED, bound)

    def _login(self, _: Asked, bound: Bound, now: datetime) -> Decision:
        organization, username, password = (bound.values[name] for name in _CREDENTIALS)
        name = str(username or "")
        if not organization or not self._knows(name, password):
            return Decision(self._shaped(aspnet.invalid()), Verdict.LOGIN_REFUSED, bound)
        token = self._tokens.issue(_number(organization), name, now)
        body = encode_login_reply(_number(organization), name, token)
        return Decision(self._shaped(aspnet.json_reply(body)), Verdict.LOGGED_IN, bound)

    def _logout(self, asked: Asked, bound: Bound, now: datetime) -> Decision:
        token = self._tokens.judge(bound.token, now)
        if isinstance(token, Verdict):
            return self._no_token(asked, token)
        reply = self._shaped(aspnet.accepted("Success"))
        return Decision(reply, Verdict.LOGGED_OUT, bound, ends=token)

    def _no_token(self, asked: Asked, why: Verdict) -> Decision:
        return Decision(self._token_refusal(why, asked.request), why, asked.bound)

    def _token_refusal(self, why: Verdict, request: Request) -> Reply:
        """Return how a token is refused; only one shape tells the caller why."""
        match self._profile.token:
            case TokenFailure.UNAUTHORIZED:
                return aspnet.unauthorized()
            case TokenFailure.OK_MESSAGE:
                return self._shaped(aspnet.message(200, _TOKEN_TEXTS.get(why, _TOKEN_ENDED)))
            case TokenFailure.ERROR:
                return aspnet.broken()
            case TokenFailure.REDIRECT:
                path = quote(request.path, safe="")
                return aspnet.redirect(f"{self._base_path}/Login.aspx?ReturnUrl={path}")
            case _:
                return self._shaped(aspnet.invalid())

    def _knows(self, username: str, password: Value) -> bool:
        """Return whether this user may log in; an empty password never gets a tag."""
        if not username or not isinstance(password, Tag):
            return False
        return self._users is None or self._users.get(username) == password

    def _worded(self, reply: Reply) -> Reply:
        """Return the success of a write in the words of the profile."""
        texts = {Wording.PLAIN: "Success", Wording.SUCCESSFUL: " Successful"}
        text = texts.get(self._profile.message)
        return self._shaped(reply) if text is None else aspnet.accepted(text)

    def _shaped(self, reply: Reply) -> Reply:
        """Return *reply* with the profile's keys, but its own text."""
        document = json.loads(reply.body)
        match self._profile.message:
            case Wording.LOWER_CASE:
                shaped: object = {k.lower() if k == "Message" else k: document[k] for k in document}
            case Wording.LIST:
                shaped = [document]
            case _:
                return reply
        return Reply(reply.status, reply.headers, aspnet.encode(shaped))


def _address(bound: Bound) -> Address:
    return Address(_number(bound.values[ORGANIZATION]), _number(bound.values[SKILL]))


def _number(value: Value) -> int:
    """Return a value that was bound as a number; one that did not come is 0."""
    return value if isinstance(value, int) else 0
