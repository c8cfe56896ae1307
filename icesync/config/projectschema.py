"""The JSON Schema of ``icesync.yaml``, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.config.rules import RULES
from icesync.model.address import MAX_ID
from icesync.model.project import (
    EMULATOR,
    VENDOR_BASE_URL,
    Absent,
    Backend,
    Guard,
    Level,
    Limit,
    LimitName,
    OrgKey,
    Per,
    Project,
)
from icesync.model.secret import REFERENCE_GRAMMAR, SCHEME_GRAMMAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.diagnostics import Rule

__all__ = ["LIMIT_PATTERN", "PROJECT_SCHEMA", "REFERENCE_PATTERN", "STATE_METHODS", "choice"]

REFERENCE_PATTERN: Final = f"^{REFERENCE_GRAMMAR}$"
LIMIT_PATTERN: Final = r"^([0-9]{1,9}|[0-9]{1,3}%)$"
STATE_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "LOCK", "UNLOCK")
_NO_LIMIT: Final = "must be a count such as 5, or a share such as 30%"
_URL_PATTERN: Final = r"^(emulator|https?://[^\s@?#]+)$"

Schema = dict[str, Any]

_USUAL: Final = Project("", "")
"""What holds where a file says nothing."""


def _text(description: str, **more: object) -> Schema:
    return {"type": "string", "minLength": 1, "description": description, **more}


def _reference(description: str, name: str) -> Schema:
    return {
        "type": "string",
        "pattern": REFERENCE_PATTERN,
        "description": description,
        "examples": [f"ref+env://{name}", f"ref+file:///run/secrets/{name.lower()}"],
    }


def choice(description: str, texts: Mapping[Any, str], usual: str | None = None) -> Schema:
    """Return a closed list, with what each of its words means."""
    return {
        "type": "string",
        "enum": [str(word) for word in texts],
        "description": description,
        "markdownEnumDescriptions": list(texts.values()),
        **({} if usual is None else {"default": str(usual)}),
    }


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


def _texts(description: str, usual: tuple[str, ...]) -> Schema:
    return {
        "type": "array",
        "description": description,
        "default": list(usual),
        "items": {"type": "string", "minLength": 1},
    }


def _limit(name: LimitName, what: str) -> Schema:
    return {
        "default": _shown(_USUAL.limits[name]),
        "examples": [5, "30%", [5, "30%"]],
        "description": f"At most so many {what} in one run: a count (5), a share of the fleet "
        "(30%), or a list of both, of which the stricter wins.",
        "anyOf": [
            {
                "type": "string",
                "pattern": LIMIT_PATTERN,
                "patternErrorMessage": _NO_LIMIT,
            },
            {"type": "integer", "minimum": 0, "maximum": 999_999_999},
            {
                "type": "array",
                "minItems": 1,
                "items": {
                    "anyOf": [
                        {
                            "type": "string",
                            "pattern": LIMIT_PATTERN,
                            "patternErrorMessage": _NO_LIMIT,
                        },
                        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
                    ]
                },
            },
        ],
    }


def _shown(limit: Limit) -> int | str | None:
    return f"{limit.share:.0%}" if limit.count is None and limit.share else limit.count


_LEVELS: Final = {
    Level.OFF: "The rule says nothing.",
    Level.INFO: "Shown with `-v` only.",
    Level.WARNING: "Shown, and stops nothing unless `--strict`.",
    Level.ERROR: "Stops plan and apply.",
}


def _level(rule: Rule) -> Schema:
    title = f"{rule.title[0].upper()}{rule.title[1:]}"
    if rule.suppressible:
        return choice(f"{title}.", _LEVELS, rule.severity)
    fixed = {rule.severity: "It cannot be turned off or lowered."}
    return choice(f"{title}; it cannot be turned off or lowered.", fixed, rule.severity)


_LOGIN: Final = _mapping(
    "A login from which a token is obtained.",
    {
        "organization": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ID,
            "description": "The organization to log in to.",
            "examples": [59],
        },
        "username": _text("The user, an administrator.", examples=["admin@example.com"]),
        "password": _reference("The password, by reference.", "ICE_PASSWORD"),
    },
    "organization",
    "username",
    "password",
)

_WIRE: Final = _mapping(
    "What the vendor leaves open about request bodies.",
    {
        "org_key": choice(
            "The name under which the organization is sent.",
            {
                OrgKey.BOTH: "Both names, with the same id.",
                OrgKey.ORG_ID: "As in the vendor's sample request.",
                OrgKey.ORGANIZATION_ID: "As in the vendor's parameter table.",
            },
            _USUAL.api.wire.org_key,
        ),
        "absent": choice(
            "What is sent for a text that was not given.",
            {
                Absent.EMPTY: "An empty text.",
                Absent.NULL: "`null`.",
                Absent.OMIT: "Nothing: the member is left out.",
            },
            _USUAL.api.wire.absent,
        ),
    },
)

_API: Final = _mapping(
    "How ICE is reached.",
    {
        "base_url": _text(
            "The address of the API, https; or the word emulator for the embedded one.",
            pattern=_URL_PATTERN,
            patternErrorMessage="must be an https address without user or query, or emulator",
            default=VENDOR_BASE_URL,
            examples=[VENDOR_BASE_URL, EMULATOR],
        ),
        "token": _reference("The token, by reference.", "ICE_TOKEN"),
        "login": _LOGIN,
        "timeout_s": {
            "type": "number",
            "minimum": 0.1,
            "maximum": 600,
            "default": int(_USUAL.api.timeout_s),
            "description": "The total deadline of a call, in seconds.",
        },
        "rate_per_s": {
            "type": "number",
            "minimum": 0.01,
            "maximum": 100_000,
            "default": int(_USUAL.api.rate_per_s),
            "description": "At most so many calls a second.",
        },
        "concurrency": {
            "type": "integer",
            "minimum": 1,
            "maximum": 64,
            "default": _USUAL.api.concurrency,
            "description": "At most so many calls at a time.",
        },
        "proxy": _text(
            "A proxy; the environment's proxy variables are ignored.",
            examples=["http://proxy.example.org:3128"],
        ),
        "ca_file": _text(
            "A file of certificate authorities to trust instead of the system's.",
            examples=["certificates/ca.pem"],
        ),
        "wire": _WIRE,
    },
)

_GUARDS: Final = {
    Guard.TLS_OFF: "TLS of a server is switched off.",
    Guard.SPOOFING_ON: "Mail begins to leave from a spoofing address.",
    Guard.DISABLED: "A server is disabled or made inactive.",
    Guard.HOST_CHANGE: "A password would go to another host than before.",
}

PROJECT_SCHEMA: Final = _mapping(
    "The configuration of one repository.",
    {
        "version": {
            "description": "The format of this file.",
            "type": "integer",
            "const": 1,
        },
        "api": _API,
        "files": _texts("Patterns of the server files, relative to this file.", _USUAL.files),
        "state": _mapping(
            "Where the snapshot is kept.",
            {
                "backend": choice(
                    "The kind of store: a file, an address in Terraform's HTTP protocol, or an "
                    "object in a bucket.",
                    {
                        Backend.LOCAL: "A file, which is committed or kept elsewhere.",
                        Backend.HTTP: "An address in Terraform's HTTP protocol, as GitLab has it.",
                        Backend.OBJECTSTORE: "An object in a bucket.",
                    },
                    _USUAL.state.backend,
                ),
                "path": _text(
                    "local: the snapshot's file, relative to this file.", default=_USUAL.state.path
                ),
                "address": _text("http: where the snapshot is read and written."),
                "lock_address": _text("http: where it is locked; without it there is no lock."),
                "unlock_address": _text("http: where it is unlocked; usually the same."),
                "update_method": _method("http: how it is written.", "POST"),
                "lock_method": _method("http: how it is locked.", "LOCK"),
                "unlock_method": _method("http: how it is unlocked.", "UNLOCK"),
                "preset": choice(
                    "http: GitLab-managed state; its jobs need nothing but `name`.",
                    {"gitlab": "GitLab-managed state, with the credentials of its jobs."},
                ),
                "name": _text("preset gitlab: the name of the state, without a slash."),
                "project": _text("preset gitlab, outside of its jobs: the project's id or path."),
                "per": choice(
                    "What has a snapshot and a lock of its own; without it, all have one together. "
                    "The place then holds {organization}.",
                    {Per.ORGANIZATION: "Each organization: runs go side by side."},
                ),
                "url": _text(
                    "objectstore: s3://, gs:// or az:// with bucket and path.",
                    examples=["s3://bucket/icesync.state.json"],
                ),
            },
        ),
        "fingerprints": _mapping(
            "How rotations of secrets are found.",
            {
                "key": _reference(
                    "The key that `icesync keygen` makes, by reference.", "ICESYNC_FINGERPRINT_KEY"
                )
            },
            "key",
        ),
        "limits": _mapping(
            "How much one run may change.",
            {
                "updates": _limit(LimitName.UPDATES, "updates"),
                "disables": _limit(LimitName.DISABLES, "servers disabled"),
                "adds": _limit(LimitName.ADDS, "first sends"),
            },
        ),
        "guards": {
            "type": "array",
            "description": "Kinds of change that need --allow whatever the limits say.",
            "default": [guard.value for guard in Guard if guard in _USUAL.guards],
            "items": choice("A kind of change.", _GUARDS),
        },
        "rules": _mapping(
            "What findings of a rule weigh: off, info, warning or error.",
            {rule.id: _level(rule) for rule in RULES.values()},
        ),
        "secrets": _mapping(
            "What server files may refer to.",
            {
                "env_allow": _texts("Globs of variable names.", _USUAL.secrets.env_allow),
                "file_allow": _texts(
                    "Globs of files, relative to this file or absolute.", _USUAL.secrets.file_allow
                ),
                "providers": {
                    "type": "array",
                    "description": "Schemes of other installed packages that may be loaded "
                    "(entry points of the group icesync.secrets).",
                    "items": {
                        "type": "string",
                        "pattern": f"^{SCHEME_GRAMMAR}$",
                        "patternErrorMessage": "must be a scheme, as in ref+SCHEME://",
                    },
                },
            },
        ),
    },
    "version",
)
