from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from builders import KEY, SALES, SUPPORT, entry, secret_record, server, snapshot, stored_bytes
from documents import demand_fit

from icesync.codec import canonical, digest, pretty
from icesync.codec.fingerprint import FILE, FingerprintKey, fits_file_seal, seals_of
from icesync.codec.state import decode_state, encode_state, entry_digest, is_state_of, seal
from icesync.errors import StateCorrupt, StateError, StateTooNew
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.snapshot import (
    UNRECORDED_WIRE,
    EntryStatus,
    MovedFrom,
    Record,
    SentSecret,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = snapshot(
    {
        SUPPORT: entry(secrets={"smtp.password": secret_record("smtp", "canary-4711")}),
        SALES: replace(entry(EntryStatus.PENDING), bound_to=SUPPORT),
    },
    key_id=KEY.id,
)
DATA = encode_state(SMALL, "0.1.0")


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the small snapshot after *change*, its digests left as they are."""
    document = json.loads(DATA)
    change(document)
    return pretty(document).encode()


def resealed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the small snapshot with *change* made to 59/663, and a digest that fits."""
    document = json.loads(DATA)
    raw = document["servers"]["59/663"]
    change(raw)
    raw.pop("digest", None)
    raw["digest"] = digest(f"59/663\n{canonical(raw)}")
    return pretty(document).encode()


def refusal(data: bytes) -> StateError:
    """Return the error that *data* is refused with."""
    with pytest.raises(StateError) as caught:
        decode_state(data, ("restore it",))
    return caught.value


def test_a_state_is_known_by_its_target() -> None:
    """A file that holds a state of the same target is found; another one, or damage, is not."""
    target = decode_state(DATA).base_url

    assert is_state_of(DATA, target)
    assert not is_state_of(DATA, "https://elsewhere.test")
    assert not is_state_of(DATA[:-20], target)
    assert not is_state_of(b"{}", target)


def test_snapshot_has_golden_bytes(golden: Callable[[str, str], None]) -> None:
    """The format is a contract: these bytes change in a reviewed change only."""
    golden("state/small.json", DATA.decode())


def test_first_snapshot_has_golden_bytes(golden: Callable[[str, str], None]) -> None:
    """Without a key and without servers, the members that say so are not there."""
    golden("state/empty.json", encode_state(snapshot(serial=1), "0.1.0").decode())


def test_snapshot_reads_back() -> None:
    """Decoding gives the value that was encoded."""
    assert decode_state(DATA) == SMALL


def test_order_of_entries_does_not_show() -> None:
    """The same entries in another order are the same bytes."""
    turned = replace(SMALL, entries=dict(reversed(SMALL.entries.items())))

    assert encode_state(turned, "0.1.0") == DATA


def test_encoding_seals_the_entries() -> None:
    """An entry that has no digest yet gets one."""
    stale = replace(SMALL, entries={a: replace(e, digest="") for a, e in SMALL.entries.items()})

    assert encode_state(stale, "0.1.0") == DATA


def test_digest_is_bound_to_the_address() -> None:
    """An entry cannot be moved by hand."""
    assert entry_digest(SUPPORT, entry()) != entry_digest(SALES, entry())


@pytest.mark.parametrize(
    "changed",
    [
        {"status": EntryStatus.UNCERTAIN},
        {"settings": {}},
        {"secrets": {"smtp.password": secret_record("smtp")}},
        {"applied_at": None},
        {"revision": None},
        {"intent": "sha256:0"},
        {"attempted_at": "2026-01-03T00:00:00Z"},
        {"bound_to": SALES},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_digest_covers_everything_an_entry_says(changed: dict[str, Any]) -> None:
    """No part of an entry can change unseen."""
    assert entry_digest(SUPPORT, replace(entry(), **changed)) != entry_digest(SUPPORT, entry())


def test_sealing_changes_the_digest_only() -> None:
    """A sealed entry is the entry as it reads after a save."""
    assert replace(seal(SUPPORT, entry()), digest="") == entry()


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 4096, b" \r\n\t"], ids=ascii)
def test_emptied_snapshot_is_refused(data: bytes) -> None:
    """Nothing, blanks, or the NULs of a crash: never read as "no server yet"."""
    error = refusal(data)

    assert isinstance(error, StateCorrupt)
    assert "empty" in error.message
    assert error.hints


def test_snapshot_cut_off_anywhere_is_refused() -> None:
    """At every length short of the whole, the snapshot is refused or reads the same."""
    for length in range(len(DATA)):
        try:
            found = decode_state(DATA[:length])
        except StateCorrupt:
            continue
        assert found == SMALL, f"read another value at {length} bytes"


def test_flipped_bit_is_refused() -> None:
    """Whichever bit flips, the snapshot is refused or reads the same."""
    for number in range(len(DATA) * 8):
        damaged = bytearray(DATA)
        damaged[number // 8] ^= 1 << number % 8
        try:
            found = decode_state(bytes(damaged))
        except StateError:
            continue
        assert found == SMALL, f"read another value after a flip of bit {number}"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"{", "not valid JSON (line 1, column 2)"),
        (b"\xff\xfe\xfd", "not valid JSON"),
        (b'{"kind": "icesync-state", "kind": "icesync-state"}', "not valid JSON"),
        (b'{"serial": NaN}', "not valid JSON"),
        (b'{"serial": -Infinity}', "not valid JSON"),
        (b'{"serial": %b}' % (b"9" * 5000), "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"{}", "not an icesync state"),
        (b'{"kind": "icesync-plan"}', "not an icesync state"),
        (b'{"version": 4, "terraform_version": "1.9.0", "serial": 3}', "not an icesync state"),
        (b'{"kind": "icesync-state"}', "an unknown format version"),
        (b'{"kind": "icesync-state", "version": 0}', "an unknown format version"),
        (b'{"kind": "icesync-state", "version": "1"}', "an unknown format version"),
        (b'{"kind": "icesync-state", "version": [1]}', "an unknown format version"),
        (b'{"kind": "icesync-state", "version": 1}', "is incomplete"),
    ],
    ids=["list", "text", "cut off", "not UTF-8", "key twice", "NaN", "infinity", "huge number",
         "depth", "empty object", "a plan", "terraform", "no version", "version 0",
         "version as text", "version in a list", "head only"],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused(data: bytes, told: str) -> None:
    """Each refusal says in a few words what is wrong, and how to go on."""
    error = refusal(data)

    assert isinstance(error, StateCorrupt)
    assert told in error.message
    assert error.hints


@pytest.mark.parametrize("marker", [b"<<<<<<< HEAD\n", b">>>>>>> theirs\n"], ids=ascii)
def test_merge_conflict_is_named(marker: bytes) -> None:
    """A snapshot in git meets conflicts; the way out is a command."""
    error = refusal(DATA[:100] + marker + DATA[100:])

    assert "merge-conflict markers" in error.message
    assert error.hints[0].startswith("run `icesync state resolve`")


def test_assumed_entry_needs_the_newer_format() -> None:
    """An older icesync would not know the word; without one it can still read the snapshot."""
    plain, assuming = (
        snapshot({SUPPORT: entry(status)}) for status in (EntryStatus.APPLIED, EntryStatus.ASSUMED)
    )

    assert json.loads(encode_state(plain, "0.1.0"))["version"] == 1
    assert json.loads(encode_state(assuming, "0.1.0"))["version"] == 2
    assert decode_state(encode_state(assuming, "0.1.0")) == assuming


def test_newer_format_names_its_writer() -> None:
    """An older icesync must not guess; it says which one wrote the snapshot."""
    error = refusal(edited(lambda d: d.update(version=3, icesync_version="9.0.0\x1b")))

    assert isinstance(error, StateTooNew)
    assert error.message == (
        r"the state has format 3, written by icesync 9.0.0\x1b; this icesync supports format 2"
    )


def test_newer_format_without_a_writer_is_refused_too() -> None:
    """Even the name of the writer may have another form by then."""
    error = refusal(edited(lambda d: d.update(version=3, icesync_version=None)))

    assert "written by icesync a newer one" in error.message


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["settings"].update({"smtp.port": 25}),
        lambda raw: raw.update(status="applied "),
        lambda raw: raw.update(note="by hand"),
        lambda raw: raw.pop("digest"),
        lambda raw: raw.update(digest=None),
    ],
    ids=["setting", "status", "new member", "no digest", "null digest"],
)
def test_edited_entry_is_named(change: Callable[[dict[str, Any]], object]) -> None:
    """The digest finds what was edited by hand, and the message says where."""
    error = refusal(edited(lambda d: change(d["servers"]["59/663"])))

    assert error.message == ("the entry of 59/663 was edited or damaged: its digest does not match")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(serial=5),
        lambda d: d.update(lineage="another"),
        lambda d: d["target"].update(base_url="https://elsewhere.test"),
        lambda d: d["fingerprint"].update(key_id="0000000000000000"),
        lambda d: d.pop("fingerprint"),
        lambda d: d.update(digest="sha256:0"),
        lambda d: d.update(run="another"),
    ],
    ids=["serial", "lineage", "target", "key", "no key", "digest", "run"],
)
def test_edited_head_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """What the snapshot says besides its servers is sealed as well."""
    error = refusal(edited(change))

    assert error.message == "the head of the state was edited or damaged"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("serial"),
        lambda d: d.update(serial="4"),
        lambda d: d.update(serial=True),
        lambda d: d.update(serial=-1),
        lambda d: d.update(serial=4.0),
        lambda d: d.update(lineage=None),
        lambda d: d.update(lineage=""),
        lambda d: d.pop("target"),
        lambda d: d.update(target="https://ice.example.test"),
        lambda d: d["target"].update(base_url=1),
        lambda d: d.update(fingerprint=None),
        lambda d: d.pop("digest"),
        lambda d: d.pop("servers"),
        lambda d: d.update(servers=[]),
        lambda d: d["servers"].update({"59/663": []}),
        lambda d: d["servers"].update({"59/663": "x"}),
    ],
    ids=["no serial", "serial as text", "serial as bool", "negative serial", "fraction",
         "no lineage", "empty lineage", "no target", "target as text", "address as number",
         "null key", "no digest", "no servers", "servers as list", "entry as list",
         "entry as text"],
)  # fmt: skip
def test_snapshot_of_another_shape_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    """What must be there, must be there and have its type."""
    assert refusal(edited(change)).message == "the state is incomplete"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.pop("settings"),
        lambda raw: raw.update(status="done"),
        lambda raw: raw.update(secrets=[]),
        lambda raw: raw.update(secrets={"smtp.password": {}}),
        lambda raw: raw["secrets"]["smtp.password"].pop("salt"),
        lambda raw: raw["secrets"]["smtp.password"].update(salt="zz"),
        lambda raw: raw["secrets"]["smtp.password"].update(salt="AB" * 16),
        lambda raw: raw["secrets"]["smtp.password"].update(fingerprint="é"),
        lambda raw: raw.update(bound_to=1),
    ],
    ids=["no settings", "status", "secrets as list", "no reference", "no salt", "odd salt",
         "salt spelled otherwise", "odd fingerprint", "odd origin"],
)  # fmt: skip
def test_entry_of_another_shape_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    """Also where the digest fits, an entry must be one."""
    assert refusal(resealed(change)).message == "the state is incomplete"


