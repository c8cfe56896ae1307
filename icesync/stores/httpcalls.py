"""Requests to a state server: who asks, with which checks, and when it is asked again."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from icesync.errors import ConfigInvalid
from icesync.frozen import NamedTuple, frozen
from icesync.model.project import SIDE_BY_SIDE
from icesync.net import (
    THROTTLED,
    Backoff,
    BrokenError,
    ClientOptions,
    ClientPool,
    MisconfiguredError,
    NotSentError,
    RawReply,
    is_confidential,
    read_pause,
)

if TYPE_CHECKING:
    from icesync.ports import Clock

RETRY_FOR_S: Final = 60.0
SAVE_RETRY_FOR_S: Final = 300.0
"""How long a server that fails or throttles is asked again: a lost save is lost for good."""

_DEADLINE_S: Final = 30.0
_MAX_BYTES: Final = 256 * 1024 * 1024
_SERVER_ERROR: Final = 500


@frozen
class HttpEndpoint:
    """
    Where and how; *password* is a credential and is not shown.

    *advice* says what to do when the credentials are refused, *setting* what named it.
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
    setting: str = "state.address"

    def __repr__(self) -> str:
        return f"HttpEndpoint({self.address!r})"


class Unanswered(NamedTuple):
    """A request without a reply, which may have arrived."""

    problem: str
    may_pass: bool = True


class StateServer(ClientPool):
    """
    Connections to a state's server, which the states of one server may share.

    *keeps_writes* says that what it confirmed was seen to be there.
    """

    def __init__(self, options: ClientOptions) -> None:
        far = replace(options, base_url="", timeout_s=_DEADLINE_S, max_reply_bytes=_MAX_BYTES)
        super().__init__(far, SIDE_BY_SIDE)
        self.keeps_writes = False


class HttpCalls:
    """Asks one :class:`HttpEndpoint`; one thread at a time may use it."""

    def __init__(self, endpoint: HttpEndpoint, clients: StateServer, clock: Clock) -> None:
        addresses = (endpoint.address, endpoint.lock_address, endpoint.unlock_address)
        if not all(is_confidential(address) for address in addresses if address):
            raise ConfigInvalid(
                "the URLs of a state must start with https://, because credentials are sent",
                "http:// is allowed only on this machine",
            )
        self._endpoint = endpoint
        self._clients = clients
        self._clock = clock
        self.turn = clients.limit.turn

    def persist(self, method: str, address: str, body: bytes = b"") -> RawReply | Unanswered:
        """
        Ask, and ask again after a failure that may pass, for a minute.

        A reply says whether it was *repeated*.
        """
        with self.turn():
            backoff = self.backoff(RETRY_FOR_S)
            reply = self.ask(method, address, body)
            while self.waited(reply, backoff):
                reply = self.ask(method, address, body)
                if isinstance(reply, RawReply):
                    reply = replace(reply, repeated=True)
        return reply

    def backoff(self, total_s: float) -> Backoff:
        """Return the schedule of one request."""
        return Backoff(self._clock.monotonic, total_s)

    def waited(self, reply: RawReply | Unanswered, backoff: Backoff) -> bool:
        """Wait as long as *reply* asks for; False for a final answer, or at the end."""
        pause_s = self._pause_after(reply, backoff)
        if pause_s is None:
            return False
        self._clients.limit.narrow()
        self._clock.sleep(pause_s)
        return True

    def _pause_after(self, reply: RawReply | Unanswered, backoff: Backoff) -> float | None:
        if isinstance(reply, Unanswered):
            return backoff.pause() if reply.may_pass else None
        if reply.status not in THROTTLED and reply.status < _SERVER_ERROR:
            return None
        return backoff.pause(read_pause(reply, self._clock.now()))

    def ask(self, method: str, address: str, body: bytes = b"") -> RawReply | Unanswered:
        """Ask once; a reply is whatever came whole, with any status."""
        headers = self._headers(body)
        # A lock or a save that was lost is looked at before it is made again.
        repeatable = method == "GET"
        try:
            with self._clients.client() as client:
                return client.request(method, address, body, headers, repeatable=repeatable)
        except (NotSentError, BrokenError) as error:
            return Unanswered(str(error))
        except MisconfiguredError as error:
            return Unanswered(str(error), may_pass=False)

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
