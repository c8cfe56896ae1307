"""
What the emulator keeps: its keys, the records as they stand, and the calls.

One SQLite file, or memory. Passwords and tokens never reach it; what does is a
tag made with a key that lives in the same file, so that a test can say "the
same password" without knowing it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import UsageError
from icesync.frozen import frozen
from icesync.model.desired import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime


class Verdict(StrEnum):
    """How the emulator decided one call, in words for people and tests."""

    APPLIED = "applied"
    LOGGED_IN = "logged in"
    LOGGED_OUT = "logged out"
    LOGIN_REFUSED = "login refused"
    TOKEN_MISSING = "token missing"  # noqa: S105 - a verdict
    TOKEN_FORGED = "token not ours"  # noqa: S105 - a verdict
    TOKEN_EXPIRED = "token expired"  # noqa: S105 - a verdict
    TOKEN_REVOKED = "token revoked"  # noqa: S105 - a verdict
    UNKNOWN_SERVER = "unknown server"
    NO_ADDRESS = "names no server"
    BAD_MEMBER = "bad member"
    BAD_BODY = "unreadable body"
    NULL_MODEL = "no body"
    MEDIA_TYPE = "media type"
    WRONG_VERB = "wrong verb"
    NOT_FOUND = "not found"
    DROPPED = "not processed"
    """a fault kept it from having any effect"""
    APPLIED_LATE = "applied late"


@frozen
class Tag:
    """A keyed digest that stands for a secret: equal secrets have equal tags."""

    hmac: str


@frozen
class Call:
    """
    One call to ICE and what it came to.

    *request* is the body as it was bound: canonical, secrets as tags, without its
    token. *errors* names members that did not fit, *ignored* unknown ones,
    *conflicts* those that came under two names with two values. An accepted write
    carries the *digest* of the document and the
    *revision* that it made, and only that one is *stored*; revisions of an address
    are the order in which its writes were stored. Ids rise by one a call in the
    order of arrival.

    A call was in flight from *at* until *ended_at*, when its reply left or its
    caller had gone; None while it is. *overlaps* are the ids of the calls for the
    same address that were in flight when it came. *status* is 0 where the caller
    saw none; *fault* holds the text of those that struck.
    """

    at: str
    method: str
    path: str
    status: int
    outcome: str
    org: int | None = None
    skill: int | None = None
    request: str | None = None
    errors: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    digest: str | None = None
    revision: int | None = None
    id: int = 0
    ended_at: str | None = None
    fault: str | None = None
    overlaps: tuple[int, ...] = ()
    stored: bool = False


@frozen
class StoredServer:
    """One record as it stands; *revision* counts its writes from 1."""

    address: Address
    document: Mapping[str, object]
    digest: str
    revision: int
    updated_at: str


@frozen
class Stats:
    """How many records stand, how many calls came, and how the remembered ones ended."""

    servers: int
    calls: int
    outcomes: Mapping[str, int]


def canonical(values: Mapping[str, object]) -> str:
    """Return *values* as JSON that is the same for the same values; a bare secret raises."""
    return _CANONICAL.encode(values)


def digest(document: str) -> str:
    """Return the digest of a canonical document."""
    return f"sha256:{hashlib.sha256(document.encode()).hexdigest()}"


def timestamp(moment: datetime) -> str:
    """Return *moment* (UTC) as ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _plain_tag(value: object) -> dict[str, str]:
    if not isinstance(value, Tag):
        raise TypeError(f"not a value of a record: {type(value).__name__}")
    return {"hmac": value.hmac}


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain_tag)


MEMORY: Final = ":memory:"
"""The path that stands for no file at all."""

_KEPT_CALLS: Final = 100_000
_NO_END: Final = 2**63 - 1
_BEFORE_ALL: Final = Address(0, 0)
_KEY_BYTES: Final = 32
_TOKENS_OVER: Final = "tokens over"


