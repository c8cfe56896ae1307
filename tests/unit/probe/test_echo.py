"""No spelling of a password passes as a server's harmless words."""

from __future__ import annotations

import base64
import html
import json
import quopri
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

import pytest

from icesync.model.secret import SecretValue
from icesync.probe.sasl import Account

if TYPE_CHECKING:
    from collections.abc import Callable

USER: Final = "desk@desk.test"

PASSWORDS: Final = (
    "S3cret-Zebra", 'S3cret"Zebra', "S3cret\\Zebra", 'pä ss"wö\\rd→', "<b>&amp;\"pw'1",
    "  lead and trail ", "100%25 sure+x", "emoji😀zebra😀", "xxxxxxxxxxxx", "0123456789",
    "=?utf-8?q?x=20y?=", "Zażółć gęślą", "a" * 64, "Pa55",
)  # fmt: skip


def b64(data: bytes) -> str:
    """Return *data* in base64."""
    return base64.b64encode(data).decode()


SPELLINGS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": lambda p: p,
    "capitals": str.upper,
    "JSON": json.dumps,
    "JSON, no ASCII": lambda p: json.dumps(p, ensure_ascii=False),
    "JSON twice": lambda p: json.dumps(json.dumps(p)),
    "repr": repr,
    "repr of bytes": lambda p: repr(p.encode()),
    "ascii": ascii,
    "HTML": html.escape,
    "HTML, decimal": lambda p: "".join(f"&#{ord(c)};" for c in p),
    "HTML, hexadecimal": lambda p: "".join(f"&#x{ord(c):x};" for c in p),
    "URL": quote,
    "form": quote_plus,
    "URL, every letter": lambda p: "".join(f"%{b:02X}" for b in p.encode()),
    "URL twice": lambda p: quote(quote(p)),
    "quoted string": lambda p: '"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "quoted-printable": lambda p: quopri.encodestring(p.encode()).decode(),
    "quoted-printable, every letter": lambda p: "".join(f"={b:02X}" for b in p.encode()),
    "base64": lambda p: b64(p.encode()),
    "base64 for URLs": lambda p: base64.urlsafe_b64encode(p.encode()).decode(),
    "base64, shifted by one": lambda p: b64(b"1" + p.encode()),
    "base64, shifted by two": lambda p: f"said {b64(b'12' + p.encode())} ok",
    "base64 of base64": lambda p: b64(b64(p.encode()).encode()),
    "base64 of JSON": lambda p: b64(json.dumps({"p": p}).encode()),
    "base64 in a URL": lambda p: quote(b64(p.encode())),
    "AUTH PLAIN": lambda p: b64(f"\0{USER}\0{p}".encode()),
    "basic authentication": lambda p: b64(f"{USER}:{p}".encode()),
    "encoded word, b": lambda p: f"=?utf-8?b?{b64(p.encode())}?=",
    "encoded word, q": lambda p: "=?utf-8?q?" + "".join(f"={b:02X}" for b in p.encode()) + "?=",
    "hexadecimal": lambda p: p.encode().hex(),
    "hexadecimal, capitals": lambda p: p.encode().hex().upper(),
    "hexadecimal, colons": lambda p: p.encode().hex(":"),
    "hexadecimal, blanks": lambda p: p.encode().hex(" "),
    "hexadecimal, 0x": lambda p: " ".join(f"0x{b:02x}" for b in p.encode()),
    "hexadecimal, \\x": lambda p: "".join(f"\\x{b:02x}" for b in p.encode()),
    "hexadecimal of base64": lambda p: b64(p.encode()).encode().hex(),
    "octal": lambda p: "".join(f"\\{b:03o}" for b in p.encode()),
    "decimal": lambda p: " ".join(str(b) for b in p.encode()),
    "a list": lambda p: str(list(p.encode())),
    "UTF-16": lambda p: p.encode("utf-16-le").decode("latin-1"),
    "UTF-16 in base64": lambda p: b64(p.encode("utf-16-le")),
    "UTF-16, big, in base64": lambda p: b64(p.encode("utf-16-be")),
    "UTF-16 in hexadecimal": lambda p: p.encode("utf-16-le").hex(),
    "base32": lambda p: base64.b32encode(p.encode()).decode(),
    "base32, small": lambda p: base64.b32encode(p.encode()).decode().rstrip("=").lower(),
    "UTF-7": lambda p: p.encode("utf-7").decode(),
    "UTF-7 of IMAP": lambda p: (
        p.replace("&", "&-").encode("utf-7").decode().replace("/", ",").replace("+", "&")
    ),
    "\\u": lambda p: "".join(f"\\u{ord(c):04x}" if ord(c) < 0x1_0000 else c for c in p),
    "UTF-8 read as Latin-1": lambda p: p.encode().decode("latin-1"),
    "blanks between": " ".join,
    "dashes between": "-".join,
    "backwards": lambda p: p[::-1],
    "wide": lambda p: "".join(chr(ord(c) + 0xFEE0) if 32 < ord(c) < 127 else c for c in p),
    "the command": lambda p: f'Unknown command: a LOGIN "{USER}" "{p}"',
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_is_shown(spelling: str) -> None:
    """What a server repeats is recognised in every spelling."""
    texts = {password: f"5.7.8 no: {SPELLINGS[spelling](password)}" for password in PASSWORDS}

    shown = [p for p, text in texts.items() if not Account(USER, SecretValue(p)).stands_in(text)]
    assert shown == []


@pytest.mark.parametrize("begin", range(6))
def test_six_characters_are_too_many(begin: int) -> None:
    """A part of it is a secret, too; a server may begin, and cut, where it likes."""
    account = Account(USER, SecretValue("S3cret-Zebra"))
    login = b64(f"\0{USER}\0S3cret-Zebra".encode())

    assert account.stands_in(f"xx{'S3cret-Zebra'[begin : begin + 6]}yy")
    assert account.stands_in(login[begin : -begin or None])


@pytest.mark.parametrize(
    "text",
    [
        "Error: authentication failed",
        "[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        "basic authentication is disabled. [BM1P287CA0015.OUTLOOK.COM 2023-09-12T20:59:57.214Z]",
        f"user {USER} is unknown",
        "go to https://support.google.com/mail/?p=BadCredentials a640c23a62f3a-a 12sm1.8 - gsmtp",
        "authentication failed: VXNlcm5hbWU6",
        "",
    ],
)
@pytest.mark.parametrize("password", ["S3cret-Zebra", 'pä ss"wö\\rd→', "Pa55word1@"])
def test_harmless_words_are_shown(password: str, text: str) -> None:
    """What has nothing to do with the password helps, and is kept."""
    assert not Account(USER, SecretValue(password)).stands_in(text)
