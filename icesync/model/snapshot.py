"""
What was last applied, how each entry goes from one status to the next, and who holds the lock.

Everything that makes or changes the status of an entry is in this file: the
table of what may follow on what, and one function for each event. The states
are those of :class:`EntryStatus`, and None: no entry.

A call begins (the entry is pending), and ends in one of four ways: ICE confirms the
record, or confirms that it is disabled, so that the entry ends; ICE refuses it, and the
entry is again what it was; or nobody knows, and the entry is in doubt. The live run
and the recovery from a journal use the same functions.

A server that is forgotten, or that refers to another secret now, takes with it what the
guard ``host-change`` stands on: two changes, each harmless alone, would carry a password to
a host that never had it. So what was sent is remembered until an entry names the same
reference again, at its old host or at one that somebody allowed.
"""

from __future__ import annotations

from dataclasses import field, replace
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.frozen import NamedTuple, frozen
from icesync.model.project import Absent, OrgKey, WireOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from icesync.model.desired import Address
    from icesync.model.fields import Setting
    from icesync.model.plan import Action
    from icesync.model.report import OutcomeKind
    from icesync.model.safety import SafetyProfile
    from icesync.model.secret import Fingerprint

UNSAVED_STATE: Final = "errored.icesync.json"
"""Where a run leaves what its store did not take."""

UNRECORDED_WIRE: Final = WireOptions(OrgKey.BOTH, Absent.EMPTY)
"""How a record was sent whose entry does not say it, whatever the defaults become."""


class EntryStatus(StrEnum):
    """What is known about the last call for a server."""

    APPLIED = "applied"
    """ICE confirmed it"""
    ASSUMED = "unconfirmed"
    """taken for what ICE holds, on the word of a person; ICE never confirmed it here"""
    PENDING = "pending"
    """about to be sent when the run ended; whether it was, nobody knows"""
    UNCERTAIN = "uncertain"
    """sent, without an answer that could be trusted"""


class SecretRecord(NamedTuple):
    """A secret by its reference and, with a key, its fingerprint; never its value."""

    reference: str
    fingerprint: Fingerprint | None = None


class Record(NamedTuple):
    """One whole record, as a call brings it: typed settings and secrets by dotted key."""

    settings: Mapping[str, Setting]
    secrets: Mapping[str, SecretRecord]


class MovedFrom(NamedTuple):
    """The old address of a move that ICE confirmed, and the digest of the entry it had there."""

    address: Address
    digest: str


def utc_text(moment: datetime) -> str:
    """Return *moment*, which is UTC, as states, locks and documents spell it."""
    return f"{moment.year:04}{moment.strftime('-%m-%dT%H:%M:%SZ')}"


def readable_time(moment: datetime) -> str:
    """Return *moment*, which is UTC, as sentences spell it."""
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


@frozen
class Entry:
    """
    What is known about one server.

    *settings* and *secrets* are the last that ICE confirmed, or that a person told
    to assume, also while a call is open; they are empty for a server of which
    nothing is known. Of an open call, *attempt* is the record that it brings,
    *intent* a digest of it, and *attempted_at* its time. *moved_from* says which entry
    this one replaces. *announced_over* is the digest of the entry before an apply was
    announced (empty where there was none). *wire* is how the body of the confirmed
    record was spelled (``api.wire``). *bound_to* is the address that the
    fingerprints were made for, when the entry was moved since. Times are UTC,
    ``YYYY-MM-DDTHH:MM:SSZ``.
    """

    status: EntryStatus
    settings: Mapping[str, Setting] = field(default_factory=dict)
    secrets: Mapping[str, SecretRecord] = field(default_factory=dict)
    applied_at: str | None = None
    revision: str | None = None
    intent: str | None = None
    attempted_at: str | None = None
    bound_to: Address | None = None
    digest: str = ""
    attempt: Record | None = None
    moved_from: MovedFrom | None = None
    announced_over: str | None = None
    wire: WireOptions = UNRECORDED_WIRE

    @property
    def uncertain(self) -> bool:
        """Whether the last call has no known outcome, so that it must be sent again."""
        return self.status is EntryStatus.PENDING or self.status is EntryStatus.UNCERTAIN

    @property
    def assumed(self) -> bool:
        """Whether ICE never confirmed it: a person said that it is so."""
        return self.status is EntryStatus.ASSUMED

    @property
    def prior(self) -> str | None:
        """What a plan starts from: the digest, or that of before the plan was announced."""
        if self.announced_over is None or self.status is not EntryStatus.PENDING:
            return self.digest
        return self.announced_over or None

    @property
    def confirmed(self) -> Record | None:
        """The record that ICE confirmed last, or that is assumed; None where there is none."""
        return Record(self.settings, self.secrets) if self.settings else None

    @property
    def latest(self) -> Record | None:
        """The record that was sent last, confirmed or not; None where nothing is known of it."""
        if self.uncertain and self.attempt is not None:
            return self.attempt
        return self.confirmed


