"""
The table of faults: what each does, what it takes, and whether the write is stored.

A fault is *timing* (adds to whatever else happens), *spoken* (the reply is
another, and still a reply: it plays in process too) or *wire* (no whole reply
leaves, so only a socket can show it). ``apply-then-`` before a kind that drops
the write stores it first; ``drop-then-`` before one that stores it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["ROWS", "Group", "Kind", "Row", "Takes"]


class Kind(StrEnum):
    """The faults by name."""

    STATUS = "status"
    HTML = "html"
    REDIRECT = "redirect"
    THROTTLE = "throttle"
    ECHO = "echo"
    MESSAGE = "message"
    TOKEN_EXPIRE = "token-expire"  # noqa: S105 - a kind
    TOKEN_REFUSE = "token-refuse"  # noqa: S105 - a kind
    BOM = "bom"
    UTF16 = "utf16"
    BAD_GZIP = "bad-gzip"
    NO_CONTENT_TYPE = "no-content-type"
    XML = "xml"
    BIG = "big"
    GZIP_BOMB = "gzip-bomb"
    HEADER_FLOOD = "header-flood"
    LATENCY = "latency"
    JITTER = "jitter"
    RESET_EARLY = "reset-early"
    RESET = "reset"
    FIN = "fin"
    SILENT = "silent"
    LATE = "late"
    HALF_HEAD = "half-head"
    GARBAGE = "garbage"
    TRUNCATE = "truncate"
    BAD_CHUNK = "bad-chunk"
    DRIP = "drip"
    INTERIM = "interim"
    HANG_UP = "hang-up"


class Group(StrEnum):
    """Where a fault is played."""

    TIMING = "timing"
    SPOKEN = "spoken"
    WIRE = "wire"


class Takes(StrEnum):
    """What stands behind the colon, as an error calls it."""

    NOTHING = "nothing"
    STATUS = "an HTTP status from 200 to 599"
    DURATION = "a time such as 40ms or 2s"
    BYTES = "a number of bytes"
    MEBIBYTES = "a number of MiB from 1 to 64"
    KIBIBYTES = "a number of KiB from 1 to 4096"
    HEADS = "a number of heads from 1 to 100000"
    VARIANT = "a wording"
    THROTTLE = "rate=N/s, retry=SECONDS, form=FORM or status=429, separated by commas"
    URL = "an address that begins with http:// or https://"


@dataclass(frozen=True, slots=True)
class Row:
    """
    One kind: *stores* is None where a prefix has no meaning.

    *needs* says whether the argument must be given; *example* is one that is right.
    """

    group: Group
    meaning: str
    example: str
    takes: Takes = Takes.NOTHING
    needs: bool = False
    stores: bool | None = None


_T, _S, _W = Group.TIMING, Group.SPOKEN, Group.WIRE

ROWS: Final = {
    Kind.STATUS: Row(_S, "answered with this status", "status:503", Takes.STATUS,
                     needs=True, stores=False),
    Kind.HTML: Row(_S, "a page of the web server instead of JSON", "html:502", Takes.STATUS,
                   needs=True, stores=False),
    Kind.REDIRECT: Row(_S, "307 to an address, or to a page to log in",
                       "redirect:http://127.0.0.1:9/", Takes.URL, stores=False),
    Kind.THROTTLE: Row(_S, "429 and Retry-After, always or above a rate",
                       "throttle:rate=10/s,retry=2", Takes.THROTTLE, stores=False),
    Kind.ECHO: Row(_S, "400 that quotes the whole request, passwords too", "echo", stores=False),
    Kind.MESSAGE: Row(_S, "another wording of the reply", "message:lower-case", Takes.VARIANT,
                      needs=True, stores=True),
    Kind.TOKEN_EXPIRE: Row(_S, "all tokens given out so far end; once unless xN",
                           "token-expire@after=20"),
    Kind.TOKEN_REFUSE: Row(_S, "this call's token is refused", "token-refuse@nth=2"),
    Kind.BOM: Row(_S, "a byte order mark before the JSON", "bom", stores=True),
    Kind.UTF16: Row(_S, "the reply in UTF-16", "utf16", stores=True),
    Kind.BAD_GZIP: Row(_S, "said to be gzip, and is not", "bad-gzip", stores=True),
    Kind.NO_CONTENT_TYPE: Row(_S, "no Content-Type", "no-content-type", stores=True),
    Kind.XML: Row(_S, "the reply in XML, as where a proxy changes Accept", "xml", stores=True),
    Kind.BIG: Row(_S, "a reply of that many MiB, 2 if not said", "big:4", Takes.MEBIBYTES,
                  stores=True),
    Kind.GZIP_BOMB: Row(_S, "gzip that swells to that many MiB, 64 if not said", "gzip-bomb:8",
                        Takes.MEBIBYTES, stores=True),
    Kind.HEADER_FLOOD: Row(_S, "that many KiB of headers, 256 if not said", "header-flood:512",
                           Takes.KIBIBYTES, stores=True),
    Kind.LATENCY: Row(_T, "stored at once, answered later", "latency:40ms", Takes.DURATION,
                      needs=True),
    Kind.JITTER: Row(_T, "answered up to that much later, by the seed", "jitter:20ms",
                     Takes.DURATION, needs=True),
    Kind.RESET_EARLY: Row(_W, "reset before the body is read", "reset-early@nth=3"),
    Kind.RESET: Row(_W, "read, then reset", "reset@skill=663 x2", stores=False),
    Kind.FIN: Row(_W, "read, then closed", "fin", stores=False),
    Kind.SILENT: Row(_W, "read, and no reply ever comes", "silent", stores=False),
    Kind.LATE: Row(_W, "no reply; stored that long after the caller gave up", "late:5s",
                   Takes.DURATION, needs=True),
    Kind.HALF_HEAD: Row(_W, "half of the reply's head, then closed", "half-head", stores=False),
    Kind.GARBAGE: Row(_W, "bytes that are no HTTP, then closed", "garbage", stores=False),
    Kind.TRUNCATE: Row(_W, "the body ends after so many bytes, or half way", "truncate:7",
                       Takes.BYTES, stores=True),
    Kind.BAD_CHUNK: Row(_W, "a chunked body whose framing breaks", "bad-chunk", stores=True),
    Kind.DRIP: Row(_W, "one byte at a time, each 30 ms if not said", "drip:30ms", Takes.DURATION,
                   stores=True),
    Kind.INTERIM: Row(_W, "so many heads of 1xx before the reply, 3 if not said", "interim:1000",
                      Takes.HEADS, stores=True),
    Kind.HANG_UP: Row(_W, "a good reply, then closed without having said so", "hang-up",
                      stores=True),
}  # fmt: skip
"""Every kind and its row, in the order in which they are listed."""
