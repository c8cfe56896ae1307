from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from builders import KEY, SALES, SUPPORT, desired, entry, plan, server, snapshot

from icesync.codec.fingerprint import FingerprintKey, LineSealing
from icesync.codec.journal import decode_journal, encode_head, encode_record, is_signed
from icesync.errors import StateCorrupt, StateError, StateTooNew
from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.report import OutcomeKind
from icesync.model.secret import Fingerprint
from icesync.model.snapshot import (
    CallEnded,
    Entry,
    EntryStatus,
    Intent,
    JournalHead,
    JournalLog,
    SecretRecord,
)
from icesync.planner.recovery import recover

HEAD = JournalHead("run-1", "lineage-1", 4, "ab" * 32, "emulator", "key-1", "2026-01-01T00:00:00Z")
ENTRY = Entry(
    EntryStatus.PENDING,
    {"smtp.port": 587, "status": "Enabled"},
    {"smtp.password": SecretRecord("ref+env://ICE_A", Fingerprint(b"\0", b"\x11"))},
    intent="sha256:1",
    attempted_at="2026-01-01T00:00:01Z",
)
RECORDS = (
    Intent(Address(59, 663), Action.UPDATE, ENTRY),
    CallEnded(Address(59, 663), OutcomeKind.APPLIED, "2026-01-01T00:00:02Z"),
    Intent(Address(59, 664), Action.ADD, ENTRY),
    Intent(Address(59, 665), Action.MOVE, ENTRY, drops=Address(58, 665)),
)


SEALING = LineSealing(KEY, HEAD.run)


def journal(head: JournalHead = HEAD, sealing: LineSealing | None = None) -> bytes:
    """Return a small journal's bytes."""
    lines = [encode_record(n, record, sealing=sealing) for n, record in enumerate(RECORDS, start=1)]
    return encode_head(head, sealing) + b"".join(lines)


def test_a_journal_reads_as_it_was_written() -> None:
    """Decoding gives back the head and every record in order."""
    assert decode_journal(journal()) == JournalLog(HEAD, RECORDS)


def test_signed_journal_reads_as_a_plain_one() -> None:
    """Seals change nothing for whoever has no key; whoever has it knows who wrote it."""
    data = journal(sealing=SEALING)

    assert decode_journal(data) == JournalLog(HEAD, RECORDS)
    assert is_signed(data, SEALING)


def test_signed_journal_is_signed_wherever_it_ends() -> None:
    """A crash may cut it anywhere: what is torn does not count, and all before it is signed."""
    data = journal(sealing=SEALING)

    assert all(is_signed(data[:length], SEALING) for length in range(0, len(data), 7))
    assert is_signed(data + bytes(4096), SEALING)


OTHER_RUN = LineSealing(KEY, "run-2")
OUTCOME = RECORDS[1]
FORGED = {
    "unsigned": journal(),
    "head alone": encode_head(HEAD),
    "head unsigned": encode_head(HEAD) + encode_record(1, OUTCOME, sealing=SEALING),
    "record unsigned": encode_head(HEAD, SEALING) + encode_record(1, OUTCOME),
    "record of another run": encode_head(HEAD, SEALING) + encode_record(1, OUTCOME, 0, OTHER_RUN),
    "head of another run": journal(replace(HEAD, serial=5), OTHER_RUN),
    "another key": journal(sealing=LineSealing(FingerprintKey(bytes(32)), HEAD.run)),
    "record renumbered": encode_head(HEAD, SEALING)
    + encode_record(2, OUTCOME, 0, SEALING).replace(b'"n":2', b'"n":1'),
}


def rechecked(data: bytes) -> bytes:
    """Return *data* with checksums that fit, as anybody can compute them."""
    from icesync.codec.journal import _checksum

    texts = [line[17:] for line in data.splitlines()]
    return b"".join(b"%b %b\n" % (_checksum(text), text) for text in texts)


@pytest.mark.parametrize("kind", FORGED)
def test_forged_journal_is_not_signed(kind: str) -> None:
    """Checksums can be computed by anybody, seals for this run only with the key."""
    data = rechecked(FORGED[kind])

    assert decode_journal(data) is not None
    assert not is_signed(data, SEALING)


def test_edited_record_is_not_signed() -> None:
    """No value of a signed record can be another one."""
    data = journal(sealing=SEALING)

    assert is_signed(rechecked(data), SEALING)
    for old, new in ((b"587", b"588"), (b"59/663", b"59/999"), (b'"durable":1', b'"durable":0')):
        assert not is_signed(rechecked(data.replace(old, new)), SEALING)


