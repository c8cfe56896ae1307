"""
The snapshot as bytes: JSON, keys sorted, one object per server, so that branches merge.

It holds no secret, so it may be committed. A snapshot that cannot be trusted is
refused with the way out; it is never read as empty, because "empty" would mean
that every server is to be sent for the first time. One that is full of merge-conflict
markers is read as its two sides.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from icesync.codec import canonical, digest, pretty, unique_object
from icesync.codec.fingerprint import FILE, HEAD, NO_SEAL, has_file_seal, seal_file
from icesync.errors import StateCorrupt, StateError, StateTooNew, printable
from icesync.model.desired import Address, parse_address
from icesync.model.fields import FIELDS, Kind, Setting, new_settings
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.secret import Fingerprint
from icesync.model.snapshot import (
    UNRECORDED_WIRE,
    Entry,
    EntryStatus,
    MovedFrom,
    Record,
    SecretRecord,
    SentSecret,
    Snapshot,
)
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.model.desired import DesiredServer
    from icesync.model.safety import SafetyProfile

_NO_TEXT: Final = {
    Kind.ID: int,
    Kind.PORT: int,
    Kind.POLL_RATE: int,
    Kind.VERSION: int,
    Kind.FLAG: bool,
}
_TYPES: Final = {field.key: _NO_TEXT.get(field.kind, str) for field in FIELDS}
"""The type of each setting; one that is not here is of a newer icesync."""

_MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading may raise where the data has not the form that it should have."""

_MOMENT: Final = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)

STATE_VERSION: Final = 2
"""The newest format: the first in which an entry may be *assumed*."""

_PLAIN_VERSION: Final = 1
"""What is written where no entry is: an older icesync can still read it."""

ALGORITHM: Final = "hmac-sha256"

_KIND: Final = "icesync-state"


def encode_state(
    snapshot: Snapshot, icesync_version: str, key: FingerprintKey | None = None
) -> bytes:
    """
    Return *snapshot* as UTF-8 JSON; entries that bear no digest yet get theirs.

    With *key* the bytes are sealed as well, if the whole of *snapshot* is.
    """
    sealing = key is not None and HEAD in snapshot.seals
    document: dict[str, Any] = {
        "kind": _KIND,
        "version": _version(snapshot),
        "serial": snapshot.serial,
        "lineage": snapshot.lineage,
        "icesync_version": icesync_version,
        "target": {"base_url": snapshot.base_url},
        "servers": {
            str(address): {
                **plain_entry(entry),
                "digest": entry.digest or entry_digest(address, entry),
            }
            for address, entry in snapshot.entries.items()
        },
    }
    if snapshot.run is not None:
        document["run"] = snapshot.run
    if snapshot.key_id is not None:
        document["fingerprint"] = {"algorithm": ALGORITHM, "key_id": snapshot.key_id}
    if snapshot.safety is not None:
        # With a digest of its own: an older icesync does not know it in the head's.
        profile = dict(snapshot.safety)
        document["safety"] = {"digest": digest(canonical(profile)), "profile": profile}
    if snapshot.memory:
        sent = plain_memory(snapshot.memory)
        document["memory"] = {"digest": digest(canonical(sent)), "secrets": sent}
    if snapshot.seals:
        document["seals"] = {**snapshot.seals, **({FILE: NO_SEAL} if sealing else {})}
    document["digest"] = _head_digest(document)
    data = pretty(document).encode()
    return seal_file(key, data) if key is not None and sealing else data


def _version(snapshot: Snapshot) -> int:
    assumed = any(entry.assumed for entry in snapshot.entries.values())
    return STATE_VERSION if assumed else _PLAIN_VERSION


def _head_digest(document: Mapping[str, Any]) -> str:
    """
    Return the digest over what the snapshot says besides its servers.

    Those have digests of their own, so that two branches still merge.
    """
    sealed = ("serial", "lineage", "target", "fingerprint", "run")
    return digest(canonical({key: document[key] for key in sealed if key in document}))


def entry_digest(address: Address, entry: Entry) -> str:
    """Return the digest over everything that *entry* says, bound to its *address*."""
    return _digest(str(address), plain_entry(entry))


def seal(address: Address, entry: Entry) -> Entry:
    """Return *entry* with its digest, as it will read after a save."""
    return replace(entry, digest=entry_digest(address, entry))