def test_entry_without_an_address_is_named() -> None:
    """A key that is no address is shown, without its escapes."""
    error = refusal(edited(lambda d: d["servers"].update({"59/\x1b": {}})))

    assert error.message == r"the state contains an invalid address: '59/\x1b'"


def test_key_twice_in_an_entry_is_refused() -> None:
    """Where the second value is the one of the digest, a reviewer may have read the first."""
    port = b'"smtp.port": 587'
    data = DATA.replace(port, b'"smtp.port": 25,\n        ' + port, 1)

    assert refusal(data).message == "the state is not valid JSON"


def test_settings_as_wanted_are_held_once() -> None:
    """Most servers are as their files want them, so their settings are the same object."""
    wanted = {SUPPORT: server(SUPPORT)}
    held = decode_state(DATA, wanted=wanted).entries

    assert held == SMALL.entries
    assert held[SUPPORT].settings is wanted[SUPPORT].settings


SEALED = replace(SMALL, seals=seals_of(KEY, SMALL, SMALL, trusted=True))
SEALED_DATA = encode_state(SEALED, "0.1.0", KEY)


def test_file_has_a_seal_that_the_snapshot_does_not_know() -> None:
    """The seal is about these bytes only: whoever stores the snapshot anew makes another one."""
    assert fits_file_seal(KEY, SEALED_DATA)
    assert decode_state(SEALED_DATA) == decode_state(SEALED_DATA, by_file=True) == SEALED
    assert FILE not in json.loads(encode_state(decode_state(SEALED_DATA), "0.1.0"))["seals"]


