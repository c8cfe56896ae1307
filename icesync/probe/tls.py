"""Whom a probe trusts, what a failed handshake means, and what is wrong with a certificate."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING, Final

import certifi

from icesync.frozen import NamedTuple
from icesync.model.host import ascii_host
from icesync.model.probe import Certificate, ProbeKind
from icesync.probe.connection import ProbeAborted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from icesync.net.certificate import Details

_WRONG_MODE: Final = (
    "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE",
)  # fmt: skip
"""How OpenSSL says that what came is not TLS; the names differ between its versions."""

_OLD: Final = (
    "the server offers only TLS 1.1 or older",
    "update the mail server, so that it offers TLS 1.2 (RFC 8996)",
)
_CIPHERS: Final = (
    "the server and this machine have no cipher in common",
    "update the TLS settings of the mail server; it offers no secure cipher",
)
_SMALL_DH: Final = (
    "the server's Diffie-Hellman parameters are too small",
    "configure 2,048 bits or more, or ECDHE, on the mail server",
)
_NO_NAME: Final = (
    "the server has no certificate for this host name, and ended the handshake",
    "check the host name",
)
_CLIENT: Final = (
    "the server asks for a client certificate, which ICE cannot send",
    "configure the mail server to accept logins without one",
)
_ALERTS: Final = {
    "UNSUPPORTED_PROTOCOL": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "TLS_ALERT_PROTOCOL_VERSION": _OLD,
    "VERSION_TOO_LOW": _OLD,
    "WRONG_SSL_VERSION": _OLD,
    "NO_PROTOCOLS_AVAILABLE": _OLD,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _CIPHERS,
    "SSL/TLS_ALERT_HANDSHAKE_FAILURE": _CIPHERS,
    "TLS_ALERT_HANDSHAKE_FAILURE": _CIPHERS,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _CIPHERS,
    "TLS_ALERT_INSUFFICIENT_SECURITY": _CIPHERS,
    "NO_SHARED_CIPHER": _CIPHERS,
    "WRONG_CIPHER_RETURNED": _CIPHERS,
    "UNKNOWN_CIPHER_RETURNED": _CIPHERS,
    "HANDSHAKE_FAILURE_ON_CLIENT_HELLO": _CIPHERS,
    "DH_KEY_TOO_SMALL": _SMALL_DH,
    "MODULUS_TOO_SMALL": _SMALL_DH,
    "BAD_DH_P_LENGTH": _SMALL_DH,
    "TLSV1_UNRECOGNIZED_NAME": _NO_NAME,
    "TLSV1_ALERT_UNRECOGNIZED_NAME": _NO_NAME,
    "TLS_ALERT_UNRECOGNIZED_NAME": _NO_NAME,
    "UNRECOGNIZED_NAME": _NO_NAME,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT,
    "TLS_ALERT_CERTIFICATE_REQUIRED": _CLIENT,
}
"""OpenSSL's reasons of handshakes that fail; those of TLS alerts are named anew in its 3.2."""

_VERDICTS: Final = {
    9: ProbeKind.TLS_CERT_NOT_YET_VALID,
    10: ProbeKind.TLS_CERT_EXPIRED,
    18: ProbeKind.TLS_CERT_SELF_SIGNED,
    19: ProbeKind.TLS_CERT_UNTRUSTED,
    26: ProbeKind.TLS_CERT_WRONG_PURPOSE,
    62: ProbeKind.TLS_CERT_NAME_MISMATCH,
    64: ProbeKind.TLS_CERT_NAME_MISMATCH,
    66: ProbeKind.TLS_CERT_WEAK,
    67: ProbeKind.TLS_CERT_WEAK,
    68: ProbeKind.TLS_CERT_WEAK,
}
"""X509_verify_cert's codes (openssl x509_vfy.h); it names the first fault that it meets."""

