from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeClock

from icesync.errors import ForgeReadOnly, ForgeRefused, ForgeUnreachable
from icesync.forge.client import ForgeClient
from icesync.forge.github import GitHub
from icesync.model.pipeline import Forge, Pipeline
from icesync.model.secret import SecretValue
from icesync.net import BrokenError, ClientOptions, MisconfiguredError, RawReply, open_client

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW_S = 1767225600
TOKEN = "canary-4711"


def client(*replies: RawReply | Exception) -> ForgeClient:
    """Return a client that is answered with *replies*; the last one stays."""
    waiting = list(replies)

    def answer(_method: str, _path: str, _headers: Mapping[str, str], _body: bytes) -> RawReply:
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    http = open_client(ClientOptions("https://api.test", 5, "icesync", answer=answer))
    place = Pipeline(Forge.GITHUB, api_url="https://api.test", project="acme/mail", number=7)
    return ForgeClient(http, place, GitHub(), SecretValue(TOKEN), FakeClock(), 60)


def reply(status: int, document: Any = None, **headers: str) -> RawReply:
    """Return a reply of JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawReply(status, named, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (reply(429, {}, retry_after="17"), 17),
        (reply(429, {}), 60),
        (reply(403, {}, retry_after="3"), 3),
        (reply(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (reply(403, {}, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW_S + 90)), 90),
        (reply(403, {}, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW_S - 90)), 1),
        (reply(403, {}, x_ratelimit_remaining="0", x_ratelimit_reset="soon"), 60),
        (reply(429, {}, retry_after="Thu, 01 Jan 2026 00:00:40 GMT"), 40),
        (reply(503, {}, retry_after="5"), 5),
        (reply(503, {}), None),
        (reply(500, {}, retry_after="5"), None),
    ],
)
def test_how_long_to_wait(answer: RawReply, wait_s: float | None) -> None:
    """A rate limit has many spellings, and each says or implies a time."""
    with pytest.raises(ForgeUnreachable) as caught:
        client(answer).ask("GET", "/x")

    assert caught.value.wait_s == wait_s


@pytest.mark.parametrize(
    "answer", [reply(403, {}), reply(403, {}, x_ratelimit_remaining="12"), reply(403, ["odd"])]
)
def test_no_permission_is_no_rate_limit(answer: RawReply) -> None:
    """A 403 that says nothing of a rate is about permissions."""
    with pytest.raises(ForgeReadOnly):
        client(answer).ask("GET", "/x")


def test_a_locked_conversation_is_told_as_one() -> None:
    """The token may write; nobody may, there."""
    with pytest.raises(ForgeRefused, match="issue is locked"):
        client(reply(403, {"message": "Unable to create comment because issue is locked."})).ask(
            "POST", "/x"
        )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"message": "No."}, "HTTP 409: No"),
        ({"error": "insufficient_scope"}, "HTTP 409: insufficient_scope"),
        ({"message": {"note": ["is odd"]}}, 'HTTP 409: {"note": ["is odd"]}'),
        ({"message": "x" * 500}, f"HTTP 409: {'x' * 200}"),
        (["odd"], "HTTP 409"),
        ({"message": None}, "HTTP 409"),
    ],
)
def test_what_a_refusal_says(document: Any, said: str) -> None:
    """The words of the forge are passed on, cut short."""
    with pytest.raises(ForgeRefused) as caught:
        client(reply(409, document)).ask("GET", "/x")

    assert caught.value.message == f"GitHub answered {said}"


def test_lost_connection() -> None:
    """A connection that breaks is worth another try."""
    with pytest.raises(ForgeUnreachable, match="is unreachable: gone"):
        client(BrokenError("gone")).ask("GET", "/x")


def test_certificate() -> None:
    """A forge that cannot be trusted is not worth another try, and the way out is named."""
    with pytest.raises(ForgeRefused) as caught:
        client(MisconfiguredError("not trusted")).ask("GET", "/x")

    assert caught.value.hints == ("use --ca-file FILE to trust your own CA",)


def test_pages_without_an_end() -> None:
    """A forge that lists for ever is left."""
    endless = reply(200, [1], link='<https://api.test/x?page=2>; rel="next"')

    with pytest.raises(ForgeRefused, match="more than 100 pages"):
        list(client(endless).pages("/x"))


def test_list_that_is_none() -> None:
    """Where a list is due, nothing else is one."""
    with pytest.raises(ForgeUnreachable, match="invalid list"):
        list(client(reply(200, {"id": 1})).pages("/x"))


def test_empty_answer() -> None:
    """A good answer may be empty."""
    assert client(RawReply(204)).ask("PATCH", "/x", {}) is None


def test_post_is_not_repeated_by_itself() -> None:
    """A comment that may have arrived is looked for before it is posted again."""
    calls = []

    class Http:
        def request(self, method: str, *_: object, repeatable: bool) -> RawReply:
            calls.append((method, repeatable))
            return reply(200, {})

    speaker = client(reply(200))
    speaker._client = Http()  # type: ignore[assignment]
    for method in ("GET", "POST", "PATCH", "PUT"):
        speaker.ask(method, "/x")

    assert calls == [("GET", True), ("POST", False), ("PATCH", True), ("PUT", True)]