def decode_state(
    data: bytes,
    recovery: tuple[str, ...] = (),
    wanted: Mapping[Address, DesiredServer] | None = None,
    *,
    by_file: bool = False,
) -> Snapshot:
    """
    Return the snapshot that *data* holds; *recovery* is said to whoever must bring one back.

    Settings that are those of *wanted* are the very same objects: most of a fleet is as its
    files want it, and is then held once. With *by_file* the digests of entries are not looked
    at where the file has a seal of its own: whoever asks for that must see that it fits
    (:func:`~icesync.codec.fingerprint.fits_file_seal`), or else decode *data* again.

    Raises:
        StateCorrupt: it is damaged, edited by hand, or no snapshot at all.
        StateTooNew: a newer icesync wrote it.

    """
    with suppress(StateError, *_MALFORMED):  # the reading as a whole says what is wrong
        return _decode_by_entry(data, wanted or {}, check=not (by_file and has_file_seal(data)))
    try:
        return read_document(_load(data))
    except StateCorrupt as error:
        error.hints = error.hints or recovery
        raise
    except _MALFORMED:
        raise StateCorrupt("the state is incomplete", *recovery) from None


_BEGIN, _ENTRY_END, _END_OF_ALL = b'\n  "servers": {', b"\n    }", b"\n  }"


def _decode_by_entry(
    data: bytes, wanted: Mapping[Address, DesiredServer], *, check: bool
) -> Snapshot:
    """
    Return the snapshot of *data* as :func:`encode_state` lays it out, one entry at a time.

    The plain data of a large state takes several times the memory of its text. Anything
    odd raises some error. Without *check* the digests of the entries are not looked at.
    """
    begin = data.index(_BEGIN)
    end = data.index(_END_OF_ALL, begin)
    document = _load(b'%b\n  "servers": null%b' % (data[:begin], data[end + len(_END_OF_ALL) :]))
    if document["servers"] is not None or b"\\ud" in data or b"\\uD" in data:
        raise ValueError
    entries: dict[Address, Entry] = {}
    stop = begin + len(_BEGIN) - 1
    while stop != end:
        start = stop + 1
        stop = data.index(_ENTRY_END, start, end) + len(_ENTRY_END)
        comma = data[start - 1 : start] == b","
        name, _, text = data[start:stop].decode().partition('": ')
        if comma is not bool(entries) or not name.startswith('\n    "'):
            raise ValueError
        address, entry = _decode_entry(name[6:], text, wanted, check=check)
        if entries.setdefault(address, entry) is not entry:
            raise ValueError
    return read_document(document, entries)


def _decode_entry(
    name: str, text: str, wanted: Mapping[Address, DesiredServer], *, check: bool
) -> tuple[Address, Entry]:
    careful = check and "\\" in text
    raw = (_CAREFUL_DECODER if careful else _DECODER).decode(text)
    sealed = raw.pop("digest")
    address = parse_address(name)
    if address is None:
        raise ValueError
    if check:
        plain = canonical(raw)
        # Without escapes each quote begins or ends a text, so a key that is given twice shows.
        twice = not careful and text.count('"') != plain.count('"') + 4
        if twice or sealed != digest(f"{name}\n{plain}"):
            raise ValueError
    server = wanted.get(address)
    # The address of the files, so that both share one object.
    return server.address if server else address, read_entry(raw, _required(sealed), server)


def is_state_of(data: bytes, base_url: str) -> bool:
    """Return whether *data* is a whole state for *base_url*."""
    try:
        return _KIND.encode() in data and decode_state(data).base_url == base_url
    except StateError:
        return False


def _load(data: bytes) -> dict[str, Any]:
    if not data.strip(b"\0 \t\r\n"):
        raise StateCorrupt("the state is empty; writing it was interrupted")
    if b"<<<<<<<" in data or b">>>>>>>" in data:
        raise StateCorrupt(
            "the state has merge-conflict markers",
            "run `icesync state resolve` to merge both sides; servers they disagree on "
            "are sent again",
        )
    try:
        document = _CAREFUL_DECODER.decode(data.decode())
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise StateCorrupt(f"the state is not valid JSON ({place})") from None
    except (ValueError, RecursionError):
        raise StateCorrupt("the state is not valid JSON") from None
    if not isinstance(document, dict):
        raise StateCorrupt("the state is not a JSON object")
    demand_text(data, document)
    if "terraform_version" in document or document.get("kind") != _KIND:
        raise StateCorrupt(
            "what is stored is not an icesync state",
            "correct `state:` in icesync.yaml, if the state is somewhere else",
        )
    version = document.get("version")
    if isinstance(version, int) and version > STATE_VERSION:
        writer = document.get("icesync_version")
        maker = printable(writer) if isinstance(writer, str) else "a newer one"
        raise StateTooNew(
            f"the state has format {version}, written by icesync {maker}; this icesync "
            f"supports format {STATE_VERSION}",
            "pip install --upgrade icesync",
        )
    if version != _PLAIN_VERSION and version != STATE_VERSION:  # noqa: PLR1714 - it may be a list
        raise StateCorrupt("the state has an unknown format version")
    return document


