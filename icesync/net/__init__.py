"""The only maker of HTTP clients; it does not know what is asked of whom."""

from __future__ import annotations

from icesync.net.client import (
    MAX_REPLY_BYTES,
    THROTTLED,
    Answer,
    Backoff,
    BrokenError,
    ClientOptions,
    ClientPool,
    ConcurrencyLimit,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    bundle_problem,
    is_confidential,
    open_client,
    read_pause,
    read_retry_after,
    trust_store,
)
from icesync.net.job import job_bundle, job_options, job_trust, told_of_certificate

__all__ = [
    "MAX_REPLY_BYTES",
    "THROTTLED",
    "Answer",
    "Backoff",
    "BrokenError",
    "ClientOptions",
    "ClientPool",
    "ConcurrencyLimit",
    "HttpClient",
    "MisconfiguredError",
    "NotSentError",
    "RawReply",
    "bundle_problem",
    "is_confidential",
    "job_bundle",
    "job_options",
    "job_trust",
    "open_client",
    "read_pause",
    "read_retry_after",
    "told_of_certificate",
    "trust_store",
]