_NO_ISSUER: Final = frozenset({2, 20, 21})
_UNKNOWN_ROOT: Final = 19
_MIN_RSA_BITS: Final = 2_048
_MAX_NAMES: Final = 4


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
    # Also what is too weak to be trusted is to be looked at.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


class CertificateRefused(ProbeAborted):
    """The certificate was not accepted; :func:`explain` says more once it was looked at."""

    def __init__(self, verify_code: int, verify_message: str) -> None:
        kind = _VERDICTS.get(verify_code, ProbeKind.TLS_CERT_UNTRUSTED)
        super().__init__(kind, f"the certificate is not accepted: {verify_message}")
        self.verify_code = verify_code
        self.verify_message = verify_message


def meaning_of(error: OSError) -> ProbeAborted:
    """Return what the *error* of a handshake says about the server."""
    if isinstance(error, TimeoutError):
        return ProbeAborted(ProbeKind.TIMEOUT, "the TLS handshake did not finish in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(error.verify_code, error.verify_message)
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
        return ProbeAborted(ProbeKind.RESET, "the connection was lost during the TLS handshake")
    reason = error.reason or "no reason given"
    if reason in _WRONG_MODE:
        message = "the server answers the TLS handshake without TLS"
        return ProbeAborted(ProbeKind.TLS_WRONG_MODE, message)
    message, hint = _ALERTS.get(reason, (f"the TLS handshake failed: {reason}", ""))
    return ProbeAborted(ProbeKind.TLS_ERROR, message, hint=hint)


def explain(
    refused: CertificateRefused, details: Details | None, sent: int, host: str, now: datetime
) -> ProbeAborted:
    """
    Return all faults of a certificate in one sentence, with a hint.

    *details* are those of the server's own certificate, *sent* how many it sent
    (0: not known). OpenSSL stops at the first fault. The others are found here,
    so that nobody mends one to meet the next.
    """
    if details is None:
        return refused
    faults = [*_chain_faults(refused, details, sent), *_faults(details, host, now)]
    # What OpenSSL names comes first; it may be about a certificate further up.
    faults.sort(key=lambda fault: fault.kind is not refused.kind)
    kinds = {fault.kind for fault in faults}
    if refused.kind not in kinds and not kinds & _BY_CHAIN:
        what = _FURTHER_UP.get(refused.kind, "not accepted")
        phrase = f"depends on another certificate that is {what}"
        faults.insert(
            0, _Fault(refused.kind, phrase, "configure the server to send a current chain")
        )
    link = ", and " if any("," in fault.phrase for fault in faults) else " and "
    message = "the certificate " + link.join(fault.phrase for fault in faults)
    hint = faults[0].hint
    if len(faults) > 1:
        # Trust in it, or another host name, would only lead to the next fault.
        hint = f"install a certificate from a public CA for {host} on the mail server"
    return ProbeAborted(faults[0].kind, message, hint=hint)


class _Fault(NamedTuple):
    kind: ProbeKind
    phrase: str
    hint: str


_BY_CHAIN: Final = frozenset({ProbeKind.TLS_CERT_UNTRUSTED, ProbeKind.TLS_CERT_INCOMPLETE})
_FURTHER_UP: Final = {
    ProbeKind.TLS_CERT_EXPIRED: "expired",
    ProbeKind.TLS_CERT_NOT_YET_VALID: "not valid yet",
    ProbeKind.TLS_CERT_WEAK: "too weak",
    ProbeKind.TLS_CERT_WRONG_PURPOSE: "not made to sign",
}


def _chain_faults(refused: CertificateRefused, details: Details, sent: int) -> Iterator[_Fault]:
    """Yield what is wrong with the way from the certificate to one that is trusted."""
    issuer = details.certificate.issuer or "an issuer without a name"
    code = refused.verify_code
    if code in _NO_ISSUER and sent <= 1 and details.public:
        yield _Fault(
            ProbeKind.TLS_CERT_INCOMPLETE,
            f"has an incomplete chain: the server does not send the certificate of {issuer}",
            "configure the mail server to send its intermediate certificates (the full "
            "chain); some programs, such as those on Windows, fetch them themselves",
        )
    elif code in _NO_ISSUER and sent <= 1:
        yield _Fault(
            ProbeKind.TLS_CERT_UNTRUSTED,
            f"is from {issuer}, which is unknown here and whose certificate is not sent",
            "configure the mail server to send its intermediate certificates (the full "
            f"chain); if {issuer} is your own CA, pass --ca-file FILE",
        )
    elif code in _NO_ISSUER or code == _UNKNOWN_ROOT:
        yield _Fault(
            ProbeKind.TLS_CERT_UNTRUSTED,
            f"is from {issuer}, which is issued by an unknown CA",
            "if you trust that CA, pass --ca-file FILE",
        )
    elif code not in _VERDICTS:
        yield _Fault(ProbeKind.TLS_CERT_UNTRUSTED, f"is not accepted: {refused.verify_message}", "")


def _faults(details: Details, host: str, now: datetime) -> Iterator[_Fault]:
    """Yield what is wrong with the certificate itself."""
    own = details.certificate
    if details.self_signed:
        yield _Fault(
            ProbeKind.TLS_CERT_SELF_SIGNED,
            "is self-signed",
            "install one from a public CA; if you trust this one, pass --ca-file FILE",
        )
    if own.not_after < now:
        phrase = f"expired {_ago(now - own.not_after)}"
        yield _Fault(ProbeKind.TLS_CERT_EXPIRED, phrase, "renew it on the mail server")
    if own.not_before > now:
        yield _Fault(
            ProbeKind.TLS_CERT_NOT_YET_VALID,
            f"is not valid before {own.not_before:%Y-%m-%d %H:%M} UTC",
            "check the clocks of the mail server and of this machine",
        )
    if 0 < details.rsa_bits < _MIN_RSA_BITS:
        yield _Fault(
            ProbeKind.TLS_CERT_WEAK,
            f"has a key of {details.rsa_bits} bits, which is too weak",
            "renew it with a key of 2,048 bits or more",
        )
    if details.weak_signature and not details.self_signed:
        yield _Fault(
            ProbeKind.TLS_CERT_WEAK,
            f"has a signature by {details.weak_signature}, which is too weak",
            "renew it with a signature by SHA-256",
        )
    if not details.for_servers:
        yield _Fault(
            ProbeKind.TLS_CERT_WRONG_PURPOSE,
            "is not made for servers",
            "renew it for servers (extended key usage serverAuth)",
        )
    if not _names_host(own, host):
        names = ", ".join(own.names[:_MAX_NAMES]) + (
            " and others" if own.names[_MAX_NAMES:] else ""
        )
        name = next((name for name in own.names if "*" not in name), "")
        use = f"use a host that it names, such as {name}; or " if name else ""
        yield _Fault(
            ProbeKind.TLS_CERT_NAME_MISMATCH,
            f"is for {names}, not for {host}" if names else f"names no host, so not {host}",
            f"{use}let the certificate of the mail server name {host}",
        )


def _names_host(certificate: Certificate, host: str) -> bool:
    """Return whether *certificate* is for *host* (RFC 6125: a wildcard is one whole label)."""
    try:
        wanted = ascii_host(host)
    except ValueError:
        return False
    try:
        wanted = str(ipaddress.ip_address(wanted))
    except ValueError:
        parent = wanted.partition(".")[2]
        names = {name.lower().rstrip(".") for name in certificate.names}
        return wanted in names or f"*.{parent}" in names
    return wanted in certificate.names


def _ago(span: timedelta) -> str:
    """Return how long ago something was: ``3 days ago``."""
    minutes = int(span.total_seconds() // 60)
    units = ((1440, "day"), (60, "hour"), (1, "minute"))
    for size, unit in units:
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
