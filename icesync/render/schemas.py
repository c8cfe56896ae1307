"""
The JSON Schemas of what icesync writes, built from the same tables as the documents.

``schemas/`` holds their printed form. Unknown members are allowed: a minor
``format_version`` may add some, a major one may change what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.diagnostics import Severity
from icesync.model.plan import Action, Reason
from icesync.model.report import OutcomeKind, ResultStatus
from icesync.model.review import Command
from icesync.model.secret import SecretComparison

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

__all__ = ["DOCUMENTS"]

Schema = dict[str, Any]

_BASE: Final = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_ADDRESS: Final[Schema] = {"type": "string", "pattern": "^[1-9][0-9]*/[1-9][0-9]*$"}
_DIGEST: Final[Schema] = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
_TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
    "description": "UTC.",
}
_SETTING: Final[Schema] = {"type": ["string", "integer", "boolean", "null"]}
_VERSION: Final[Schema] = {"const": "1.0"}


def _object(description: str, properties: Schema) -> Schema:
    """Return the schema of a mapping in which every property is there."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": properties,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(kind: type[StrEnum]) -> Schema:
    return {"enum": [member.value for member in kind]}


def _counts(kind: type[StrEnum]) -> Schema:
    return _object("How many of each.", {member.value: _COUNT for member in kind})


_POSITION: Final = _or_null(
    _object(
        "A line of a file, relative to the configuration; numbers count from 1.",
        {"file": _TEXT, "line": {"type": "integer"}, "column": {"type": "integer"}},
    )
)

_SETTINGS: Final[Schema] = {
    "type": ["object", "null"],
    "description": "Settings, those with a dot nested; secrets are null.",
}

