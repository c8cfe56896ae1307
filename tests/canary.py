"""Secrets of every awkward shape, and the search for them in all that comes out."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

import pytest

from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["AWKWARD", "DOCUMENTS", "SHORTEST", "Search", "all_logs", "leaks", "spellings"]

SHORTEST: Final = 8
"""Shorter texts stand in any output by chance, such as a secret of one letter."""

AWKWARD: Final = {
    "plain": "correct horse battery",
    "digits": "00129475610038",
    "number": "1e3000000001",
    "boolean": "true-true-false",
    "quotes": 'it\'s "quoted" `twice`',
    "backslash": "C:\\new\\table\\x41\\u0041",
    "newline behind": "first line of it\n",
    "blanks around": "  blank spaced  ",
    "per cent": "100%s%(name)d%n%20%%",
    "dollar": "$HOME${PATH}$(id -un)",
    "braces": "{0}{secret.reveal}{{}}",
    "markup": "<b>bold</b>&amp;[red]rich[/red]",
    "yaml": "key: [value, *alias, &anchor] #c",
    "json that is cut": '{"Password": null, "x": "y"',
    "unicode": "pässwörd→秘密の言葉🔑",
    "combining": "e\u0301a\u0308o\u0302u\u0300 nfd",
    "bidi": "abc\u202edef\u2066ghi\u200bjkl",
    "mask command": "::add-mask::hidden word",
    "azure command": "##vso[task.setvariable]hidden",
    "group command": "##[group]hidden word",
    "escape": "\x1b[31mred\x1b[0m bell\x07 end",
    "carriage return": "overwritten text\r",
    "reference": "ref+env://ICE_OTHER_NAME",
    "token": "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2lnbmF0dXJl",
    "base64": "cGFzc3dvcmQ9aHVudGVyMg==",
    "url": "https://user:pass@host.example/?q=1&r=2#f",
    "option": "--auto-approve -y --debug",
    "path": "../../etc/passwd-like",
    "long": "long secret " * 400,
}


DOCUMENTS: Final = {
    "newline inside": "first line of it\nsecond line of it",
    "json": '{"Password": null, "x": "y"}',
    "carriage return inside": "over\rwritten text",
}
"""What is no password, and may hold many."""


def spellings(secret: str) -> dict[str, str]:
    """Return *secret* as it may hide: by name of the spelling."""
    raw = secret.encode()
    found = {
        "as it is": secret,
        "json": json.dumps(secret)[1:-1],
        "json in unicode": json.dumps(secret, ensure_ascii=False)[1:-1],
        "json in json": json.dumps(json.dumps(secret))[3:-3],
        "url": quote(secret, safe=""),
        "url with slashes": quote(secret),
        "form": quote_plus(secret),
        "hex": raw.hex(),
        "upper hex": raw.hex().upper(),
        "repr": repr(secret)[1:-1],
        "ascii": ascii(secret)[1:-1],
        "bytes": repr(raw)[2:-1],
        "html": html.escape(secret),
        "made safe": safe(secret),
        "backslashes": secret.replace("\\", "\\\\").replace('"', '\\"'),
        "lower": secret.lower(),
    }
    for shift in range(3):
        for name, encode in (("base64", base64.b64encode), ("urlsafe", base64.urlsafe_b64encode)):
            text = encode(b"\0" * shift + raw).decode().rstrip("=")
            found[f"{name} at {shift}"] = text[(shift * 4 + 2) // 3 : -1]
    if not secret.isprintable():
        found |= {f"line {n}": line for n, line in enumerate(secret.splitlines())}
    return {name: text for name, text in found.items() if len(text) >= SHORTEST}


def leaks(secret: str, data: bytes) -> list[str]:
    """Return the names of the spellings of *secret* that stand in *data*."""
    return [name for name, text in spellings(secret).items() if text.encode() in data]


class Search:
    """Looks for *secrets* in all that comes out; *sources* are the files that may hold them."""

    def __init__(self, root: Path, secrets: Mapping[str, str]) -> None:
        self.root = root
        self.sources: set[Path] = set()
        self._needles: list[tuple[bytes, str]] = []
        self._seen: set[bytes] = set()
        for name, text in secrets.items():
            self.add(name, text)

    def add(self, name: str, secret: str, source: Path | None = None) -> None:
        """Look for *secret* too; *source* may hold it."""
        self._needles += [(t.encode(), f"{name} ({how})") for how, t in spellings(secret).items()]
        self._seen.clear()
        self.sources |= {source} if source else set()

    def look(self, place: str, data: bytes) -> None:
        """Fail if a secret stands in *data*; the same data is looked at once."""
        __tracebackhide__ = True
        known = hashlib.sha256(data).digest()
        if known in self._seen:
            return
        self._seen.add(known)
        found = [name for needle, name in self._needles if needle in data]
        if found:
            pytest.fail(f"{', '.join(found)} leaks into {place}")

    def look_at_files(self, when: str) -> None:
        """Fail if a secret stands in a file of the repository, or in the name of one."""
        paths = sorted(self.root.rglob("*"))
        for path in paths:
            if path.is_file() and path not in self.sources:
                self.look(f"{path.name} {when}", path.read_bytes())
        self.look(f"the names of files {when}", "\n".join(map(str, paths)).encode())


@contextmanager
def all_logs() -> Iterator[io.StringIO]:
    """Collect what every library would log, however quiet it is by default."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.NOTSET)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
