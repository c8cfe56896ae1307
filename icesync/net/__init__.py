"""The only maker of HTTP clients; it does not know what is asked of whom."""

from __future__ import annotations

from icesync.net.address import is_confidential
from icesync.net.client import (
    MAX_REPLY_BYTES,
    Answer,
    BrokenError,
    ClientOptions,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    open_client,
    trust_store,
)
from icesync.net.retry import read_retry_after

__all__ = [
    "MAX_REPLY_BYTES",
    "Answer",
    "BrokenError",
    "ClientOptions",
    "HttpClient",
    "MisconfiguredError",
    "NotSentError",
    "RawReply",
    "is_confidential",
    "open_client",
    "read_retry_after",
    "trust_store",
]