class SentSecret(NamedTuple):
    """
    A secret of *address* that *host* was given, which no entry names any more.

    Its fingerprint was made for *bound_to*, or for the address.
    """

    address: Address
    key: str
    host: str
    secret: SecretRecord
    bound_to: Address | None = None


@frozen
class Snapshot:
    """
    All entries of one target.

    *lineage* is None until the snapshot is first stored; *serial* rises with
    every stored change. *key_id* names the fingerprint key, never holds it.
    *run* names the apply whose journal was merged last. *seals* are keyed digests of the
    entries, by address, and of the whole, under ``head``. *safety* is the profile of
    the configuration's safeguards that the last apply was held to. *memory* says which
    hosts were given the secrets that no entry names any more.
    """

    base_url: str
    serial: int = 0
    lineage: str | None = None
    key_id: str | None = None
    run: str | None = None
    entries: Mapping[Address, Entry] = field(default_factory=dict)
    safety: SafetyProfile | None = None
    seals: Mapping[str, str] = field(default_factory=dict)
    memory: tuple[SentSecret, ...] = ()


@frozen
class JournalHead:
    """
    Which snapshot a journal continues.

    *serial* and *snapshot* (the SHA-256 of its bytes, None where nothing was
    stored yet) are those it began with; *run* is random and names the apply.
    """

    run: str
    lineage: str
    serial: int
    snapshot: str | None
    base_url: str
    key_id: str | None = None
    began_at: str = ""


@frozen
class Intent:
    """
    A call is about to leave; *entry* is what the snapshot will say if ICE acknowledges it.

    *drops* is the old address of a move, whose entry leaves the snapshot then.
    """

    address: Address
    action: Action
    entry: Entry
    drops: Address | None = None


@frozen
class CallEnded:
    """A call ended; *at* is UTC."""

    address: Address
    kind: OutcomeKind
    at: str


JournalRecord: TypeAlias = Intent | CallEnded


@frozen
class JournalLog:
    """
    A journal as it was found.

    *torn* says that its end was cut off in the middle of a record, as a crash
    leaves it: that record was never relied upon.
    """

    head: JournalHead
    records: tuple[JournalRecord, ...] = ()
    torn: bool = False


@frozen
class LockInfo:
    """
    The holder of a lock, in the words of Terraform's lock documents.

    *id* is random, *who* is ``user@host``, *created* UTC, *info* a link to the
    run or what else helps to find its owner.
    """

    id: str
    operation: str
    who: str
    pid: int
    created: str
    info: str = ""
    version: str = ""


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
    fingerprint = (each.hex() for each in sent.secret.fingerprint or (b"", b""))
    bound_to = str(sent.bound_to or "")
    return (str(sent.address), sent.key, sent.host, sent.secret.reference, *fingerprint, bound_to)


class Event(Enum):
    """What can happen to an entry."""

    BEGIN = auto()
    """a call is about to leave"""

    CONFIRM = auto()
    """ICE answered "Success" """

    DOUBT = auto()
    """the call, or the run, ended without an answer that can be trusted"""

    ASSUME = auto()
    """a person says that ICE holds this record"""

    RENAME = auto()
    """a person says that ICE holds it under another address"""

    FOLLOW = auto()
    """`moved:` sends it to a new address: the old entry is the history of the new one"""

    DISAGREE = auto()
    """two copies of the state say different things"""


_APPLIED, _ASSUMED = EntryStatus.APPLIED, EntryStatus.ASSUMED
_PENDING, _UNCERTAIN = EntryStatus.PENDING, EntryStatus.UNCERTAIN

TRANSITIONS: Final[Mapping[Event, Mapping[EntryStatus | None, EntryStatus]]] = {
    Event.BEGIN: dict.fromkeys((None, *EntryStatus), _PENDING),
    Event.CONFIRM: {_PENDING: _APPLIED},
    Event.DOUBT: {_PENDING: _UNCERTAIN},
    Event.ASSUME: {None: _ASSUMED},
    # ICE keeps records by address: what it confirmed there says nothing about here.
    Event.RENAME: {
        _APPLIED: _ASSUMED,
        _ASSUMED: _ASSUMED,
        _PENDING: _PENDING,
        _UNCERTAIN: _UNCERTAIN,
    },
    # Nothing was sent to the new address yet, so no call of its own is open.
    Event.FOLLOW: {
        _APPLIED: _APPLIED,
        _ASSUMED: _ASSUMED,
        _PENDING: _APPLIED,
        _UNCERTAIN: _APPLIED,
    },
    Event.DISAGREE: dict.fromkeys(EntryStatus, _UNCERTAIN),
}
"""
The status after an event, by the status before it; what is not listed cannot happen.

A refusal has no row: the entry is what it was before the call began. Nor has the
end of an entry, which leaves none.
"""


