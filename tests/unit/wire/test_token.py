from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.secret import SecretValue
from icesync.wire.login import Token, read_token, sign_token, verify_token, write_token

KEY = b"emulator"
CLAIMS = {"orgid": 128, "username": "dsa@gmail.com", "exp": 1482419545}


def part(document: object) -> str:
    """Return *document* as a part of a token."""
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def token(claims: object) -> SecretValue:
    """Return a token over *claims*, whatever they are."""
    return SecretValue(f"{part({'alg': 'HS256'})}.{part(claims)}.xyz")


def test_token_says_for_whom_and_until_when() -> None:
    """The three claims of the vendor's sample token."""
    ends = datetime(2016, 12, 22, 15, 12, 25, tzinfo=UTC)

    assert read_token(sign_token(CLAIMS, KEY)) == Token(128, "dsa@gmail.com", ends)


def test_header_is_the_one_of_the_sample() -> None:
    """Typ before alg, as the service's library writes it."""
    header = sign_token(CLAIMS, KEY).reveal().partition(".")[0]

    assert base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)) == (
        b'{"typ":"JWT","alg":"HS256"}'
    )


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({}, Token(None, None, None)),
        ({"orgid": "128"}, Token(128, None, None)),
        ({"orgid": "1e3"}, Token(None, None, None)),
        ({"orgid": "١٢"}, Token(None, None, None)),
        ({"orgid": True}, Token(None, None, None)),
        ({"orgid": 1.5}, Token(None, None, None)),
        ({"username": 5}, Token(None, None, None)),
        ({"exp": "1482419545"}, Token(None, None, None)),
        ({"exp": True}, Token(None, None, None)),
        ({"exp": None}, Token(None, None, None)),
        ({"exp": 10**400}, Token(None, None, None)),
        ({"exp": 1e300}, Token(None, None, None)),
        ({"exp": 0.5}, Token(None, None, datetime(1970, 1, 1, 0, 0, 0, 500_000, UTC))),
        ('{"exp": NaN}', Token(None, None, None)),
        ('{"exp": Infinity}', Token(None, None, None)),
    ],
    ids=repr,
)
def test_claim_of_another_type_is_absent(claims: object, found: Token) -> None:
    """What cannot be understood is not known; it does not end the run."""
    assert read_token(token(claims)) == found


@pytest.mark.parametrize(
    "text",
    ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "\ud800.\ud800.\ud800",
     f"{part({})}.!.x", f"{part([])}.{part({})}.x", f"{part({})}.{part([])}.x",
     f"{part({})}.{part('{')}.x", f"{part({})}.{part('[' * 100_000)}.x"],
    ids=["empty", "one part", "two parts", "no base64", "four parts", "empty parts", "not ASCII",
         "half a pair", "odd letter", "header is a list", "claims are a list", "cut off", "depth"],
)  # fmt: skip
def test_other_texts_are_no_token(text: str) -> None:
    """A token has three parts, of which two are JSON objects."""
    assert read_token(SecretValue(text)) is None


@given(st.text(st.characters(codec=None), max_size=60) | st.from_regex(r"[A-Za-z0-9_.=-]{0,60}"))
def test_reading_and_checking_garbage_never_raises(text: str) -> None:
    """Whatever stands where the token should be, reading it ends in an answer."""
    secret = SecretValue(text)

    assert isinstance(read_token(secret), Token | None)
    assert verify_token(secret, KEY) is False


def test_signature_is_checked() -> None:
    """The key that signed fits, another one does not."""
    signed = sign_token(CLAIMS, KEY)

    assert verify_token(signed, KEY)
    assert not verify_token(signed, b"another")


def test_changed_claims_break_the_signature() -> None:
    """The signature is over the claims."""
    header, _, rest = sign_token(CLAIMS, KEY).reveal().partition(".")
    forged = SecretValue(f"{header}.{part({'orgid': 1})}.{rest.partition('.')[2]}")

    assert not verify_token(forged, KEY)


def test_token_file_ends_with_a_line_break() -> None:
    """It is a text file, whose final newline a reference takes off."""
    assert write_token(SecretValue("aaa.bbb.ccc")) == b"aaa.bbb.ccc\n"