def demand_text(data: bytes, document: object) -> None:
    """
    Demand that each text of *document*, read from *data*, can be written down.

    Raises:
        StateCorrupt: there is half of a pair of surrogates in it.

    """
    if b"\\ud" not in data.lower():
        return
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise StateCorrupt("the state contains a value of the wrong type") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
_CAREFUL_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=unique_object, parse_constant=_no_constant
)
"""Refuses a key that is given twice, which takes twice the time."""


def read_document(
    document: dict[str, Any],
    entries: dict[Address, Entry] | None = None,
    *,
    keep_damaged: bool = True,
) -> Snapshot:
    """
    Return the snapshot of plain data; without *keep_damaged* damage is left out.

    Its entries are *entries*, where they were read already.

    Raises:
        StateCorrupt: a digest does not fit.
        TypeError: a value is of another type, as is what else may be raised here.

    """
    serial, lineage = document["serial"], document["lineage"]
    base_url = document["target"]["base_url"]
    key_id = document["fingerprint"]["key_id"] if "fingerprint" in document else None
    if type(serial) is not int or serial < 0 or type(base_url) is not str:
        raise TypeError
    if type(lineage) is not str or not lineage:
        raise TypeError
    if keep_damaged and document["digest"] != _head_digest(document):
        raise StateCorrupt("the head of the state was edited or damaged")
    if entries is None:
        entries = read_entries(document["servers"], keep_damaged=keep_damaged)
    safety = read_safety(document)
    run = _read_text(document.get("run"))
    seals = {name: _required(text) for name, text in document.get("seals", {}).items()}
    seals.pop(FILE, None)  # it is about the bytes, not about what they say
    memory = read_memory(document, keep_damaged=keep_damaged)
    return Snapshot(
        base_url, serial, lineage, _read_text(key_id), run, entries, safety, seals, memory
    )


def read_memory(
    document: Mapping[str, Any], *, keep_damaged: bool = True
) -> tuple[SentSecret, ...]:
    """
    Return which hosts were given secrets that no entry names any more.

    An older icesync wrote none. Without *keep_damaged* its digest is not looked at: where
    git mixed two lists, each secret in it still counts.

    Raises:
        StateCorrupt: it was edited.

    """
    if "memory" not in document:
        return ()
    sent: list[dict[str, Any]] = document["memory"]["secrets"]
    if keep_damaged and document["memory"]["digest"] != digest(canonical(sent)):
        raise StateCorrupt("the memory of hosts in the state was edited or damaged")
    return tuple(_read_sent(raw) for raw in sent)


def _read_sent(raw: dict[str, Any]) -> SentSecret:
    address = parse_address(raw["address"])
    bound_to = parse_address(raw["bound_to"]) if "bound_to" in raw else None
    if address is None:
        raise ValueError(raw["address"])
    key, host = _required(raw["key"]), _required(raw["host"])
    return SentSecret(address, key, host, _read_secret(raw), bound_to)


def _plain_sent(sent: SentSecret) -> dict[str, str]:
    plain = {
        "address": str(sent.address),
        "key": sent.key,
        "host": sent.host,
        **_plain_secret(sent.secret),
    }
    return {**plain, "bound_to": str(sent.bound_to)} if sent.bound_to else plain


def plain_memory(memory: tuple[SentSecret, ...]) -> list[dict[str, str]]:
    """Return *memory* as plain data, as it is stored, but for its digest."""
    return [_plain_sent(sent) for sent in memory]


