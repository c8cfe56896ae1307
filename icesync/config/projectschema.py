"""The JSON Schema of ``icesync.yaml``, as data."""

from __future__ import annotations

from typing import Any, Final

from icesync.diagnostics import RULES, Rule
from icesync.model.address import MAX_ID
from icesync.model.project import Absent, Backend, Guard, Level, OrgKey
from icesync.model.secret import REFERENCE_GRAMMAR, SCHEME_GRAMMAR

__all__ = ["LIMIT_PATTERN", "PROJECT_SCHEMA", "REFERENCE_PATTERN", "STATE_METHODS"]

REFERENCE_PATTERN: Final = f"^{REFERENCE_GRAMMAR}$"
LIMIT_PATTERN: Final = r"^([0-9]{1,9}|[0-9]{1,3}%)$"
STATE_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "LOCK", "UNLOCK")
_URL_PATTERN: Final = r"^(emulator|https?://[^\s@?#]+)$"

Schema = dict[str, Any]


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "minLength": 1, "description": description, **more}


def _reference(description: str) -> Schema:
    return {"type": "string", "pattern": REFERENCE_PATTERN, "description": description}


def _mapping(description: str, properties: Schema, *required: str) -> Schema:
    schema = {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }
    return {**schema, "required": list(required)} if required else schema


def _method(description: str, usual: str) -> Schema:
    return {
        "type": "string",
        "enum": list(STATE_METHODS),
        "default": usual,
        "description": description,
    }


def _texts(description: str) -> Schema:
    return {
        "type": "array",
        "description": description,
        "items": {"type": "string", "minLength": 1},
    }


def _limit(what: str) -> Schema:
    return {
        "description": f"At most so many {what} in one run: a count (5), a share of the fleet "
        "(30%), or a list of both, of which the stricter wins.",
        "anyOf": [
            {"type": "string", "pattern": LIMIT_PATTERN},
            {"type": "integer", "minimum": 0, "maximum": 999_999_999},
            {
                "type": "array",
                "minItems": 1,
                "items": {
                    "anyOf": [
                        {"type": "string", "pattern": LIMIT_PATTERN},
                        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
                    ]
                },
            },
        ],
    }


def _level(rule: Rule) -> Schema:
    if rule.waivable:
        text = f"{rule.title[0].upper()}{rule.title[1:]}; usually {rule.severity}."
        return {"type": "string", "enum": [level.value for level in Level], "description": text}
    text = f"{rule.title[0].upper()}{rule.title[1:]}; it cannot be turned off or lowered."
    return {"type": "string", "enum": [rule.severity.value], "description": text}


_LOGIN: Final = _mapping(
    "A login from which a token is obtained.",
    {
        "organization": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ID,
            "description": "The organization to log in to.",
        },
        "username": _text("The user, an administrator."),
        "password": _reference("The password, by reference."),
    },
    "organization",
    "username",
    "password",
)

_WIRE: Final = _mapping(
    "What the vendor leaves open about request bodies.",
    {
        "org_key": {
            "type": "string",
            "enum": [key.value for key in OrgKey],
            "description": "The name under which the organization is sent.",
        },
        "absent": {
            "type": "string",
            "enum": [absent.value for absent in Absent],
            "description": "What is sent for a text that was not given.",
        },
    },
)

_API: Final = _mapping(
    "How ICE is reached.",
    {
        "base_url": _text(
            "The address of the API, https; or the word emulator for the embedded one.",
            pattern=_URL_PATTERN,
        ),
        "token": _reference("The token, by reference."),
        "login": _LOGIN,
        "timeout_s": {
            "type": "number",
            "minimum": 0.1,
            "maximum": 600,
            "description": "The total deadline of a call, in seconds.",
        },
        "rate_per_s": {
            "type": "number",
            "minimum": 0.01,
            "maximum": 100_000,
            "description": "At most so many calls a second.",
        },
        "concurrency": {
            "type": "integer",
            "minimum": 1,
            "maximum": 64,
            "description": "At most so many calls at a time.",
        },
        "proxy": _text("A proxy; the environment's proxy variables are ignored."),
        "ca_file": _text("A file of certificate authorities to trust instead of the system's."),
        "wire": _WIRE,
    },
)

PROJECT_SCHEMA: Final = _mapping(
    "The configuration of one repository.",
    {
        "version": {
            "description": "The format of this file.",
            "type": "integer",
            "const": 1,
        },
        "api": _API,
        "files": _texts("Patterns of the server files, relative to this file."),
        "state": _mapping(
            "Where the snapshot is kept.",
            {
                "backend": {
                    "type": "string",
                    "enum": [backend.value for backend in Backend],
                    "description": "The kind of store: a file, an address in Terraform's HTTP "
                    "protocol, or an object in a bucket.",
                },
                "path": _text("local: the snapshot's file, relative to this file."),
                "address": _text("http: where the snapshot is read and written."),
                "lock_address": _text("http: where it is locked; without it there is no lock."),
                "unlock_address": _text("http: where it is unlocked; usually the same."),
                "update_method": _method("http: how it is written.", "POST"),
                "lock_method": _method("http: how it is locked.", "LOCK"),
                "unlock_method": _method("http: how it is unlocked.", "UNLOCK"),
                "preset": {
                    "type": "string",
                    "enum": ["gitlab"],
                    "description": "http: GitLab-managed state; its jobs need nothing but `name`.",
                },
                "name": _text("preset gitlab: the name of the state, without a slash."),
                "project": _text("preset gitlab, outside of its jobs: the project's id or path."),
                "url": _text("objectstore: s3://, gs:// or az:// with bucket and path."),
            },
        ),
        "fingerprints": _mapping(
            "How rotations of secrets are found.",
            {"key": _reference("The key that `icesync keygen` makes, by reference.")},
            "key",
        ),
        "limits": _mapping(
            "How much one run may change.",
            {
                "updates": _limit("updates"),
                "disables": _limit("servers disabled"),
                "adopts": _limit("first sends"),
            },
        ),
        "guards": {
            "type": "array",
            "description": "Kinds of change that need --allow whatever the limits say.",
            "items": {"type": "string", "enum": [guard.value for guard in Guard]},
        },
        "rules": _mapping(
            "What findings of a rule weigh: off, info, warning or error.",
            {rule.id: _level(rule) for rule in RULES.values()},
        ),
        "secrets": _mapping(
            "What server files may refer to.",
            {
                "env_allow": _texts("Globs of variable names."),
                "file_allow": _texts("Globs of files, relative to this file or absolute."),
                "providers": {
                    "type": "array",
                    "description": "Schemes of other installed packages that may be loaded "
                    "(entry points of the group icesync.secrets).",
                    "items": {"type": "string", "pattern": f"^{SCHEME_GRAMMAR}$"},
                },
            },
        ),
    },
    "version",
)
