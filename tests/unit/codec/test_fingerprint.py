from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from builders import KEY, SALES, SALT, SUPPORT

from icesync.codec.fingerprint import (
    KEY_BYTES,
    SALT_BYTES,
    FingerprintKey,
    encode_key,
    fingerprint,
    fits,
    read_key,
    secret_tag,
)
from icesync.model.desired import Address
from icesync.model.secret import SecretValue

SECRET = SecretValue("canary-4711")
FIELD = "smtp.password"
OTHER_KEY = FingerprintKey(bytes(32))


def test_fingerprint_follows_its_definition() -> None:
    """128 bits of HMAC-SHA256 over domain, address, field, salt and text with their lengths."""
    head = b"icesync.secret.v1\x0059/663\x00smtp.password\x00"
    message = b"%d:%b16:%b11:canary-4711" % (len(head), head, SALT)
    expected = hmac.new(bytes(range(32)), message, hashlib.sha256).digest()[:16]

    assert fingerprint(KEY, SUPPORT, FIELD, SALT, SECRET) == (SALT, expected)


def test_secret_fits_its_own_fingerprint() -> None:
    """What was acknowledged is recognised."""
    assert fits(KEY, fingerprint(KEY, SUPPORT, FIELD, SALT, SECRET), SUPPORT, FIELD, SECRET)


@pytest.mark.parametrize(
    ("key", "address", "field", "text"),
    [
        (OTHER_KEY, SUPPORT, FIELD, "canary-4711"),
        (KEY, SALES, FIELD, "canary-4711"),
        (KEY, SUPPORT, "pop3.password", "canary-4711"),
        (KEY, SUPPORT, FIELD, "canary-4712"),
        (KEY, SUPPORT, FIELD, "canary-4711 "),
    ],
    ids=["key", "address", "field", "secret", "a blank"],
)
def test_fingerprint_fits_nothing_else(
    key: FingerprintKey, address: Address, field: str, text: str
) -> None:
    """A fingerprint is bound to the key, the address, the field and every character."""
    known = fingerprint(KEY, SUPPORT, FIELD, SALT, SECRET)

    assert not fits(key, known, address, field, SecretValue(text))


def test_salt_hides_that_two_secrets_are_equal() -> None:
    """Equal secrets have unequal fingerprints under fresh salts."""
    first = fingerprint(KEY, SUPPORT, FIELD, SALT, SECRET)
    second = fingerprint(KEY, SUPPORT, FIELD, bytes(SALT_BYTES), SECRET)

    assert first.value != second.value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((Address(5, 9663), "smtp.password"), (Address(59, 663), "smtp.password")),
        ((SUPPORT, "a\x00b"), (SUPPORT, "a")),
    ],
    ids=["address", "separator"],
)
def test_parts_cannot_run_into_each_other(
    one: tuple[Address, str], other: tuple[Address, str]
) -> None:
    """Lengths stand in front, so that no two inputs read alike."""
    assert fingerprint(KEY, *one, SALT, SECRET) != fingerprint(KEY, *other, SALT, SECRET)


def test_salt_and_secret_cannot_run_into_each_other() -> None:
    """A byte that moves from the salt to the secret changes the fingerprint."""
    one = fingerprint(KEY, SUPPORT, FIELD, b"ab", SecretValue("c"))
    other = fingerprint(KEY, SUPPORT, FIELD, b"a", SecretValue("bc"))

    assert one.value != other.value


def test_tag_is_the_same_for_the_same_input() -> None:
    """Two plans of one input are equal, so a tag has no salt."""
    assert secret_tag(KEY, SUPPORT, FIELD, SECRET) == secret_tag(KEY, SUPPORT, FIELD, SECRET)


@pytest.mark.parametrize(
    ("key", "address", "field", "text"),
    [
        (OTHER_KEY, SUPPORT, FIELD, "canary-4711"),
        (KEY, SALES, FIELD, "canary-4711"),
        (KEY, SUPPORT, "imap.password", "canary-4711"),
        (KEY, SUPPORT, FIELD, "other"),
    ],
    ids=["key", "address", "field", "secret"],
)
def test_tag_is_bound_to_all_it_is_made_of(
    key: FingerprintKey, address: Address, field: str, text: str
) -> None:
    """A tag says nothing about another place that holds the same secret."""
    assert secret_tag(key, address, field, SecretValue(text)) != secret_tag(
        KEY, SUPPORT, FIELD, SECRET
    )


def test_tag_is_no_fingerprint() -> None:
    """A plan's tag cannot be pasted into a snapshot: the domains differ."""
    assert secret_tag(KEY, SUPPORT, FIELD, SECRET) != (
        fingerprint(KEY, SUPPORT, FIELD, b"", SECRET).value
    )


def test_half_a_pair_of_characters_has_a_fingerprint() -> None:
    """Whatever a provider lets through is compared, and does not end the run."""
    odd = SecretValue("\ud800")

    assert fits(KEY, fingerprint(KEY, SUPPORT, FIELD, SALT, odd), SUPPORT, FIELD, odd)


def test_key_shows_its_id_only() -> None:
    """The id may be stored: it is a digest under the key, and short."""
    full = hmac.new(bytes(range(32)), b"icesync.key-id.v1", hashlib.sha256).hexdigest()

    assert full[:16] == KEY.id
    assert repr(KEY) == f"FingerprintKey(id={KEY.id})"


def test_printed_key_reads_back() -> None:
    """What keygen prints is what the configuration refers to, with a line break or without."""
    found = read_key(SecretValue(encode_key(bytes(range(32))) + "\n"))

    assert found is not None
    assert found.id == KEY.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "not base64!",
        "a",
        "é" * 44,
        base64.b64encode(bytes(KEY_BYTES - 1)).decode(),
        base64.b64encode(bytes(KEY_BYTES + 1)).decode(),
        bytes(KEY_BYTES).hex(),
    ],
    ids=["empty", "short", "no base64", "one letter", "not ASCII", "31 bytes", "33 bytes", "hex"],
)
def test_other_texts_are_no_key(text: str) -> None:
    """A key is 256 bits in base64, not whatever can be decoded."""
    assert read_key(SecretValue(text)) is None
