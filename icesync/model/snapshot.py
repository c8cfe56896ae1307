"""
What was last applied, what an apply wrote down as it went, and who holds the lock on it.

A server that is forgotten, or that refers to another secret now, takes with it what the
guard ``host-change`` stands on: two changes, each harmless alone, would carry a password to
a host that never had it. So what was sent is remembered until an entry names the same
reference again, at its old host or at one that somebody allowed.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from icesync.frozen import frozen
from icesync.model.project import Absent, OrgKey, WireOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.model.desired import Address
    from icesync.model.fields import Setting
    from icesync.model.plan import Action
    from icesync.model.report import OutcomeKind
    from icesync.model.safety import SafetyProfile
    from icesync.model.secret import Fingerprint

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
        return self.status in {EntryStatus.PENDING, EntryStatus.UNCERTAIN}

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
    fingerprint = sent.secret.fingerprint or ("", "")
    bound_to = str(sent.bound_to or "")
    return (str(sent.address), sent.key, sent.host, sent.secret.reference, *fingerprint, bound_to)
