"""
The saved plan as bytes: readable JSON in the shape of Terraform's ``resource_changes``.

Sensitive leaves are null, so that a plan can travel between jobs and be read by
everybody. Two digests: the *plan digest* is over what would be done, so that
the plan of a pull request and of its merge agree; the *checksum* is over every
byte's meaning, so that nothing in the file can be changed unseen.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from icesync.codec import Series, canonical, canonical_digest, digest, stream, unique_object
from icesync.diagnostics import SourcePosition
from icesync.errors import PlanStale
from icesync.model.desired import Address, parse_address
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, Setting
from icesync.model.plan import (
    Action,
    FieldChange,
    Plan,
    Reason,
    ResourceChange,
    SecretChange,
    Selection,
)
from icesync.model.secret import SecretComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PLAN_FORMAT: Final = "1.0"

_KIND: Final = "icesync-plan"


def plan_digest(plan: Plan) -> str:
    """
    Return the digest over what *plan* would do.

    No time, no version, no serial, no place in a file: only the target, the terms
    (how it is sent, and what holds it back), the changes, what they started from,
    and the tags of the secrets seen. That of the latest plan is kept: each format of one
    result tells it.
    """
    if not (_latest and _latest[0][0] is plan):
        _latest[:] = [(plan, _plan_digest(plan))]
    return _latest[0][1]


_latest: Final[list[tuple[Plan, str]]] = []


def _plan_digest(plan: Plan) -> str:
    content = {
        "target": plan.base_url,
        "complete": plan.complete,
        "terms": dict(plan.terms),
        "changes": Series(lambda: map(_plain_effect, plan.effective)),
    }
    return canonical_digest(content)


def _plain_effect(change: ResourceChange) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "action": change.action.value,
        "prior": change.prior,
        "after": dict(change.after) if change.after is not None else None,
        "secrets": [[s.key, s.comparison.value, s.reference, s.tag] for s in change.secrets],
        **_plain_move(change),
    }


def plan_document(plan: Plan, icesync_version: str) -> dict[str, Any]:
    """Return *plan* as plain data, with its digests; its changes are a :class:`Series`."""
    document: dict[str, Any] = {
        "kind": _KIND,
        "format_version": PLAN_FORMAT,
        "icesync_version": icesync_version,
        "target": {"base_url": plan.base_url},
        "lineage": plan.lineage,
        "base_serial": plan.base_serial,
        "key_id": plan.key_id,
        "complete": plan.complete,
        "terms": dict(plan.terms),
        "selection": {
            "targets": list(plan.selection.targets),
            "excludes": list(plan.selection.excludes),
            "resend": list(plan.selection.resend),
        },
        "counts": {action.value: plan.count(action) for action in Action},
        "resource_changes": Series(lambda: map(_plain_change, plan.changes)),
        "digest": plan_digest(plan),
    }
    return {**document, "checksum": canonical_digest(document)}


def encode_plan(plan: Plan, icesync_version: str) -> bytes:
    """Return *plan* as UTF-8 JSON; the same plan gives the same bytes."""
    return b"".join(stream_plan(plan, icesync_version))


def stream_plan(plan: Plan, icesync_version: str) -> Iterator[bytes]:
    """Yield the parts of what :func:`encode_plan` returns, as they are made."""
    return (part.encode() for part in stream(plan_document(plan, icesync_version)))


def decode_plan(data: bytes) -> Plan:
    """
    Return the plan that *data* holds.

    Raises:
        PlanStale: it is no plan, of another format, or was changed since it was saved.

    """
    again = "run `icesync plan -o FILE` to save a new plan"
    try:
        document = json.loads(data, object_pairs_hook=unique_object)
        checksum = document.pop("checksum", None) if isinstance(document, dict) else None
        if isinstance(document, dict):
            document.pop("probe", None)  # what was seen beside it is no part of the plan
        found = digest(canonical(document))  # refuses NaN and its like
    except (ValueError, RecursionError):
        raise PlanStale("the saved plan is not valid JSON", again) from None
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise PlanStale("the file is not an icesync plan", again)
    if not _is_known(document.get("format_version")):
        raise PlanStale("the saved plan has an unsupported format version", again)
    if checksum != found:
        raise PlanStale("the saved plan was edited after it was saved", again)
    try:
        changes = tuple(map(_read_change, document["resource_changes"]))
        plan, named = _read(document, changes), document["digest"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise PlanStale("the saved plan is incomplete", again) from None
    if plan_digest(plan) != named:
        raise PlanStale("the saved plan does not match its digest", again)
    return plan


def decode_lines(lines: Iterable[bytes]) -> Plan | None:
    """
    Return the plan whose *lines* are as :func:`stream_plan` writes them, a change at a time.

    It accepts what :func:`decode_plan` accepts. None says that this one is to be asked: the
    lines are others, or something is wrong with what they say.
    """
    rest = iter(lines)
    try:
        head = b"".join(iter(rest.__next__, _OPENING))
        before = _members(head.rstrip().removesuffix(b",") + b"}")
        checksum = before.pop("checksum")
        before.pop("probe", None)
        hashed = hashlib.sha256()
        hashed.update(f'{canonical(before)[:-1]},"{_CHANGES}":['.encode())
        changes = tuple(_read_changes(rest, hashed.update))
        after = _members(b"{" + b"".join(rest))
        hashed.update(f"],{canonical(after)[1:]}".encode())
        document = before | after
        in_order = max(before) < _CHANGES < min(after)
        sound = in_order and document["kind"] == _KIND and _is_known(document["format_version"])
        if not sound or checksum != f"sha256:{hashed.hexdigest()}":
            return None
        plan = _read(document, changes)
        return plan if plan_digest(plan) == document["digest"] else None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


_CHANGES: Final = "resource_changes"
_OPENING: Final = b'  "resource_changes": [\n'


def _members(text: bytes) -> dict[str, Any]:
    found = json.loads(text, object_pairs_hook=unique_object)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _read_changes(
    lines: Iterator[bytes], update: Callable[[bytes], object]
) -> Iterator[ResourceChange]:
    """Yield the changes in *lines* up to the end of their list; *update* gets what they say."""
    texts: list[bytes] = []
    between = b""
    for line in lines:
        texts.append(line)
        if line in {b"    },\n", b"    }\n"}:
            raw = _members(b"".join(texts).removesuffix(b",\n"))
            update(between + canonical(raw).encode())
            yield _read_change(raw)
            texts, between = [], b","
        if line == b"    }\n":
            break
    if next(lines, b"") != b"  ],\n":
        raise ValueError


def _is_known(version: object) -> bool:
    """Return whether a plan of this *version* can be read: a minor one only adds members."""
    major, _, minor = version.partition(".") if isinstance(version, str) else ("", "", "")
    return major == PLAN_FORMAT.partition(".")[0] and minor.isdecimal()


def _plain_change(change: ResourceChange) -> dict[str, Any]:
    secret_keys = [s.key for s in change.secrets if s.reference]
    return {
        "address": str(change.address),
        "type": "email_server",
        "mode": "managed",
        "name": change.name,
        "action": change.action.value,
        "action_reason": change.reason.value if change.reason else None,
        "change": {
            "actions": [change.action.terraform],
            "before": _nested(change.before, ()),
            "after": _nested(change.after, secret_keys),
            "after_unknown": {},
            "before_sensitive": {},
            "after_sensitive": _nested(dict.fromkeys(secret_keys, True), ()) or {},
        },
        "fields": [
            {
                "key": f.key,
                "before": f.before,
                "after": f.after,
                "position": _plain_position(f.position),
            }
            for f in change.fields
        ],
        "secrets": [
            {
                "key": s.key,
                "comparison": s.comparison.value,
                "reference": s.reference,
                "tag": s.tag,
                "position": _plain_position(s.position),
            }
            for s in change.secrets
        ],
        "prior": change.prior,
        "position": _plain_position(change.position),
        **_plain_move(change),
    }


def _plain_move(change: ResourceChange) -> dict[str, Any]:
    """Return the old address under Terraform's name; like there, only where there is one."""
    if change.moved_from is None:
        return {}
    return {"previous_address": str(change.moved_from), "previous_stays": change.source_stays}