def read_safety(document: Mapping[str, Any]) -> SafetyProfile | None:
    """
    Return the safety profile in plain data, or None where an older icesync wrote it.

    Raises:
        StateCorrupt: it was edited.

    """
    if "safety" not in document:
        return None
    profile: dict[str, Any] = document["safety"]["profile"]
    if document["safety"]["digest"] != digest(canonical(profile)):
        raise StateCorrupt("the safety profile in the state was edited or damaged")
    for path, value in profile.items():
        texts = value.items() if isinstance(value, dict) else [("", value)]
        for _, text in texts:
            items = text if isinstance(text, list) else [text]
            if not all(isinstance(item, str) for item in (path, *items)):
                raise TypeError
    return profile


def read_entries(
    servers: dict[str, dict[str, Any]], *, keep_damaged: bool = True
) -> dict[Address, Entry]:
    """
    Return the entries of plain data by address.

    They are taken out of *servers*. A damaged one is refused; without *keep_damaged*
    it is left out instead, so that its server is sent again.

    Raises:
        StateCorrupt: a digest does not fit, or a name is no address.

    """
    if type(servers) is not dict:
        raise TypeError(servers)
    entries = {}
    for key in list(servers):
        try:
            # What is read is let go: the plain data of a large state is several times the text.
            address, entry = _read_entry(key, servers.pop(key))
        except StateCorrupt:
            if keep_damaged:
                raise
        else:
            entries[address] = entry
    return entries


def _read_entry(key: str, raw: dict[str, Any]) -> tuple[Address, Entry]:
    address = parse_address(key)
    if address is None:
        raise StateCorrupt(f"the state contains an invalid address: {key!a}")
    sealed = raw.pop("digest", None)
    if sealed != _digest(key, raw):
        raise StateCorrupt(
            f"the entry of {key} was edited or damaged: its digest does not match",
        )
    return address, read_entry(raw, sealed)


def read_entry(raw: dict[str, Any], sealed: str = "", wanted: DesiredServer | None = None) -> Entry:
    """
    Return the entry of plain data; *sealed* is its digest, already checked.

    Settings that are those of *wanted* are the very same object.
    """
    bound_to = parse_address(raw["bound_to"]) if "bound_to" in raw else None
    return Entry(
        EntryStatus(raw["status"]),
        _read_settings(raw["settings"], wanted),
        _read_secrets(raw["secrets"]),
        read_time(raw.get("applied_at")),
        _read_text(raw.get("revision")),
        _read_text(raw.get("intent")),
        read_time(raw.get("attempted_at")),
        bound_to,
        sealed,
        _read_attempt(raw["attempt"]) if "attempt" in raw else None,
        _read_moved_from(raw["moved_from"]) if "moved_from" in raw else None,
        _read_text(raw.get("announced_over")),
        _read_wire(raw["wire"]) if "wire" in raw else UNRECORDED_WIRE,
    )


def _read_wire(raw: dict[str, str]) -> WireOptions:
    return WireOptions(OrgKey(raw["org_key"]), Absent(raw["absent"]))


def _read_attempt(raw: dict[str, Any]) -> Record:
    return Record(_read_settings(raw["settings"]), _read_secrets(raw["secrets"]))


def _read_settings(
    raw: dict[str, Any], wanted: DesiredServer | None = None
) -> Mapping[str, Setting]:
    """
    Return *raw*, or the same settings of *wanted*, once each value has the type of its field.

    Raises:
        TypeError: one has not.

    """
    keys = _check_types(tuple(raw), tuple(map(type, raw.values())))
    if wanted is not None and wanted.settings == raw:
        return wanted.settings
    settings = new_settings()
    settings.update(zip(keys, raw.values(), strict=True))
    return settings


@lru_cache(maxsize=256)
def _check_types(keys: tuple[str, ...], types: tuple[type, ...]) -> tuple[str, ...]:
    """Return *keys* once *types* are those of their fields: most servers have the same ones."""
    for key, kind in zip(keys, types, strict=True):
        if kind is not _TYPES.get(key, kind) or kind not in {int, bool, str}:
            raise TypeError(key)
    return tuple(map(intern, keys))


def _read_text(value: Any) -> str | None:
    """Return *value*, which is a text or absent; raise TypeError for all else."""
    if value is not None and type(value) is not str:
        raise TypeError(value)
    return value


def read_time(value: Any) -> str | None:
    """Return *value*, which spells a moment or is absent; raise an error for all else."""
    text = _read_text(value)
    return None if text is None else _read_moment(text)


