"""
Look into the emulator and change it, under ``/_emulator/``, which no path of ICE can be.

``GET /_emulator/`` is a page for people; ``servers``, ``servers/ORG/SKILL``,
``calls``, ``stats``, ``profile`` and ``faults`` are JSON, a list at most *limit*
long: servers sorted by address behind ``?after=ORG/SKILL``, calls newest first
before ``?before=ID``. Secrets appear as tags only.

``POST reset`` forgets records and calls and lets the faults count anew;
``POST tokens/expire`` ends all tokens given out so far; ``POST faults`` adds
faults, one a line or as ``{"faults": [...]}``; ``DELETE faults`` and ``DELETE
faults/N`` take them away; ``PUT servers/ORG/SKILL`` makes a pair known to an
emulator that rejects others. These need the admin token, which the page carries
and ``GET token`` prints: a page of another origin can read neither.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urljoin

from icesync.emulator.binding import ORGANIZATION, SKILL, UPDATE
from icesync.emulator.faults import FaultInjector, parse_fault
from icesync.emulator.storage import Storage, StoredServer, canonical, timestamp
from icesync.errors import UsageError
from icesync.model.desired import Address, parse_address
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from icesync.emulator.actions import Tokens
    from icesync.emulator.aspnet import Request
    from icesync.emulator.profile import Profile

ADMIN_PATH: Final = "/_emulator/"
TOKEN_HEADER: Final = "x-emulator-token"  # noqa: S105 - the name of a header

_SHOWN_SERVERS: Final = 100
_SHOWN_CALLS: Final = 50
_MAX_LISTED: Final = 1000
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
)
_NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def is_admin(request: Request) -> bool:
    """Return whether *request* is for this module."""
    return f"{request.route}/".startswith(ADMIN_PATH)


class AdminApi:
    """What one emulator shows of itself, and what may be done to it; *token* opens the second."""

    def __init__(
        self,
        storage: Storage,
        injector: FaultInjector,
        tokens: Tokens,
        profile: Profile,
        base_path: str,
        forget_calls_in_flight: Callable[[], None],
    ) -> None:
        self.token = secrets.token_urlsafe(18)
        self._storage = storage
        self._injector = injector
        self._tokens = tokens
        self._profile = profile
        self._base_path = base_path
        self._forget_calls_in_flight = forget_calls_in_flight

    def answer(self, request: Request, now: datetime) -> Reply:
        """Return the page, a JSON view, what was done, or a refusal that helps."""
        room = request.route.removeprefix(ADMIN_PATH.rstrip("/")).strip("/")
        allowed = _allowed(room)
        query = dict(parse_qsl(request.path.partition("?")[2]))
        if request.method not in allowed.split(", "):
            return _json({"error": f"only {allowed} here"}, 405, allow=allowed)
        if request.method in {"GET", "HEAD"}:
            if not room:
                return self._page(urljoin(request.url, self._base_path or "/"))
            return _json(self._view(room, query) or _nothing_at(room))
        return self._change(request, room, query.get("token", ""), now)

    def _change(self, request: Request, room: str, token: str, now: datetime) -> Reply:
        """Do what *request* asks for, if it carries the admin token."""
        given = request.headers.get(TOKEN_HEADER, token)
        if not hmac.compare_digest(given.encode(errors="replace"), self.token.encode()):
            error = f"send the header {TOKEN_HEADER}; its value is at {ADMIN_PATH}token"
            return _json({"error": error}, 403)
        try:
            done = self._do(request, room, now)
        except UsageError as error:
            return _json({"error": error.message, "hints": list(error.hints)}, 400)
        if done and "text/html" in request.headers.get("accept", ""):
            return Reply(303, {**_NO_STORE, "location": ADMIN_PATH})
        return _json(done or _nothing_at(room))

    def _view(self, room: str, query: Mapping[str, str]) -> Mapping[str, object]:
        """Return the JSON view of this name, or nothing where there is none."""
        match room.split("/"):
            case ["servers"]:
                after = parse_address(query.get("after", "")) or Address(0, 0)
                servers = self._storage.servers(_limit(query), after)
                return {"servers": [_shown(server) for server in servers]}
            case ["servers", organization, skill]:
                address = parse_address(f"{organization}/{skill}")
                server = self._storage.server(address) if address else None
                return _shown(server) if server else {}
            case ["calls"]:
                calls = self._storage.calls(_limit(query), *_number(query, "before"))
                return {"calls": [asdict(call) for call in calls]}
            case [name] if name in (views := self._views()):
                return views[name]()
        return {}

    def _views(self) -> Mapping[str, Callable[[], Mapping[str, object]]]:
        return {
            "stats": lambda: asdict(self._storage.stats()),
            "profile": self._profile.settings,
            "faults": self._faults,
            "token": lambda: {"token": self.token},
        }

    def _faults(self) -> Mapping[str, object]:
        """Return the faults in force as JSON data, in their order."""
        faults = [
            {"number": a.number, "fault": str(a.fault), "seen": a.seen, "fired": a.fired}
            for a in self._injector.active
        ]
        return {"faults": faults}

    def _page(self, base_url: str) -> Reply:
        from icesync.emulator.page import Overview, render_page

        overview = Overview(
            base_url=base_url,
            token=self.token,
            servers=self._storage.servers(_SHOWN_SERVERS),
            calls=self._storage.calls(_SHOWN_CALLS),
            stats=self._storage.stats(),
            faults=self._injector.active,
            choices=self._profile.choices(),
        )
        headers = {
            **_NO_STORE,
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": _POLICY,
            "referrer-policy": "no-referrer",
        }
        return Reply(200, headers, render_page(overview).encode(errors="replace"))

    def _do(self, request: Request, room: str, now: datetime) -> Mapping[str, object]:
        """Return what was done, or nothing where there was nothing to do it to."""
        match room.split("/"):
            case ["reset"]:
                self._storage.reset()
                self._forget_calls_in_flight()
                self._injector.restart()
                return {"reset": True}
            case ["tokens", _]:
                self._tokens.expire(now)
                return {"expired": True}
            case ["faults"] if request.method == "POST":
                for fault in [parse_fault(text) for text in _texts(request.body)]:
                    self._injector.add(fault)
                return self._faults()
            case ["faults", *number]:
                return self._remove_faults(*number)
            case _:
                return self._make_known(room.removeprefix("servers/"), now)

    def _remove_faults(self, number: str = "") -> Mapping[str, object]:
        """Remove the fault of this number, or all."""
        if not number:
            self._injector.clear()
        elif not number.isdecimal() or not self._injector.remove(int(number[:18])):
            return {}
        return self._faults()

    def _make_known(self, text: str, now: datetime) -> Mapping[str, object]:
        address = parse_address(text)
        if address is None:
            raise UsageError(f"invalid address: {text}", "use servers/59/663")
        members = {ORGANIZATION: address.organization, SKILL: address.skill}
        self._storage.make_known(address, canonical({**UPDATE.defaults, **members}), timestamp(now))
        return {"known": str(address)}


class _Nothing(dict[str, object]):
    """A document that says that there is nothing: a 404."""


def _nothing_at(room: str) -> _Nothing:
    return _Nothing(error=f"nothing at {room}; see {ADMIN_PATH}")


def _json(document: Mapping[str, object], status: int = 200, **headers: str) -> Reply:
    """Return *document* as JSON for people."""
    status = 404 if isinstance(document, _Nothing) else status
    fixed = {**_NO_STORE, "content-type": "application/json"}
    return Reply(status, fixed | headers, (json.dumps(document, indent=2) + "\n").encode())


def _allowed(room: str) -> str:
    match room.split("/"):
        case ["reset"] | ["tokens", "expire"]:
            return "POST"
        case ["faults"]:
            return "GET, HEAD, POST, DELETE"
        case ["faults", _]:
            return "DELETE"
        case ["servers", _, _]:
            return "GET, HEAD, PUT"
    return "GET, HEAD"


def _texts(body: bytes) -> list[str]:
    """
    Return the faults in *body*: lines, or a JSON object with a list.

    Raises:
        UsageError: there is none.

    """
    text = body.decode(errors="replace")
    listed: object = [line for line in text.splitlines() if line.strip()]
    if text.lstrip().startswith("{"):
        try:
            listed = json.loads(text).get("faults")
        except ValueError:
            listed = None
    if not isinstance(listed, list) or not listed or not all(isinstance(f, str) for f in listed):
        raise UsageError(
            "the body names no fault", 'send one per line, or {"faults": ["status:503@nth=3"]}'
        )
    return listed


def _shown(server: StoredServer) -> dict[str, object]:
    """Return the record as JSON data, with its address as ``ORG/SKILL``."""
    return asdict(server) | {"address": str(server.address)}


def _limit(query: Mapping[str, str]) -> int:
    return min([*_number(query, "limit"), _MAX_LISTED])


def _number(query: Mapping[str, str], name: str) -> tuple[int, ...]:
    """Return the number given under *name*, or nothing."""
    text = query.get(name, "")
    return (int(text[:18]),) if text.isascii() and text.isdigit() else ()
