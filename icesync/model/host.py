"""What the name of a host says without asking anybody."""

from __future__ import annotations

import ipaddress

__all__ = ["ascii_host", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches *host*; of names, that is said of one only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
            raise ValueError(f"{host!a} is no host name") from error
    if len(tidy) > 253 or not all(0 < len(label) < 64 for label in tidy.split(".")):
        raise ValueError(f"{host!a} is no host name")
    return tidy
