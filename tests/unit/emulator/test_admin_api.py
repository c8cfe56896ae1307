"""Changing an emulator while it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.aspnet import Request
from icesync.emulator.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock

    from icesync.emulator.storage import Storage
    from tests.unit.emulator.conftest import Caller

    Make = Callable[..., Caller]

FAULTS = "/_emulator/faults"


def listed(caller: Caller) -> list[str]:
    """Return the faults in force."""
    faults: list[dict[str, str]] = caller.look("faults")["faults"]  # type: ignore[assignment]
    return [fault["fault"] for fault in faults]


@pytest.mark.parametrize(
    "body",
    [
        b"status:503@nth=1\n\nreset\n",
        b'{"faults": ["status:503@nth=1", "reset"]}',
    ],
)
def test_faults_can_be_added(caller: Caller, body: bytes) -> None:
    """One a line or as a list, they are in force at once."""
    reply = caller.call("POST", FAULTS, body, "application/x-www-form-urlencoded")

    assert json.loads(reply.body) == {
        "faults": [
            {"number": 1, "fault": "status:503@nth=1", "seen": 0, "fired": 0},
            {"number": 2, "fault": "reset", "seen": 0, "fired": 0},
        ],
    }
    assert caller.update().status == 503


def test_faults_say_how_often_they_fired(faulty: Make) -> None:
    """Each fault counts the calls that it looked at and those that it struck."""
    caller = faulty("status:503@every=2")
    for _ in range(5):
        caller.update()

    assert caller.look("faults") == {
        "faults": [{"number": 1, "fault": "status:503@every=2", "seen": 5, "fired": 2}],
    }


def test_faults_can_be_taken_away(faulty: Make) -> None:
    """One by its number, or all."""
    caller = faulty("silent", "reset", "status:500")
    caller.call("DELETE", f"{FAULTS}/2")
    one_less = listed(caller)
    caller.call("DELETE", FAULTS)

    assert (one_less, listed(caller)) == (["silent", "status:500"], [])
    assert caller.update().status == 200


@pytest.mark.parametrize(
    ("body", "error", "hint"),
    [
        (b"silent\nrest", "unknown fault `rest`", "did you mean `reset`?"),
        (b"", "the body names no fault", "send one per line"),
        (b"{", "the body names no fault", "send one per line"),
        (b'{"fault": "reset"}', "the body names no fault", "send one per line"),
        (b'{"faults": [1]}', "the body names no fault", "send one per line"),
        (b'{"faults": []}', "the body names no fault", "send one per line"),
    ],
)
def test_a_mistake_adds_nothing(caller: Caller, body: bytes, error: str, hint: str) -> None:
    """Of several faults all are added or none, and the mistake is told."""
    reply = caller.call("POST", FAULTS, body)
    told = json.loads(reply.body)

    assert (reply.status, told["error"]) == (400, error)
    assert told["hints"][0].startswith(hint)
    assert listed(caller) == []


def test_tokens_can_be_ended(caller: Caller, archive: Storage) -> None:
    """All tokens of before are over, and a login within the same second is good."""
    reply = caller.call("POST", "/_emulator/tokens/expire")
    before = caller.update().status
    caller.login()

    assert json.loads(reply.body) == {"expired": True}
    assert (before, archive.calls(3)[2].outcome) == (400, "logged in")
    assert caller.update().status == 200


def test_ended_tokens_stay_ended(caller: Caller, clock: FakeClock, archive: Storage) -> None:
    """A restart does not bring them back, and twice is as good as once."""
    caller.call("POST", "/_emulator/tokens/expire")
    caller.call("POST", "/_emulator/tokens/expire")
    caller.service = Service(clock, archive)

    assert caller.update().status == 400
    assert archive.calls(1)[0].outcome == "token expired"


def test_a_pair_can_be_made_known(caller: Caller) -> None:
    """A known pair has an empty record that nobody wrote; a written one stays as it is."""
    caller.call("PUT", "/_emulator/servers/59/1")
    known = caller.look("servers/59/1")
    caller.update()
    caller.call("PUT", "/_emulator/servers/59/663")

    assert (known["revision"], known["document"]["SkillId"]) == (0, 1)  # type: ignore[index]
    assert caller.look("servers/59/663")["revision"] == 1


def test_reset_lets_faults_count_anew(faulty: Make) -> None:
    """The same calls meet the same faults again."""
    caller = faulty("status:503@nth=1")
    first = caller.update().status
    caller.call("POST", "/_emulator/reset")

    assert (first, caller.update().status) == (503, 503)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "faults/9", 404),
        ("DELETE", "faults/x", 404),
        ("GET", "faults/1", 405),
        ("PUT", "servers/x/y", 400),
        ("GET", "tokens/expire", 405),
        ("PUT", "faults", 405),
        ("POST", "tokens/other", 405),
    ],
)
def test_what_cannot_be_done_is_said(caller: Caller, method: str, path: str, status: int) -> None:
    """Neither an unknown thing nor a wrong method is silent."""
    reply = caller.call(method, f"/_emulator/{path}")

    assert reply.status == status
    assert "error" in json.loads(reply.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("headers", [{}, {"x-emulator-token": "x"}, {"x-emulator-token": "\xe9"}])
def test_what_changes_wants_the_token(caller: Caller, method: str, headers: dict[str, str]) -> None:
    """A page of another origin cannot know it, so it changes nothing."""
    caller.update()
    path = {"POST": "reset", "PUT": "servers/1/1", "DELETE": "faults"}[method]
    reply = caller.service.answer(Request(method, f"/_emulator/{path}", headers))

    assert reply.status == 403
    assert "x-emulator-token" in json.loads(reply.body)["error"]
    assert caller.look("stats")["servers"] == 1


def test_the_page_carries_the_token(caller: Caller) -> None:
    """Its buttons work, and lead back to it; a script asks for the token by name."""
    token = str(caller.look("token")["token"])
    form = f'action="/_emulator/reset?token={token}"'
    accept = {"accept": "text/html,*/*"}
    reply = caller.service.answer(Request("POST", f"/_emulator/reset?token={token}", accept))

    assert form in caller.call("GET", "/_emulator/").body.decode()
    assert (reply.status, reply.headers["location"]) == (303, "/_emulator/")
    assert caller.look("stats")["calls"] == 0


def test_each_run_has_a_token_of_its_own(clock: FakeClock, archive: Storage) -> None:
    """What was learned from one emulator opens no other."""
    assert Service(clock, archive).admin_token != Service(clock, archive).admin_token


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
