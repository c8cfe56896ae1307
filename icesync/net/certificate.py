"""
What a certificate says about itself, whether or not it can be trusted.

``getpeercert()`` tells that only after a verified handshake; the findings that a user
needs most are about certificates that did not pass one, so their DER is walked here.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from icesync.frozen import NamedTuple, frozen
from icesync.model.probe import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMON_NAME: Final = bytes.fromhex("550403")
_ORGANIZATION: Final = bytes.fromhex("55040a")
_ALT_NAME: Final = bytes.fromhex("551d11")
_PURPOSES: Final = bytes.fromhex("551d25")
_ISSUER_ACCESS: Final = bytes.fromhex("2b06010505070101")
_SERVER: Final = bytes.fromhex("2b06010505070301")
_ANY_PURPOSE: Final = bytes.fromhex("551d2500")
_RSA: Final = bytes.fromhex("2a864886f70d010101")
_WEAK_SIGNATURES: Final = {
    bytes.fromhex("2a864886f70d010105"): "SHA-1",
    bytes.fromhex("2a864886f70d010104"): "MD5",
    bytes.fromhex("2a864886f70d010102"): "MD2",
    bytes.fromhex("2a8648ce3d0401"): "SHA-1",
    bytes.fromhex("2a8648ce380403"): "SHA-1",
}
_SEQUENCE, _OCTETS, _UTC_TIME = 0x30, 0x04, 0x17
_VERSION, _EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0xA0, 0xA3, 0x82, 0x87
_MAX_NAMES_READ: Final = 100


@frozen
class Details:
    """
    A certificate, and what its faults are told from.

    *rsa_bits* is 0 for other keys; *weak_signature* names a hash that is broken;
    *public*: its issuer says where its own certificate is, as public ones do.
    """

    certificate: Certificate
    self_signed: bool = False
    rsa_bits: int = 0
    weak_signature: str = ""
    for_servers: bool = True
    public: bool = False


class _Node(NamedTuple):
    tag: int
    content: bytes

    def children(self) -> Iterator[_Node]:
        """Yield the elements inside, in order (X.690)."""
        data = self.content
        while data:
            tag, length, start = data[0], data[1], 2
            if length & 0x80:
                start += length & 0x7F
                length = int.from_bytes(data[2:start], "big")
            if len(data) < start + length:
                raise ValueError("an element ends after its parent")
            yield _Node(tag, data[start : start + length])
            data = data[start + length :]


def read_certificate(der: bytes) -> Certificate | None:
    """Return what the certificate *der* says, or None if it cannot be read."""
    details = read_details(der)
    return details.certificate if details is not None else None


def read_details(der: bytes) -> Details | None:
    """Return what the certificate *der* says and is made of, or None if it cannot be read."""
    try:
        return _read(der)
    except (ValueError, IndexError, StopIteration):
        return None


def _read(der: bytes) -> Details:
    [outer] = _Node(_SEQUENCE, der).children()
    body = next(outer.children())
    parts = list(body.children())
    if parts[0].tag == _VERSION:
        parts = parts[1:]
    _serial, algorithm, issuer, validity, subject, key, *rest = parts
    begin, end = validity.children()
    extensions = dict(
        pair for part in rest if part.tag == _EXTENSIONS for pair in _extensions(part)
    )
    names = tuple(_alternative_names(extensions.get(_ALT_NAME)))
    purposes = extensions.get(_PURPOSES)
    listed = {p.content for p in purposes.children()} if purposes is not None else {_SERVER}
    return Details(
        Certificate(_name(subject), _name(issuer), names, _moment(begin), _moment(end)),
        self_signed=issuer.content == subject.content,
        rsa_bits=_rsa_bits(key),
        weak_signature=_WEAK_SIGNATURES.get(next(algorithm.children()).content, ""),
        for_servers=bool(listed & {_SERVER, _ANY_PURPOSE}),
        public=_ISSUER_ACCESS in extensions,
    )


def _rsa_bits(key: _Node) -> int:
    """Return the length of an RSA key, 0 for all others (RFC 3279)."""
    algorithm, bits = key.children()
    if next(algorithm.children()).content != _RSA:
        return 0
    [numbers] = _Node(_SEQUENCE, bits.content[1:]).children()
    return int.from_bytes(next(numbers.children()).content, "big").bit_length()


def _name(node: _Node) -> str:
    """Return the common name, or the organization where there is none."""
    found: dict[bytes, str] = {}
    for group in node.children():
        for pair in group.children():
            kind, value = pair.children()
            found[kind.content] = value.content.decode("utf-8", "replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or ""


def _extensions(node: _Node) -> Iterator[tuple[bytes, _Node]]:
    [group] = node.children()
    for extension in group.children():
        kind, *_critical, value = extension.children()
        if kind.content in {_ALT_NAME, _PURPOSES, _ISSUER_ACCESS}:
            [content] = _Node(_OCTETS, value.content).children()
            yield kind.content, content


def _alternative_names(names: _Node | None) -> Iterator[str]:
    if names is None:
        return
    for name, _ in zip(names.children(), range(_MAX_NAMES_READ), strict=False):
        if name.tag == _DNS_NAME:
            yield name.content.decode("ascii", "replace")
        elif name.tag == _IP_ADDRESS:
            yield str(ipaddress.ip_address(name.content))


def _moment(node: _Node) -> datetime:
    """Return a UTCTime or GeneralizedTime; years of two digits are those of RFC 5280."""
    text = node.content.decode("ascii")
    if node.tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
