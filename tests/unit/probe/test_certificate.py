from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailscript import SMTP, Certificates, ScriptedServer

from icesync.model.probe import Certificate, Mode, ProbeResult
from icesync.net.certificate import read_certificate

if TYPE_CHECKING:
    from collections.abc import Callable


def der_of(certificates: Certificates) -> bytes:
    """Return a certificate as it goes over the wire."""
    pem = certificates.leaf.cert_chain_pems[0].bytes().decode()
    return ssl.PEM_cert_to_DER_cert(pem)


def test_a_certificate_is_read(certificates: Certificates) -> None:
    """Names and dates are those that a verified handshake would tell."""
    found = read_certificate(der_of(certificates))

    assert found is not None
    assert found.names == ("localhost", "127.0.0.1", "mail.example.org")
    assert found.issuer.startswith("trustme")
    assert (found.not_after - datetime.now(UTC)).days == 90


def test_days_left() -> None:
    """Days are whole, and negative once it is over."""
    moment = datetime(2026, 1, 10, tzinfo=UTC)
    certificate = Certificate("a", "b", (), moment, moment)

    assert certificate.days_left(datetime(2026, 1, 1, 12, tzinfo=UTC)) == 8
    assert certificate.days_left(datetime(2026, 1, 11, tzinfo=UTC)) == -1


@given(st.binary(max_size=200))
def test_anything_may_come(data: bytes) -> None:
    """Bytes that are no certificate are none, and nothing else happens."""
    assert read_certificate(data) is None


@given(st.data())
def test_a_damaged_certificate(data: st.DataObject) -> None:
    """One flipped byte gives another certificate or none, never an error."""
    der = bytearray(_DER[0])
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    found = read_certificate(bytes(der))

    assert found is None or found.not_before.tzinfo is UTC


def _one() -> bytes:
    import trustme

    pem = trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes().decode()
    return ssl.PEM_cert_to_DER_cert(pem)


_DER = [_one()]


FAULTS = {
    "expired": ("expired 3 days ago", "renew it"),
    "early": ("is not valid before", "check the clocks"),
    "wrong name": ("is for mail.example.test, not for localhost", "such as mail.example.test"),
    "stranger": ("unknown here", "--ca-file FILE"),
    "self-signed": ("is self-signed", "public CA"),
    "weak key": ("has a key of 1024 bits", "2,048 bits"),
    "sha1": ("has a signature by SHA-1", "SHA-256"),
    "for clients": ("is not made for servers", "serverAuth"),
    "incomplete": ("does not send the certificate of Odd Middle", "send its intermediate"),
    "private": ("Odd Middle, which is unknown here", "send its intermediate"),
    "self-signed and expired": (
        "is self-signed and expired 3 days ago", "install a certificate from a public CA",
    ),
    "expired and for another name": (
        "is for a.test, not for localhost, and expired 3 days ago", "for localhost",
    ),
    "TLS 1.0": ("only TLS 1.1 or older", "TLS 1.2"),
    "no cipher in common": ("no cipher in common", "update the TLS settings"),
    "small DH": ("Diffie-Hellman parameters are too small", "2,048 bits"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_plain_words(
    probe: Callable[..., ProbeResult], certificates: Certificates, name: str
) -> None:
    """Each fault is one sentence that is true, with a hint that can help; no password is sent."""
    with ScriptedServer(SMTP, implicit=certificates.contexts[name]) as server:
        result = probe(server, "smtp", Mode.IMPLICIT, clear_text=False)

    sentence, hint = FAULTS[name]
    assert sentence in result.detail
    assert hint in result.hint
    assert ("--ca-file" in result.hint) is (name in {"stranger", "private"})
    assert server.heard == []
