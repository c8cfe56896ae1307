"""
The journal as bytes: one line a record, each with a checksum and a number.

``<64 bits of SHA-256> <json>``, in ASCII, without any secret. A crash leaves a
torn end, which was never relied upon and is dropped. A power cut may even keep
a later sector of the last flush and lose an earlier one, so each record says how
many before it were on the disk when it was written: damage to one of those means
that something is lost which was relied upon, and is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from icesync.codec import canonical
from icesync.codec.state import plain_entry, read_entry, read_time
from icesync.errors import StateCorrupt, StateTooNew
from icesync.model.desired import parse_address
from icesync.model.plan import Action
from icesync.model.report import OutcomeKind
from icesync.model.snapshot import CallEnded, Intent, JournalHead, JournalLog, JournalRecord

if TYPE_CHECKING:
    from icesync.ports import JournalLine

JOURNAL_VERSION: Final = 1

_SUM_LENGTH: Final = 16
_RECORD_START: Final = re.compile(rb"[0-9a-f]{16} \{")
_REMEDY: Final = (
    (
        "copy the state and its .journal, delete the journal, then run `icesync apply "
        "--resend all` to send every server again"
    ),
)


def encode_head(head: JournalHead) -> bytes:
    """Return the first line of a journal."""
    return _checked(
        canonical(
            {
                "type": "head",
                "version": JOURNAL_VERSION,
                "run": head.run,
                "lineage": head.lineage,
                "serial": head.serial,
                "snapshot": head.snapshot,
                "base_url": head.base_url,
                "key_id": head.key_id,
                "began_at": head.began_at,
                "n": 0,
            }
        )
    )


def encode_record(number: int, record: JournalRecord, durable: int | None = None) -> bytes:
    """
    Return the line of *record*; numbers rise by one from 1.

    The first *durable* records are known to be on the disk; None means all before it.
    """
    return record_line(record)(number, number - 1 if durable is None else durable)


def record_line(record: JournalRecord) -> JournalLine:
    """Return what spells *record*, once its number and what is durable are known."""
    body: dict[str, Any] = {"address": str(record.address)}
    if isinstance(record, Intent):
        entry = plain_entry(record.entry)
        body |= {"type": "intent", "action": record.action.value, "entry": entry}
        if record.drops is not None:
            body["drops"] = str(record.drops)
    else:
        body |= {"type": "outcome", "kind": record.kind.value, "at": record.at}
    # The numbers come last: the rest is spelled before the journal is locked.
    start = canonical(body).removesuffix("}")
    return lambda number, durable: _checked(f'{start},"durable":{durable},"n":{number}}}')


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


def _checked(text: str) -> bytes:
    data = text.encode("ascii")
    return b"%b %b\n" % (_checksum(data), data)


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_SUM_LENGTH].encode("ascii")


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
        return Intent(address, Action(body["action"]), read_entry(body["entry"]), drops)
    moment = read_time(body["at"])
    if moment is None:
        raise TypeError(body)
    return CallEnded(address, OutcomeKind(body["kind"]), moment)
