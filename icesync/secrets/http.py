"""
Requests to the web services that hold secrets: a token in, a JSON tree out.

TLS is always verified; plain ``http://`` is spoken with this machine only.
Replies are capped, and what goes wrong is told by its status, since an error's
text may quote what was asked.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from icesync.errors import SecretMissing
from icesync.net import (
    BrokenError,
    ClientOptions,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    is_confidential,
    open_client,
    trust_store,
)
from icesync.secrets.json_pointer import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.secret import SecretRef

WEB_DEADLINE_S: Final = 15.0
"""A total deadline for each request."""


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
            SecretMissing: the service cannot be reached, or must not be asked.

        """
        client = self._take(reference)
        try:
            reply = client.request(method, path, body, headers)
        except (NotSentError, MisconfiguredError, BrokenError) as error:
            problem = str(error)
        else:
            return reply.status, _tree(reply)
        finally:
            self._give_back(client)
        host = urlsplit(self._options.base_url).netloc
        raise SecretMissing(f"`{reference}`: {self._name} at {host} was not reached: {problem}")

    def _take(self, reference: SecretRef) -> HttpClient:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._options.trust is None:
                self._check_address(reference)
                self._options = self._with_trust(reference)
        return open_client(self._options)

    def _give_back(self, client: HttpClient) -> None:
        with self._lock:
            self._idle.append(client)

    def _with_trust(self, reference: SecretRef) -> ClientOptions:
        try:
            return replace(self._options, trust=trust_store(self._ca_file))
        except OSError as error:
            problem = error.strerror or "no certificate in it"
        raise SecretMissing(f"`{reference}`: {self._ca_file} cannot be used: {problem}")

    def _check_address(self, reference: SecretRef) -> None:
        if not is_confidential(self._options.base_url):
            raise SecretMissing(
                f"`{reference}`: {self._name} has no address that starts with https://, "
                "and secrets do not travel in clear",
            )


def _close(clients: list[HttpClient]) -> None:
    for client in clients:
        client.close()


def _tree(reply: RawReply) -> object:
    try:
        return parse_json(reply.body)
    except ValueError:
        return None
