"""The schema of what a probe saw, alone and beside another document."""

from __future__ import annotations

from typing import Final

from icesync.model.probe import MailProtocol, Mode, ProbeKind, ProbeSeverity, StepName
from icesync.render.schema_types import (
    ADDRESS,
    COUNT,
    FLAG,
    SECONDS,
    TEXT,
    TIME,
    VERSION,
    Schema,
    counts_of,
    list_of,
    one_of,
    or_null,
    record,
)

__all__ = ["EXPIRING_CERTIFICATE", "FAILED_LOGIN", "PROBE"]

_NUMBER: Final[Schema] = {"type": "integer"}

_CERTIFICATE: Final = record(
    "What the certificate says about itself.",
    {
        "subject": TEXT,
        "issuer": TEXT,
        "names": list_of(TEXT),
        "not_before": TIME,
        "not_after": TIME,
        "days_left": _NUMBER,
    },
)

_SENDER: Final = record(
    "How the server answered MAIL FROM; null where it gave no verdict.",
    {"sender": TEXT, "accepted": or_null(FLAG), "answer": TEXT},
)

_ROW: Final = record(
    "What a probe says about one block of one server; texts of mail servers are not escaped.",
    {
        "address": ADDRESS,
        "name": TEXT,
        "file": or_null(TEXT),
        "line": or_null(_NUMBER),
        "protocol": one_of(MailProtocol),
        "host": TEXT,
        "port": COUNT,
        "ip": or_null(TEXT),
        "username": TEXT,
        "mode": one_of(Mode),
        "mode_reason": TEXT,
        "result": one_of(ProbeKind),
        "gravity": one_of(ProbeSeverity),
        "detail": TEXT,
        "hint": TEXT,
        "server": record("The server's own words, cut.", {"code": TEXT, "text": TEXT}),
        "tls_version": or_null(TEXT),
        "cipher": or_null(TEXT),
        "certificate": or_null(_CERTIFICATE),
        "mechanisms_offered": list_of(TEXT),
        "mechanism": or_null(TEXT),
        "senders": list_of(_SENDER),
        "inbox_messages": or_null(COUNT),
        "notes": list_of(TEXT),
        "steps": list_of(record("A step.", {"name": one_of(StepName), "elapsed_s": SECONDS})),
        "elapsed_s": SECONDS,
        "attempts": COUNT,
        "shared_with": list_of(ADDRESS),
    },
)

_DOMAIN: Final = record(
    "What DNS says about a domain that mail is sent from, by rules of thumb.",
    {"domain": TEXT, "heuristic": TEXT, "worrying": FLAG, "addresses": list_of(ADDRESS)},
)

PROBE: Final = record(
    "What the mail servers said that icesync logged in to.",
    {
        "kind": {"const": "icesync-probe"},
        "format_version": VERSION,
        "note": TEXT,
        "made_at": TIME,
        "elapsed_s": SECONDS,
        "logins": COUNT,
        "counts": counts_of(ProbeSeverity),
        "results": list_of(_ROW),
        "domains": list_of(_DOMAIN),
    },
)
"""As it stands in the documents of plan, apply and check after ``--probe``."""

FAILED_LOGIN: Final = record(
    "A mail server that said no, in the maintenance of a check.",
    {"address": ADDRESS, "protocol": one_of(MailProtocol), "result": one_of(ProbeKind)},
)

EXPIRING_CERTIFICATE: Final = record(
    "A certificate that ends within 21 days, in the maintenance of a check.",
    {"host": TEXT, "port": COUNT, "not_after": TIME, "addresses": list_of(ADDRESS)},
)