class Storage:
    """
    The memory of one emulator; safe to use from several threads.

    *path* names the SQLite file, made with mode 0600 where there is none, or
    is ``":memory:"``. Only the last *kept_calls* calls are remembered.

    Raises:
        UsageError: the file cannot be opened, or is something else.

    """

    def __init__(self, path: str = MEMORY, *, kept_calls: int = _KEPT_CALLS) -> None:
        self._kept_calls = kept_calls
        self._lock = threading.Lock()
        try:
            self._database = _open(path)
            self.signing_key = self._own_key("signing key")
            self._tag_key = self._own_key("hmac key")
        except (OSError, sqlite3.Error) as problem:
            raise UsageError(
                f"cannot store the emulator's data in `{path}`: {problem}",
                "use a writable file, or one that an emulator wrote",
            ) from problem

    def close(self) -> None:
        """Release the file; every later call of this storage fails."""
        self._database.close()

    def tag(self, text: str) -> Tag:
        """Return the tag of a secret: equal for equal texts, as long as this storage lives."""
        data = text.encode("utf-8", "surrogatepass")
        return Tag(hmac.digest(self._tag_key, data, hashlib.sha256).hex())

    def record(self, call: Call, *, store: bool = False) -> int:
        """Remember *call* and return its id; to *store* it makes its request the record, too."""
        with self._transaction() as database:
            written, revision = None, None
            if store:
                written, revision = _put(database, call.org, call.skill, call.request, call.at)
            last = database.execute(_PUT_CALL, (*_call_row(call), written, revision)).lastrowid or 0
            if last > self._kept_calls:
                database.execute("DELETE FROM call WHERE id <= ?", (last - self._kept_calls,))
        return last

    def end(self, call_id: int, moment: str) -> None:
        """Remember when the call with this id was over."""
        with self._transaction() as database:
            database.execute("UPDATE call SET ended_at = ? WHERE id = ?", (moment, call_id))

    def store_late(self, call_id: int, moment: str) -> None:
        """Make the request of a remembered call the record of its address, at this *moment*."""
        with self._transaction() as database:
            question = "SELECT org, skill, request FROM call WHERE id = ?"
            for org, skill, request in database.execute(question, (call_id,)).fetchall():
                written = _put(database, org, skill, request, moment)
                database.execute(
                    "UPDATE call SET digest = ?, revision = ?, outcome = ? WHERE id = ?",
                    (*written, Verdict.APPLIED_LATE, call_id),
                )

    def make_known(self, address: Address, document: str, moment: str) -> None:
        """Give *address* a record with revision 0, unless it has one."""
        with self._transaction() as database:
            database.execute(_PUT_KNOWN, (*address, document, moment))

    def tokens_over(self) -> int:
        """Return the second up to which tokens were ended together, or 0."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", _TOKENS_OVER)
        return int(rows[0][0]) if rows else 0

    def end_tokens(self, second: int) -> None:
        """Remember that every token that ends until *second* is over."""
        with self._transaction() as database:
            row = (_TOKENS_OVER, str(second))
            database.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", row)

    def revoke(self, token: str) -> None:
        """Remember that the token of this identity has ended."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO revoked (token) VALUES (?)", (token,))

    def is_revoked(self, token: str) -> bool:
        """Return whether the token of this identity was revoked."""
        return bool(self._rows("SELECT 1 FROM revoked WHERE token = ?", token))

    def servers(self, limit: int, after: Address = _BEFORE_ALL) -> tuple[StoredServer, ...]:
        """Return at most *limit* records behind *after*, sorted by address."""
        return tuple(_stored(row) for row in self._rows(_GET_SERVERS, *after, limit))

    def server(self, address: Address) -> StoredServer | None:
        """Return the record of *address*, or None when nothing was written there."""
        rows = self._rows(_GET_SERVER, *address)
        return _stored(rows[0]) if rows else None

    def calls(self, limit: int, before: int = _NO_END) -> tuple[Call, ...]:
        """Return at most *limit* calls older than the one with id *before*, newest first."""
        return tuple(_remembered(row) for row in self._rows(_GET_CALLS, before, limit))

    def stats(self) -> Stats:
        """Return the counts of records and calls."""
        [(servers,)] = self._rows("SELECT count(*) FROM server")
        [(calls,)] = self._rows("SELECT coalesce(max(id), 0) FROM call")
        outcomes = self._rows("SELECT outcome, count(*) FROM call GROUP BY outcome ORDER BY 1")
        return Stats(servers, calls, dict(outcomes))

    def reset(self) -> None:
        """Forget records, calls and revoked tokens; the keys stay, so tokens stay good."""
        with self._transaction() as database:
            for table in ("server", "call", "revoked"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608 - three words from above

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database as database:
            database.execute("BEGIN IMMEDIATE")
            yield database

    def _rows(self, question: str, *parameters: object) -> list[Any]:
        with self._lock:
            return self._database.execute(question, parameters).fetchall()

    def _own_key(self, name: str) -> bytes:
        """Return the key of this *name*, made at random the first time."""
        with self._transaction() as database:
            fresh = (name, secrets.token_bytes(_KEY_BYTES))
            database.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", fresh)
            row = database.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
        return bytes(row[0])


def _open(path: str) -> sqlite3.Connection:
    if path != MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        database.executescript(_PREPARE)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _put(
    database: sqlite3.Connection, org: int | None, skill: int | None, request: str | None, at: str
) -> tuple[str, int]:
    """Write one record, and return the digest of its document and its revision."""
    document = request or ""
    [(revision,)] = database.execute(_PUT_SERVER, (org, skill, document, at)).fetchall()
    return digest(document), revision


def _call_row(call: Call) -> tuple[object, ...]:
    return (
        call.at, call.method, call.path, call.status, call.outcome, call.org, call.skill,
        call.request, _list(call.errors), _list(call.ignored), _list(call.conflicts),
        call.ended_at, call.fault, _list(call.overlaps),
    )  # fmt: skip


def _list(items: tuple[str, ...] | tuple[int, ...]) -> str:
    return json.dumps(items) if items else "[]"


def _stored(row: Sequence[Any]) -> StoredServer:
    org, skill, document, revision, updated_at = row
    text = str(document)
    return StoredServer(Address(org, skill), json.loads(text), digest(text), revision, updated_at)


def _remembered(row: Sequence[Any]) -> Call:
    at, method, path, status, outcome, org, skill, request, *lists = row[:11]
    ended_at, fault, overlaps, written, revision, identity = row[11:]
    errors, ignored, conflicts = (tuple(json.loads(names)) for names in lists)
    return Call(
        at, method, path, status, outcome, org, skill, request, errors, ignored, conflicts,
        written, revision, identity, ended_at, fault, tuple(json.loads(overlaps)),
        stored=revision is not None,
    )  # fmt: skip


_PREPARE: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS revoked (token TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS server (
  org INTEGER NOT NULL, skill INTEGER NOT NULL, document TEXT NOT NULL,
  revision INTEGER NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY (org, skill)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  status INTEGER NOT NULL, outcome TEXT NOT NULL, org INTEGER, skill INTEGER, request TEXT,
  errors TEXT NOT NULL, ignored TEXT NOT NULL, conflicts TEXT NOT NULL,
  ended_at TEXT, fault TEXT, overlaps TEXT NOT NULL, digest TEXT, revision INTEGER
);
"""
_PUT_SERVER: Final = """
INSERT INTO server (org, skill, document, revision, updated_at) VALUES (?, ?, ?, 1, ?)
ON CONFLICT (org, skill) DO UPDATE
SET document = excluded.document, revision = revision + 1, updated_at = excluded.updated_at
RETURNING revision
"""
_PUT_KNOWN: Final = """
INSERT OR IGNORE INTO server (org, skill, document, revision, updated_at) VALUES (?, ?, ?, 0, ?)
"""
_PUT_CALL: Final = """
INSERT INTO call (at, method, path, status, outcome, org, skill, request, errors, ignored,
  conflicts, ended_at, fault, overlaps, digest, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_GET_SERVERS: Final = """
SELECT org, skill, document, revision, updated_at FROM server
WHERE (org, skill) > (?, ?) ORDER BY org, skill LIMIT ?
"""
_GET_SERVER: Final = """
SELECT org, skill, document, revision, updated_at FROM server WHERE org = ? AND skill = ?
"""
_GET_CALLS: Final = """
SELECT at, method, path, status, outcome, org, skill, request, errors, ignored, conflicts,
  ended_at, fault, overlaps, digest, revision, id FROM call WHERE id < ? ORDER BY id DESC LIMIT ?
"""
