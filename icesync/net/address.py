"""Which addresses may be given a secret: https anywhere, plain http on this machine only."""

from __future__ import annotations

from urllib.parse import urlsplit

from icesync.model.host import is_loopback


def is_confidential(url: str) -> bool:
    """Return whether nobody on the way reads what is sent to *url*."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )
