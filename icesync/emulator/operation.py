"""
Change the emulator while it runs, under ``/_emulator/``.

``POST reset`` forgets records and calls and lets the faults count anew;
``POST tokens/expire`` ends all tokens given out so far; ``POST faults`` adds
faults, one a line or as ``{"faults": [...]}``; ``DELETE faults`` and ``DELETE
faults/N`` take them away; ``PUT servers/ORG/SKILL`` makes a pair known to an
emulator that rejects others. A page of another origin may do none of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from icesync.emulator.binding import ORGANIZATION, SKILL, UPDATE
from icesync.emulator.faultparse import parse_fault
from icesync.emulator.history import canonical, timestamp
from icesync.errors import UsageError
from icesync.model.address import parse_address
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.emulator.archive import Archive
    from icesync.emulator.flights import Flights
    from icesync.emulator.framework import Request
    from icesync.emulator.player import FaultPlayer
    from icesync.emulator.tokens import Tokens

__all__ = ["Operation", "faults_view", "json_view"]

_POST_ONLY: Final = frozenset({"reset", "tokens/expire"})
_READ: Final = "GET, HEAD"


class Operation:
    """What may be done to one emulator from outside."""

    def __init__(
        self, archive: Archive, player: FaultPlayer, tokens: Tokens, flights: Flights
    ) -> None:
        self._archive = archive
        self._player = player
        self._tokens = tokens
        self._flights = flights

    @staticmethod
    def may_be_read(room: str) -> bool:
        """Return whether there may be something to look at in *room*."""
        return room not in _POST_ONLY

    def answer(self, request: Request, room: str, now: datetime) -> Reply:
        """Do what *request* asks for, or say which methods *room* takes."""
        allowed = _allowed(room)
        if request.method not in allowed.split(", "):
            return json_view({"error": f"only {allowed} here"}, 405, allow=allowed)
        if _foreign(request):
            return json_view({"error": "a page of another origin may change nothing"}, 403)
        try:
            document = self._do(request, room, now)
        except UsageError as error:
            return json_view({"error": error.message, "hints": list(error.hints)}, 400)
        return (
            json_view({"error": f"nothing at {room}"}, 404) if not document else json_view(document)
        )

    def _do(self, request: Request, room: str, now: datetime) -> Mapping[str, object]:
        """Return what was done, or nothing where there was nothing to do it to."""
        match room.split("/"):
            case ["reset"]:
                return self._reset()
            case ["tokens", _]:
                self._tokens.expire(now)
                return {"expired": True}
            case ["faults"] if request.method == "POST":
                return self._add_faults(request.body)
            case ["faults", *number]:
                return self._remove_faults(*number)
            case _:
                return self._make_known(room.removeprefix("servers/"), now)

    def _reset(self) -> Mapping[str, object]:
        self._archive.reset()
        self._flights.forget()
        self._player.restart()
        return {"reset": True}

    def _add_faults(self, body: bytes) -> Mapping[str, object]:
        """Add all faults that *body* names, or none of them."""
        for fault in [parse_fault(text) for text in _texts(body)]:
            self._player.add(fault)
        return faults_view(self._player)

    def _remove_faults(self, number: str = "") -> Mapping[str, object]:
        """Remove the fault of this number, or all."""
        if not number:
            self._player.clear()
        elif not number.isdecimal() or not self._player.remove(int(number[:18])):
            return {}
        return faults_view(self._player)

    def _make_known(self, text: str, now: datetime) -> Mapping[str, object]:
        address = parse_address(text)
        if address is None:
            raise UsageError(f"not an address: {text}", "write servers/59/663")
        members = {ORGANIZATION: address.organization, SKILL: address.skill}
        self._archive.make_known(address, canonical({**UPDATE.defaults, **members}), timestamp(now))
        return {"known": str(address)}


def faults_view(player: FaultPlayer) -> Mapping[str, object]:
    """Return the faults in force as JSON data, in their order."""
    faults = [
        {"number": s.number, "fault": str(s.fault), "seen": s.seen, "fired": s.fired}
        for s in player.standing()
    ]
    return {"seed": player.seed, "faults": faults}


def json_view(document: Mapping[str, object], status: int = 200, **headers: str) -> Reply:
    """Return *document* as JSON for people."""
    fixed = {"content-type": "application/json", "cache-control": "no-store"}
    return Reply(status, fixed | headers, (json.dumps(document, indent=2) + "\n").encode())


def _allowed(room: str) -> str:
    match room.split("/"):
        case _ if room in _POST_ONLY:
            return "POST"
        case ["faults"]:
            return f"{_READ}, POST, DELETE"
        case ["faults", _]:
            return "DELETE"
        case ["servers", _, _]:
            return f"{_READ}, PUT"
    return _READ


def _foreign(request: Request) -> bool:
    """Return whether a browser sends this for a page that is not the emulator's own."""
    origin = request.headers.get("origin")
    return origin is not None and origin != f"{request.scheme}://{request.headers.get('host', '')}"


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
            "the body names no fault", 'send one a line, or {"faults": ["status:503@nth=3"]}'
        )
    return listed
