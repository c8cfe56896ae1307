"""Which addresses may be given a secret: https anywhere, plain http on this machine only."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

__all__ = ["is_confidential"]


def is_confidential(url: str) -> bool:
    """Return whether nobody on the way reads what is sent to *url*."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
