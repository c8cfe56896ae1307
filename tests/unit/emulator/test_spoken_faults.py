"""Faults that are replies: what comes back, and whether the write was stored."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.faultparse import parse_fault
from icesync.model.address import Address
from icesync.model.report import OutcomeKind
from icesync.wire.reply import read_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock

    from icesync.emulator.archive import Archive
    from tests.unit.emulator.conftest import Caller

    Make = Callable[..., Caller]

SUCCESS = b'{"Message":" Success"}'
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
        ("status:415", 415, b"media type 'application/json'", OutcomeKind.MISCONFIGURED),
        ("status:429", 429, b'{"Message":"Too Many Requests"}', OutcomeKind.THROTTLED),
        ("status:500", 500, b'{"Message":"An error has occurred."}', OutcomeKind.UNCERTAIN),
        ("status:503", 503, b'{"Message":"Service Unavailable"}', OutcomeKind.UNCERTAIN),
        ("status:520", 520, b'{"Message":"Unknown"}', OutcomeKind.UNCERTAIN),
        ("html:413", 413, b"<h2>413 - Request Entity", OutcomeKind.MISCONFIGURED),
        ("html:404", 404, b"<h2>404 - File or directory not found.", OutcomeKind.MISCONFIGURED),
        ("html:502", 502, b"<h2>502 - Web server received", OutcomeKind.UNCERTAIN),
        ("html:503", 503, b"<h2>503 - Service Unavailable</h2>", OutcomeKind.TRANSIENT),
        ("html:200", 200, b"<h2>200 - OK</h2>", OutcomeKind.UNCERTAIN),
        ("redirect", 307, b"Login.aspx", OutcomeKind.MISCONFIGURED),
        ("redirect:http://127.0.0.1:9/x", 307, b"http://127.0.0.1:9/x", OutcomeKind.MISCONFIGURED),
        ("throttle", 429, b'{"Message":"Too Many Requests"}', OutcomeKind.THROTTLED),
        ("throttle:status=503", 503, b"Service Unavailable", OutcomeKind.THROTTLED),
        ("echo", 400, b'{"Message":"{\\"OrgId\\": 59', OutcomeKind.AUTH),
        ("message:unsuccessful", 200, b'{"Message":"Unsuccessful"}', OutcomeKind.UNCERTAIN),
        ("message:empty", 200, b"", OutcomeKind.UNCERTAIN),
        ("message:list", 200, b'[{"Message":" Success"}]', OutcomeKind.APPLIED),
        ("bom", 200, b"\xef\xbb\xbf" + SUCCESS, OutcomeKind.APPLIED),
        ("no-content-type", 200, SUCCESS, OutcomeKind.APPLIED),
        ("header-flood", 200, SUCCESS, OutcomeKind.APPLIED),
        ("xml", 200, b"<Reply><Message> Success</Message></Reply>", OutcomeKind.UNCERTAIN),
        ("bad-gzip", 200, SUCCESS, OutcomeKind.APPLIED),
        ("token-refuse", 400, INVALID, OutcomeKind.REJECTED),
        ("token-expire", 400, INVALID, OutcomeKind.REJECTED),
    ],
)
def test_comes_back(faulty: Make, fault: str, status: int, body: bytes, kind: OutcomeKind) -> None:
    """Each spoken fault has its status and its words, and the client reads them as it should."""
    reply = faulty(fault).update()

    assert (reply.status, body in reply.body) == (status, True)
    assert read_reply(reply).kind is kind


@pytest.mark.parametrize(
    "fault",
    [
        "status:503", "html:502", "redirect", "throttle", "echo", "message:list", "bom", "utf16",
        "bad-gzip", "no-content-type", "big:1", "gzip-bomb:1", "header-flood:1", "xml",
    ],
)  # fmt: skip
@pytest.mark.parametrize("flipped", [False, True])
def test_the_write_is_stored_or_dropped(
    faulty: Make, archive: Archive, fault: str, flipped: bool
) -> None:
    """Every reply comes with and without the write, and the history says which."""
    usual = parse_fault(fault).stores
    prefix = ("drop-then-" if usual else "apply-then-") if flipped else ""
    faulty(f"{prefix}{fault}").update()
    stored = usual is not flipped
    call = archive.calls(1)[0]

    assert (archive.server(Address(59, 663)) is not None) is stored
    assert (call.stored, call.outcome) == (stored, "applied" if stored else "not processed")
    assert call.fault is not None


def test_both_verdicts_in_one_reply(faulty: Make) -> None:
    """A body that says success and failure is neither."""
    reply = faulty("message:duplicate-key").update()

    assert reply.body == b'{"Message":" Success","Message":"The request is invalid."}'
    assert read_reply(reply).kind is OutcomeKind.UNCERTAIN


def test_a_page_has_no_wording(faulty: Make) -> None:
    """What is not one JSON object is left as it is."""
    page = faulty("message:list@path=/").call("GET", "/x")

    assert page.body.startswith(b"<!DOCTYPE")


def test_utf16_is_said_and_done(faulty: Make) -> None:
    """The other encoding of the framework carries the same reply."""
    reply = faulty("utf16").update()

    assert reply.headers["content-type"] == "application/json; charset=utf-16"
    assert json.loads(reply.body.decode("utf-16")) == {"Message": " Success"}


def test_bad_gzip_says_what_it_is_not(faulty: Make) -> None:
    """The header promises what the body does not hold."""
    reply = faulty("bad-gzip").update()

    assert (reply.headers["content-encoding"], reply.body) == ("gzip", SUCCESS)


def test_no_content_type_is_left_out(faulty: Make) -> None:
    """Only that header is missing."""
    headers = faulty("no-content-type").update().headers

    assert "content-type" not in headers
    assert headers["server"] == "Microsoft-IIS/8.5"


@pytest.mark.parametrize(("fault", "size"), [("big", 2 * 2**20), ("big:1", 2**20)])
def test_big_is_big(faulty: Make, fault: str, size: int) -> None:
    """The reply is as long as was said, and still JSON."""
    body = faulty(fault).update().body

    assert (len(body), json.loads(body)) == (size, {"Message": " Success"})


def test_a_bomb_swells(faulty: Make) -> None:
    """A few bytes in gzip are as many MiB as was said, and still JSON."""
    body = faulty("gzip-bomb:8").update().body
    swollen = gzip.decompress(body)

    assert len(body) < 20_000
    assert (len(swollen), json.loads(swollen)) == (8 * 2**20, {"Message": " Success"})


@pytest.mark.parametrize(("fault", "kib"), [("header-flood", 256), ("header-flood:3", 3)])
def test_headers_flood(faulty: Make, fault: str, kib: int) -> None:
    """As many KiB of headers as was said stand beside the usual ones."""
    headers = faulty(fault).update().headers
    flood = {name: value for name, value in headers.items() if name.startswith("x-flood-")}

    assert sum(len(f"{name}: {value}\r\n") for name, value in flood.items()) == kib * 1024
    assert headers["server"] == "Microsoft-IIS/8.5"


@pytest.mark.parametrize(
    ("argument", "header"),
    [
        ("retry=2", "2"),
        ("retry=-3", "-3"),
        ("retry=99999999999", "99999999999"),
        ("retry=2,form=date", "Thu, 01 Jan 2026 00:00:02 GMT"),
        ("retry=-3600,form=date", "Wed, 31 Dec 2025 23:00:00 GMT"),
        ("retry=2,form=rfc850", "Thursday, 01-Jan-26 00:00:02 GMT"),
        ("retry=2,form=asctime", "Thu Jan  1 00:00:02 2026"),
        ("retry=99999999999,form=date", "Sun, 09 Sep 2057 01:46:40 GMT"),
    ],
)
def test_retry_after_has_every_form(faulty: Make, argument: str, header: str) -> None:
    """Seconds and the three dates of HTTP, also past and far."""
    assert faulty(f"throttle:{argument}").update().headers["retry-after"] == header


def test_tokens_end_in_mid_run(faulty: Make, clock: FakeClock, archive: Archive) -> None:
    """After so many calls the token is over, and a new login helps."""
    caller = faulty("token-expire@after=2")
    before = [caller.update().status for _ in range(4)]
    ended = archive.calls(1)[0].outcome
    caller.login()

    assert (before, ended) == ([200, 200, 400, 400], "token expired")
    assert caller.update().status == 200
    clock.advance(1199)
    assert caller.update().status == 200


def test_one_call_alone_can_be_refused(faulty: Make, archive: Archive) -> None:
    """The token is good before and after."""
    caller = faulty("token-refuse@nth=2")

    assert [caller.update().status for _ in range(3)] == [200, 400, 200]
    assert [call.outcome for call in archive.calls(2)] == ["applied", "token refused"]


def test_a_dropped_logout_ends_nothing(faulty: Make) -> None:
    """What is not processed has no effect, whatever the call."""
    caller = faulty("status:503@path=Logout")

    assert caller.logout().status == 503
    assert caller.update().status == 200


def test_an_echo_is_the_callers_own(faulty: Make, archive: Archive) -> None:
    """The reply quotes passwords, as a careless service would; the history does not."""
    reply = faulty("echo").update(SMTPPassword="Clark1!")

    assert b"Clark1!" in reply.body
    assert "Clark1!" not in "\n".join(archive._database.iterdump())


def test_a_login_can_be_struck(faulty: Make) -> None:
    """With a path, a fault looks at other calls than the update."""
    caller = faulty("status:503@path=login")

    assert caller.token == ""
    assert caller.update().status == 400


def test_inspection_is_never_struck(faulty: Make) -> None:
    """Whoever looks sees what is there."""
    caller = faulty("status:503@path=/", "reset-early@path=/ %1")

    assert caller.call("GET", "/_emulator/stats").status == 200
