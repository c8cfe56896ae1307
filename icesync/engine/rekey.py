"""Use case: make all fingerprints anew with another key, while both keys are there."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from icesync.codec.fingerprint import SALT_BYTES, FingerprintKey, fingerprint, fits
from icesync.codec.seals import broken_seals
from icesync.engine.secret_resolution import open_key, read_stored_reference, resolve_references
from icesync.engine.state import Writer, load, save
from icesync.errors import ConfigInvalid, SecretMissing
from icesync.model.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.engine.secret_resolution import Resolution
    from icesync.model.address import Address
    from icesync.model.project import Project
    from icesync.model.secret import SecretRef
    from icesync.model.snapshot import Entry, SecretRecord, SentSecret
    from icesync.ports import SecretProvider, StateStore

__all__ = ["rekey"]


def rekey(
    project: Project,
    store: StateStore,
    providers: Mapping[str, SecretProvider],
    new_reference: SecretRef,
    version: str,
    *,
    dry_run: bool = False,
) -> int:
    """
    Store the snapshot with fingerprints of the key behind *new_reference*; return how many.

    The lock must be held. A fingerprint is made anew only where the secret of
    now is the one that was acknowledged: else a rotation would get lost.

    Raises:
        ConfigInvalid: there is no old key, or a secret was rotated since or is not there.
        SecretMissing: a key leads nowhere.
        StateError: the snapshot cannot be read or stored.

    """
    if project.fingerprint_key is None:
        raise ConfigInvalid(
            f"{project.config_file} has no `fingerprints.key`, so there is nothing to replace",
            "set it, then: icesync apply --resend all   makes the first fingerprints",
        )
    stored = load(store, project.api.base_url)
    old = open_key(project.fingerprint_key, providers, stored.snapshot)
    new = open_key(new_reference, providers, Snapshot(project.api.base_url))
    resolution = resolve_references(_references(stored.snapshot), providers)
    entries, count = _refingerprint(stored.snapshot, _Keys(old, new), resolution)
    if not dry_run:
        # Sealed under the old key, all of it: else it would be sealed anew unseen.
        whole = not broken_seals(
            old, stored.as_read or stored.snapshot, whole=project.state.per is None
        )
        memory = _remembered(stored.snapshot, _Keys(old, new), resolution)
        stored = replace(stored, snapshot=replace(stored.snapshot, memory=memory))
        save(store, stored, entries, Writer(version, new.id, key=new, trusted=whole))
    return count


class _Keys(NamedTuple):
    """The key that fingerprints were made with, and the one they are made with from now on."""

    old: FingerprintKey
    new: FingerprintKey


def _references(snapshot: Snapshot) -> list[SecretRef]:
    texts = {
        record.reference
        for entry in snapshot.entries.values()
        for record in entry.secrets.values()
        if record.fingerprint is not None
    }
    texts |= {s.secret.reference for s in snapshot.memory if s.secret.fingerprint is not None}
    return [read_stored_reference(text) for text in sorted(texts)]


def _remembered(snapshot: Snapshot, keys: _Keys, resolution: Resolution) -> tuple[SentSecret, ...]:
    """
    Return the memory of hosts under the new key.

    Of a secret that is not there any more, or not the one that was sent, its reference and
    its host remain: whoever forgot its server need not keep it for this.
    """
    kept = []
    for sent in snapshot.memory:
        secret = sent.secret
        if secret.fingerprint is not None:
            bound = (sent.bound_to or sent.address, sent.key)
            made = _make_anew(secret, bound, keys, resolution)
            secret = secret._replace(fingerprint=None) if isinstance(made, str) else made
        kept.append(sent._replace(secret=secret))
    return tuple(kept)


def _refingerprint(
    snapshot: Snapshot, keys: _Keys, resolution: Resolution
) -> tuple[dict[Address, Entry], int]:
    entries: dict[Address, Entry] = {}
    problems: list[str] = []
    count = 0
    for address, entry in sorted(snapshot.entries.items()):
        records = dict(entry.secrets)
        for key, record in entry.secrets.items():
            if record.fingerprint is None:
                continue
            bound = (entry.bound_to or address, key)
            made = _make_anew(record, bound, keys, resolution)
            if isinstance(made, str):
                problems.append(f"{address} {key} {made}")
            else:
                records[key] = made
                count += 1
        entries[address] = replace(entry, secrets=records, digest="")
    if problems:
        shown = ", ".join(problems[:5]) + (f" and {len(problems) - 5} more" * (len(problems) > 5))
        raise ConfigInvalid(
            f"not every secret is the one that ICE confirmed: {shown}",
            "icesync apply   sends what was rotated; then change the key",
        )
    return entries, count


def _make_anew(
    record: SecretRecord, bound: tuple[Address, str], keys: _Keys, resolution: Resolution
) -> SecretRecord | str:
    """Return *record* with a fingerprint of the new key, or in words why it cannot be."""
    value = resolution.values.get(record.reference)
    if value is None:
        failure = resolution.failures.get(record.reference)
        return f"({(failure or SecretMissing('has no reference')).message})"
    assert record.fingerprint is not None
    if not fits(keys.old, record.fingerprint, *bound, value):
        return "(rotated since)"
    salt = secrets.token_bytes(SALT_BYTES)
    return record._replace(fingerprint=fingerprint(keys.new, *bound, salt, value))
