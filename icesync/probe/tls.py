"""Whom a probe trusts, and what a failed handshake means."""

from __future__ import annotations

import ssl
from typing import Final

import certifi

from icesync.model.probe import ProbeKind
from icesync.probe.connection import ProbeAborted

__all__ = ["meaning_of", "open_looking", "open_trust"]

_WRONG_MODE: Final = (
    "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE",
)  # fmt: skip
"""How OpenSSL says that what came is no TLS; the names differ between its versions."""

_CERTIFICATE: Final = {
    9: (ProbeKind.TLS_CERT_NOT_YET_VALID, "the certificate is not valid yet"),
    10: (ProbeKind.TLS_CERT_EXPIRED, "the certificate has expired"),
    18: (ProbeKind.TLS_CERT_SELF_SIGNED, "the certificate is signed by itself"),
    19: (ProbeKind.TLS_CERT_SELF_SIGNED, "the chain ends in a certificate that nobody here knows"),
    62: (ProbeKind.TLS_CERT_NAME_MISMATCH, "the certificate is for another name"),
    64: (ProbeKind.TLS_CERT_NAME_MISMATCH, "the certificate is for another address"),
}
"""X509_verify_cert's codes (openssl x509_vfy.h)."""

_UNTRUSTED: Final = (ProbeKind.TLS_CERT_UNTRUSTED, "the certificate's issuer is not known here")


def open_trust(ca_file: str | None = None) -> ssl.SSLContext:
    """
    Return a context that trusts the public list, and what *ca_file* holds besides.

    A bare context: ``ssl.create_default_context`` would write session keys to
    the file that ``SSLKEYLOGFILE`` names.

    Raises:
        OSError: *ca_file* cannot be read, or holds no certificate.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def open_looking() -> ssl.SSLContext:
    """Return a context that trusts everybody: to look at a certificate, never to log in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def meaning_of(error: OSError) -> ProbeAborted:
    """Return what the *error* of a handshake says about the server."""
    if isinstance(error, TimeoutError):
        return ProbeAborted(ProbeKind.TIMEOUT, "the TLS handshake did not end in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        kind, message = _CERTIFICATE.get(error.verify_code, _UNTRUSTED)
        hint = "trust its issuer: --ca-file FILE" if kind in _TRUSTABLE else ""
        return ProbeAborted(kind, message, hint=hint)
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
        return ProbeAborted(ProbeKind.RESET, "the connection broke in the TLS handshake")
    reason = error.reason or "no reason given"
    if reason in _WRONG_MODE:
        return ProbeAborted(
            ProbeKind.TLS_WRONG_MODE, "the server answers the TLS handshake without TLS"
        )
    return ProbeAborted(ProbeKind.TLS_ERROR, f"the TLS handshake failed: {reason}")


_TRUSTABLE: Final = frozenset({ProbeKind.TLS_CERT_SELF_SIGNED, ProbeKind.TLS_CERT_UNTRUSTED})
