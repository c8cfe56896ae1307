"""What the name of a host says without asking anybody: its address, its reach, its form in DNS."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PART: Final = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches *host*; of names, that is said of one only."""
    address = numeric_address(host)
    return host == "localhost" if address is None else address.is_loopback


def numeric_address(host: str) -> IpAddress | None:
    """
    Return the address that *host* spells, or None if it is a name.

    Every spelling that a resolver takes counts, as ``inet_aton`` reads them: ``127.1``,
    ``0x7f.0.0.1``, ``0177.0.0.1`` and ``2130706433`` are all the loopback address. An IPv6
    address may stand in brackets; one that carries an IPv4 address means that.
    """
    bare = host.strip().rstrip(".")
    if not bare or not (bare[0].isdigit() or ":" in bare):
        return None
    if ":" in bare:
        try:
            address = ipaddress.IPv6Address(bare.strip("[]").partition("%")[0])
        except ValueError:
            return None
        return address.ipv4_mapped or address
    return _aton(bare)


def _aton(text: str) -> ipaddress.IPv4Address | None:
    parts = text.split(".")
    if len(parts) > 4 or not all(_PART.fullmatch(part) for part in parts):
        return None
    try:
        *heads, tail = (_number(part) for part in parts)
    except ValueError:
        return None
    if any(head > 255 for head in heads) or tail >= 256 ** (4 - len(heads)):
        return None
    return ipaddress.IPv4Address(
        sum(head << (24 - 8 * place) for place, head in enumerate(heads)) + tail
    )


def _number(part: str) -> int:
    hexadecimal = part[:2].lower() == "0x"
    return int(part, 0 if hexadecimal else 8 if part.startswith("0") else 10)


def ascii_host(host: str) -> str:
    """
    Return *host* as DNS and certificates spell it: in lower case and ASCII, without a final dot.

    The one reading of an international name, by IDNA 2008 (RFC 5891, UTS 46).
    Python's ``socket`` and ``ssl`` read by IDNA 2003, where ``straße`` is
    another domain: they are given what this returns.

    Raises:
        ValueError: *host* is no host name.

    """
    tidy = host.lower().rstrip(".")
    if not tidy.isascii():
        import idna  # only for the rare name: its tables cost 10 ms

        try:
            tidy = idna.encode(tidy, uts46=True, std3_rules=True).decode("ascii").rstrip(".")
        except idna.IDNAError as error:
            raise ValueError(f"{host!a} is not a host name") from error
    if len(tidy) > 253 or not all(0 < len(label) < 64 for label in tidy.split(".")):
        raise ValueError(f"{host!a} is not a host name")
    return tidy
