"""What can be seen of the emulator, and what cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller


def test_lists_the_servers(caller: Caller) -> None:
    """Each record shows its document, revision, digest and time."""
    caller.update(SMTPPort="587", SMTPPassword="Clark1!")
    [server] = caller.look("servers")["servers"]

    assert (server["address"], server["revision"]) == ("59/663", 1)
    assert server["updated_at"] == "2026-01-01T00:00:00.000Z"
    assert server["document"]["SMTPPort"] == "587"
    assert list(server["document"]["SMTPPassword"]) == ["hmac"]


def test_shows_one_server(caller: Caller) -> None:
    """A record has an address of its own."""
    caller.update()

    assert caller.look("servers/59/663") == caller.look("servers")["servers"][0]


def test_pages_through_the_servers(caller: Caller) -> None:
    """*limit* and *after* give one page behind the other."""
    for skill in (1, 2, 3):
        caller.update(SkillId=skill)
    servers = caller.look("servers?limit=1&after=59/1")["servers"]

    assert [server["address"] for server in servers] == ["59/2"]


def test_lists_the_calls_newest_first(caller: Caller) -> None:
    """The history begins with the last call, and goes back behind *before*."""
    caller.update()
    calls = caller.look("calls")["calls"]
    earlier = caller.look("calls?before=2")["calls"]

    assert [call["outcome"] for call in calls] == ["applied", "logged in"]
    assert [call["id"] for call in earlier] == [1]


def test_counts(caller: Caller) -> None:
    """Stats say how many records and calls there are, and how the calls ended."""
    caller.update()

    assert caller.look("stats") == {
        "servers": 1,
        "calls": 2,
        "outcomes": {"applied": 1, "logged in": 1},
    }


def test_looking_is_no_call(caller: Caller) -> None:
    """Inspection leaves no trace in the history."""
    caller.look("stats")

    assert caller.look("stats")["calls"] == 1


@pytest.mark.parametrize("path", ["servers/59/1", "servers/x/y", "servers/59", "nothing"])
def test_says_what_is_not_there(caller: Caller, path: str) -> None:
    """An unknown view or record is a 404 in JSON."""
    reply = caller.call("GET", f"/_emulator/{path}")

    assert reply.status == 404
    assert "error" in json.loads(reply.body)


def test_reset_forgets(caller: Caller) -> None:
    """After a reset there is neither record nor call, and the token is still good."""
    caller.update()
    reply = caller.call("POST", "/_emulator/reset")

    assert json.loads(reply.body) == {"reset": True}
    assert caller.look("stats")["calls"] == 0
    assert caller.update().status == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "reset", "POST"), ("POST", "", "GET, HEAD"), ("DELETE", "servers", "GET, HEAD")],
)
def test_each_view_has_its_verbs(caller: Caller, method: str, path: str, allowed: str) -> None:
    """Looking never changes anything, and reset is never done by a link."""
    reply = caller.call(method, f"/_emulator/{path}")

    assert (reply.status, reply.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/_emulator", "/_emulator/", "/_EMULATOR/"])
def test_the_page_is_at_the_root(caller: Caller, path: str) -> None:
    """The page is found with and without its final slash, and may load nothing."""
    reply = caller.call("GET", path)

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"http://ice.test/ICEAPI" in reply.body


def test_the_page_takes_any_text(caller: Caller) -> None:
    """Also half a surrogate pair can be shown."""
    caller.update(SMTPServerAddress="\ud800")

    assert caller.call("GET", "/_emulator/").status == 200
