from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import ref

from icesync.model.project import Login
from icesync.model.secret import SecretValue
from icesync.wire.login import encode_login, encode_login_reply, read_login

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = SecretValue("aaa.bbb.ccc")
REPLY = encode_login_reply(59, "admin@example.test", TOKEN)


def test_login_has_a_golden_body(golden: Callable[[str, str], None]) -> None:
    """The keys are the vendor's, with its British s."""
    login = Login(59, "admin@example.test", ref("admin"))

    golden("wire/login.json", encode_login(login, SecretValue("Pä55wörd")).decode() + "\n")


def test_login_reply_has_a_golden_body(golden: Callable[[str, str], None]) -> None:
    """What the emulator answers has every member that the vendor prints."""
    golden("wire/login-reply.json", REPLY.decode() + "\n")


@pytest.mark.parametrize(
    "body",
    [
        REPLY,
        b'{"message": " Success. ", "token": "aaa.bbb.ccc"}',
        b'[{"Message ": "SUCCESS", " Token": "aaa.bbb.ccc"}]',
        b'\xef\xbb\xbf{"Message": "Success", "Token": "aaa.bbb.ccc"}',
    ],
    ids=["as printed", "lower case", "list, stray blanks", "BOM"],
)
def test_token_of_a_successful_login_is_read(body: bytes) -> None:
    """The vendor's pages vary in case, blanks and wrapping."""
    found = read_login(200, body)

    assert found is not None
    assert found.reveal() == "aaa.bbb.ccc"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, REPLY),
        (302, REPLY),
        (200, b""),
        (200, b"<html>Success</html>"),
        (200, b'{"Message": "Success"}'),
        (200, b'{"Message": "Success", "Token": ""}'),
        (200, b'{"Message": "Success", "Token": null}'),
        (200, b'{"Message": "Success", "Token": 5}'),
        (200, b'{"Message": "Failed", "Token": "aaa.bbb.ccc"}'),
        (200, b'{"Token": "aaa.bbb.ccc"}'),
        (200, json.dumps([{}, {}]).encode()),
    ],
    ids=["status", "redirect", "empty", "HTML", "no token", "empty token", "null token",
         "number", "failure", "no message", "two objects"],
)  # fmt: skip
def test_every_other_reply_gives_no_token(status: int, body: bytes) -> None:
    """Only a 2xx that says success and holds a token is a login."""
    assert read_login(status, body) is None
