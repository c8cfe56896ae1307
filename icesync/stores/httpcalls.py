"""Requests to a state server: who asks, with which checks, and when it is asked again."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from icesync.errors import ConfigInvalid
from icesync.net import (
    BrokenError,
    ClientOptions,
    MisconfiguredError,
    NotSentError,
    RawReply,
    is_confidential,
    open_client,
)

if TYPE_CHECKING:
    from icesync.ports import Clock

TRIES: Final = 3
PAUSE_S: Final = 1.0

_DEADLINE_S: Final = 30.0
_MAX_BYTES: Final = 256 * 1024 * 1024
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """
    Where and how; *password* is a credential and is not shown.

    *advice* says what to do when the credentials are refused.
    """

    address: str
    lock_address: str | None = None
    unlock_address: str | None = None
    update_method: str = "POST"
    lock_method: str = "LOCK"
    unlock_method: str = "UNLOCK"
    username: str = ""
    password: str = ""
    advice: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"HttpEndpoint({self.address!r})"


class Unanswered(NamedTuple):
    """A request without a reply, which may have arrived."""

    problem: str


class HttpCalls:
    """Asks one :class:`HttpEndpoint`, each time on a connection of its own."""

    def __init__(self, endpoint: HttpEndpoint, options: ClientOptions, clock: Clock) -> None:
        addresses = (endpoint.address, endpoint.lock_address, endpoint.unlock_address)
        if not all(is_confidential(address) for address in addresses if address):
            raise ConfigInvalid(
                "the addresses of a snapshot start with https://: credentials ride along",
                "http://   is spoken with this machine only",
            )
        self._endpoint = endpoint
        self._options = replace(
            options, base_url="", timeout_s=_DEADLINE_S, max_reply_bytes=_MAX_BYTES
        )
        self._clock = clock

    def persist(self, method: str, address: str, body: bytes = b"") -> RawReply | Unanswered:
        """Ask, and ask again after a failure; a reply says whether it was *repeated*."""
        reply = self.ask(method, address, body)
        for attempt in range(1, TRIES):
            if isinstance(reply, RawReply) and reply.status < _SERVER_ERROR:
                break
            self._clock.sleep(PAUSE_S * 2**attempt)
            reply = self.ask(method, address, body)
            if isinstance(reply, RawReply):
                reply = replace(reply, repeated=True)
        return reply

    def ask(self, method: str, address: str, body: bytes = b"") -> RawReply | Unanswered:
        """Ask once; a reply is whatever came whole, with any status."""
        client = open_client(self._options)
        try:
            return client.request(method, address, body, self._headers(body))
        except (NotSentError, BrokenError, MisconfiguredError) as error:
            return Unanswered(str(error))
        finally:
            client.close()

    def _headers(self, body: bytes) -> dict[str, str]:
        endpoint = self._endpoint
        headers = {}
        if endpoint.username or endpoint.password:
            pair = f"{endpoint.username}:{endpoint.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if body:
            headers |= {"Content-Type": "application/json", "Content-MD5": md5(body)}
        return headers


def with_id(address: str, lock_id: str) -> str:
    """Return *address* with ``ID`` behind the query that it may have already."""
    parts = urlsplit(address)
    query = "&".join(filter(None, [parts.query, urlencode({"ID": lock_id})]))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def md5(data: bytes) -> str:
    """Return what the header ``Content-MD5`` says of *data*."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
