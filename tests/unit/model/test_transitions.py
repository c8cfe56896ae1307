from __future__ import annotations

import pytest
from builders import SALES, SUPPORT, entry

from icesync.model.snapshot import (
    TRANSITIONS,
    Entry,
    EntryStatus,
    Event,
    MovedFrom,
    Record,
    after,
    assume,
    begin,
    confirm,
    disagree,
    doubt,
    follow,
    plan_call,
    rename,
)

CALL = plan_call(Record({"smtp.port": 587}, {}), "sha256:i", "2026-01-03T00:00:00Z", "c0ffee")


@pytest.mark.parametrize("status", [None, *EntryStatus])
@pytest.mark.parametrize("event", list(Event))
def test_the_table_decides(event: Event, status: EntryStatus | None) -> None:
    """What stands in the table happens, and nothing else does."""
    expected = TRANSITIONS[event].get(status)

    if expected is None:
        with pytest.raises(ValueError, match=event.name):
            after(event, status)
    else:
        assert after(event, status) is expected


def test_only_a_call_can_be_confirmed() -> None:
    """An entry never becomes applied but by an answer to a call that had begun."""
    makes_applied = {
        (event, status)
        for event, row in TRANSITIONS.items()
        for status, following in row.items()
        if following is EntryStatus.APPLIED and status is not EntryStatus.APPLIED
    }

    assert (Event.CONFIRM, EntryStatus.PENDING) in makes_applied
    assert {event for event, _ in makes_applied} == {Event.CONFIRM, Event.FOLLOW}


@pytest.mark.parametrize("before", [None, entry(), entry(EntryStatus.ASSUMED)])
def test_an_open_call_keeps_what_was_known_and_what_was_sent(before: Entry | None) -> None:
    """While nobody knows, the entry holds both: the last confirmed record and the attempt."""
    opened = begin(before, CALL)

    assert opened.status is EntryStatus.PENDING
    assert opened.settings == (before.settings if before else {})
    assert opened.attempt == Record({"smtp.port": 587}, {})
    assert opened.latest == opened.attempt


def test_a_confirmed_call_leaves_nothing_open() -> None:
    """The entry is the record that was sent, with the time and commit of it."""
    confirmed = confirm(CALL, "2026-01-03T00:00:01Z", MovedFrom(SALES, "sha256:d"))

    assert confirmed == Entry(
        EntryStatus.APPLIED,
        {"smtp.port": 587},
        applied_at="2026-01-03T00:00:01Z",
        revision="c0ffee",
        moved_from=MovedFrom(SALES, "sha256:d"),
    )


def test_a_confirmed_entry_is_not_confirmed_again() -> None:
    """Only what a call brought can be confirmed."""
    with pytest.raises(ValueError, match="CONFIRM"):
        confirm(entry(), "2026-01-03T00:00:01Z")


def test_doubt_is_uncertain() -> None:
    """A call that ended without an answer is sent again."""
    assert doubt(None, CALL).status is EntryStatus.UNCERTAIN


def test_a_renamed_entry_is_only_assumed() -> None:
    """ICE keeps records by address: what it confirmed there says nothing about here."""
    renamed = rename(entry(), SUPPORT)

    assert (renamed.status, renamed.bound_to) == (EntryStatus.ASSUMED, SUPPORT)
    assert renamed.applied_at is None


def test_an_uncertain_entry_stays_uncertain_under_another_name() -> None:
    """A person who renames it knows no more of its call."""
    assert rename(doubt(None, CALL), SUPPORT).uncertain


def test_a_followed_entry_has_no_open_call_of_its_own() -> None:
    """Nothing was sent to the new address yet, whatever is open at the old one."""
    followed = follow(doubt(entry(), CALL), SUPPORT, None, "sha256:p")

    assert not followed.uncertain
    assert followed.attempt is None


def test_a_followed_entry_takes_over_what_is_open_at_the_new_address() -> None:
    """A move whose call has no known outcome is sent again."""
    followed = follow(entry(), SUPPORT, doubt(None, CALL), "sha256:p")

    assert followed.uncertain
    assert followed.attempt == Record({"smtp.port": 587}, {})
    assert followed.settings == entry().settings


def test_copies_that_disagree_are_uncertain() -> None:
    """Neither copy is believed; what was confirmed last is shown, what was sent is kept."""
    merged = disagree(assume({}, {}), doubt(entry(), CALL))

    assert merged.status is EntryStatus.UNCERTAIN
    assert merged.attempt == Record({"smtp.port": 587}, {})
