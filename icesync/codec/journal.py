"""
The journal as bytes: one line a record, each with a checksum and a number.

``<64 bits of SHA-256> <json>``, in ASCII, without any secret. A crash leaves a
torn end, which was never relied upon and is dropped. A power cut may even keep
a later sector of the last flush and lose an earlier one, so each record says how
many before it were on the disk when it was written: damage to one of those means
that something is lost which was relied upon, and is refused.

The checksum finds damage; anybody can compute it. Where there is a fingerprint key, each
record ends with a seal as well, made for the run of its head: whoever has the key can tell
that icesync wrote it. An older icesync reads such a journal without looking at the seals.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from icesync.codec import canonical
from icesync.codec.state import plain_entry, read_entry, read_time
from icesync.errors import StateCorrupt, StateTooNew
from icesync.model.desired import parse_address
from icesync.model.plan import Action
from icesync.model.report import OutcomeKind
from icesync.model.snapshot import (
    CallEnded,
    Intent,
    JournalHead,
    JournalLog,
    JournalRecord,
    Record,
    plan_call,
)

if TYPE_CHECKING:
    from icesync.codec.fingerprint import LineSealing
    from icesync.model.snapshot import Entry
    from icesync.ports import JournalLine

JOURNAL_VERSION: Final = 1

_SUM_LENGTH: Final = 16
_RECORD_START: Final = re.compile(rb"[0-9a-f]{16} \{")
_SEALED: Final = re.compile(rb'(.*)(,"durable":[0-9]+,"n":[0-9]+),"seal":"([0-9a-f]{32})"}')
_REMEDY: Final = (
    (
        "copy the state and its .journal, delete the journal, then run `icesync apply "
        "--resend all` to send every server again"
    ),
)


def encode_head(head: JournalHead, sealing: LineSealing | None = None) -> bytes:
    """Return the first line of a journal, sealed by *sealing*, which is of its run."""
    body = {
        "type": "head",
        "version": JOURNAL_VERSION,
        "run": head.run,
        "lineage": head.lineage,
        "serial": head.serial,
        "snapshot": head.snapshot,
        "base_url": head.base_url,
        "key_id": head.key_id,
        "began_at": head.began_at,
    }
    return _line(body, sealing)(0, 0)


def encode_record(
    number: int,
    record: JournalRecord,
    durable: int | None = None,
    sealing: LineSealing | None = None,
) -> bytes:
    """
    Return the line of *record*; numbers rise by one from 1.

    The first *durable* records are known to be on the disk; None means all before it.
    """
    line = record_line(record, sealing)
    return line(number, number - 1 if durable is None else durable)


def record_line(record: JournalRecord, sealing: LineSealing | None = None) -> JournalLine:
    """Return what spells *record*, once its number and what is durable are known."""
    body: dict[str, Any] = {"address": str(record.address)}
    if isinstance(record, Intent):
        entry = plain_entry(record.entry)
        body |= {"type": "intent", "action": record.action.value, "entry": entry}
        if record.drops is not None:
            body["drops"] = str(record.drops)
    else:
        body |= {"type": "outcome", "kind": record.kind.value, "at": record.at}
    return _line(body, sealing)


def _line(body: dict[str, Any], sealing: LineSealing | None) -> JournalLine:
    """Return what spells *body* with its numbers: they come last, as the seal and the checksum."""
    # As much as can be is done here, before the journal is locked.
    start = canonical(body).removesuffix("}").encode("ascii")
    checksum = hashlib.sha256(start)
    content = checksum.digest()

    def spell(number: int, durable: int) -> bytes:
        end = b',"durable":%d,"n":%d' % (durable, number)
        if sealing is not None:
            end = b'%b,"seal":"%b"' % (end, sealing.seal(content + end))
        whole = checksum.copy()
        whole.update(end + b"}")
        return b"%b %b%b}\n" % (whole.hexdigest()[:_SUM_LENGTH].encode(), start, end)

    return spell


def is_signed(data: bytes, sealing: LineSealing) -> bool:
    """
    Return whether each record of the journal in *data* that counts bears a seal of *sealing*.

    What follows on a torn or damaged record does not count; whether that may be is for
    :func:`decode_journal` to say.
    """
    whole = takewhile(lambda line: _body(line) is not None, data.split(b"\n"))
    return all(_fits(line[_SUM_LENGTH + 1 :], sealing) for line in whole)


def _fits(text: bytes, sealing: LineSealing) -> bool:
    found = _SEALED.fullmatch(text)
    if found is None:
        return False
    start, end, seal = found.groups()
    return hmac.compare_digest(sealing.seal(hashlib.sha256(start).digest() + end), seal)


def decode_journal(data: bytes) -> JournalLog | None:
    """
    Return the journal in *data*; None when it ended before its first line was whole.

    Raises:
        StateCorrupt: a record is damaged, and later ones are not.
        StateTooNew: a newer icesync wrote it.

    """
    try:
        return _decode(data)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise StateCorrupt("the journal is incomplete", *_REMEDY) from None


def _decode(data: bytes) -> JournalLog | None:
    lines = data.split(b"\n")
    bodies = [_body(line) for line in lines]
    sound = next((n for n, body in enumerate(bodies) if body is None), len(bodies))
    behind = [body for line in lines[sound:] if (body := _sound_end(line)) is not None]
    if any(body.get("durable", sound) >= sound for body in behind):
        offset = sum(len(line) + 1 for line in lines[:sound])
        raise StateCorrupt(f"the journal is damaged at byte {offset}", *_REMEDY)
    torn = bool(b"".join(lines[sound:]).strip(b"\0"))
    kept = [body for body in bodies[:sound] if body is not None]
    if any(body.get("n") != number for number, body in enumerate(kept)):
        raise StateCorrupt("a record is missing in the middle of the journal", *_REMEDY)
    if not kept:
        return None
    return JournalLog(_read_head(kept[0]), tuple(_read_record(body) for body in kept[1:]), torn)


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_SUM_LENGTH].encode()


def _body(line: bytes) -> dict[str, Any] | None:
    """Return the record of one line, or None if it is not whole."""
    checksum, _, text = line.partition(b" ")
    if not text or checksum != _checksum(text):
        return None
    body = json.loads(text)
    return body if isinstance(body, dict) else None


def _sound_end(line: bytes) -> dict[str, Any] | None:
    """Return the record that *line* ends with, maybe behind damage that took its break away."""
    starts = (match.start() for match in _RECORD_START.finditer(line))
    found = (_body(line[start:]) for start in starts)
    return next((body for body in found if body is not None), None)


def _read_head(body: dict[str, Any]) -> JournalHead:
    if body["type"] != "head":
        raise ValueError(body["type"])
    if body["version"] > JOURNAL_VERSION:
        raise StateTooNew(
            f"the journal has format {body['version']}; this icesync supports {JOURNAL_VERSION}",
            "pip install --upgrade icesync",
        )
    head = JournalHead(
        body["run"],
        body["lineage"],
        body["serial"],
        body["snapshot"],
        body["base_url"],
        body["key_id"],
        body["began_at"],
    )
    texts = (head.run, head.lineage, head.base_url, head.began_at)
    if type(head.serial) is not int or any(type(text) is not str for text in texts):
        raise TypeError(head)
    if any(text is not None and type(text) is not str for text in (head.snapshot, head.key_id)):
        raise TypeError(head)
    return head


def _read_record(body: dict[str, Any]) -> JournalRecord:
    address = parse_address(body["address"])
    if address is None:
        raise ValueError(body["address"])
    if body["type"] == "intent":
        drops = parse_address(body["drops"]) if "drops" in body else None
        intent = Intent(address, Action(body["action"]), read_entry(body["entry"]), drops)
        if drops == address or not intent.action.sends or not _is_call(intent.entry):
            raise StateCorrupt(
                f"the journal has a record of {address} that icesync does not write", *_REMEDY
            )
        return intent
    moment = read_time(body["at"])
    if moment is None:
        raise TypeError(body)
    return CallEnded(address, OutcomeKind(body["kind"]), moment)


def _is_call(entry: Entry) -> bool:
    """Return whether *entry* is as :func:`plan_call` makes them: a call that is not made yet."""
    record = Record(entry.settings, entry.secrets)
    if not entry.settings or entry.intent is None or entry.attempted_at is None:
        return False
    call = plan_call(record, entry.intent, entry.attempted_at, entry.revision, entry.wire)
    return entry == call
