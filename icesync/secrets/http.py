"""
Requests to the web services that hold secrets: a token in, a JSON tree out.

TLS is always verified; plain ``http://`` is spoken with this machine only.
Replies are capped, and what goes wrong is told by its status, since an error's
text may quote what was asked.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from icesync.errors import ConfigInvalid, SecretMissing, SecretStoreUnreachable
from icesync.frozen import NamedTuple
from icesync.net import (
    THROTTLED,
    Backoff,
    BrokenError,
    ClientOptions,
    ClientPool,
    MisconfiguredError,
    NotSentError,
    RawReply,
    bundle_problem,
    is_confidential,
    job_options,
    read_pause,
    trust_store,
)
from icesync.secrets import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.secret import SecretRef

WEB_DEADLINE_S: Final = 15.0
"""A total deadline for each request."""

RETRY_FOR_S: Final = 20.0
FIRST_PAUSE_S: Final = 0.5
"""How long a service that fails is asked again, and how soon."""


class _Asked(NamedTuple):
    """One request, for as often as it is made."""

    reference: SecretRef
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class WebService:
    """
    One service at *base_url*; several threads may use it, each with a connection of its own.

    *name* is what people call it, *ca_file* a list of certificates to trust
    instead of the usual one.
    """

    def __init__(self, name: str, base_url: str, agent: str, ca_file: str | None = None) -> None:
        self._name = name
        self._options = ClientOptions(base_url.rstrip("/"), WEB_DEADLINE_S, agent)
        self._ca_file = ca_file
        self._clients: ClientPool | None = None
        self._answers = 0
        self._given_up: RawReply | str | None = None
        self._lock = Lock()

    def ask(
        self,
        reference: SecretRef,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> tuple[int, object]:
        """
        Return the status and the JSON of the reply; None where it holds none.

        Raises:
            SecretStoreUnreachable: the service did not answer, however often it was asked.
            SecretMissing: it must not be asked.

        """
        asked = _Asked(reference, method, path, headers, body)
        clients = self._open(reference)
        with clients.limit.turn():
            reply = self._persist(clients, asked)
        failed = _has_failed(reply)
        host = urlsplit(self._options.base_url).netloc
        if isinstance(reply, str):
            message = f"{self._name} at {host} is unreachable: {reply}"
            raise SecretStoreUnreachable(f"`{reference}`: {message}")
        if failed:
            message = f"{self._name} at {host} keeps answering with status {reply.status}"
            raise SecretStoreUnreachable(f"`{reference}`: {message}")
        return reply.status, _tree(reply)

    def _persist(self, clients: ClientPool, asked: _Asked) -> RawReply | str:
        """
        Ask, and ask again after a failure that may pass.

        A service that answered nobody meanwhile is given up for the whole run: else each
        of many secrets would wait anew.
        """
        backoff, answers = Backoff(time.monotonic, RETRY_FOR_S, FIRST_PAUSE_S), self._answers
        while self._given_up is None:
            reply = self._ask_once(clients, asked)
            if not _has_failed(reply):
                self._answers += 1
                return reply
            wanted_s = None if isinstance(reply, str) else read_pause(reply, datetime.now(UTC))
            pause_s = backoff.pause(wanted_s)
            if pause_s is None:
                self._given_up = reply if self._answers == answers else None
                return reply
            clients.limit.narrow()
            time.sleep(pause_s)
        return self._given_up

    def _ask_once(self, clients: ClientPool, asked: _Asked) -> RawReply | str:
        """Return the reply, or in words why there is none."""
        try:
            with clients.client() as client:
                return client.request(asked.method, asked.path, asked.body, asked.headers)
        except (NotSentError, BrokenError) as error:
            return str(error)
        except MisconfiguredError as error:
            problem = str(error)
        raise SecretStoreUnreachable(
            f"`{asked.reference}`: {self._name} cannot be called: {problem}"
        )

    def _open(self, reference: SecretRef) -> ClientPool:
        with self._lock:
            if self._clients is None:
                self._check_address(reference)
                self._clients = ClientPool(self._for_job(reference))
            return self._clients

    def _for_job(self, reference: SecretRef) -> ClientOptions:
        try:
            trust = trust_store(self._ca_file) if self._ca_file else None
            options = replace(self._options, trust=trust)
            found = job_options(options, options.base_url, os.environ)
            return replace(found, trust=found.trust or trust_store())
        except OSError as error:
            problem = f"{self._ca_file} cannot be used: {bundle_problem(error)}"
        except ConfigInvalid as error:
            problem = error.message
        raise SecretMissing(f"`{reference}`: {problem}")

    def _check_address(self, reference: SecretRef) -> None:
        if not is_confidential(self._options.base_url):
            raise SecretMissing(
                f"`{reference}`: the URL of {self._name} must start with https://",
            )


def _has_failed(reply: RawReply | str) -> bool:
    """Return whether *reply* may be another one a moment later."""
    return isinstance(reply, str) or reply.status in THROTTLED


def _tree(reply: RawReply) -> object:
    try:
        return parse_json(reply.body)
    except ValueError:
        return None
