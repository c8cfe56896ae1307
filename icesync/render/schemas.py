"""
The JSON Schemas of what icesync writes, built from the same tables as the documents.

``schemas/`` holds their printed form. Unknown members are allowed: a minor
``format_version`` may add some, a major one may change what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Severity
from icesync.model.command_result import Command
from icesync.model.plan import Action, Reason
from icesync.model.report import OutcomeKind, ResultStatus
from icesync.model.secret import SecretComparison
from icesync.render.probeschema import EXPIRING_CERTIFICATE, FAILED_LOGIN, PROBE
from icesync.render.schema_types import (
    ADDRESS,
    COUNT,
    DIGEST,
    FLAG,
    SECONDS,
    SETTING,
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

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DOCUMENTS"]

_BASE: Final = "https://json-schema.org/draft/2020-12/schema"

_POSITION: Final = or_null(
    record(
        "A line of a file, relative to the configuration; numbers count from 1.",
        {"file": TEXT, "line": {"type": "integer"}, "column": {"type": "integer"}},
    )
)

_SETTINGS: Final[Schema] = {
    "type": ["object", "null"],
    "description": "Settings, those with a dot nested; secrets are null.",
}

_STAYING: Final = record(
    "What happens to one server, in the shape of Terraform's resource_changes.",
    {
        "address": ADDRESS,
        "type": {"const": "email_server"},
        "mode": {"const": "managed"},
        "name": TEXT,
        "action": one_of(Action),
        "action_reason": or_null(one_of(Reason)),
        "change": record(
            "Before and after, as Terraform says it.",
            {
                "actions": {
                    "enum": [["no-op"], ["create"], ["update"], ["delete"], ["forget"]],
                },
                "before": _SETTINGS,
                "after": _SETTINGS,
                "after_unknown": {"type": "object"},
                "before_sensitive": {"type": "object"},
                "after_sensitive": {"type": "object"},
            },
        ),
        "fields": list_of(
            record(
                "A setting that differs.",
                {"key": TEXT, "before": SETTING, "after": SETTING, "position": _POSITION},
            )
        ),
        "secrets": list_of(
            record(
                "A secret that rides along; its value is nowhere.",
                {
                    "key": TEXT,
                    "comparison": one_of(SecretComparison),
                    "reference": TEXT,
                    "tag": or_null(TEXT),
                    "position": _POSITION,
                },
            )
        ),
        "prior": or_null(DIGEST),
        "position": _POSITION,
    },
)
_MOVED: Final = {"previous_address": ADDRESS, "previous_stays": {"type": "boolean"}}
_CHANGE: Final = {**_STAYING, "properties": {**_STAYING["properties"], **_MOVED}}
"""A server that moved says from where, and whether its old record stays as it is."""


def _probed(document: Schema) -> Schema:
    """Return the schema of *document*, which says after ``--probe`` what was seen, too."""
    return {**document, "properties": {**document["properties"], "probe": PROBE}}


_PLAN: Final = _probed(
    record(
        "A plan, as `icesync plan --json` prints it and `plan -o` saves it.",
        {
            "kind": {"const": "icesync-plan"},
            "format_version": VERSION,
            "icesync_version": TEXT,
            "target": record("Where it would be sent.", {"base_url": TEXT}),
            "lineage": or_null(TEXT),
            "base_serial": COUNT,
            "key_id": or_null(TEXT),
            "complete": FLAG,
            "selection": record(
                "What was asked for.",
                {"targets": list_of(TEXT), "excludes": list_of(TEXT), "resend": list_of(TEXT)},
            ),
            "counts": counts_of(Action),
            "resource_changes": list_of(_CHANGE),
            "digest": DIGEST,
            "checksum": DIGEST,
        },
    )
)

_DIAGNOSTIC: Final = record(
    "A finding in a file.",
    {
        "rule": TEXT,
        "severity": one_of(Severity),
        "summary": TEXT,
        "detail": TEXT,
        "range": record(
            "Where: the file is relative to the configuration, numbers count from 1.",
            {
                "filename": TEXT,
                "start": record(
                    "The first character.",
                    {"line": {"type": "integer"}, "column": {"type": "integer"}},
                ),
            },
        ),
    },
)

_REFUSAL: Final = record(
    "What apply would refuse, and the argument of --allow that lets it through.",
    {"rule": TEXT, "summary": TEXT, "allow": TEXT, "address": or_null(ADDRESS)},
)

_FAILURE: Final = or_null(
    record(
        "What stopped the command.",
        {"summary": TEXT, "hints": list_of(TEXT), "exit_code": {"type": "integer"}},
    )
)

_FOLDER: Final[Schema] = {
    "type": "string",
    "description": "Where the configuration lies in its repository; empty at the root.",
}

_ENDED: Final[Schema] = {"exit_code": {"type": "integer", "minimum": 0}, "failure": _FAILURE}

_FINDINGS: Final = _probed(
    record(
        "What validate found; also what a command says that was stopped before it had a plan.",
        {
            "kind": {"const": "icesync-findings"},
            "format_version": VERSION,
            "command": one_of(Command),
            "folder": _FOLDER,
            "files": COUNT,
            "servers": COUNT,
            "valid": FLAG,
            "error_count": COUNT,
            "warning_count": COUNT,
            "diagnostics": list_of(_DIAGNOSTIC),
            "refusals": list_of(_REFUSAL),
            **_ENDED,
        },
    )
)

_RESULT: Final[Schema] = {
    "address": ADDRESS,
    "action": one_of(Action),
    "status": one_of(ResultStatus),
    "outcome": or_null(one_of(OutcomeKind)),
    "detail": or_null(TEXT),
}

_ATTEMPT: Final = record(
    "One call that came back; it left so long after the start of the apply.",
    {"outcome": one_of(OutcomeKind), "started_s": SECONDS, "elapsed_s": SECONDS},
)

_REPORT: Final = _probed(
    record(
        "How an apply ended.",
        {
            "kind": {"const": "icesync-report"},
            "format_version": VERSION,
            "complete": FLAG,
            "stopped": or_null(TEXT),
            "serial": COUNT,
            "elapsed_s": SECONDS,
            "counts": counts_of(ResultStatus),
            "results": list_of(
                record("How one change ended.", {**_RESULT, "attempts": list_of(_ATTEMPT)})
            ),
            **_ENDED,
        },
    )
)

_UPKEEP: Final = record(
    "What a schedule looks after, beside the changes.",
    {
        "now": TIME,
        "uncertain": list_of(ADDRESS),
        "orphans": list_of(ADDRESS),
        "max_age": or_null(TEXT),
        "stale": list_of(ADDRESS),
        "oldest": list_of(record("An assertion.", {"address": ADDRESS, "applied_at": TIME})),
        "token_ends_at": or_null(TIME),
        "failed_logins": list_of(FAILED_LOGIN),
        "certificates_ending": list_of(EXPIRING_CERTIFICATE),
    },
)

_CHECK: Final = _probed(
    record(
        "What check found.",
        {
            "kind": {"const": "icesync-check"},
            "format_version": VERSION,
            "folder": _FOLDER,
            "plan": _PLAN,
            "refusals": list_of(_REFUSAL),
            "diagnostics": list_of(_DIAGNOSTIC),
            "maintenance": _UPKEEP,
            **_ENDED,
        },
    )
)


def _event(name: str, description: str, properties: Schema) -> Schema:
    head = {"format_version": VERSION, "at": TIME, "event": {"const": name}}
    return record(description, {**head, **properties})


def _summary(document: Schema) -> Schema:
    always = {key: document["properties"][key] for key in document["required"]}
    return _probed(_event("summary", f"The last line. {document['description']}", always))


_EVENTS: Final[Schema] = {
    "description": "One line of `icesync apply --json`.",
    "oneOf": [
        _event(
            "started",
            "The run begins.",
            {
                "icesync_version": TEXT,
                "digest": DIGEST,
                "changes": COUNT,
                "calls": COUNT,
                "counts": counts_of(Action),
            },
        ),
        _event(
            "calling",
            "The intent is durable and the call leaves; without an outcome it is uncertain.",
            {"address": ADDRESS, "action": one_of(Action)},
        ),
        _event("outcome", "A change has ended.", {**_RESULT, "done": COUNT, "total": COUNT}),
        _event(
            "paused",
            "No call leaves for a while.",
            {"wait_s": SECONDS, "reason": TEXT},
        ),
        _event("stopped", "The run was ended early.", {"reason": TEXT}),
        _summary(_REPORT),
        _summary(_FINDINGS),
    ],
}


def _document(title: str, schema: Schema) -> Schema:
    return {"$schema": _BASE, "title": f"icesync {title}", **schema}


DOCUMENTS: Final[Mapping[str, Schema]] = {
    "plan": _document("plan", _PLAN),
    "findings": _document("findings", _FINDINGS),
    "report": _document("report of an apply", _REPORT),
    "check": _document("check", _CHECK),
    "probe": _document("probe", record(PROBE["description"], {**PROBE["properties"], **_ENDED})),
    "events": _document("event of an apply", _EVENTS),
}
"""The schemas of documents by name; ``schemas/NAME.schema.json`` is the printed form."""
