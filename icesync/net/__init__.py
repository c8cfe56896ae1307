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
from icesync.net.job import job_options, job_trust
from icesync.net.retry import THROTTLED, Patience, read_retry_after

__all__ = [
    "MAX_REPLY_BYTES",
    "THROTTLED",
    "Answer",
    "BrokenError",
    "ClientOptions",
    "HttpClient",
    "MisconfiguredError",
    "NotSentError",
    "Patience",
    "RawReply",
    "is_confidential",
    "job_options",
    "job_trust",
    "open_client",
    "read_retry_after",
    "trust_store",
]
