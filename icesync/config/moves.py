"""The entries of ``moved:``: read one, and say which of them cannot be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from icesync.config.field_reader import FastPathMiss, read_scalar
from icesync.diagnostics import Diagnostic
from icesync.model.address import ADDRESS_GRAMMAR, MAX_ID, Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icesync.model.desired import DesiredServer, Move, Removal

__all__ = ["check_moves", "read_move"]

_SOURCE: Final = re.compile(ADDRESS_GRAMMAR)
_DROP: Final = "remove the entry under `moved:`"


def read_move(node: Any) -> tuple[int, Address]:
    """
    Return the skill and the old address that *node* names.

    Raises:
        FastPathMiss: it does not fit.

    """
    if type(node) is not dict or node.keys() != {"skill", "from"}:
        raise FastPathMiss
    match = _SOURCE.fullmatch(node["from"]) if isinstance(node["from"], str) else None
    if match is None:
        raise FastPathMiss
    return read_scalar(node["skill"], "skill"), Address(int(match[1]), int(match[2]))


def check_moves(
    moves: Sequence[Move],
    servers: Mapping[Address, DesiredServer],
    removals: Mapping[Address, Removal],
) -> Iterator[Diagnostic]:
    """Yield what is wrong with *moves*, by files alone; the snapshot has its own say later."""
    arrivals: dict[Address, Move] = {}
    departures: dict[Address, Move] = {}
    for move in moves:
        first = departures.setdefault(move.source, move)
        if first is not move:
            yield _twice(move, f"{move.source} moves to {first.address}", first)
        first = arrivals.setdefault(move.address, move)
        if first is not move:
            yield _twice(move, f"{move.address} comes from {first.source}", first)
    for move in moves:
        if max(move.source) > MAX_ID:
            message = f"{move.source} is too large an address: the service holds 32-bit integers"
            yield Diagnostic("ICE104", message, move.position)
        elif move.source == move.address:
            hint = "write the address that it had before"
            yield Diagnostic("ICE112", f"{move.address} moves to itself", move.position, hint)
        elif move.source in servers:
            yield _still_defined(move, servers[move.source])
        elif move.address not in servers:
            yield _nowhere(move, departures.get(move.address), removals.get(move.address))


def _twice(move: Move, told: str, first: Move) -> Diagnostic:
    message = f"{told} already, at {first.position}"
    return Diagnostic("ICE112", message, move.position, "keep one of the two entries")


def _still_defined(move: Move, server: DesiredServer) -> Diagnostic:
    place = server.origin.position()
    message = f"{move.source} moves to {move.address} and is still defined at {place}"
    hint = f"remove the server {move.source}, or {_DROP}"
    return Diagnostic("ICE111", message, move.position, hint)


def _nowhere(move: Move, onward: Move | None, removal: Removal | None) -> Diagnostic:
    """Return the finding that no file defines where *move* leads to."""
    if onward is not None:
        message = f"{move.address} moves on to {onward.address}, at {onward.position}"
        hint = "keep the one entry that names where the record is now: icesync state list"
        return Diagnostic("ICE112", message, move.position, hint)
    if removal is not None:
        message = f"{move.address} is listed under `removed:` at {removal.position}"
        return Diagnostic("ICE113", message, move.position, _DROP)
    message = f"{move.source} moves to {move.address}, which no file defines"
    hint = f"add skill {move.address.skill} under `servers:`, or {_DROP}"
    return Diagnostic("ICE113", message, move.position, hint)
