"""
Look into the emulator, under ``/_emulator/``, which cannot clash with a path of ICE.

``GET /_emulator/`` is a page for people; ``servers``, ``servers/ORG/SKILL``,
``calls``, ``stats``, ``profile`` and ``faults`` are JSON, a list at most *limit*
long: servers sorted by address behind ``?after=ORG/SKILL``, calls newest first
before ``?before=ID``. Secrets appear as tags only. What changes something is in
:mod:`icesync.emulator.operation`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urljoin

from icesync.emulator.operation import Operation, faults_view, json_view
from icesync.emulator.page import Overview, render_page
from icesync.model.address import Address, parse_address
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.emulator.archive import Archive
    from icesync.emulator.flights import Flights
    from icesync.emulator.framework import Request
    from icesync.emulator.history import StoredServer
    from icesync.emulator.player import FaultPlayer
    from icesync.emulator.profile import Profile
    from icesync.emulator.tokens import Tokens

__all__ = ["INSPECTION_PATH", "Inspection", "is_inspection"]

INSPECTION_PATH: Final = "/_emulator/"

_SHOWN_SERVERS: Final = 100
_SHOWN_CALLS: Final = 50
_LIST_LIMIT: Final = 1000
_READING: Final = frozenset({"GET", "HEAD"})
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def is_inspection(request: Request) -> bool:
    """Return whether *request* is for this module."""
    return f"{request.route}/".startswith(INSPECTION_PATH)


class Inspection:
    """What one emulator shows of itself."""

    def __init__(
        self,
        archive: Archive,
        player: FaultPlayer,
        tokens: Tokens,
        flights: Flights,
        profile: Profile,
        base_path: str,
    ) -> None:
        self._archive = archive
        self._player = player
        self._profile = profile
        self._base_path = base_path
        self._operation = Operation(archive, player, tokens, flights)

    def answer(self, request: Request, now: datetime) -> Reply:
        """Return the page, a JSON view, what an operation did, or a refusal that helps."""
        room = request.route.removeprefix(INSPECTION_PATH.rstrip("/")).strip("/")
        reading = request.method in _READING
        if not reading or not self._operation.may_be_read(room):
            return self._operation.answer(request, room, now)
        if not room:
            return self._page(urljoin(request.url, self._base_path or "/"))
        document = self._view(room, dict(parse_qsl(request.path.partition("?")[2])))
        if document is None:
            return json_view({"error": f"nothing at {room}; see {INSPECTION_PATH}"}, 404)
        return json_view(document)

    def _view(  # noqa: PLR0911 - a table of names
        self, room: str, query: Mapping[str, str]
    ) -> Mapping[str, object] | None:
        """Return the JSON view of this name, or None where there is none."""
        match room.split("/"):
            case ["servers"]:
                after = parse_address(query.get("after", "")) or Address(0, 0)
                servers = self._archive.servers(_limit(query), after)
                return {"servers": [_shown(server) for server in servers]}
            case ["servers", organization, skill]:
                return self._server(f"{organization}/{skill}")
            case ["calls"]:
                calls = self._archive.calls(_limit(query), *_number(query, "before"))
                return {"calls": [asdict(call) for call in calls]}
            case ["stats"]:
                return asdict(self._archive.stats())
            case ["profile"]:
                return self._profile.settings()
            case ["faults"]:
                return faults_view(self._player)
            case _:
                return None

    def _server(self, text: str) -> Mapping[str, object] | None:
        address = parse_address(text)
        server = self._archive.server(address) if address else None
        return _shown(server) if server else None

    def _page(self, base_url: str) -> Reply:
        overview = Overview(
            base_url=base_url,
            servers=self._archive.servers(_SHOWN_SERVERS),
            calls=self._archive.calls(_SHOWN_CALLS),
            stats=self._archive.stats(),
            faults=self._player.standing(),
            seed=self._player.seed,
            choices=self._profile.choices(),
        )
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "content-security-policy": _POLICY,
        }
        return Reply(200, headers, render_page(overview).encode(errors="replace"))


def _shown(server: StoredServer) -> dict[str, object]:
    """Return the record as JSON data, with its address as ``ORG/SKILL``."""
    return asdict(server) | {"address": str(server.address)}


def _limit(query: Mapping[str, str]) -> int:
    return min([*_number(query, "limit"), _LIST_LIMIT])


def _number(query: Mapping[str, str], name: str) -> tuple[int, ...]:
    """Return the number given under *name*, or nothing."""
    text = query.get(name, "")
    return (int(text[:18]),) if text.isascii() and text.isdigit() else ()