@lru_cache(maxsize=256)
def _read_moment(text: str) -> str:
    """Return *text*, which spells a moment: a run confirms many servers in one second."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError(text)
    datetime.fromisoformat(text[:-1])
    return text


def _read_moved_from(raw: dict[str, Any]) -> MovedFrom:
    address = parse_address(raw["address"])
    if address is None:
        raise ValueError(raw["address"])
    return MovedFrom(address, _required(raw["digest"]))


def _read_secrets(raw: dict[str, dict[str, str]]) -> dict[str, SecretRecord]:
    return {intern(key): _read_secret(record) for key, record in raw.items()}


def _read_secret(record: dict[str, str]) -> SecretRecord:
    reference = intern(_required(record["ref"]))
    if "fingerprint" not in record:
        return SecretRecord(reference)
    salt, value = record["salt"], record["fingerprint"]
    fingerprint = Fingerprint(bytes.fromhex(salt), bytes.fromhex(value))
    if (salt, value) != _spell(fingerprint):
        raise ValueError(salt, value)
    return SecretRecord(reference, fingerprint)


def _spell(fingerprint: Fingerprint) -> tuple[str, str]:
    return fingerprint.salt.hex(), fingerprint.value.hex()


def _required(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def plain_entry(entry: Entry) -> dict[str, Any]:
    """Return *entry* as plain data, as it is stored, but for its digest."""
    plain: dict[str, Any] = {
        "status": entry.status.value,
        **_plain_record(entry.settings, entry.secrets),
    }
    optional = {
        "applied_at": entry.applied_at,
        "revision": entry.revision,
        "intent": entry.intent,
        "attempted_at": entry.attempted_at,
        "attempt": _plain_record(*entry.attempt) if entry.attempt else None,
        "bound_to": str(entry.bound_to) if entry.bound_to else None,
        "moved_from": _plain_moved_from(entry.moved_from) if entry.moved_from else None,
        "announced_over": entry.announced_over,
        # Only where it says more than its absence: most states never hold it.
        "wire": _plain_wire(entry.wire) if entry.wire != UNRECORDED_WIRE else None,
    }
    return {**plain, **{key: value for key, value in optional.items() if value is not None}}


def _plain_record(
    settings: Mapping[str, Setting], secrets: Mapping[str, SecretRecord]
) -> dict[str, Any]:
    return {
        "settings": dict(settings),
        "secrets": {key: _plain_secret(record) for key, record in secrets.items()},
    }


def _plain_wire(wire: WireOptions) -> dict[str, str]:
    return {"org_key": wire.org_key.value, "absent": wire.absent.value}


def _plain_moved_from(moved_from: MovedFrom) -> dict[str, str]:
    return {"address": str(moved_from.address), "digest": moved_from.digest}


def _plain_secret(record: SecretRecord) -> dict[str, str]:
    if record.fingerprint is None:
        return {"ref": record.reference}
    salt, value = _spell(record.fingerprint)
    return {"ref": record.reference, "salt": salt, "fingerprint": value}


def _digest(address: str, plain: Mapping[str, Any]) -> str:
    return digest(f"{address}\n{canonical(plain)}")


_OURS, _BASE, _THEIRS, _END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"


def decode_sides(data: bytes) -> tuple[Snapshot, Snapshot]:
    """
    Return what each side of the conflict says.

    Digests of entries are checked and damaged entries left out; the digest over
    the head is not, since git may have mixed two heads.

    Raises:
        StateCorrupt: there is no conflict, or a side is no state.

    """
    if _OURS not in data:
        raise StateCorrupt("the state has no merge conflict", "icesync state list")
    return _read(_side(data, ours=True)), _read(_side(data, ours=False))


def _side(data: bytes, *, ours: bool) -> bytes:
    kept: list[bytes] = []
    taking, inside = True, False
    for line in data.splitlines(keepends=True):
        if line.startswith(_OURS):
            inside, taking = True, ours
        elif inside and line.startswith(_BASE):
            taking = False
        elif inside and line.startswith(_THEIRS):
            taking = not ours
        elif inside and line.startswith(_END):
            inside, taking = False, True
        elif taking:
            kept.append(line)
    return b"".join(kept)


def _read(side: bytes) -> Snapshot:
    try:
        document: dict[str, Any] = json.loads(side, object_pairs_hook=unique_object)
        return read_document(document, keep_damaged=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StateCorrupt("one side of the conflict is not a complete state") from None
