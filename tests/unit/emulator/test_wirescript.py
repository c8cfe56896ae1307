"""What leaves when the wire is at fault, byte for byte."""

from __future__ import annotations

import pytest

from icesync.emulator.faultkinds import ROWS, Group, Kind
from icesync.emulator.faultparse import parse_fault
from icesync.emulator.wirescript import End, Script, write_script

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
BODY = b"abcdef"


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("reset-early", Script((), End.RESET)),
        ("reset", Script((), End.RESET)),
        ("fin", Script((), End.CLOSE)),
        ("silent", Script((), End.HANG)),
        ("lose", Script((), End.HANG)),
        ("late:5s", Script((), End.HANG)),
        ("half-head", Script((HEAD[:19],), End.CLOSE)),
        ("truncate", Script((HEAD + b"abc",), End.CLOSE)),
        ("truncate:0", Script((HEAD,), End.CLOSE)),
        ("truncate:99", Script((HEAD + b"abcde",), End.CLOSE)),
        (
            "bad-chunk",
            Script(
                (
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                    b"6\r\nabcdef\r\nzz\r\n",
                ),
                End.CLOSE,
            ),
        ),
        ("hang-up", Script((HEAD + BODY,), End.CLOSE)),
    ],
)
def test_script(text: str, script: Script) -> None:
    """Each fault has its bytes and its end."""
    assert write_script(parse_fault(text), HEAD, BODY) == script


@pytest.mark.parametrize(("text", "pause_s"), [("drip", 0.03), ("drip:5ms", 0.005)])
def test_a_drip_is_the_reply_byte_by_byte(text: str, pause_s: float) -> None:
    """Nothing is missing, and the connection goes on."""
    script = write_script(parse_fault(text), HEAD, BODY)

    assert b"".join(script.chunks) == HEAD + BODY
    assert {len(chunk) for chunk in script.chunks} == {1}
    assert (script.end, script.pause_s) == (End.KEEP, pause_s)


def test_garbage_is_no_http() -> None:
    """What comes is no status line."""
    [chunk] = write_script(parse_fault("garbage"), HEAD, BODY).chunks

    assert b"HTTP/1" not in chunk


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row.group is Group.WIRE])
def test_every_wire_fault_has_a_script(kind: Kind) -> None:
    """No kind of the table is forgotten."""
    assert write_script(parse_fault(ROWS[kind].example), HEAD, BODY)
