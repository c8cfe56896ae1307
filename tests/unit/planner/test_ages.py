from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from icesync.errors import UsageError
from icesync.model.desired import Address
from icesync.model.snapshot import Entry, EntryStatus, Snapshot
from icesync.planner import expand_ages, parse_age

NOW = datetime(2026, 3, 31, tzinfo=UTC)
A, B, C = Address(59, 663), Address(59, 664), Address(59, 665)
SNAPSHOT = Snapshot(
    "emulator",
    entries={
        A: Entry(EntryStatus.APPLIED, applied_at="2026-01-01T00:00:00Z"),
        B: Entry(EntryStatus.APPLIED, applied_at="2026-03-30T00:00:00Z"),
        C: Entry(EntryStatus.PENDING),
    },
)


@pytest.mark.parametrize(
    ("text", "age"),
    [("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("45m", timedelta(minutes=45))],
)
def test_an_age_is_a_number_and_a_unit(text: str, age: timedelta) -> None:
    """Days, hours and minutes are what schedules need."""
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "1w", "-1d", "1d2h"])
def test_anything_else_is_no_age(text: str) -> None:
    """A slip is said, with the forms that are known."""
    with pytest.raises(UsageError):
        parse_age(text)


def test_an_age_becomes_the_servers_that_are_older() -> None:
    """What was acknowledged before the edge is meant; what never was is not."""
    assert expand_ages(["older-than=30d", "59/9"], SNAPSHOT, NOW) == ("59/663", "59/9")


def test_assumed_servers_are_older_than_any_age() -> None:
    """ICE never acknowledged them, so no acknowledgement is young enough; they have a word too."""
    entries = {**SNAPSHOT.entries, Address(59, 9): Entry(EntryStatus.ASSUMED)}
    known = Snapshot("emulator", entries=entries)

    assert expand_ages(["older-than=1000d"], known, NOW) == ("59/9",)
    assert expand_ages(["unconfirmed"], known, NOW) == ("59/9",)
    assert expand_ages(["unconfirmed"], SNAPSHOT, NOW) == ()