def test_digests_are_left_to_the_seal_of_the_file() -> None:
    """Asked for by file, an entry is taken as it stands: the caller checks the seal."""
    changed = SEALED_DATA.replace(b'"smtp.port": 587', b'"smtp.port": 588', 1)

    assert decode_state(changed, by_file=True).entries[SUPPORT].settings["smtp.port"] == 588
    assert not fits_file_seal(KEY, changed)
    with pytest.raises(StateCorrupt, match="its digest does not match"):
        decode_state(changed)


def test_no_byte_of_a_file_changes_under_its_seal() -> None:
    """Whatever is changed, cut or put in, the seal does not fit, nor does another key's."""
    for number, byte in enumerate(SEALED_DATA):
        before, after = SEALED_DATA[:number], SEALED_DATA[number + 1 :]

        for changed in (bytes([byte ^ 1]), b"", bytes([byte, 0x20])):
            assert not fits_file_seal(KEY, before + changed + after), f"byte {number}"
    assert not fits_file_seal(FingerprintKey(bytes(32)), SEALED_DATA)


def test_file_without_seals_of_its_parts_gets_none() -> None:
    """What a person did not allow, and icesync did not write, is not vouched for by a save."""
    assert encode_state(SMALL, "0.1.0", KEY) == encode_state(SMALL, "0.1.0")
    assert not fits_file_seal(KEY, DATA)


