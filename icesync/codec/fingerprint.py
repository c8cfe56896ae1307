"""
Keyed fingerprints of secrets: how a rotation is seen without storing anything guessable.

Mail passwords are often made by people, and a snapshot in git is kept for ever,
so a plain or salted hash would be guessed in seconds. HMAC-SHA256 under a
256-bit key that lives outside of the repository cannot be. Each fingerprint has
a fresh salt and is bound to its address and field: it says nothing about two
servers sharing a password, and cannot be pasted elsewhere.

This module, the wire encoder and :mod:`icesync.codec.secretfile` are the only ones
that open secrets.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from icesync.model.secret import Fingerprint, SecretValue

if TYPE_CHECKING:
    from icesync.model.address import Address

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16

_SECRET_DOMAIN: Final = b"icesync.secret.v1"
_PLAN_DOMAIN: Final = b"icesync.plan.v1"
_KEY_DOMAIN: Final = b"icesync.key-id.v1"
_DIGEST_BYTES: Final = 16


class FingerprintKey:
    """The key, which cannot print itself, and its *id*, which may be stored."""

    __slots__ = ("_key", "id")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = hmac.digest(key, _KEY_DOMAIN, hashlib.sha256)[:8].hex()

    def __repr__(self) -> str:
        return f"FingerprintKey(id={self.id})"

    def digest(self, message: bytes) -> str:
        """Return 128 bits of HMAC-SHA256 over *message*, in hexadecimal."""
        return hmac.digest(self._key, message, "sha256")[:_DIGEST_BYTES].hex()


def read_key(secret: SecretValue) -> FingerprintKey | None:
    """Return the key that *secret* spells in base64, or None if it is not 256 bits."""
    try:
        key = base64.b64decode(secret.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return FingerprintKey(key) if len(key) == KEY_BYTES else None


def encode_key(key: bytes) -> str:
    """Return *key* as `icesync keygen` prints it."""
    return base64.b64encode(key).decode("ascii")


def fingerprint(
    key: FingerprintKey, address: Address, field: str, salt: bytes, secret: SecretValue
) -> Fingerprint:
    """Return the fingerprint of *secret* at *address* and *field*; *salt* is fresh and random."""
    message = _message(_SECRET_DOMAIN, address, field, salt, secret)
    return Fingerprint(salt.hex(), key.digest(message))


def fits(
    key: FingerprintKey, known: Fingerprint, address: Address, field: str, secret: SecretValue
) -> bool:
    """Return whether *known* is the fingerprint of *secret*."""
    salt = bytes.fromhex(known.salt)
    message = _message(_SECRET_DOMAIN, address, field, salt, secret)
    return hmac.compare_digest(key.digest(message), known.value)


def secret_tag(key: FingerprintKey, address: Address, field: str, secret: SecretValue) -> str:
    """
    Return the tag of *secret* in a saved plan.

    Without a salt, so that the same input gives the same plan; still bound to
    the key, the address and the field.
    """
    return key.digest(_message(_PLAN_DOMAIN, address, field, b"", secret))


def _message(
    domain: bytes, address: Address, field: str, salt: bytes, secret: SecretValue
) -> bytes:
    """Return the parts with their lengths in front, so that no two inputs read alike."""
    head = b"%b\0%d/%d\0%b\0" % (domain, *address, field.encode())
    text = secret.reveal().encode("utf-8", "surrogatepass")
    return b"%d:%b%d:%b%d:%b" % (len(head), head, len(salt), salt, len(text), text)
