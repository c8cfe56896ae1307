"""The values that the emulator remembers: calls, servers, and tags in place of secrets."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.model.address import Address


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
