"""Faults that answer: what comes back, and whether the write was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.emulator.aspnet import iis_page, phrase
from icesync.model.desired import Address
from icesync.model.report import OutcomeKind
from icesync.wire.reply import read_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.emulator.storage import Storage
    from tests.unit.emulator.conftest import Caller

    Make = Callable[..., Caller]

INVALID = b'{"Message":"The request is invalid."}'


@pytest.mark.parametrize(
    ("fault", "status", "body", "kind"),
    [
        ("status:204", 204, b"", OutcomeKind.UNCERTAIN),
        ("status:304", 304, b"", OutcomeKind.MISCONFIGURED),
        ("status:302", 302, b"Object moved", OutcomeKind.MISCONFIGURED),
        ("status:400", 400, INVALID, OutcomeKind.REJECTED),
        ("status:401", 401, b"Authorization has been denied", OutcomeKind.AUTH),
        ("status:404", 404, b"No HTTP resource was found", OutcomeKind.MISCONFIGURED),
        ("status:405", 405, b"http method 'POST'", OutcomeKind.MISCONFIGURED),
        ("status:413", 413, b"Request Entity Too Large", OutcomeKind.MISCONFIGURED),
        ("status:415", 415, b"media type 'application/json'", OutcomeKind.MISCONFIGURED),
        ("status:429", 429, b'{"Message":"Too Many Requests"}', OutcomeKind.THROTTLED),
        ("status:500", 500, b'{"Message":"An error has occurred."}', OutcomeKind.UNCERTAIN),
        ("status:503", 503, b'{"Message":"Service Unavailable"}', OutcomeKind.UNCERTAIN),
        ("status:520", 520, b'{"Message":"Unknown"}', OutcomeKind.UNCERTAIN),
        ("throttle", 429, b'{"Message":"Too Many Requests"}', OutcomeKind.THROTTLED),
    ],
)
def test_comes_back(faulty: Make, fault: str, status: int, body: bytes, kind: OutcomeKind) -> None:
    """Each status has its words, and the client reads them as it should."""
    reply = faulty(fault).update()

    assert (reply.status, body in reply.body) == (status, True)
    assert read_reply(reply).kind is kind


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "Request Entity Too Large"),
        (414, "Request-URI Too Long"),
        (416, "Requested Range Not Satisfiable"),
        (422, "Unprocessable Entity"),
    ],
)
def test_words_are_those_of_iis(status: int, words: str) -> None:
    """What the emulator says does not depend on the Python that runs it."""
    assert phrase(status) == words
    assert words.encode() in iis_page(status).body


@pytest.mark.parametrize("fault", ["status:503", "throttle"])
@pytest.mark.parametrize(("prefix", "stored"), [("", 0), ("drop-then-", 0), ("apply-then-", 1)])
def test_the_write_is_stored_or_dropped(
    faulty: Make, archive: Storage, fault: str, prefix: str, stored: int
) -> None:
    """Every reply comes with and without the write, and the history says which."""
    faulty(f"{prefix}{fault}").update()
    call = archive.calls(1)[0]

    assert (archive.server(Address(59, 663)) is not None) == stored
    assert (call.stored, call.outcome) == (stored, "applied" if stored else "not processed")
    assert call.fault is not None


def test_retry_after_is_what_was_asked_for(faulty: Make) -> None:
    """A throttle tells how long to wait."""
    assert faulty("throttle:retry=7").update().headers["retry-after"] == "7"


def test_only_updates_are_struck(faulty: Make) -> None:
    """Login, logout and whoever looks see what is there; what is dropped ends nothing."""
    caller = faulty("status:503@nth=1")
    looked = caller.call("GET", "/_emulator/stats").status

    assert (looked, caller.token != "") == (200, True)
    assert (caller.update().status, caller.update().status) == (503, 200)
