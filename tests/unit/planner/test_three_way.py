"""Two versions of a state and what both come from are united, entry by entry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import SUPPORT, entry, snapshot
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec.state import seal
from icesync.model.snapshot import Entry, EntryStatus, Snapshot
from icesync.planner.recovery import merge_snapshots

OLD, NEW, NEWER = (seal(SUPPORT, entry(smtp__port=port)) for port in (25, 465, 2525))
ANY = st.sampled_from([None, OLD, NEW, NEWER])


def one(found: Entry | None, serial: int = 1) -> Snapshot:
    """Return a state that holds at most the entry *found*."""
    return snapshot({SUPPORT: found} if found is not None else {}, serial=serial)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (OLD, OLD, OLD, OLD),
        (OLD, NEW, OLD, NEW),
        (OLD, OLD, NEW, NEW),
        (OLD, NEW, NEW, NEW),
        (OLD, None, OLD, None),
        (OLD, OLD, None, None),
        (None, NEW, None, NEW),
        (None, None, NEW, NEW),
    ],
)
def test_what_one_side_changed_is_taken(
    base: Entry | None, ours: Entry | None, theirs: Entry | None, merged: Entry | None
) -> None:
    """A change of one side wins over what stayed as it was, and so does a removal."""
    found, contested = merge_snapshots(one(ours, 4), one(theirs, 7), one(base))

    assert found.entries.get(SUPPORT) == merged
    assert (found.serial, contested) == (7, ())


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [(OLD, NEW, NEWER), (OLD, None, NEW), (OLD, NEW, None), (None, NEW, NEWER)],
)
def test_what_both_sides_changed_is_sent_again(
    base: Entry | None, ours: Entry | None, theirs: Entry | None
) -> None:
    """Nobody can say whose call came last."""
    found, contested = merge_snapshots(one(ours), one(theirs), one(base))

    assert found.entries[SUPPORT].status is EntryStatus.UNCERTAIN
    assert contested == (SUPPORT,)


@given(ANY, ANY, st.none() | ANY)
def test_nothing_is_claimed_that_no_side_confirms(
    ours: Entry | None, theirs: Entry | None, base: Entry | None
) -> None:
    """An entry that counts as confirmed is that of a side, and only if the other has none newer."""
    found, contested = merge_snapshots(one(ours), one(theirs), one(base))
    merged = found.entries.get(SUPPORT)

    assert merged is None or merged.uncertain or merged in (ours, theirs)
    assert (SUPPORT in contested) == (ours != theirs and base not in (ours, theirs))


def test_without_a_common_state_every_difference_counts() -> None:
    """An ancestor that nobody can read, or of another lineage, decides nothing."""
    for base in (None, replace(one(OLD), lineage="another")):
        assert merge_snapshots(one(OLD), one(NEW), base)[1] == (SUPPORT,)
