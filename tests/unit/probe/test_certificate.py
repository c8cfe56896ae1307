from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from icesync.model.probe import Certificate
from icesync.probe.certificate import read_certificate

if TYPE_CHECKING:
    from mailscript import Certificates


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
