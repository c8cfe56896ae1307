"""
Which hosts were given a secret that no entry of the state names any more.

A server that is forgotten, or that refers to another secret now, takes with it what the
guard ``host-change`` stands on: two changes, each harmless alone, would carry a password to
a host that never had it. So what was sent is remembered until an entry names the same
reference again, at its old host or at one that somebody allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.snapshot import SentSecret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.model.address import Address
    from icesync.model.snapshot import Entry, Snapshot


def sent_secrets(entries: Mapping[Address, Entry]) -> Iterator[SentSecret]:
    """Yield each secret of *entries* with the host that was given it."""
    for address, entry in entries.items():
        for key, record in entry.secrets.items():
            host = entry.settings.get(host_key(key))
            if isinstance(host, str):
                yield SentSecret(address, key, host, record, entry.bound_to)


def host_key(secret_key: str) -> str:
    """Return the setting that names the host of *secret_key*: ``smtp.host``."""
    return f"{secret_key.rpartition('.')[0]}.host"


def remember(
    before: Iterable[Snapshot], entries: Mapping[Address, Entry]
) -> tuple[SentSecret, ...]:
    """Return what is to be remembered beside *entries*, which replace those of *before*."""
    known: set[SentSecret] = set()
    for snapshot in before:
        known.update(snapshot.memory)
        lost = {
            address: entry
            for address, entry in snapshot.entries.items()
            if entries.get(address) is not entry
        }
        known.update(sent_secrets(lost))
    if not known:
        return ()
    named = {_unversioned(sent.secret.reference) for sent in sent_secrets(entries)}
    kept = (sent for sent in known if _unversioned(sent.secret.reference) not in named)
    return tuple(sorted(kept, key=_order))


def _unversioned(reference: str) -> str:
    """Return *reference* without its query: another version leads to the same secret."""
    path, _, rest = reference.partition("?")
    return path + "".join(rest.partition("#")[1:])


def _order(sent: SentSecret) -> tuple[str, ...]:
    fingerprint = sent.secret.fingerprint or ("", "")
    bound_to = str(sent.bound_to or "")
    return (str(sent.address), sent.key, sent.host, sent.secret.reference, *fingerprint, bound_to)
