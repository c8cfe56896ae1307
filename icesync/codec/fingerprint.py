"""
What the fingerprint key is for: to see a rotation, and that nobody else wrote a state.

Mail passwords are often made by people, and a snapshot in git is kept for ever,
so a plain or salted hash would be guessed in seconds. HMAC-SHA256 under a
256-bit key that lives outside of the repository cannot be. Each fingerprint has
a fresh salt and is bound to its address and field: it says nothing about two
servers sharing a password, and cannot be pasted elsewhere.

Digests of a state can be computed by whoever edits it; a seal needs the key, which no
pull request has. Each entry has one, bound to its address and digest, and the head has
one over all of them: what is edited, removed or put back from an older state does not
fit. Of a state per organization each part has a head. A state that was stored without
the key has no seal.

What a run writes into its journal is sealed line by line, for that run alone: the journal of
a run that died is folded into the state, and is as little to be believed without.

A state in one file has one more, over its bytes as icesync wrote them. If it fits, so do all
other seals and digests, which need not be computed. If it does not, that proves nothing: git
may have merged two states, or converted line ends. Then each seal and digest is checked.

This module, the wire encoder and :mod:`icesync.codec.secretfile` are the only ones
that open secrets. Of a secret they tell its kind of characters and its length, nothing
that would help to guess it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from icesync.codec import canonical
from icesync.frozen import NamedTuple
from icesync.model.secret import MASKED, Fingerprint, SecretValue
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Address
    from icesync.model.snapshot import Snapshot

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16

_SECRET_DOMAIN: Final = b"icesync.secret.v1"
_PLAN_DOMAIN: Final = b"icesync.plan.v1"
_KEY_DOMAIN: Final = b"icesync.key-id.v1"
_DIGEST_BYTES: Final = 16


class FingerprintKey:
    """The key, which cannot print itself, and its *id*, which may be stored."""

    __slots__ = ("_keyed", "id")

    def __init__(self, key: bytes) -> None:
        # A copy of what has the key already takes two thirds of the time of a new HMAC.
        self._keyed = hmac.new(key, digestmod="sha256")
        self.id = self.mac(_KEY_DOMAIN)[:8].hex()

    def __repr__(self) -> str:
        return f"FingerprintKey(id={self.id})"

    def digest(self, message: bytes) -> str:
        """Return 128 bits of HMAC-SHA256 over *message*, in hexadecimal."""
        return self.mac(message).hex()

    def mac(self, message: bytes) -> bytes:
        """Return 128 bits of HMAC-SHA256 over *message*."""
        return self.begin(message).digest()[:_DIGEST_BYTES]

    def begin(self, message: bytes) -> hmac.HMAC:
        """Return HMAC-SHA256 over what begins with *message*."""
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed


def read_key(secret: SecretValue) -> FingerprintKey | None:
    """Return the key that *secret* spells in base64, or None if it is not 256 bits."""
    try:
        key = base64.b64decode(secret.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return FingerprintKey(key) if len(key) == KEY_BYTES else None


def encode_key(key: bytes) -> str:
    """Return *key* as `icesync keygen` prints it."""
    return base64.b64encode(key).decode("ascii")


def fingerprint(
    key: FingerprintKey, address: Address, field: str, salt: bytes, secret: SecretValue
) -> Fingerprint:
    """Return the fingerprint of *secret* at *address* and *field*; *salt* is fresh and random."""
    message = _message(_SECRET_DOMAIN, address, field, salt, secret)
    return Fingerprint(salt, key.mac(message))


def fits(
    key: FingerprintKey, known: Fingerprint, address: Address, field: str, secret: SecretValue
) -> bool:
    """Return whether *known* is the fingerprint of *secret*."""
    message = _message(_SECRET_DOMAIN, address, field, known.salt, secret)
    return hmac.compare_digest(key.mac(message), known.value)


def secret_tag(key: FingerprintKey, address: Address, field: str, secret: SecretValue) -> str:
    """
    Return the tag of *secret* in a saved plan.

    Without a salt, so that the same input gives the same plan; still bound to
    the key, the address and the field.
    """
    return key.digest(_message(_PLAN_DOMAIN, address, field, b"", secret))


def _message(
    domain: bytes, address: Address, field: str, salt: bytes, secret: SecretValue
) -> bytes:
    """Return the parts with their lengths in front, so that no two inputs read alike."""
    head = b"%b\0%d/%d\0%b\0" % (domain, *address, field.encode())
    text = secret.reveal().encode("utf-8", "surrogatepass")
    return b"%d:%b%d:%b%d:%b" % (len(head), head, len(salt), salt, len(text), text)


HEAD: Final = "head"
"""Under which name the seal over the whole stands beside those of the entries."""

FILE: Final = "file"
"""Under which name the seal over the bytes of a file stands, in that file only."""

NO_SEAL: Final = "0" * 2 * _DIGEST_BYTES
"""What stands in a file in the place of its own seal while that is computed."""

_FILE_SEAL: Final = b'\n    "file": "'
_FILE_DOMAIN: Final = b"icesync.file-seal.v1"
_ENTRY_DOMAIN: Final = b"icesync.entry-seal.v1"
_HEAD_DOMAIN: Final = b"icesync.head-seal.v1"
_LINE_DOMAIN: Final = b"icesync.journal-seal.v1"


class Broken(NamedTuple):
    """What does not fit: entries by address, sorted, and whether the head is among it."""

    entries: tuple[Address, ...] = ()
    head: bool = False

    def __bool__(self) -> bool:
        return bool(self.entries or self.head)


def broken_seals(key: FingerprintKey, snapshot: Snapshot, *, whole: bool = True) -> Broken:
    """
    Return which seals of *snapshot* are missing or do not fit.

    *snapshot* is as it was read. Without *whole* only the entries are looked at: a
    side of a merge conflict may have the other's head.
    """
    entries = tuple(
        address
        for address, entry in sorted(snapshot.entries.items())
        if not _fits(snapshot.seals.get(str(address)), _entry_seal(key, address, entry.digest))
    )
    head = whole and not _fits(snapshot.seals.get(HEAD), _head_seal(key, snapshot))
    return Broken(entries, head)


def seals_of(
    key: FingerprintKey | None, after: Snapshot, before: Snapshot, *, trusted: bool
) -> Mapping[str, str]:
    """
    Return the seals of *after*, the successor of *before*.

    What icesync changed is sealed anew. What it did not keeps its seal, good or bad,
    and so does the whole, unless *trusted* says that a person allowed it, or there was
    nothing before. Without *key* nothing can be sealed.
    """
    seals = {}
    for address, entry in after.entries.items():
        known = before.entries.get(address)
        kept = before.seals.get(str(address))
        if known is not None and known.digest == entry.digest and not trusted:
            if kept is not None:
                seals[str(address)] = kept
        elif key is not None:
            seals[str(address)] = _entry_seal(key, address, entry.digest)
    if key is not None and (trusted or _is_whole(key, before)):
        seals[HEAD] = _head_seal(key, after)
    return seals


class KeySealing(NamedTuple):
    """By which *key* a save seals; *trusted* seals what icesync did not write, too."""

    key: FingerprintKey | None
    trusted: bool = False

    def of(self, after: Snapshot, before: Snapshot) -> Mapping[str, str]:
        """Return the seals of *after*, the successor of *before*."""
        return seals_of(self.key, after, before, trusted=self.trusted)

    def renews(self, snapshot: Snapshot) -> bool:
        """Return whether *snapshot* is to be sealed anew, although nothing in it changes."""
        if self.key is None or not self.trusted or snapshot.lineage is None:
            return False
        return bool(broken_seals(self.key, snapshot))


def seal_file(key: FingerprintKey, data: bytes) -> bytes:
    """Return *data*, a state in which :data:`NO_SEAL` stands under :data:`FILE`, with its seal."""
    place = _place_of_file_seal(data)
    return b"%b%b%b" % (data[: place.start], _file_seal(key, data, place), data[place.stop :])


def has_file_seal(data: bytes) -> bool:
    """Return whether *data* has a seal over its bytes, whether it fits or not."""
    return _FILE_SEAL in data


def fits_file_seal(key: FingerprintKey, data: bytes) -> bool:
    """Return whether *data* is, byte for byte, a state that icesync wrote with *key*."""
    if not has_file_seal(data):
        return False
    place = _place_of_file_seal(data)
    return hmac.compare_digest(data[place], _file_seal(key, data, place))


def _place_of_file_seal(data: bytes) -> slice:
    # A line end cannot stand in a text of JSON: this is a key of an object in the head.
    start = data.index(_FILE_SEAL) + len(_FILE_SEAL)
    return slice(start, start + len(NO_SEAL))


def _file_seal(key: FingerprintKey, data: bytes, place: slice) -> bytes:
    content = hashlib.sha256(memoryview(data)[: place.start])
    content.update(NO_SEAL.encode())
    content.update(memoryview(data)[place.stop :])
    return key.digest(b"%b\0%b" % (_FILE_DOMAIN, content.digest())).encode()


class LineSealing:
    """Seals the lines of the journal of one run, so that none of another run fits there."""

    __slots__ = ("_keyed",)

    def __init__(self, key: FingerprintKey, run: str) -> None:
        self._keyed = key.begin(b"%b\0%b\0" % (_LINE_DOMAIN, canonical(run).encode()))

    def seal(self, content: bytes) -> bytes:
        """Return the seal of *content* in hexadecimal."""
        keyed = self._keyed.copy()
        keyed.update(content)
        return keyed.hexdigest()[: 2 * _DIGEST_BYTES].encode()


def _is_whole(key: FingerprintKey, before: Snapshot) -> bool:
    if before.lineage is None:
        return True
    return _fits(before.seals.get(HEAD), _head_seal(key, before))


def _entry_seal(key: FingerprintKey, address: Address, digest: str) -> str:
    return key.digest(b"%b\0%d/%d\0%b" % (_ENTRY_DOMAIN, *address, digest.encode()))


def _head_seal(key: FingerprintKey, snapshot: Snapshot) -> str:
    content: list[object] = [
        snapshot.serial,
        snapshot.lineage,
        snapshot.base_url,
        snapshot.key_id,
        snapshot.run,
        dict(snapshot.safety) if snapshot.safety is not None else None,
        [[str(address), entry.digest] for address, entry in sorted(snapshot.entries.items())],
    ]
    if snapshot.memory:  # where there is none, the seal is the one of an older icesync
        from icesync.codec.state import plain_memory

        content.append(plain_memory(snapshot.memory))
    return key.digest(_HEAD_DOMAIN + b"\0" + canonical(content).encode())


def _fits(found: str | None, expected: str) -> bool:
    return found is not None and hmac.compare_digest(found.encode(), expected.encode())


_BOM: Final = "\ufeff"
_ALIKE_DOMAIN: Final = b"icesync.alike.v1\0"


class SecretIssue(StrEnum):
    """What is odd about the characters of a secret."""

    LINE_BREAK = "contains a line break"
    BOM = "contains a byte order mark"
    BLANK = "starts or ends with a space"
    NOT_ASCII = "contains non-ASCII characters"


def secret_issue(secret: SecretValue) -> SecretIssue | None:
    """Return the first thing that is odd about the characters of *secret*, or None."""
    text = secret.reveal()
    if "\n" in text or "\r" in text:
        return SecretIssue.LINE_BREAK
    if _BOM in text:
        return SecretIssue.BOM
    if text != text.strip():
        return SecretIssue.BLANK
    return None if text.isascii() else SecretIssue.NOT_ASCII


_PLACEHOLDER: Final = regex(
    rf"{MASKED}|\u2026+|\.{{3,}}|<[A-Za-z_ .\u2026-]*>|\u2039.*[\u203a>]", re.DOTALL
)


def is_placeholder(secret: SecretValue) -> bool:
    """Return whether *secret* only stands for one: dots, asterisks, words in angle brackets."""
    return _PLACEHOLDER.fullmatch(secret.reveal()) is not None


def is_document(secret: SecretValue) -> bool:
    """
    Return whether *secret* is a text of several lines, or JSON with texts in it.

    Brackets, colons and equals signs alone do not make one: people choose such passwords.
    """
    text = secret.reveal().strip().removeprefix(_BOM).strip()
    if "\n" in text or "\r" in text:
        return True
    if text[:1] not in {"{", "["} or '"' not in text:
        return False
    import json

    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def length(secret: SecretValue) -> int:
    """Return how many characters *secret* has."""
    return len(secret.reveal())


def fits_form(secret: SecretValue, pattern: str) -> bool:
    """Return whether the whole of *secret* fits the regular expression *pattern*."""
    return re.fullmatch(pattern, secret.reveal()) is not None


def equals(secret: SecretValue, text: str) -> bool:
    """Return whether *secret* is *text*, which is known already."""
    return secret.reveal() == text


def group_equal(values: Mapping[str, SecretValue], key: FingerprintKey) -> list[list[str]]:
    """Return the names of *values* that share one secret, each group and all groups sorted."""
    groups: dict[str, list[str]] = {}
    for name in sorted(values):
        groups.setdefault(value_tag(values[name], key), []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


class ContainedSecrets:
    """
    Tells which of *known* secrets stand inside of another one, by their names.

    Those of fewer than eight characters are left out: they stand in others by chance.
    """

    __slots__ = ("_lengths", "_names")

    def __init__(self, known: Mapping[str, SecretValue]) -> None:
        self._names: dict[str, set[str]] = {}
        for name, value in known.items():
            if len(text := value.reveal()) >= _SHORTEST_CONTAINED:
                self._names.setdefault(text, set()).add(name)
        self._lengths = sorted({len(text) for text in self._names})

    def names_in(self, secret: SecretValue) -> set[str]:
        """Return the names of those that *secret* holds besides other characters."""
        text, found = secret.reveal(), set[str]()
        for size in self._lengths:
            if size >= len(text):
                break
            for at in range(len(text) - size + 1):
                found |= self._names.get(text[at : at + size], set())
        return found


_SHORTEST_CONTAINED: Final = 8


def value_tag(secret: SecretValue, key: FingerprintKey) -> str:
    """Return a tag that equal secrets share; who has not *key* learns nothing by it."""
    return key.digest(_ALIKE_DOMAIN + secret.reveal().encode("utf-8", "surrogatepass"))


def usable_text(secret: SecretValue) -> str | None:
    """Return why *secret*, which another package made, is no text that can be sent, or None."""
    text: object = secret.reveal()
    if not isinstance(text, str):
        return "its value is not a string"
    if not text:
        return "it is empty"
    return "it is not UTF-8" if any("\ud800" <= c <= "\udfff" for c in text) else None
