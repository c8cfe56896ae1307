"""
The write path of the snapshot during an apply.

Before the first byte of the first call leaves, the snapshot says *pending* for
every server that will be called. Outcomes come in as they are known and are
saved now and then and at the end. Whatever kills the run, what is stored never
claims more than ICE acknowledged, and the next plan sends again what is open.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from icesync.codec.canonical import canonical, digest
from icesync.codec.fingerprint import SALT_BYTES, FingerprintKey, fingerprint
from icesync.engine.state import Stored, save
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.report import OutcomeKind
from icesync.model.snapshot import Entry, EntryStatus, SecretRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.address import Address
    from icesync.model.report import Outcome
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock, StateStore

__all__ = ["Recorder", "Stamp"]

_SAVE_AT_MOST_EVERY_S: Final = 1.0
_SAVE_AT_LEAST_EVERY_S: Final = 10.0
_SAVE_SHARE: Final = 20
"""A save may take one twentieth of the time: rewriting after each call would be quadratic."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is written beside every entry: who wrote it and from which commit."""

    icesync_version: str
    revision: str | None = None


class Recorder:
    """Keeps the entries of one apply in memory and in the store; one thread uses it."""

    def __init__(
        self,
        store: StateStore,
        stored: Stored,
        clock: Clock,
        stamp: Stamp,
        values: Mapping[str, SecretValue],
        key: FingerprintKey | None,
    ) -> None:
        self._store = store
        self._stored = stored
        self._before = stored.snapshot.entries
        self._entries = dict(self._before)
        self._clock = clock
        self._stamp = stamp
        self._values = values
        self._key = key
        self._saved_at = clock.monotonic()
        self._save_cost_s = 0.0
        self._open: set[Address] = set()

    @property
    def serial(self) -> int:
        """The serial of what is stored."""
        return self._stored.snapshot.serial

    def begin(self, plan: Plan) -> None:
        """
        Make the intent durable: pending marks for all calls, in one save.

        Raises:
            StateError: the store does not take it; nothing may be sent then.

        """
        now = self._now()
        for change in plan.calls:
            before = self._before.get(change.address)
            self._entries[change.address] = replace(
                before or Entry(EntryStatus.PENDING),
                status=EntryStatus.PENDING,
                intent=_intent(change),
                attempted_at=now,
            )
            self._open.add(change.address)
        self._save()

    def record(self, change: ResourceChange, outcome: Outcome | None) -> None:
        """Take in how *change* ended; without an outcome it needed no call."""
        address = change.address
        self._open.discard(address)
        if change.action is Action.FORGET:
            self._entries.pop(address, None)
        elif outcome is not None and outcome.kind is OutcomeKind.APPLIED:
            self._acknowledge(change)
        elif outcome is not None and outcome.kind is OutcomeKind.UNCERTAIN:
            self._entries[address] = replace(self._entries[address], status=EntryStatus.UNCERTAIN)
        else:
            self._restore(address)

    def save_if_due(self) -> None:
        """Save when it is time: often for a small snapshot, rarely for a large one."""
        pause = max(_SAVE_AT_MOST_EVERY_S, self._save_cost_s * _SAVE_SHARE)
        if self._clock.monotonic() - self._saved_at >= min(pause, _SAVE_AT_LEAST_EVERY_S):
            self._save()

    def finish(self, in_flight: frozenset[Address] = frozenset()) -> None:
        """
        Save the end of the run; what never was dispatched is as it was before.

        *in_flight* are calls that were left without an answer.

        Raises:
            StateError: the store does not take it.

        """
        for address in tuple(self._open):
            if address in in_flight:
                self._entries[address] = replace(
                    self._entries[address], status=EntryStatus.UNCERTAIN
                )
            else:
                self._restore(address)
        self._open.clear()
        self._save()

    def _acknowledge(self, change: ResourceChange) -> None:
        if change.action is Action.DISABLE:
            self._entries.pop(change.address, None)
            return
        assert change.after is not None
        self._entries[change.address] = Entry(
            EntryStatus.APPLIED,
            change.after,
            {
                s.key: self._secret(change.address, s.key, s.reference)
                for s in change.secrets
                if s.reference
            },
            applied_at=self._now(),
            revision=self._stamp.revision,
        )

    def _secret(self, address: Address, key: str, reference: str) -> SecretRecord:
        if self._key is None:
            return SecretRecord(reference)
        salt = secrets.token_bytes(SALT_BYTES)
        value = self._values[reference]
        return SecretRecord(reference, fingerprint(self._key, address, key, salt, value))

    def _restore(self, address: Address) -> None:
        before = self._before.get(address)
        if before is None:
            self._entries.pop(address, None)
        else:
            self._entries[address] = before

    def _save(self) -> None:
        began = self._clock.monotonic()
        key_id = self._key.id if self._key else None
        self._stored = save(
            self._store, self._stored, self._entries, self._stamp.icesync_version, key_id
        )
        self._saved_at = self._clock.monotonic()
        self._save_cost_s = self._saved_at - began

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _intent(change: ResourceChange) -> str:
    """Return a digest of what a call is to bring, by which a later run can recognise it."""
    references = [[s.key, s.reference] for s in change.secrets]
    return digest(canonical([dict(change.after or {}), references]))
