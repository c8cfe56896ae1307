"""
Look into the emulator, under ``/_emulator/``, which cannot clash with a path of ICE.

``GET /_emulator/`` is a page for people; ``servers``, ``servers/ORG/SKILL``,
``calls`` and ``stats`` are JSON, a list at most *limit* long: servers sorted by
address behind ``?after=ORG/SKILL``, calls newest first before ``?before=ID``.
``POST /_emulator/reset`` forgets all of it. Secrets appear as tags only.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urljoin

from icesync.emulator.page import Overview, render_page
from icesync.model.address import Address, parse_address
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.emulator.archive import Archive
    from icesync.emulator.framework import Request
    from icesync.emulator.history import StoredServer

__all__ = ["INSPECTION_PATH", "inspect", "is_inspection"]

INSPECTION_PATH: Final = "/_emulator/"

_SHOWN_SERVERS: Final = 100
_SHOWN_CALLS: Final = 50
_LIST_LIMIT: Final = 1000
_READING: Final = frozenset({"GET", "HEAD"})
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def is_inspection(request: Request) -> bool:
    """Return whether *request* is for this module."""
    return f"{request.route}/".startswith(INSPECTION_PATH)


def inspect(request: Request, archive: Archive, base_path: str) -> Reply:
    """Return the page, a JSON view, or a refusal that says what there is."""
    room = request.route.removeprefix(INSPECTION_PATH.rstrip("/")).strip("/")
    if room == "reset":
        return _reset(request, archive)
    if request.method not in _READING:
        return _json({"error": "only GET is answered here"}, 405, allow="GET, HEAD")
    if not room:
        return _page(archive, urljoin(request.url, base_path or "/"))
    document = _view(room, dict(parse_qsl(request.path.partition("?")[2])), archive)
    if document is None:
        return _json({"error": f"nothing at {room}; see {INSPECTION_PATH}"}, 404)
    return _json(document)


def _view(room: str, query: Mapping[str, str], archive: Archive) -> Mapping[str, object] | None:
    """Return the JSON view of this name, or None where there is none."""
    match room.split("/"):
        case ["servers"]:
            after = parse_address(query.get("after", "")) or Address(0, 0)
            return {"servers": [_shown(server) for server in archive.servers(_limit(query), after)]}
        case ["servers", organization, skill]:
            address = parse_address(f"{organization}/{skill}")
            server = archive.server(address) if address else None
            return _shown(server) if server else None
        case ["calls"]:
            calls = archive.calls(_limit(query), *_number(query, "before"))
            return {"calls": [asdict(call) for call in calls]}
        case ["stats"]:
            return asdict(archive.stats())
    return None


def _reset(request: Request, archive: Archive) -> Reply:
    if request.method != "POST":
        return _json({"error": "reset takes a POST"}, 405, allow="POST")
    archive.reset()
    return _json({"reset": True})


def _page(archive: Archive, base_url: str) -> Reply:
    overview = Overview(
        base_url=base_url,
        servers=archive.servers(_SHOWN_SERVERS),
        calls=archive.calls(_SHOWN_CALLS),
        stats=archive.stats(),
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


def _json(document: Mapping[str, object], status: int = 200, **headers: str) -> Reply:
    fixed = {"content-type": "application/json", "cache-control": "no-store"}
    return Reply(status, fixed | headers, (json.dumps(document, indent=2) + "\n").encode())
