"""
The write path of the snapshot during an apply.

Before the first byte of a call leaves, its intent is durable. Beside a local snapshot a
journal takes one record for each call. Where the disk may go with the run there is none,
and the snapshot itself says *pending* for every planned server, in one save, before the
first call. Outcomes come in as they are known. Whatever kills the run, what is stored
never claims more than ICE acknowledged, and the next plan sends again what is open.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from icesync.codec import canonical, digest
from icesync.codec.fingerprint import SALT_BYTES, FingerprintKey, LineSealing, fingerprint
from icesync.codec.journal import encode_head, record_line
from icesync.engine.state import Stored, Writer, digest_of, save
from icesync.frozen import frozen
from icesync.model.report import Outcome, OutcomeKind
from icesync.model.snapshot import (
    UNRECORDED_WIRE,
    CallEnded,
    Intent,
    JournalHead,
    Record,
    SecretRecord,
    announce,
    begin,
    plan_call,
    utc_text,
)
from icesync.planner.recovery import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Address
    from icesync.model.plan import Plan, ResourceChange
    from icesync.model.project import WireOptions
    from icesync.model.safety import SafetyProfile
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock, Journal, StateStore

_RESERVED_A_CALL: Final = 3_072
"""An intent with 25 settings and three fingerprints takes about 1,950 bytes, an outcome 200."""


_SAVE_AT_MOST_EVERY_S: Final = 1.0
_SAVE_AT_LEAST_EVERY_S: Final = 10.0
_SAVE_SHARE: Final = 20
"""A save may take one twentieth of the time: rewriting after each call would be quadratic."""


@frozen
class Stamp:
    """What is written beside the entries: who wrote, from where, by which safeguards and wire."""

    icesync_version: str
    revision: str | None = None
    safety: SafetyProfile | None = None
    wire: WireOptions = UNRECORDED_WIRE


class Recorder:
    """
    Keeps the entries of one apply in memory and in the store.

    Workers use :meth:`begin_call` and :meth:`end_call`, one thread all the rest.
    """

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
        self._run = str(uuid.uuid4())
        self._sealing = LineSealing(key, self._run) if key is not None else None
        self._lineage = stored.snapshot.lineage or str(uuid.uuid4())
        self._journal: Journal | None = None
        self._intents: dict[Address, Intent] = {}
        self._saved_at = clock.monotonic()
        self._save_cost_s = 0.0
        self._second: tuple[int | None, str] = (None, "")
        self._salts: list[bytes] = []

    @property
    def serial(self) -> int:
        """The serial of what is stored."""
        return self._stored.snapshot.serial

    def begin(self, plan: Plan) -> None:
        """
        Make ready to keep the intents of *plan*; recovered entries are saved first.

        Raises:
            StateError: the store does not take it; nothing may be sent then.

        """
        if self._stored.recovered is not None:
            self._save()
        if not plan.calls:
            return
        self._draw_salts(plan)
        if self._store.journals is not None:
            head = JournalHead(
                self._run,
                self._lineage,
                self.serial,
                digest_of(self._stored.data),
                self._stored.snapshot.base_url,
                self._key.id if self._key else None,
                self._now(),
            )
            reserved = len(plan.calls) * _RESERVED_A_CALL
            self._journal = self._store.journals.begin(encode_head(head, self._sealing), reserved)
        else:
            for change in plan.calls:
                intent = self._intend(change)
                before = self._before.get(intent.address)
                self._entries[intent.address] = begin(before, intent.entry)
            self._save()

    def announce(self, plan: Plan) -> None:
        """
        Write down what *plan* is about to send, before anything is; nothing else is done.

        Where the state is committed by the job, this is what leaves the machine before the
        first call: a runner that vanishes then leaves open calls, not none.

        Raises:
            StateError: the store does not take it.

        """
        self._draw_salts(plan)
        for change in plan.calls:
            call = self._intend(change).entry
            before = self._before.get(change.address)
            self._entries[change.address] = announce(before, call, change.prior)
        self._intents.clear()
        self._save()

    def _draw_salts(self, plan: Plan) -> None:
        # Drawn at once: each draw lets go of the interpreter, and while others
        # compute it may take milliseconds to get it back.
        count = sum(len(change.secrets) for change in plan.calls)
        drawn = secrets.token_bytes(SALT_BYTES * count)
        self._salts = [drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES)]

    def settling_s(self, change: ResourceChange, settle_s: float) -> float:
        """
        Return how many seconds *change* must wait for an earlier call to have arrived.

        The same value again needs no wait: whichever call comes last, it is that one.
        """
        entry = self._before.get(change.address)
        if entry is None or entry.attempted_at is None or entry.intent == self._digest(change):
            return 0.0
        then = datetime.fromisoformat(entry.attempted_at)
        passed_s = (self._clock.now() - then).total_seconds()
        # Never longer than the window, also where the other run's clock was ahead.
        return min(settle_s, max(0.0, settle_s - passed_s))

    def begin_call(self, change: ResourceChange) -> None:
        """
        Return when the intent of *change* is durable.

        Raises:
            StateNotSaved: it could not be kept; the call must not leave.

        """
        if self._journal is not None:
            self._journal.commit(record_line(self._intend(change), self._sealing))

    def end_call(self, change: ResourceChange, outcome: Outcome) -> None:
        """
        Take down how the call of *change* ended; durable together with the next intent.

        Raises:
            StateNotSaved: the journal takes no more.

        """
        if self._journal is not None:
            ended = CallEnded(change.address, outcome.kind, self._now())
            self._journal.append(record_line(ended, self._sealing))

    def record(self, change: ResourceChange, outcome: Outcome | None) -> None:
        """Take in how *change* ended; without an outcome it needed no call."""
        address = change.address
        if outcome is None:
            self._entries.pop(address, None)
            return
        intent = self._intents.pop(address)
        settle(self._entries, intent, self._before.get(address), outcome.kind, self._now())

    def save_if_due(self) -> None:
        """
        Save when it is time, where no journal does it: a large snapshot more rarely.

        Raises:
            StateError: the store does not take it.

        """
        if self._journal is not None:
            return
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
        if self._journal is not None:
            # First: a worker that was about to write its intent either has, or never sends.
            self._journal.close()
        for address, intent in tuple(self._intents.items()):
            kind = OutcomeKind.UNCERTAIN if address in in_flight else OutcomeKind.TRANSIENT
            settle(self._entries, intent, self._before.get(address), kind, self._now())
        self._intents.clear()
        self._save(ended=self._journal is not None)

    def _intend(self, change: ResourceChange) -> Intent:
        assert change.after is not None
        secrets_ = {
            s.key: self._secret(change.address, s.key, s.reference)
            for s in change.secrets
            if s.reference
        }
        record = Record(change.after, secrets_)
        wire, revision = self._stamp.wire, self._stamp.revision
        entry = plan_call(record, self._digest(change), self._now(), revision, wire)
        drops = None if change.source_stays else change.moved_from
        intent = Intent(change.address, change.action, entry, drops)
        self._intents[change.address] = intent
        return intent

    def _secret(self, address: Address, key: str, reference: str) -> SecretRecord:
        if self._key is None:
            return SecretRecord(reference)
        salt = self._salts.pop()
        value = self._values[reference]
        return SecretRecord(reference, fingerprint(self._key, address, key, salt, value))

    def _save(self, *, ended: bool = False) -> None:
        began = self._clock.monotonic()
        writer = Writer(
            self._stamp.icesync_version,
            self._key.id if self._key else None,
            self._run if ended else None,
            self._lineage,
            self._stamp.safety,
            self._key,
            trusted=True,
        )
        self._stored = save(self._store, self._stored, self._entries, writer)
        self._saved_at = self._clock.monotonic()
        self._save_cost_s = self._saved_at - began

    def _now(self) -> str:
        """Return the present second; spelling it once a second is enough."""
        second = int(self._clock.now().timestamp())
        if second != self._second[0]:
            self._second = (second, utc_text(datetime.fromtimestamp(second, UTC)))
        return self._second[1]

    def _digest(self, change: ResourceChange) -> str:
        """Return a digest of what a call is to bring, by which a later run can recognise it."""
        references = [[s.key, s.reference, s.tag] for s in change.secrets]
        wire = self._stamp.wire
        spelled = [] if wire == UNRECORDED_WIRE else [wire.org_key.value, wire.absent.value]
        return digest(canonical([dict(change.after or {}), references, *spelled]))
