"""
Seals: keyed digests by which a state shows that icesync wrote it.

Digests of a state can be computed by whoever edits it; a seal needs the fingerprint
key, which no pull request has. Each entry has one, bound to its address and digest,
and the head has one over all of them: what is edited, removed or put back from an
older state does not fit. A state that was stored without the key has no seal.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.codec.canonical import canonical
from icesync.codec.state import plain_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.model.address import Address
    from icesync.model.snapshot import Snapshot

HEAD: Final = "head"
"""Under which name the seal over the whole stands beside those of the entries."""

_ENTRY_DOMAIN: Final = b"icesync.entry-seal.v1"
_HEAD_DOMAIN: Final = b"icesync.head-seal.v1"


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
    state in parts has no head.
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
        content.append(plain_memory(snapshot.memory))
    return key.digest(_HEAD_DOMAIN + b"\0" + canonical(content).encode())


def _fits(found: str | None, expected: str) -> bool:
    return found is not None and hmac.compare_digest(found.encode(), expected.encode())
