"""
A fleet dealt out to several runs: whole organizations, evenly, the same way each time.

The split follows from the files only, so that all jobs of one commit agree without
asking each other. Another commit may deal them otherwise; the lock of each
organization keeps two runs of different commits apart.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from icesync.errors import UsageError
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import DesiredState, Move

__all__ = ["MAX_SHARDS", "Shard", "deal", "half_moves", "organizations", "parse_shard"]

MAX_SHARDS: Final = 1000

_GRAMMAR: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)


@frozen
class Shard:
    """The *number*-th of *total* shards, counted from 1."""

    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


def parse_shard(text: str) -> Shard:
    """
    Return the shard that *text* spells: ``2/5``.

    Raises:
        UsageError: it spells none.

    """
    match = _GRAMMAR.fullmatch(text)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(1, 0)
    if not shard.number <= shard.total <= MAX_SHARDS:
        raise UsageError(
            f"--shard {ascii(text)[1:-1]} is no shard",
            f"--shard 2/5   is the second of five; at most {MAX_SHARDS}",
        )
    return shard


def organizations(desired: DesiredState) -> dict[int, int]:
    """Return how many servers the files name of each organization, moved or removed ones too."""
    named = {*desired.servers, *desired.removals, *(m.source for m in desired.moves.values())}
    return dict(Counter(address.organization for address in named))


def deal(sizes: Mapping[int, int], shard: Shard) -> tuple[int, ...]:
    """
    Return the organizations of *shard*, sorted; *sizes* are the servers of each.

    The largest is dealt first, each to the shard that has least so far.
    """
    loads = [0] * shard.total
    mine = []
    for organization in sorted(sizes, key=lambda o: (-sizes[o], o)):
        chosen = min(range(shard.total), key=loads.__getitem__)
        # One that has no servers any more still takes its turn, and the lock of a part.
        loads[chosen] += max(1, sizes[organization])
        if chosen == shard.number - 1:
            mine.append(organization)
    return tuple(sorted(mine))


def half_moves(desired: DesiredState, scope: frozenset[int]) -> tuple[Move, ...]:
    """Return the moves of which one end is in the organizations of *scope* and one is not."""
    return tuple(
        move
        for _, move in sorted(desired.moves.items())
        if (move.source.organization in scope) != (move.address.organization in scope)
    )