def test_digests_count_where_there_is_no_seal_of_the_file() -> None:
    """Who would go by the seal of a file that has none gets what each digest says."""
    edited_data = DATA.replace(b'"smtp.port": 587', b'"smtp.port": 588', 1)

    with pytest.raises(StateCorrupt, match="its digest does not match"):
        decode_state(edited_data, by_file=True)


def test_number_that_cannot_be_written_is_refused() -> None:
    """1e999 is read as infinity, of which no digest can be made."""
    data = DATA.replace(b'"smtp.port": 587', b'"smtp.port": 1e999')

    assert refusal(data).message == "the state is incomplete"


def test_depth_that_can_be_read_and_not_be_written_is_refused() -> None:
    """However deep an entry is nested, the answer is a refusal."""
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit() + 10, 10):
        deep = b"[" * depth + b"]" * depth

        assert refusal(DATA.replace(b'"smtp.port": 587', b'"smtp.port": %b' % deep))


def test_members_of_another_release_are_left_alone() -> None:
    """A member of the head that is not known is no reason to refuse."""
    assert decode_state(edited(lambda d: d.update(note="kept for later"))) == SMALL


def test_snapshot_holds_no_secret() -> None:
    """The password whose fingerprint is stored is nowhere in the bytes."""
    assert b"canary" not in DATA


def test_snapshot_of_an_earlier_run_names_it() -> None:
    """The run whose journal was merged last is kept and sealed."""
    named = replace(SMALL, run="r-1")

    assert decode_state(encode_state(named, "0.1.0")) == named


def test_lineage_is_demanded() -> None:
    """A snapshot that never was given a lineage was never stored."""
    assert refusal(encode_state(Snapshot("https://ice.example.test"), "0.1.0"))


MEMORY = (
    SentSecret(SUPPORT, "smtp.password", "one.test", secret_record("smtp", "canary-1"), SALES),
    SentSecret(SALES, "imap.password", "two.test", secret_record("imap")),
)


def test_memory_of_hosts_has_golden_bytes(golden: Callable[[str, str], None]) -> None:
    """It stands beside the servers with a digest of its own, and reads back."""
    data = encode_state(replace(snapshot(), memory=MEMORY), "0.1.0")

    golden("state/memory.json", data.decode())
    assert decode_state(data).memory == MEMORY


def test_state_of_an_older_icesync_remembers_nothing() -> None:
    """Where there is no memory, none is written: an older icesync reads what it knows."""
    assert b"memory" not in DATA
    assert decode_state(DATA).memory == ()


@pytest.mark.parametrize("member", ["host", "key", "ref", "address"])
def test_edited_memory_is_refused(member: str) -> None:
    """Its digest covers everything that it says."""
    document = json.loads(encode_state(replace(snapshot(), memory=MEMORY), "0.1.0"))
    document["memory"]["secrets"][0][member] = "59/1"

    assert "memory of hosts" in refusal(json.dumps(document).encode()).message


@pytest.mark.parametrize("org_key", OrgKey)
@pytest.mark.parametrize("absent", Absent)
def test_spelling_of_the_body_comes_back(org_key: OrgKey, absent: Absent) -> None:
    """An entry says how its body was spelled; one of an older icesync means the defaults."""
    spelled = WireOptions(org_key, absent)
    data = stored_bytes({SUPPORT: replace(entry(), wire=spelled)})

    assert decode_state(data).entries[SUPPORT].wire == spelled
    assert (b'"wire"' in data) is (spelled != UNRECORDED_WIRE)
    assert decode_state(stored_bytes({SUPPORT: entry()})).entries[SUPPORT].wire == WireOptions()


def test_all_that_a_state_can_hold_is_in_its_schema() -> None:
    """Whoever reads a state by the published schema finds each member described."""
    spelled = WireOptions(OrgKey.ORG_ID, Absent.NULL)
    record = Record({"smtp.host": "one.test"}, {})
    full = replace(
        entry(),
        intent="sha256:1",
        attempted_at="2026-07-01T12:00:00Z",
        attempt=record,
        bound_to=SALES,
        moved_from=MovedFrom(SALES, "sha256:2"),
        announced_over="sha256:3",
        wire=spelled,
    )
    whole = replace(
        snapshot({SUPPORT: full}, key_id=KEY.id),
        run="run",
        safety={"secrets.env_allow": ["ICE_*"]},
        seals={"head": "aa", str(SUPPORT): "bb"},
        memory=MEMORY,
    )

    demand_fit(json.loads(encode_state(whole, "0.1.0")))
