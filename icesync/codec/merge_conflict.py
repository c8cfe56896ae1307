"""A state full of merge-conflict markers, read as its two sides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from icesync.codec.canonical import unique_object
from icesync.codec.state import read_document
from icesync.errors import StateCorrupt

if TYPE_CHECKING:
    from icesync.model.snapshot import Snapshot

_OURS, _BASE, _THEIRS, _END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"
_HINT: Final = "restore one side: git checkout --ours <state>"


def decode_sides(data: bytes) -> tuple[Snapshot, Snapshot]:
    """
    Return what each side of the conflict says.

    Digests of entries are checked and damaged entries left out; the digest over
    the head is not, since git may have mixed two heads.

    Raises:
        StateCorrupt: there is no conflict, or a side is no state.

    """
    if _OURS not in data:
        raise StateCorrupt("the state holds no merge conflict", "icesync state list")
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
        return read_document(document, keep_damaged=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StateCorrupt("a side of the conflict is not a whole state", _HINT) from None