def test_whatever_a_record_says_is_read_or_refused() -> None:
    """Each action, outcome, status and address leads to a plan, or to a sentence with ways out."""
    wanted, before = desired(server(SUPPORT), server(SALES)), snapshot({SUPPORT: entry()})
    head = JournalHead("run", before.lineage or "", before.serial, "d", before.base_url)
    calls = [replace(ENTRY, status=status) for status in EntryStatus]
    calls += [replace(ENTRY, settings={}), replace(ENTRY, intent=None), entry()]
    errors: list[StateError] = []
    for action, kind, call, address in product(Action, OutcomeKind, calls, (SUPPORT, SALES)):
        intent = Intent(address, action, call, SUPPORT if action is Action.MOVE else None)
        ended = CallEnded(address, kind, "2026-01-01T00:00:02Z")
        data = encode_head(head) + encode_record(1, intent) + encode_record(2, ended)
        try:
            found = recover(before, "d", decode_journal(data)).snapshot
        except StateError as error:
            errors.append(error)
        else:
            plan(wanted, found)

    assert errors
    assert all(error.exit_code == 8 and error.hints for error in errors)


def test_every_truncation_drops_only_the_torn_record() -> None:
    """Cut anywhere, a journal reads as the records that were whole, never as other ones."""
    data = journal()
    whole = decode_journal(data)
    assert whole is not None

    for length in range(len(data)):
        log = decode_journal(data[:length])

        assert log is None or (log.head == HEAD and log.records == RECORDS[: len(log.records)])


def test_every_bit_flip_is_detected() -> None:
    """A flipped bit is refused or drops the last record; it never makes another record."""
    data = journal()

    for position in range(0, len(data) * 8, 3):  # each bit of a byte in turn
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        try:
            log = decode_journal(bytes(flipped))
        except StateCorrupt:
            continue

        assert log is not None
        assert log.records == RECORDS[: len(log.records)]
        assert len(log.records) >= len(RECORDS) - 1


def test_reserved_zeros_at_the_end_are_no_damage() -> None:
    """Room that was set aside and never written reads as nothing, and as not torn."""
    assert decode_journal(journal() + bytes(4096)) == JournalLog(HEAD, RECORDS)


def test_a_torn_end_is_said() -> None:
    """A record cut in its middle makes the log torn."""
    log = decode_journal(journal()[:-5])

    assert log is not None
    assert log.torn
    assert log.records == RECORDS[:-1]


@pytest.mark.parametrize("data", [b"", bytes(64), b"garbage"], ids=["empty", "zeros", "garbage"])
def test_a_journal_without_a_whole_head_is_none(data: bytes) -> None:
    """A run that died before its first line was whole has sent nothing."""
    assert decode_journal(data) is None


def test_damage_before_sound_records_names_its_byte() -> None:
    """What was relied upon and is lost stops icesync, with the offset."""
    data = journal()
    start = len(encode_head(HEAD))
    damaged = data[: start + 3] + b"X" + data[start + 4 :]

    with pytest.raises(StateCorrupt, match=f"byte {start}"):
        decode_journal(damaged)


def test_a_missing_record_is_refused() -> None:
    """Numbers rise by one, so a record taken out of the middle is noticed."""
    data = encode_head(HEAD) + encode_record(2, RECORDS[1])

    with pytest.raises(StateCorrupt, match="journal"):
        decode_journal(data)


def test_a_journal_that_begins_with_a_record_is_refused() -> None:
    """The first line must be a head."""
    with pytest.raises(StateCorrupt, match="is incomplete"):
        decode_journal(encode_record(0, RECORDS[0]))


def test_a_record_of_no_address_is_refused() -> None:
    """A record must name a server."""
    odd = CallEnded(Address(0, 0), OutcomeKind.APPLIED, "")

    with pytest.raises(StateCorrupt, match="is incomplete"):
        decode_journal(encode_head(HEAD) + encode_record(1, odd))


def test_a_journal_of_a_newer_icesync_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer format is named rather than guessed."""
    monkeypatch.setattr("icesync.codec.journal.JOURNAL_VERSION", 2)
    newer = encode_head(HEAD)
    monkeypatch.setattr("icesync.codec.journal.JOURNAL_VERSION", 1)

    with pytest.raises(StateTooNew, match="format 2"):
        decode_journal(newer)


def test_a_line_that_is_no_object_is_damage() -> None:
    """A sound checksum over something else than an object is not a record."""
    from icesync.codec.journal import _checksum

    line = b"%b %b\n" % (_checksum(b"[]"), b"[]")

    assert decode_journal(line) is None
