"""ICE111 to ICE114: servers that have another address now."""

from __future__ import annotations

from typing import Final

from icesync.diagnostics.rule import Rule

__all__ = ["ROWS"]

_ONE: Final = "version: 1\norganization: 59\nservers:\n  - skill: 663\nmoved:\n"

ROWS: Final = (
    Rule(
        "ICE111",
        "a server that moved and is still defined",
        what="`moved:` takes a server from an address at which a file still defines one.",
        why="ICE keeps a record for each address: two defined servers are two records, and only "
        "one of them can have the history.",
        before=f"{_ONE}  - {{skill: 664, from: 59/663}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/664}}\n",
        waivable=False,
    ),
    Rule(
        "ICE112",
        "a move that contradicts another",
        what="Two moves leave one address or arrive at one, lead on from each other, or a move "
        "leads to where it started.",
        why="A record has one history; guessing which is meant could compare it with another's.",
        before=f"{_ONE}  - {{skill: 663, from: 59/660}}\n  - {{skill: 663, from: 59/661}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/660}}\n",
        waivable=False,
    ),
    Rule(
        "ICE113",
        "a move to a server that no file defines",
        what="`moved:` leads to an address that no file defines, or that is listed as removed.",
        why="There is nothing to send to the new address, so the history would belong to nobody.",
        before=f"{_ONE}  - {{skill: 665, from: 59/664}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/664}}\n",
        waivable=False,
    ),
    Rule(
        "ICE114",
        "a move between two servers that the snapshot knows",
        what="The snapshot holds an acknowledged record at both ends of a move.",
        why="These are two records of ICE, and the history of one must not replace the other's.",
        waivable=False,
        offline=False,
    ),
)
