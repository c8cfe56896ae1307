from __future__ import annotations

import pytest

from icesync.errors import StateCorrupt
from icesync.model.desired import Address
from icesync.model.snapshot import Entry, EntryStatus, SecretRecord, SentSecret, Snapshot
from icesync.planner.recovery import merge_snapshots, recall

A, B, C = Address(59, 663), Address(59, 664), Address(59, 665)
SAME = Entry(EntryStatus.APPLIED, {"smtp.port": 25}, applied_at="T1", digest="a")
OLDER = Entry(EntryStatus.APPLIED, {"smtp.port": 25}, applied_at="T1", digest="b")
NEWER = Entry(EntryStatus.APPLIED, {"smtp.port": 587}, applied_at="T2", digest="c")


def snapshot(**more: object) -> Snapshot:
    """Return a snapshot with some members changed."""
    values = {"base_url": "emulator", "serial": 4, "lineage": "one", "key_id": "k", **more}
    return Snapshot(**values)  # type: ignore[arg-type]


def test_what_both_sides_say_stays() -> None:
    """An entry that is the same on both sides was acknowledged for both."""
    merged, _ = merge_snapshots(snapshot(entries={A: SAME}), snapshot(entries={A: SAME}))

    assert merged.entries == {A: SAME}


def test_what_they_disagree_about_is_uncertain() -> None:
    """Which of two values ICE holds, nobody knows; the newer one is shown."""
    merged, _ = merge_snapshots(snapshot(entries={A: OLDER}), snapshot(entries={A: NEWER}))

    assert merged.entries[A].uncertain
    assert merged.entries[A].settings == {"smtp.port": 587}


def test_what_one_side_does_not_know_is_uncertain() -> None:
    """One side's word alone is not relied upon."""
    merged, _ = merge_snapshots(snapshot(entries={B: OLDER}), snapshot(entries={C: NEWER}))

    assert all(entry.uncertain for entry in merged.entries.values())
    assert merged.entries.keys() == {B, C}


def test_the_serial_is_the_higher_one_and_no_run_is_claimed() -> None:
    """The union is newer than both sides, and no journal counts as merged in it."""
    merged, _ = merge_snapshots(snapshot(serial=7, run="x"), snapshot(serial=9, run="y"))

    assert (merged.serial, merged.run) == (9, None)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"lineage": "two"}, "different lineages"),
        ({"base_url": "https://x"}, "different targets"),
        ({"key_id": "z"}, "different fingerprint keys"),
    ],
)
def test_snapshots_that_never_were_one_are_refused(other: dict[str, object], said: str) -> None:
    """Only branches of one history can be united."""
    with pytest.raises(StateCorrupt, match=said):
        merge_snapshots(snapshot(), snapshot(**other))


def test_both_memories_of_hosts_are_kept() -> None:
    """What either side forgot stays remembered; what an entry names again need not."""
    one = SentSecret(A, "smtp.password", "one.test", SecretRecord("ref+env://ONE"))
    two = SentSecret(B, "smtp.password", "two.test", SecretRecord("ref+env://TWO"))
    three = SentSecret(C, "smtp.password", "three.test", SecretRecord("ref+env://THREE"))
    named = Entry(
        EntryStatus.APPLIED, {"smtp.host": "new.test"}, {"smtp.password": three.secret}, "T1"
    )

    merged, _ = merge_snapshots(
        snapshot(memory=(one, three)), snapshot(memory=(one, two), entries={C: named})
    )

    assert merged.memory == (one, two)


@pytest.mark.parametrize("believed", [True, False])
def test_state_that_was_put_back_is_in_doubt_where_a_newer_one_differs(*, believed: bool) -> None:
    """What it says is compared with the newer record, if that is believed, and sent again."""
    ours = snapshot(serial=4, entries={A: OLDER, B: SAME})
    lost = snapshot(serial=9, entries={A: NEWER, B: SAME, C: SAME})

    recalled = recall(ours, lost, believed=believed)

    assert recalled.serial == 9
    assert recalled.entries[A].uncertain
    assert recalled.entries[A].settings == (NEWER if believed else OLDER).settings
    assert recalled.entries[B] == SAME
    assert recalled.entries.get(C) == (SAME if believed else None)


def test_what_was_sent_after_the_revert_counts_more() -> None:
    """A record that ICE confirmed later is what ICE holds, whatever the newer serial says."""
    late = Entry(EntryStatus.APPLIED, {"smtp.port": 2525}, applied_at="T3", digest="d")
    recalled = recall(
        snapshot(serial=5, entries={A: late, C: SAME}),
        snapshot(serial=9, entries={A: NEWER}),
        believed=True,
    )

    assert recalled.entries[A].settings == {"smtp.port": 2525}
    assert recalled.entries[A].uncertain
    assert recalled.entries[C].uncertain
