"""A snapshot full of merge-conflict markers, read as its two sides."""

from __future__ import annotations

import json
from typing import Any, Final

from icesync.codec.canonical import unique_object
from icesync.codec.state import read_entries, read_safety
from icesync.errors import StateCorrupt
from icesync.model.snapshot import Snapshot

__all__ = ["decode_sides"]

_OURS, _BASE, _THEIRS, _END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"
_HINT: Final = "restore one side: git checkout --ours <snapshot>"


def decode_sides(data: bytes) -> tuple[Snapshot, Snapshot]:
    """
    Return what each side of the conflict says.

    Digests of entries are checked and damaged entries left out; the digest over
    the head is not, since git may have mixed two heads.

    Raises:
        StateCorrupt: there is no conflict, or a side is no snapshot.

    """
    if _OURS not in data:
        raise StateCorrupt("the snapshot holds no merge conflict", "icesync state list")
    return _read(_side(data, ours=True)), _read(_side(data, ours=False))


def _side(data: bytes, *, ours: bool) -> bytes:
    kept: list[bytes] = []
    taking, inside = True, False
    for line in data.splitlines(keepends=True):
        if line.startswith(_OURS):
            inside, taking = True, ours
        elif inside and line.startswith(_BASE):
            taking = False
        elif inside and line.startswith(_THEIRS):
            taking = not ours
        elif inside and line.startswith(_END):
            inside, taking = False, True
        elif taking:
            kept.append(line)
    return b"".join(kept)


def _read(side: bytes) -> Snapshot:
    try:
        document: dict[str, Any] = json.loads(side, object_pairs_hook=unique_object)
        return Snapshot(
            document["target"]["base_url"],
            document["serial"],
            document["lineage"],
            document.get("fingerprint", {}).get("key_id"),
            document.get("run"),
            read_entries(document["servers"], keep_damaged=False),
            read_safety(document),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StateCorrupt("a side of the conflict is not a whole snapshot", _HINT) from None
