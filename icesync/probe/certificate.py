"""
What a certificate says about itself: a walk over its DER, for those that no check let through.

``getpeercert()`` tells this only after a verified handshake; the findings that
a user needs most are about certificates that did not pass one.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.model.probe import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_certificate"]

_COMMON_NAME: Final = bytes.fromhex("550403")
_ORGANIZATION: Final = bytes.fromhex("55040a")
_ALT_NAME: Final = bytes.fromhex("551d11")
_SEQUENCE, _OCTETS, _UTC_TIME = 0x30, 0x04, 0x17
_VERSION, _EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0xA0, 0xA3, 0x82, 0x87
_MAX_NAMES: Final = 100


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
                raise ValueError("an element ends behind its parent")
            yield _Node(tag, data[start : start + length])
            data = data[start + length :]


def read_certificate(der: bytes) -> Certificate | None:
    """Return what the certificate *der* says, or None if it cannot be read."""
    try:
        return _read(der)
    except (ValueError, IndexError, StopIteration):
        return None


def _read(der: bytes) -> Certificate:
    [outer] = _Node(_SEQUENCE, der).children()
    body = next(outer.children())
    parts = list(body.children())
    if parts[0].tag == _VERSION:
        parts = parts[1:]
    _serial, _algorithm, issuer, validity, subject, _key, *rest = parts
    begin, end = validity.children()
    names = tuple(
        name for part in rest if part.tag == _EXTENSIONS for name in _alternative_names(part)
    )
    return Certificate(_name(subject), _name(issuer), names, _moment(begin), _moment(end))


def _name(node: _Node) -> str:
    """Return the common name, or the organization where there is none."""
    found: dict[bytes, str] = {}
    for group in node.children():
        for pair in group.children():
            kind, value = pair.children()
            found[kind.content] = value.content.decode("utf-8", "replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or ""


def _alternative_names(extensions: _Node) -> Iterator[str]:
    [group] = extensions.children()
    for extension in group.children():
        kind, *_critical, value = extension.children()
        if kind.content != _ALT_NAME:
            continue
        [names] = _Node(_OCTETS, value.content).children()
        for name, _ in zip(names.children(), range(_MAX_NAMES), strict=False):
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
