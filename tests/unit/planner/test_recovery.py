from __future__ import annotations

from dataclasses import replace

import pytest

from icesync.errors import StateCorrupt
from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.report import OutcomeKind
from icesync.model.snapshot import (
    CallEnded,
    Entry,
    EntryStatus,
    Intent,
    JournalHead,
    JournalLog,
    MovedFrom,
    Snapshot,
)
from icesync.planner.recovery import recover

A, B = Address(59, 663), Address(59, 664)
OLD = Entry(EntryStatus.APPLIED, {"smtp.port": 25}, applied_at="2026-01-01T00:00:00Z", digest="d")
NEW = Entry(EntryStatus.PENDING, {"smtp.port": 587}, intent="i", attempted_at="T1")
BASE = Snapshot("emulator", 4, "lineage", entries={A: OLD})
HEAD = JournalHead("run", "lineage", 4, "digest", "emulator")


def log(*records: Intent | CallEnded, head: JournalHead = HEAD) -> JournalLog:
    """Return a journal of *records*."""
    return JournalLog(head, records)


def test_without_a_journal_nothing_changes() -> None:
    """No journal means a clean end."""
    assert recover(BASE, "digest", None).snapshot is BASE


def test_an_acknowledged_call_becomes_applied() -> None:
    """The journal's acknowledgement is as good as the snapshot's."""
    ended = CallEnded(A, OutcomeKind.APPLIED, "T2")

    entry = recover(BASE, "digest", log(Intent(A, Action.UPDATE, NEW), ended)).snapshot.entries[A]

    assert entry == Entry(EntryStatus.APPLIED, {"smtp.port": 587}, applied_at="T2")


@pytest.mark.parametrize("kind", [OutcomeKind.REJECTED, OutcomeKind.TRANSIENT, OutcomeKind.AUTH])
def test_a_refused_call_leaves_the_entry_as_it_was(kind: OutcomeKind) -> None:
    """ICE holds what it held before."""
    found = recover(BASE, "digest", log(Intent(A, Action.UPDATE, NEW), CallEnded(A, kind, "T2")))

    assert found.snapshot.entries[A] is OLD


def test_a_refused_first_send_leaves_no_entry() -> None:
    """A server that ICE never took is not known."""
    records = (Intent(B, Action.ADD, NEW), CallEnded(B, OutcomeKind.REJECTED, "T2"))

    assert B not in recover(BASE, "digest", log(*records)).snapshot.entries


def test_an_open_intent_is_uncertain_and_keeps_what_was_acknowledged() -> None:
    """A call that was about to leave may have arrived; its last known settings stay."""
    entry = recover(BASE, "digest", log(Intent(A, Action.UPDATE, NEW))).snapshot.entries[A]

    assert entry.status is EntryStatus.UNCERTAIN
    assert entry.settings == {"smtp.port": 25}
    assert (entry.intent, entry.attempted_at) == ("i", "T1")


def test_an_uncertain_outcome_stays_uncertain() -> None:
    """A reply that was no answer proves nothing."""
    records = (Intent(B, Action.ADD, NEW), CallEnded(B, OutcomeKind.UNCERTAIN, "T2"))

    found = recover(BASE, "digest", log(*records))

    assert found.snapshot.entries[B].uncertain
    assert found.snapshot.entries[B].settings == {}
    assert found.uncertain == 1


def test_only_unknown_outcomes_are_counted() -> None:
    """Calls that ended clearly are no longer anybody's business."""
    records = (
        Intent(A, Action.UPDATE, NEW),
        CallEnded(A, OutcomeKind.APPLIED, "T2"),
        Intent(B, Action.ADD, NEW),
    )

    found = recover(BASE, "digest", log(*records))

    assert (found.calls, found.uncertain) == (2, 1)


MOVE = Intent(B, Action.MOVE, NEW, drops=A)


def test_an_acknowledged_move_drops_the_old_entry() -> None:
    """From then on the record is at its new address only."""
    records = (MOVE, CallEnded(B, OutcomeKind.APPLIED, "T2"))

    entries = recover(BASE, "digest", log(*records)).snapshot.entries

    expected = Entry(EntryStatus.APPLIED, {"smtp.port": 587}, applied_at="T2")
    assert entries == {B: replace(expected, moved_from=MovedFrom(A, "d"))}


@pytest.mark.parametrize("kind", [OutcomeKind.REJECTED, OutcomeKind.UNCERTAIN, None])
def test_a_move_that_was_not_acknowledged_keeps_the_old_entry(kind: OutcomeKind | None) -> None:
    """Nothing is lost, and nothing is claimed about the new address."""
    verdicts = () if kind is None else (CallEnded(B, kind, "T2"),)

    entries = recover(BASE, "digest", log(MOVE, *verdicts)).snapshot.entries

    assert entries[A] is OLD
    assert B not in entries or (entries[B].uncertain and not entries[B].settings)


def test_a_disabled_server_leaves_the_snapshot() -> None:
    """An acknowledged disable ends the entry."""
    records = (Intent(A, Action.DISABLE, NEW), CallEnded(A, OutcomeKind.APPLIED, "T2"))

    assert recover(BASE, "digest", log(*records)).snapshot.entries == {}


def test_a_first_run_gives_its_lineage() -> None:
    """A snapshot that was never stored gets the lineage that the journal was begun with."""
    head = JournalHead("run", "fresh", 0, None, "emulator", "key")

    found = recover(Snapshot("emulator"), None, log(head=head)).snapshot

    assert (found.lineage, found.key_id) == ("fresh", "key")


def test_a_merged_journal_is_not_folded_twice() -> None:
    """A crash between replacing the snapshot and removing the journal is recognised."""
    merged = Snapshot("emulator", 5, "lineage", run="run", entries={A: OLD})

    found = recover(merged, "other", log(Intent(A, Action.UPDATE, NEW)))

    assert found.snapshot is merged
    assert found.calls == 0


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (JournalHead("run", "lineage", 4, "digest", "https://other"), "different targets"),
        (JournalHead("run", "other", 4, "digest", "emulator"), "different lineages"),
        (JournalHead("run", "lineage", 5, "digest", "emulator"), "continues serial 5"),
        (JournalHead("run", "lineage", 3, "digest", "emulator"), "continues serial 3"),
        (JournalHead("run", "lineage", 4, "else", "emulator"), "was replaced"),
    ],
    ids=["target", "lineage", "newer", "older", "replaced"],
)
def test_a_journal_of_another_snapshot_is_refused(head: JournalHead, said: str) -> None:
    """Folding it would claim what belongs elsewhere."""
    with pytest.raises(StateCorrupt, match=said):
        recover(BASE, "digest", log(head=head))


def test_an_end_without_a_beginning_is_refused() -> None:
    """An outcome of a call that has no intent is damage."""
    with pytest.raises(StateCorrupt, match="never began"):
        recover(BASE, "digest", log(CallEnded(A, OutcomeKind.APPLIED, "T2")))


def test_folding_is_repeatable() -> None:
    """Recovery may be killed and done again: the same values give the same snapshot."""
    records = log(Intent(A, Action.UPDATE, NEW), Intent(B, Action.ADD, NEW))

    assert recover(BASE, "digest", records) == recover(BASE, "digest", records)
