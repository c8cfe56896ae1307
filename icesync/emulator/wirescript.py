"""
What a wire fault does with the bytes of a reply, as a value that the shell plays.

Pure: head and body go in; chunks with a pause before each, and an end, come out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator.faultkinds import Kind

if TYPE_CHECKING:
    from icesync.emulator.fault import Fault

__all__ = ["SPEAKING", "WHOLE", "End", "Script", "drip_s", "write_script"]

WHOLE: Final = frozenset({Kind.DRIP, Kind.INTERIM, Kind.HANG_UP})
"""The kinds that let the whole reply through, in the end."""

SPEAKING: Final = WHOLE | {Kind.TRUNCATE, Kind.BAD_CHUNK}
"""The kinds that let the status of the reply through."""

_USUAL_DRIP_MS: Final = 30
_USUAL_HEADS: Final = 3
_INTERIM: Final = b"HTTP/1.1 102 Processing\r\n\r\n"
_LENGTH: Final = re.compile(rb"content-length: *[0-9]+", re.IGNORECASE)
_GARBAGE: Final = b"\x00\x15\x03\x01 this is no HTTP \xff\xfe\r\n\r\n"


class End(StrEnum):
    """How it goes on behind the last chunk."""

    KEEP = "keep"
    """the next request is read"""
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    """nothing, until the caller has gone"""


@dataclass(frozen=True, slots=True)
class Script:
    """*chunks* leave one by one, *pause_s* before each; then comes the *end*."""

    chunks: tuple[bytes, ...]
    end: End
    pause_s: float = 0.0


_Author: TypeAlias = Callable[["Fault", bytes, bytes], Script]


def write_script(fault: Fault, head: bytes, body: bytes) -> Script:
    """Return the script of *fault*, which must be one of the wire."""
    return _AUTHORS[fault.kind](fault, head, body)


def drip_s(fault: Fault) -> float:
    """Return the seconds between two bytes."""
    wait_ms = fault.argument if isinstance(fault.argument, int) else _USUAL_DRIP_MS
    return wait_ms / 1000


def _bad_chunk(_: Fault, head: bytes, body: bytes) -> Script:
    chunked = _LENGTH.sub(b"transfer-encoding: chunked", head)
    return Script((chunked, b"%x\r\n" % len(body) + body + b"\r\nzz\r\n"), End.CLOSE)


def _truncate(fault: Fault, head: bytes, body: bytes) -> Script:
    """Return all but the end of the body: some of it is always missing."""
    kept = fault.argument if isinstance(fault.argument, int) else len(body) // 2
    return Script((head + body[: min(kept, len(body) - 1)],), End.CLOSE)


def _drip(fault: Fault, head: bytes, body: bytes) -> Script:
    return Script(tuple(bytes((b,)) for b in head + body), End.KEEP, drip_s(fault))


def _interim(fault: Fault, head: bytes, body: bytes) -> Script:
    count = fault.argument if isinstance(fault.argument, int) else _USUAL_HEADS
    return Script((_INTERIM * count + head + body,), End.KEEP)


def _nothing(end: End) -> _Author:
    return lambda _, __, ___: Script((), end)


_AUTHORS: Final[dict[Kind, _Author]] = {
    Kind.RESET_EARLY: _nothing(End.RESET),
    Kind.RESET: _nothing(End.RESET),
    Kind.FIN: _nothing(End.CLOSE),
    Kind.SILENT: _nothing(End.HANG),
    Kind.LATE: _nothing(End.HANG),
    Kind.HALF_HEAD: lambda _, head, __: Script((head[: len(head) // 2],), End.CLOSE),
    Kind.GARBAGE: lambda _, __, ___: Script((_GARBAGE,), End.CLOSE),
    Kind.TRUNCATE: _truncate,
    Kind.BAD_CHUNK: _bad_chunk,
    Kind.DRIP: _drip,
    Kind.INTERIM: _interim,
    Kind.HANG_UP: lambda _, head, body: Script((head + body,), End.CLOSE),
}
