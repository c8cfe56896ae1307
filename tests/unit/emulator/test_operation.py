"""Changing an emulator while it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.framework import Request
from icesync.emulator.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock

    from icesync.emulator.archive import Archive
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
        "seed": 0,
        "faults": [
            {"number": 1, "fault": "status:503@nth=1", "seen": 0, "fired": 0},
            {"number": 2, "fault": "reset", "seen": 0, "fired": 0},
        ],
    }
    assert caller.update().status == 503


def test_faults_say_how_often_they_fired(faulty: Make) -> None:
    """Each fault counts the calls that it looked at and those that it struck."""
    caller = faulty("status:503@every=2", seed=7)
    for _ in range(5):
        caller.update()

    assert caller.look("faults") == {
        "seed": 7,
        "faults": [{"number": 1, "fault": "status:503@every=2", "seen": 5, "fired": 2}],
    }


def test_faults_can_be_taken_away(faulty: Make) -> None:
    """One by its number, or all."""
    caller = faulty("fin", "reset", "bom")
    caller.call("DELETE", f"{FAULTS}/2")
    one_less = listed(caller)
    caller.call("DELETE", FAULTS)

    assert (one_less, listed(caller)) == (["fin", "bom"], [])
    assert caller.update().status == 200


@pytest.mark.parametrize(
    ("body", "error", "hint"),
    [
        (b"fin\nrest", "no such fault: `rest`", "did you mean `reset`?"),
        (b"", "the body names no fault", "send one a line"),
        (b"{", "the body names no fault", "send one a line"),
        (b'{"fault": "fin"}', "the body names no fault", "send one a line"),
        (b'{"faults": [1]}', "the body names no fault", "send one a line"),
        (b'{"faults": []}', "the body names no fault", "send one a line"),
    ],
)
def test_a_mistake_adds_nothing(caller: Caller, body: bytes, error: str, hint: str) -> None:
    """Of several faults all are added or none, and the mistake is told."""
    reply = caller.call("POST", FAULTS, body)
    told = json.loads(reply.body)

    assert (reply.status, told["error"]) == (400, error)
    assert told["hints"][0].startswith(hint)
    assert listed(caller) == []


def test_tokens_can_be_ended(caller: Caller, archive: Archive) -> None:
    """All tokens of before are over, and a login within the same second is good."""
    reply = caller.call("POST", "/_emulator/tokens/expire")
    before = caller.update().status
    caller.login()

    assert json.loads(reply.body) == {"expired": True}
    assert (before, archive.calls(3)[2].outcome) == (400, "logged in")
    assert caller.update().status == 200


def test_ended_tokens_stay_ended(caller: Caller, clock: FakeClock, archive: Archive) -> None:
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
        ("GET", "faults/1", 404),
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


@pytest.mark.parametrize(
    ("origin", "status"), [("http://ice.test", 200), ("http://evil.test", 403), ("null", 403)]
)
def test_other_pages_change_nothing(caller: Caller, origin: str, status: int) -> None:
    """A page in the same browser cannot reach through to the emulator."""
    headers = {"host": "ice.test", "origin": origin}
    reply = caller.service.answer(Request("POST", "/_emulator/reset", headers))

    assert reply.status == status
