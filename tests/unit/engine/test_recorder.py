from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import SALES, SETTINGS, SUPPORT, desired, entry, removal, server, snapshot
from fakes import FakeGateway, FakeStore

from icesync.codec.journal import decode_journal
from icesync.engine.state import fold, load
from icesync.errors import StateNotSaved
from icesync.model.report import Outcome, OutcomeKind
from icesync.model.snapshot import CallEnded, EntryStatus, Intent, JournalLog

from .conftest import FakeJournals, Stage

if TYPE_CHECKING:
    from icesync.model.plan import Update

UNCERTAIN = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown")


def journaled(stage: Stage) -> FakeJournals:
    """Give *stage* a journal beside its store."""
    journals = FakeJournals()
    stage.store.journals = journals
    return journals


def read(journals: FakeJournals) -> JournalLog:
    """Return what the journal says now."""
    assert journals.data is not None
    log = decode_journal(journals.data)
    assert log is not None
    return log


def test_intent_is_durable_before_its_call_leaves() -> None:
    """With a journal, each call has its record on the disk before its first byte."""
    seen = []

    def look(update: Update) -> None:
        assert journals.data is not None
        last = read(journals).records[-1]
        assert isinstance(last, Intent)
        seen.append((update.address, last.address, journals.durable == len(journals.data)))

    wanted = desired(server(SUPPORT), server(SALES))
    stage = Stage(wanted, gateway=FakeGateway(on_send=look))
    journals = journaled(stage)

    stage.apply()

    assert seen == [(SUPPORT, SUPPORT, True), (SALES, SALES, True)]


def test_outcomes_are_journaled_in_order() -> None:
    """After each intent stands how its call ended."""
    seen = []
    wanted = desired(server(SUPPORT), server(SALES))
    stage = Stage(wanted, gateway=FakeGateway({SALES: UNCERTAIN}))
    journals = journaled(stage)
    drop = journals.drop
    journals.drop = lambda: (seen.append(read(journals)), drop())[1]  # type: ignore[method-assign]

    stage.apply()

    [log] = seen
    found = [
        (r.address, r.kind.value if isinstance(r, CallEnded) else r.entry.settings)
        for r in log.records
    ]
    assert found == [
        (SUPPORT, SETTINGS),
        (SUPPORT, "applied"),
        (SALES, SETTINGS),
        (SALES, "uncertain"),
    ]


def test_run_with_a_journal_saves_once() -> None:
    """The snapshot is written at the end only, and the journal goes then."""
    stage = Stage(desired(server(SUPPORT), server(SALES)))
    journals = journaled(stage)

    stage.apply()

    assert (len(stage.store.writes), journals.data, journals.closed) == (1, None, True)
    assert [e.status for e in stage.entries.values()] == [EntryStatus.APPLIED] * 2


def test_saved_snapshot_names_its_run() -> None:
    """A crash between save and removal of the journal is recognised by the run's name."""
    heads = []
    stage = Stage(desired(server()), gateway=FakeGateway(on_send=lambda _: heads.append(1)))
    journals = journaled(stage)
    begin = journals.begin

    def remember(head: bytes, reserve_bytes: int) -> FakeJournals:
        begin(head, reserve_bytes)
        heads.append(read(journals).head.run)
        return journals

    journals.begin = remember  # type: ignore[method-assign]

    stage.apply()

    assert stage.snapshot.run == heads[0]


def test_full_journal_stops_the_next_call() -> None:
    """What cannot be remembered is not sent."""
    stage = Stage(desired(server()))
    journals = journaled(stage)
    journals.full = True

    with pytest.raises(StateNotSaved):
        stage.apply()

    assert stage.gateway.updates == []


def test_journal_that_was_left_behind_is_folded_in() -> None:
    """What a killed run wrote down counts: acknowledged is applied, open is uncertain."""
    killed = Stage(desired(server(SUPPORT), server(SALES)))
    journals = journaled(killed)
    kept = []

    def keep(update: Update) -> None:
        if update.address == SALES:
            kept.append(journals.data)

    killed.gateway = FakeGateway(on_send=keep)
    killed.apply()
    store = FakeStore()
    store.journals = FakeJournals(kept[0])

    stored = fold(load(store, killed.snapshot.base_url), killed.key)

    found = {a: e.status.value for a, e in stored.snapshot.entries.items()}
    assert found == {SUPPORT: "applied", SALES: "uncertain"}


def test_recovered_entries_are_saved_before_anything_is_sent() -> None:
    """The next run first makes durable what the journal said."""
    killed = Stage(desired(server()))
    journals = journaled(killed)
    kept = []
    killed.gateway = FakeGateway(on_send=lambda _: kept.append(journals.data))
    killed.apply()
    stage = Stage(desired(server()))
    stage.store.journals = FakeJournals(kept[0])
    statuses = []
    stage.gateway = FakeGateway(on_send=lambda _: statuses.append(stage.entries[SUPPORT].status))

    report = stage.apply()

    assert statuses == [EntryStatus.UNCERTAIN]
    assert report.complete


def test_plan_that_only_forgets_needs_no_journal() -> None:
    """Without a call there is nothing to declare."""
    before = snapshot({SUPPORT: entry()})
    stage = Stage(desired(removals=[removal(action="forget")]), before)
    journals = journaled(stage)
    journals.full = True

    stage.apply()

    assert stage.entries == {}
