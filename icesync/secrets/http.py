"""
Requests to the web services that hold secrets: a token in, a JSON tree out.

TLS is always verified; plain ``http://`` is spoken with this machine only.
Replies are capped, and what goes wrong is told by its status, since an error's
text may quote what was asked.
"""

from __future__ import annotations

import os
import time
import weakref
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from icesync.errors import ConfigInvalid, SecretMissing, SecretStoreUnreachable
from icesync.net import (
    THROTTLED,
    Backoff,
    BrokenError,
    ClientOptions,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    is_confidential,
    job_options,
    open_client,
    read_retry_after,
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
        self._idle: list[HttpClient] = []
        self._lock = Lock()
        weakref.finalize(self, _close, self._idle)

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
        backoff = Backoff(time.monotonic, RETRY_FOR_S, FIRST_PAUSE_S)
        while True:
            reply = self._ask_once(reference, method, path, headers, body)
            failed = isinstance(reply, str) or reply.status in THROTTLED
            asked_s = None if isinstance(reply, str) else _wanted_pause(reply)
            pause_s = backoff.pause(asked_s) if failed else None
            if pause_s is None:
                break
            time.sleep(pause_s)
        host = urlsplit(self._options.base_url).netloc
        if isinstance(reply, str):
            message = f"{self._name} at {host} is unreachable: {reply}"
            raise SecretStoreUnreachable(f"`{reference}`: {message}")
        if failed:
            message = f"{self._name} at {host} keeps answering with status {reply.status}"
            raise SecretStoreUnreachable(f"`{reference}`: {message}")
        return reply.status, _tree(reply)

    def _ask_once(
        self,
        reference: SecretRef,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> RawReply | str:
        """Return the reply, or in words why there is none."""
        client = self._take(reference)
        try:
            return client.request(method, path, body, headers)
        except (NotSentError, BrokenError) as error:
            return str(error)
        except MisconfiguredError as error:
            problem = str(error)
        finally:
            self._give_back(client)
        raise SecretStoreUnreachable(f"`{reference}`: {self._name} cannot be called: {problem}")

    def _take(self, reference: SecretRef) -> HttpClient:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._options.trust is None:
                self._check_address(reference)
                self._options = self._for_job(reference)
        return open_client(self._options)

    def _give_back(self, client: HttpClient) -> None:
        with self._lock:
            self._idle.append(client)

    def _for_job(self, reference: SecretRef) -> ClientOptions:
        try:
            trust = trust_store(self._ca_file) if self._ca_file else None
            options = replace(self._options, trust=trust)
            found = job_options(options, options.base_url, os.environ)
            return replace(found, trust=found.trust or trust_store())
        except OSError as error:
            problem = (
                f"{self._ca_file} cannot be used: {error.strerror or 'it contains no certificate'}"
            )
        except ConfigInvalid as error:
            problem = error.message
        raise SecretMissing(f"`{reference}`: {problem}")

    def _check_address(self, reference: SecretRef) -> None:
        if not is_confidential(self._options.base_url):
            raise SecretMissing(
                f"`{reference}`: the URL of {self._name} must start with https://",
            )


def _close(clients: list[HttpClient]) -> None:
    for client in clients:
        client.close()


def _tree(reply: RawReply) -> object:
    try:
        return parse_json(reply.body)
    except ValueError:
        return None


def _wanted_pause(reply: RawReply) -> float | None:
    return read_retry_after(reply.headers.get("retry-after", ""), datetime.now(UTC))
