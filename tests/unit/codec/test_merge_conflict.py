from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from icesync.codec.state import decode_sides, decode_state, encode_state, seal
from icesync.errors import StateCorrupt
from icesync.model.desired import Address
from icesync.model.snapshot import Entry, EntryStatus, Snapshot

if TYPE_CHECKING:
    from pathlib import Path

A, B = Address(59, 663), Address(59, 664)


def snapshot(serial: int, port: int) -> Snapshot:
    """Return a snapshot of two servers, one of which has *port*."""
    entries = {
        A: seal(A, Entry(EntryStatus.APPLIED, {"smtp.port": port})),
        B: seal(B, Entry(EntryStatus.APPLIED, {"smtp.port": 25})),
    }
    return Snapshot("emulator", serial, "lineage", entries=entries)


def merged_by_git(folder: Path, style: str, *sides: Snapshot) -> bytes:
    """Return what git writes when it merges *sides*, the first of which is their base."""
    paths = []
    for name, side in zip(("base", "ours", "theirs"), sides, strict=True):
        (folder / name).write_bytes(encode_state(side, "1"))
        paths.append(str(folder / name))
    done = subprocess.run(
        ["git", "merge-file", "-p", *([style] if style else []), paths[1], paths[0], paths[2]],
        capture_output=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("style", ["", "--diff3"])
def test_both_sides_of_a_conflict_are_read(tmp_path: Path, style: str) -> None:
    """Git's markers, with or without the base, give back what each branch said."""
    base, ours, theirs = snapshot(1, 1), snapshot(2, 22), snapshot(3, 33)
    data = merged_by_git(tmp_path, style, base, ours, theirs)
    with pytest.raises(StateCorrupt, match="conflict"):
        decode_state(data)

    found = decode_sides(data)

    assert [side.entries[A].settings["smtp.port"] for side in found] == [22, 33]
    assert [side.serial for side in found] == [2, 3]


def test_a_snapshot_without_a_conflict_is_not_resolved() -> None:
    """Resolving is for conflicts only."""
    with pytest.raises(StateCorrupt, match="no merge conflict"):
        decode_sides(encode_state(snapshot(1, 1), "1"))


def test_a_side_that_is_no_snapshot_is_refused() -> None:
    """A conflict in something else is not guessed at."""
    with pytest.raises(StateCorrupt, match="not a complete state"):
        decode_sides(b"<<<<<<< a\n{\n=======\n}\n>>>>>>> b\n")


def test_a_damaged_entry_of_a_side_is_left_out(tmp_path: Path) -> None:
    """What cannot be trusted is sent anew."""
    data = merged_by_git(tmp_path, "", snapshot(1, 1), snapshot(2, 22), snapshot(3, 33))
    damaged = data.replace(b'"smtp.port": 25', b'"smtp.port": 26')

    ours, theirs = decode_sides(damaged)

    assert B not in ours.entries
    assert B not in theirs.entries
