"""One call to a forge: the token goes out, JSON comes back, failures get their names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from icesync.errors import (
    AccessError,
    ForgeMissing,
    ForgeReadOnly,
    ForgeRefused,
    ForgeUnreachable,
    TextTooLong,
)
from icesync.net import (
    BrokenError,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    read_pause,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.forge.dialect import Dialect
    from icesync.model.pipeline import Pipeline
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock

MAX_REPLY_BYTES: Final = 32 * 1024 * 1024
"""A page of 100 comments, each as long as GitHub keeps one (262,144 bytes observed)."""


_MAX_PAGES: Final = 100
_QUOTED: Final = 200
_RATE_WAIT_S: Final = 60.0
_TOO_LONG: Final = ("too long", "too large", "maximum is")


class ForgeClient:
    """
    Speaks *dialect* at *place* as the owner of *token*, until the moment *deadline_s* of *clock*.

    *client* is one to the host of the API alone.
    """

    def __init__(
        self,
        client: HttpClient,
        place: Pipeline,
        dialect: Dialect,
        token: SecretValue,
        clock: Clock,
        deadline_s: float,
    ) -> None:
        self.dialect = dialect
        self.api_path = urlsplit(place.api_url).path
        self._client = client
        self._place = place
        self._token = token
        self._clock = clock
        self._deadline_s = deadline_s

    @property
    def title(self) -> str:
        """The forge's name, for messages."""
        return self.dialect.forge.label

    def ask(self, method: str, path: str, document: object = None, *, rooted: bool = False) -> Any:
        """
        Return the JSON that is answered to one call.

        *path* counts from the address of the API, or if *rooted* from its host.

        Raises:
            AccessError: the token is not accepted.
            ForgeError: whatever else there is instead of a good answer.

        """
        whole = path if rooted else self.api_path + path
        return self._read(self._call(method, whole, document))

    def pages(self, path: str) -> Iterator[Any]:
        """
        Yield the members of the list at *path*, page after page.

        Raises:
            AccessError: the token is not accepted.
            ForgeError: whatever else there is instead of a list.

        """
        following: str | None = path
        for _ in range(_MAX_PAGES):
            if following is None:
                return
            reply = self._call("GET", self.api_path + following)
            members = self._read(reply)
            if not isinstance(members, list):
                raise ForgeUnreachable(f"{self.title} sent an invalid list")
            yield from members
            following = self.dialect.next_page(self._place.api_url, following, reply.headers)
        raise ForgeRefused(f"{self.title} lists more than {_MAX_PAGES} pages")

    def _call(self, method: str, path: str, document: object = None) -> RawReply:
        if self._clock.monotonic() >= self._deadline_s:
            raise ForgeUnreachable(f"{self.title} did not answer in time")
        body = b"" if document is None else json.dumps(document).encode()
        headers = self.dialect.headers(self._token.reveal())
        # A POST that was lost may have arrived: whoever posts looks again first.
        repeatable = method != "POST"
        try:
            return self._client.request(method, path, body, headers, repeatable=repeatable)
        except (NotSentError, BrokenError) as error:
            raise ForgeUnreachable(f"{self.title} is unreachable: {error}") from None
        except MisconfiguredError as error:
            raise ForgeRefused(
                f"{self.title} cannot be called: {error}",
                "use --ca-file FILE to trust your own CA",
            ) from None

    def _read(self, reply: RawReply) -> Any:
        status, said = reply.status, _message(reply.body)
        message = f"{self.title} answered HTTP {status}{said and f': {said}'}"
        if 200 <= status < 300:
            return _decode(reply.body, self.title)
        if status == 401:
            raise AccessError(f"{self.title} rejected the token (HTTP 401)")
        wait_s = self._rate_limited(reply, said)
        if status >= 500 or wait_s is not None:
            raise ForgeUnreachable(message, wait_s=wait_s)
        if status == 403 and "locked" in said.lower():
            raise ForgeRefused(message, "unlock its conversation, or post elsewhere")
        if status == 403:
            raise ForgeReadOnly(message, self.dialect.read_only_hint)
        if status in {400, 413, 422} and any(word in message.lower() for word in _TOO_LONG):
            raise TextTooLong(message)
        if status == 404:
            if self._place.foreign:
                raise ForgeReadOnly(message, self.dialect.read_only_hint)
            raise ForgeMissing(
                f"{message}; {_shown(self._place)} does not exist, or the token may not see it"
            )
        if status == 410:
            raise ForgeMissing(message)
        raise ForgeRefused(message)

    def _rate_limited(self, reply: RawReply, said: str) -> float | None:
        """Return how long to wait, if that is why the call was refused; GitHub has many ways."""
        headers = reply.headers
        asked = read_pause(reply, self._clock.now())
        spent = headers.get("x-ratelimit-remaining") == "0"
        secondary = "rate limit" in said.lower()
        limited = reply.status == 429 or (
            reply.status == 403 and (asked is not None or spent or secondary)
        )
        if not limited:
            return asked if reply.status == 503 else None
        return _RATE_WAIT_S if asked is None else asked


def _shown(place: Pipeline) -> str:
    return place.project if place.number is None else f"{place.project}#{place.number}"


def _decode(body: bytes, title: str) -> Any:
    try:
        return json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        raise ForgeUnreachable(f"{title} sent invalid JSON") from None


def _message(body: bytes) -> str:
    """Return what a refusal says, cut short; forges put it under different names."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    parts = [document.get("message") or document.get("error") or ""]
    errors = document.get("errors")
    if isinstance(errors, list):
        parts += [e.get("message", "") if isinstance(e, dict) else e for e in errors[:3]]
    words = (part if isinstance(part, str) else json.dumps(part) for part in parts)
    return "; ".join(word.rstrip(".") for word in words if word)[:_QUOTED]
