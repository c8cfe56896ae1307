"""ICE111 to ICE114: servers that have another address now, and the check of `moved:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules.base import declare
from icesync.diagnostics import Diagnostic, Rule
from icesync.model.address import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icesync.model.address import Address
    from icesync.model.desired import DesiredServer, Move, Removal

_ONE: Final = "version: 1\norganization: 59\nservers:\n  - skill: 663\nmoved:\n"
declare(
    Rule(
        "ICE111",
        "a server that moved and is still defined",
        what="`moved:` names an old address that a file still defines.",
        why="ICE keeps one record per address: two defined servers are two records, and "
        "only one can keep the history.",
        before=f"{_ONE}  - {{skill: 664, from: 59/663}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/664}}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE112",
        "a move that contradicts another",
        what="Two moves have the same source or the same target, one continues the other, "
        "or a move ends where it starts.",
        why="A record has one history. A wrong guess would compare it with another server's.",
        before=f"{_ONE}  - {{skill: 663, from: 59/660}}\n  - {{skill: 663, from: 59/661}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/660}}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE113",
        "a move to a server that no file defines",
        what="`moved:` names a new address that no file defines, or that is listed under "
        "`removed:`.",
        why="There is nothing to send to the new address, so the history would be lost.",
        before=f"{_ONE}  - {{skill: 665, from: 59/664}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/664}}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE114",
        "a move between two servers that both have a record",
        what="The state has a confirmed record for both addresses of a move.",
        why="These are two records in ICE; the history of one must not replace the other's.",
        suppressible=False,
        offline=False,
    )
)


_DROP: Final = "remove the entry under `moved:`"


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
            message = f"{move.source} is too large: ICE uses 32-bit integers"
            yield Diagnostic("ICE104", message, move.position)
        elif move.source == move.address:
            hint = "use the address that it had before"
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
