from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from builders import BILLING, SALES, SUPPORT, entry, secret_record, snapshot

from icesync.model.desired import Address
from icesync.model.snapshot import Entry, EntryStatus, SecretRecord
from icesync.render.state import entry_document, render_entry, render_snapshot
from icesync.render.style import Style, age, oldest

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = Style()
NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
KNOWN = {"smtp.password": secret_record("smtp", "canary-4711")}
MOVED = replace(entry(EntryStatus.UNCERTAIN, KNOWN, email_server_id=17), bound_to=SALES)
NEVER = Entry(EntryStatus.PENDING)
ASSUMED = replace(entry(EntryStatus.ASSUMED), applied_at=None, attempted_at=None, intent=None)
SNAPSHOT = snapshot({SALES: NEVER, SUPPORT: entry(), BILLING: MOVED, Address(70, 2): ASSUMED})


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (None, "never"),
        ("2026-01-03T12:00:00Z", "just now"),
        ("2026-01-03T11:59:01Z", "just now"),
        ("2026-01-03T11:59:00Z", "1 minute ago"),
        ("2026-01-03T11:00:01Z", "59 minutes ago"),
        ("2026-01-03T11:00:00Z", "1 hour ago"),
        ("2026-01-02T12:00:01Z", "23 hours ago"),
        ("2026-01-02T12:00:00Z", "1 day ago"),
        ("2025-01-03T12:00:00Z", "365 days ago"),
        ("2026-01-03T12:04:00Z", "just now"),
        ("2026-01-04T12:00:00Z", "dated 1 day in the future"),
    ],
)
def test_age_is_told_in_its_largest_unit(moment: str | None, told: str) -> None:
    """Rounded down; a clock that is ahead counts as now."""
    assert age(moment, NOW) == told


def test_oldest_acknowledgement_is_found() -> None:
    """What was never acknowledged has no age."""
    older = replace(entry(), applied_at="2025-06-01T00:00:00Z")

    found = oldest(snapshot({SUPPORT: entry(), SALES: older, BILLING: NEVER}))

    assert found == (SALES, "2025-06-01T00:00:00Z")


def test_snapshot_without_acknowledgements_has_no_oldest() -> None:
    """There is nothing to be old."""
    assert oldest(snapshot({SUPPORT: NEVER})) is None


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
def test_snapshot_is_a_line_a_server(golden: Callable[[str, str], None], *, colour: bool) -> None:
    """Where it lives, how old it is, and what each server's last call came to."""
    name = "colour" if colour else "plain"
    text = render_snapshot(SNAPSHOT, "icesync.state.json", NOW, Style(colour=colour))

    golden(f"render/snapshot-{name}.txt", text)


@pytest.mark.parametrize(("entries", "told"), [({}, "0 servers"), ({SUPPORT: entry()}, "1 server")])
def test_snapshot_counts_its_servers(entries: dict[object, Entry], told: str) -> None:
    """One is one server."""
    text = render_snapshot(snapshot(entries), "x", NOW, PLAIN)  # type: ignore[arg-type]

    assert f"serial 4, {told}, target" in text


def test_entry_shows_all_it_knows(golden: Callable[[str, str], None]) -> None:
    """Status, times, where it was moved from, settings, and references of secrets."""
    golden("render/entry.txt", render_entry(BILLING, MOVED, NOW, PLAIN))


def test_entry_that_was_never_acknowledged(golden: Callable[[str, str], None]) -> None:
    """Without settings there is little to show."""
    golden("render/entry-never.txt", render_entry(SALES, NEVER, NOW, PLAIN))


def test_entry_as_data_holds_no_fingerprint() -> None:
    """References may be shown; salts and fingerprints are for the snapshot only."""
    document = entry_document(BILLING, MOVED)

    assert document["secrets"] == {"smtp.password": "ref+fake://smtp"}
    record = KNOWN["smtp.password"].fingerprint
    assert record is not None
    assert record.value.hex() not in json.dumps(document)


def test_hostile_entry_stays_text() -> None:
    """A snapshot in git may be edited by anybody."""
    hostile = "\x1b[31m\n::error::x ##[error]"
    edited = replace(
        entry(smtp__host=hostile),
        settings={**entry().settings, "smtp.host": hostile, "smtp.port": [hostile]},
        secrets={hostile: SecretRecord(hostile)},
        revision=hostile,
        attempted_at=hostile,
    )
    lines = render_entry(SUPPORT, edited, NOW, PLAIN).splitlines()
    lines += render_snapshot(snapshot({SUPPORT: edited}), hostile, NOW, PLAIN).splitlines()

    assert all(line.isprintable() and "##[" not in line for line in lines)
    assert not any(line.lstrip().startswith("::") for line in lines)
