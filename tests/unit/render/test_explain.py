from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from builders import (
    SALES,
    SUPPORT,
    desired,
    entry,
    move,
    removal,
    secret_record,
    server,
    snapshot,
)

from icesync.engine.explain import explain
from icesync.model.desired import DesiredState
from icesync.model.project import WireOptions
from icesync.model.snapshot import Entry, EntryStatus, SecretRecord
from icesync.render.explain import (
    explanation_document,
    field_document,
    render_explanation,
    render_field,
)
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.desired import Address
    from icesync.model.explanation import Explanation
    from icesync.model.snapshot import Snapshot

PLAIN = Style()
NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
KNOWN = {"smtp.password": secret_record("smtp")}
ACKNOWLEDGED = snapshot({SUPPORT: entry(secrets=KNOWN, smtp__port=465)})
WANTED = desired(
    server(
        SUPPORT,
        {"smtp.password": "smtp"},
        'Support "EU"',
        smtp__host="a-rather-long-name-of-a-host.of.the.mail.provider.example.test",
    )
)


def explained(before: Snapshot = ACKNOWLEDGED, wanted: DesiredState = WANTED) -> Explanation:
    """Return the explanation of the server."""
    return explain(SUPPORT, wanted, before, WireOptions())


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
def test_server(golden: Callable[[str, str], None], *, colour: bool) -> None:
    """Every effective value with the line and the layer that gave it, then what ICE knows."""
    name = "colour" if colour else "plain"

    golden(f"render/explain-{name}.txt", render_explanation(explained(), NOW, Style(colour)))


@pytest.mark.parametrize(
    "key", ["smtp.port", "smtp.password", "ssl", "imap.host", "name", "email_server_id"]
)
def test_field(golden: Callable[[str, str], None], key: str) -> None:
    """The chain, what is sent, whose word that is, and what was acknowledged."""
    golden(f"render/explain-{key}.txt", render_field(explained(), key, NOW, PLAIN))


def test_colours_change_nothing_else() -> None:
    """Whoever reads without colour reads the same."""
    painted = render_field(explained(), "smtp.port", NOW, Style(colour=True))
    for code in ("1", "2", "0"):
        painted = painted.replace(f"\x1b[{code}m", "")

    assert painted == render_field(explained(), "smtp.port", NOW, PLAIN)


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (snapshot(), "Nothing has been confirmed yet; the next apply sends it for the first time."),
        (
            snapshot({SUPPORT: Entry(EntryStatus.PENDING)}),
            "The outcome of the last call is unknown",
        ),
        (
            snapshot({SUPPORT: entry(EntryStatus.ASSUMED)}),
            "Recorded as unconfirmed, with other values",
        ),
        (
            ACKNOWLEDGED,
            "2 days ago, with other values of smtp.port. Run `icesync plan` for details.",
        ),
    ],
    ids=["new", "uncertain", "assumed", "changed"],
)
def test_what_the_snapshot_says(before: Snapshot, sentence: str) -> None:
    """The last line says what ICE acknowledged, and never what is."""
    wanted = desired(server(SUPPORT, {"smtp.password": "smtp"}))

    assert sentence in render_explanation(explained(before, wanted), NOW, PLAIN)


def test_server_as_it_was_acknowledged() -> None:
    """Equal settings are said to be so; whether a secret rotated is not looked at here."""
    told = render_explanation(
        explained(snapshot({SUPPORT: entry()}), desired(server())), NOW, PLAIN
    )

    assert told.endswith(
        "ICE confirmed it 2 days ago, with these settings. "
        "Run `icesync plan` to compare the passwords.\n"
    )


def test_in_no_file() -> None:
    """What only the snapshot knows is shown as it was acknowledged, with the way out."""
    told = render_explanation(explained(wanted=DesiredState({})), NOW, PLAIN)

    assert "    smtp.port       465\n" in told
    assert "    smtp.password   ref+fake://smtp\n" in told
    assert "No longer in any file; left unchanged. List skill 663 under `removed:`" in told
    assert told.endswith("ICE confirmed it 2 days ago, with these values.\n")


def test_removed() -> None:
    """An ending that is done has nothing left to do."""
    wanted = DesiredState({}, {SUPPORT: removal()})
    told = render_explanation(explained(snapshot(), wanted), NOW, PLAIN)

    assert told.startswith("59/663  servers/eu.yaml:90\n")
    assert "Listed under `removed:` with the action disable.\n" in told
    assert told.endswith("It is not in the state; this entry is done and can be deleted.\n")


@pytest.mark.parametrize(
    ("address", "before", "sentence"),
    [
        (SUPPORT, {SALES: entry()}, "Moves here from 59/664 with the next apply"),
        (SUPPORT, {SUPPORT: entry()}, "The move from 59/664 to 59/663 is done"),
        (SALES, {SALES: entry()}, "Moves to 59/663 with the next apply"),
        (SALES, {SUPPORT: entry()}, "The move from 59/664 to 59/663 is done"),
    ],
)
def test_move(address: Address, before: dict[Address, Entry], sentence: str) -> None:
    """Both addresses say where the record goes, and by which line."""
    wanted = desired(server(SUPPORT), moves=[move(SUPPORT, SALES)])
    told = render_explanation(explain(address, wanted, snapshot(before), WireOptions()), NOW, PLAIN)

    assert f"{sentence} (servers/eu.yaml:95)" in told


def test_assumed_value_is_not_called_acknowledged() -> None:
    """Who said it stands before what was said."""
    found = explained(snapshot({SUPPORT: entry(EntryStatus.ASSUMED)}))

    assert "    unconfirmed:   587\n" in render_field(found, "smtp.port", NOW, PLAIN)


def test_field_of_a_removed_server_is_not_sent() -> None:
    """What no file gives has no line about the wire."""
    wanted = DesiredState({}, {SUPPORT: removal()})
    told = render_field(explained(ACKNOWLEDGED, wanted), "smtp.port", NOW, PLAIN)

    assert "sent as" not in told
    assert "confirmed:     465, 2 days ago" in told


def test_hostile_texts_are_made_safe() -> None:
    """No value, name or reference starts an escape or a command of a CI runner."""
    hostile = "\x1b[31m##[error]"
    wanted = desired(server(name=hostile, smtp__host=hostile))
    records = {"smtp.password": SecretRecord(hostile)}
    found = explained(snapshot({SUPPORT: entry(secrets=records)}), wanted)
    told = render_explanation(found, NOW, PLAIN) + render_field(found, "smtp.host", NOW, PLAIN)

    assert "\x1b" not in told
    assert "##[" not in told


def test_document(golden: Callable[[str, str], None]) -> None:
    """The same as plain data: the fields in the order of the table."""
    document = explanation_document(explained())
    golden(
        "render/explain-field.json", json.dumps(field_document(explained(), "smtp.port"), indent=2)
    )

    assert (document["standing"], document["status"], document["removal"]) == (
        "defined", "applied", None,
    )  # fmt: skip
    assert [f["key"] for f in document["fields"]][:3] == ["organization", "skill", "name"]
    assert document["position"] == {"file": "servers/59.yaml", "line": 1, "column": 1}


def test_document_of_a_server_that_ends() -> None:
    """Nothing is said where there is nothing."""
    document = explanation_document(explained(snapshot(), DesiredState({}, {SUPPORT: removal()})))

    assert (document["status"], document["applied_at"], document["removal"]) == (
        None,
        None,
        "disable",
    )