def _plain_position(position: SourcePosition | None) -> dict[str, Any] | None:
    return None if position is None else position._asdict()


def _nested(flat: Any, secret_keys: Any) -> dict[str, Any] | None:
    """Return dotted keys as nested mappings, the named secrets as null."""
    if flat is None:
        return None
    nested: dict[str, Any] = {}
    for key, value in (*flat.items(), *((key, None) for key in secret_keys)):
        block, _, leaf = key.rpartition(".")
        (nested.setdefault(block, {}) if block else nested)[leaf] = value
    return nested


_SECRETS: Final = frozenset(field.key for field in FIELDS if field.secret)


def _flat(nested: dict[str, Any] | None) -> dict[str, Setting] | None:
    """Return nested mappings as dotted keys, without the secrets' nulls."""
    if nested is None:
        return None
    flat: dict[str, Setting] = {}
    for key, value in nested.items():
        members = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{key}.{leaf}" if leaf else key: member for leaf, member in members}
    return {key: value for key, value in flat.items() if key not in _SECRETS}


def _read(document: dict[str, Any], changes: tuple[ResourceChange, ...]) -> Plan:
    selection = document["selection"]
    return Plan(
        document["target"]["base_url"],
        document["lineage"],
        document["base_serial"],
        changes,
        Selection(
            tuple(selection["targets"]), tuple(selection["excludes"]), tuple(selection["resend"])
        ),
        document["complete"],
        document["key_id"],
        dict(document.get("terms", {})),
    )


def _read_change(raw: dict[str, Any]) -> ResourceChange:
    reason = raw["action_reason"]
    return ResourceChange(
        _read_address(raw["address"]),
        Action(raw["action"]),
        _flat(raw["change"]["before"]),
        _flat(raw["change"]["after"]),
        tuple(
            FieldChange(
                FIELDS_BY_KEY[f["key"]].key,
                _read_setting(f["before"]),
                _read_setting(f["after"]),
                _read_position(f["position"]),
            )
            for f in raw["fields"]
        ),
        tuple(
            SecretChange(
                FIELDS_BY_KEY[s["key"]].key,
                SecretComparison(s["comparison"]),
                _read_text(s["reference"]),
                s["tag"],
                _read_position(s["position"]),
            )
            for s in raw["secrets"]
        ),
        Reason(reason) if reason else None,
        raw["prior"],
        _read_text(raw["name"]),
        _read_position(raw["position"]),
        _read_address(raw["previous_address"]) if "previous_address" in raw else None,
        raw.get("previous_stays", False),
    )


def _read_setting(value: Any) -> Setting | None:
    if value is not None and not isinstance(value, int | str):
        raise TypeError
    return value


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _read_address(text: str) -> Address:
    address = parse_address(text)
    if address is None:
        raise ValueError(text)
    return address


def _read_position(raw: dict[str, Any] | None) -> SourcePosition | None:
    if raw is None:
        return None
    return SourcePosition(_read_text(raw["file"]), int(raw["line"]), int(raw["column"]))