def after(event: Event, status: EntryStatus | None) -> EntryStatus:
    """
    Return the status that *event* leads to from *status*.

    Raises:
        ValueError: the table knows no such transition.

    """
    try:
        return TRANSITIONS[event][status]
    except KeyError:
        raise ValueError(f"{event.name} cannot follow on {status}") from None


def plan_call(
    record: Record,
    intent: str,
    attempted_at: str,
    revision: str | None = None,
    wire: WireOptions = UNRECORDED_WIRE,
) -> Entry:
    """Return the entry of a call that is about to bring *record*, as the journal keeps it."""
    return Entry(
        after(Event.BEGIN, None),
        record.settings,
        record.secrets,
        revision=revision,
        intent=intent,
        attempted_at=attempted_at,
        wire=wire,
    )


def begin(before: Entry | None, call: Entry) -> Entry:
    """Return the entry while *call* is open: what was known, and what may be there instead."""
    status = after(Event.BEGIN, before.status if before else None)
    return replace(
        before or Entry(status),
        status=status,
        intent=call.intent,
        attempted_at=call.attempted_at,
        attempt=Record(call.settings, call.secrets),
        announced_over=None,
        digest="",
    )


def announce(before: Entry | None, call: Entry, prior: str | None) -> Entry:
    """Return the entry while *call* is not made yet, but may be any moment from now on."""
    return replace(begin(before, call), announced_over=prior or "")


def confirm(call: Entry, at: str, moved_from: MovedFrom | None = None) -> Entry:
    """Return the entry of a record that ICE confirmed; *call* is what brought it."""
    status = after(Event.CONFIRM, call.status)
    return Entry(
        status,
        call.settings,
        call.secrets,
        at,
        call.revision,
        moved_from=moved_from,
        wire=call.wire,
    )


def doubt(before: Entry | None, call: Entry) -> Entry:
    """Return the entry after *call* ended without a known outcome."""
    opened = begin(before, call)
    return replace(opened, status=after(Event.DOUBT, opened.status))


def assume(
    settings: Mapping[str, Setting],
    secrets: Mapping[str, SecretRecord],
    wire: WireOptions = UNRECORDED_WIRE,
) -> Entry:
    """Return the entry of a record that a person says is in ICE."""
    return Entry(after(Event.ASSUME, None), settings, secrets, wire=wire)


def rename(entry: Entry, source: Address) -> Entry:
    """Return *entry*, which was known as *source*, under the name that a person gave it."""
    return replace(
        entry,
        status=after(Event.RENAME, entry.status),
        bound_to=entry.bound_to or source,
        applied_at=None,
        moved_from=None,
        announced_over=None,
        digest="",
    )


def follow(entry: Entry, source: Address, attempt: Entry | None, digest: str) -> Entry:
    """
    Return the history that a plan compares a moved server with.

    *entry* is that of the old address *source*; *attempt* the one that an earlier
    call to the new address left open; *digest* stands for both. Where nothing was
    ever confirmed at the old address, there is no history but the address.
    """
    if attempt is None:
        opened: Mapping[str, object] = {"intent": None, "attempted_at": None, "attempt": None}
        status = after(Event.FOLLOW, entry.status)
    else:
        opened = {
            "intent": attempt.intent,
            "attempted_at": attempt.attempted_at,
            "attempt": attempt.attempt,
        }
        status = attempt.status
    return replace(
        entry,
        status=status,
        bound_to=entry.bound_to or source,
        moved_from=None,
        announced_over=None,
        digest=digest,
        **opened,  # type: ignore[arg-type]
    )


def disagree(ours: Entry | None, theirs: Entry | None) -> Entry:
    """Return the entry of a server about which two copies differ: what was confirmed last."""
    known = [entry for entry in (ours, theirs) if entry is not None]
    last = max(known, key=lambda entry: (entry.applied_at or "", entry.digest))
    attempt = last.attempt or next((e.attempt for e in known if e.attempt is not None), None)
    status = after(Event.DISAGREE, last.status)
    return replace(last, status=status, attempt=attempt, announced_over=None, digest="")
