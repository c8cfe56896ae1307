"""
What leads to one secret, and to which hosts it was given: by identity, and by value where known.

A name in a file is whatever its author writes, so no guard may stand on it. Two
references lead to one secret where their provider says so
(:class:`icesync.ports.ReferenceReader`), or where the values are equal. Values
are compared under a key: with those in memory, and with the fingerprints of the
state, which know what ICE was given although nobody else does any more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from icesync.codec.fingerprint import KEY_BYTES, FingerprintKey, fits
from icesync.codec.secret_checks import value_tag
from icesync.config.rules.base import UnplacedFinding, Violation
from icesync.engine.secret_resolution import resolve_references
from icesync.model.host_memory import host_key, sent_secrets
from icesync.ports import CredentialHolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.engine.secret_resolution import Identities
    from icesync.model.address import Address
    from icesync.model.desired import DesiredServer, DesiredState
    from icesync.model.fields import Setting
    from icesync.model.plan import Plan
    from icesync.model.secret import SecretRef, SecretValue
    from icesync.model.snapshot import SentSecret, Snapshot
    from icesync.planner.policy import ConfirmedHosts
    from icesync.ports import SecretProvider


def confirmed_hosts(
    plan: Plan,
    snapshot: Snapshot,
    elsewhere: Iterable[DesiredServer],
    values: Mapping[str, SecretValue],
    key: FingerprintKey | None,
    identities: Identities,
) -> ConfirmedHosts:
    """
    Return, for each secret that *plan* sends, the hosts that were given it so far.

    *elsewhere* are servers whose entries are in no state of this run: what the
    files say of them stands in, and their own run holds it to its state. Secrets
    that no host was given are left out.
    """
    if not plan.calls:
        return {}
    by_value = _Sightings(snapshot, values, key)
    by_identity: dict[str, set[Setting]] = {}
    for text, host in _references(snapshot, elsewhere):
        by_identity.setdefault(identities.of(text), set()).add(host)
    found = {}
    for change in plan.calls:
        for secret in change.secrets:
            hosts = set(by_identity.get(identities.of(secret.reference), ()))
            if secret.reference in values:
                hosts |= by_value.hosts_of(values[secret.reference], change.address)
            if hosts:
                found[change.address, secret.key] = frozenset(hosts)
    return found


def _references(
    snapshot: Snapshot, elsewhere: Iterable[DesiredServer]
) -> Iterator[tuple[str, Setting]]:
    """Yield each reference with a host that was given its secret."""
    for server in elsewhere:
        for name, reference in server.secrets.items():
            host = server.settings.get(host_key(name))
            if host is not None:
                yield reference.text, host
    for sent in _sent(snapshot):
        yield sent.secret.reference, sent.host


def _sent(snapshot: Snapshot) -> Iterator[SentSecret]:
    """Yield the secrets that hosts were given: of the entries, and of those that are gone."""
    yield from sent_secrets(snapshot.entries)
    yield from snapshot.memory


class _Sightings:
    """Which hosts were given a value, as the state knows it."""

    def __init__(
        self, snapshot: Snapshot, values: Mapping[str, SecretValue], key: FingerprintKey | None
    ) -> None:
        self._key = key
        # A key of this run tells equal values without opening one.
        self._run_key = FingerprintKey(os.urandom(KEY_BYTES))
        self._at: dict[Address, set[SentSecret]] = {}
        self._by_tag: dict[str, set[SentSecret]] = {}
        self._unseen: list[SentSecret] = []
        for sent in _sent(snapshot):
            self._at.setdefault(sent.address, set()).add(sent)
            value = values.get(sent.secret.reference)
            if value is not None:
                tag = value_tag(value, self._run_key)
                self._by_tag.setdefault(tag, set()).add(sent)
            if sent.secret.fingerprint and not (value and self._fits(sent, value)):
                self._unseen.append(sent)

    def hosts_of(self, value: SecretValue, address: Address) -> set[Setting]:
        """Return the hosts that were given *value*, which is about to be sent for *address*."""
        given = set(self._by_tag.get(value_tag(value, self._run_key), ()))
        given |= {sent for sent in self._unseen if self._fits(sent, value)}
        if {sent.address for sent in given} == {address}:
            # One mailbox with one password by two references: it may go to both its hosts.
            given |= self._at[address]
        return {sent.host for sent in given}

    def _fits(self, sent: SentSecret, value: SecretValue) -> bool:
        known = sent.secret.fingerprint
        if self._key is None or known is None:
            return False
        return fits(self._key, known, sent.bound_to or sent.address, sent.key, value)


def credentials_sent(
    desired: DesiredState,
    values: Mapping[str, SecretValue],
    own: Mapping[str, SecretRef],
    providers: Mapping[str, SecretProvider],
) -> Iterator[UnplacedFinding]:
    """
    Yield what ICE411 says by value: passwords that are what icesync or its job logs in with.

    *own* are the references of the configuration itself, by their setting; those
    that cannot be had here are not compared.
    """
    if not values:
        return
    held: Mapping[str, SecretValue] = {}
    if isinstance(providers, CredentialHolder):
        held = {f"the variable {n}": v for n, v in providers.job_credentials().items()}
    found = resolve_references(own.values(), providers).values
    held = {**held, **{f"`{n}`": found[r.text] for n, r in own.items() if r.text in found}}
    key = FingerprintKey(os.urandom(KEY_BYTES))
    names = {value_tag(value, key): name for name, value in held.items()}
    sent = {text: names.get(value_tag(value, key)) for text, value in values.items()}
    for server in desired.servers.values():
        for setting, reference in server.secrets.items():
            name = sent.get(reference.text)
            if name is not None:
                message = f"`{setting}` is what {name} holds, which no mail server may get"
                violation = Violation(setting, message, "refer to the mail password")
                yield UnplacedFinding(server, "ICE411", violation)