_STAYING: Final = _object(
    "What happens to one server, in the shape of Terraform's resource_changes.",
    {
        "address": _ADDRESS,
        "type": {"const": "email_server"},
        "mode": {"const": "managed"},
        "name": _TEXT,
        "action": _one_of(Action),
        "action_reason": _or_null(_one_of(Reason)),
        "change": _object(
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
        "fields": _list(
            _object(
                "A setting that differs.",
                {"key": _TEXT, "before": _SETTING, "after": _SETTING, "position": _POSITION},
            )
        ),
        "secrets": _list(
            _object(
                "A secret that rides along; its value is nowhere.",
                {
                    "key": _TEXT,
                    "comparison": _one_of(SecretComparison),
                    "reference": _TEXT,
                    "tag": _or_null(_TEXT),
                    "position": _POSITION,
                },
            )
        ),
        "prior": _or_null(_DIGEST),
        "position": _POSITION,
    },
)
_MOVED: Final = {"previous_address": _ADDRESS, "previous_stays": {"type": "boolean"}}
_CHANGE: Final = {**_STAYING, "properties": {**_STAYING["properties"], **_MOVED}}
"""A server that moved says from where, and whether its old record stays as it is."""

_PLAN: Final = _object(
    "A plan, as `icesync plan --json` prints it and `plan -o` saves it.",
    {
        "kind": {"const": "icesync-plan"},
        "format_version": _VERSION,
        "icesync_version": _TEXT,
        "target": _object("Where it would be sent.", {"base_url": _TEXT}),
        "lineage": _or_null(_TEXT),
        "base_serial": _COUNT,
        "key_id": _or_null(_TEXT),
        "complete": _FLAG,
        "selection": _object(
            "What was asked for.",
            {"targets": _list(_TEXT), "excludes": _list(_TEXT), "resend": _list(_TEXT)},
        ),
        "counts": _counts(Action),
        "resource_changes": _list(_CHANGE),
        "digest": _DIGEST,
        "checksum": _DIGEST,
    },
)

_DIAGNOSTIC: Final = _object(
    "A finding in a file.",
    {
        "rule": _TEXT,
        "severity": _one_of(Severity),
        "summary": _TEXT,
        "detail": _TEXT,
        "range": _object(
            "Where: the file is relative to the configuration, numbers count from 1.",
            {
                "filename": _TEXT,
                "start": _object(
                    "The first character.",
                    {"line": {"type": "integer"}, "column": {"type": "integer"}},
                ),
            },
        ),
    },
)

_REFUSAL: Final = _object(
    "What apply would refuse, and the argument of --allow that lets it through.",
    {"rule": _TEXT, "summary": _TEXT, "allow": _TEXT, "address": _or_null(_ADDRESS)},
)

_FAILURE: Final = _or_null(
    _object(
        "What stopped the command.",
        {"summary": _TEXT, "hints": _list(_TEXT), "exit_code": {"type": "integer"}},
    )
)

_FOLDER: Final[Schema] = {
    "type": "string",
    "description": "Where the configuration lies in its repository; empty at the root.",
}

_ENDED: Final[Schema] = {"exit_code": {"type": "integer", "minimum": 0}, "failure": _FAILURE}

_FINDINGS: Final = _object(
    "What validate found; also what a command says that was stopped before it had a plan.",
    {
        "kind": {"const": "icesync-findings"},
        "format_version": _VERSION,
        "command": _one_of(Command),
        "folder": _FOLDER,
        "files": _COUNT,
        "servers": _COUNT,
        "valid": _FLAG,
        "error_count": _COUNT,
        "warning_count": _COUNT,
        "diagnostics": _list(_DIAGNOSTIC),
        "refusals": _list(_REFUSAL),
        **_ENDED,
    },
)

_RESULT: Final[Schema] = {
    "address": _ADDRESS,
    "action": _one_of(Action),
    "status": _one_of(ResultStatus),
    "outcome": _or_null(_one_of(OutcomeKind)),
    "detail": _or_null(_TEXT),
}

_SECONDS: Final[Schema] = {"type": "number", "minimum": 0}

_ATTEMPT: Final = _object(
    "One call that came back; it left so long after the start of the apply.",
    {"outcome": _one_of(OutcomeKind), "started_s": _SECONDS, "elapsed_s": _SECONDS},
)

_REPORT: Final = _object(
    "How an apply ended.",
    {
        "kind": {"const": "icesync-report"},
        "format_version": _VERSION,
        "complete": _FLAG,
        "stopped": _or_null(_TEXT),
        "serial": _COUNT,
        "elapsed_s": _SECONDS,
        "counts": _counts(ResultStatus),
        "results": _list(
            _object("How one change ended.", {**_RESULT, "attempts": _list(_ATTEMPT)})
        ),
        **_ENDED,
    },
)

_UPKEEP: Final = _object(
    "What a schedule looks after, beside the changes.",
    {
        "now": _TIME,
        "uncertain": _list(_ADDRESS),
        "orphans": _list(_ADDRESS),
        "max_age": _or_null(_TEXT),
        "stale": _list(_ADDRESS),
        "oldest": _list(_object("An assertion.", {"address": _ADDRESS, "applied_at": _TIME})),
        "token_ends_at": _or_null(_TIME),
    },
)

_CHECK: Final = _object(
    "What check found.",
    {
        "kind": {"const": "icesync-check"},
        "format_version": _VERSION,
        "folder": _FOLDER,
        "plan": _PLAN,
        "refusals": _list(_REFUSAL),
        "diagnostics": _list(_DIAGNOSTIC),
        "upkeep": _UPKEEP,
        **_ENDED,
    },
)


def _event(name: str, description: str, properties: Schema) -> Schema:
    head = {"format_version": _VERSION, "at": _TIME, "event": {"const": name}}
    return _object(description, {**head, **properties})


def _summary(document: Schema) -> Schema:
    return _event("summary", f"The last line. {document['description']}", document["properties"])


_EVENTS: Final[Schema] = {
    "description": "One line of `icesync apply --json`.",
    "oneOf": [
        _event(
            "started",
            "The run begins.",
            {
                "icesync_version": _TEXT,
                "digest": _DIGEST,
                "changes": _COUNT,
                "calls": _COUNT,
                "counts": _counts(Action),
            },
        ),
        _event(
            "calling",
            "The intent is durable and the call leaves; without an outcome it is uncertain.",
            {"address": _ADDRESS, "action": _one_of(Action)},
        ),
        _event("outcome", "A change has ended.", {**_RESULT, "done": _COUNT, "total": _COUNT}),
        _event(
            "paused",
            "No call leaves for a while.",
            {"wait_s": {"type": "number", "minimum": 0}, "reason": _TEXT},
        ),
        _event("stopped", "The run was ended early.", {"reason": _TEXT}),
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
    "events": _document("event of an apply", _EVENTS),
}
"""The schemas of documents by name; ``schemas/NAME.schema.json`` is the printed form."""
