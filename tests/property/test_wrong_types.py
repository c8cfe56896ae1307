"""
Files of icesync's own with values of wrong types, whose digests fit.

Whoever can edit a file can compute its digests anew: what is read is checked,
and what cannot be is refused with a sentence, never by an exception further on.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from builders import KEY, SALES, SUPPORT, desired, entry, every_action, plan, secret_record, server
from builders import snapshot as make_snapshot
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec import canonical, digest
from icesync.codec import plan as plan_codec
from icesync.codec import state as state_codec
from icesync.codec.plan import decode_plan, encode_plan, plan_digest
from icesync.codec.state import decode_state, encode_state
from icesync.errors import PlanStale, StateError
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.snapshot import EntryStatus, MovedFrom, Record, SentSecret
from icesync.planner import from_the_future, older_than
from icesync.planner.plan import without_leftovers
from icesync.render.plan import render_plan
from icesync.render.state import entry_document, render_entry, render_snapshot
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.snapshot import Snapshot

NOW: Final = datetime(2026, 1, 3, 12, tzinfo=UTC)
ODD: Final[tuple[Any, ...]] = (
    None, True, -1, 1.5, 10**30, "x", "\ud800", [], [1], {}, {"a": 1},
)  # fmt: skip
STYLE: Final = Style(colour=False, width=100)


def sample_state() -> dict[str, Any]:
    """Return a state in which each member stands somewhere."""
    known = {"smtp.password": secret_record("smtp", "canary-4711")}
    open_entry = replace(
        entry(EntryStatus.UNCERTAIN, known),
        attempt=Record(entry().settings, known),
        bound_to=SALES,
        announced_over="sha256:before",
        wire=WireOptions(OrgKey.ORG_ID, Absent.NULL),
    )
    moved = replace(entry(secrets=known), moved_from=MovedFrom(SALES, "sha256:old"))
    base = replace(
        make_snapshot({SUPPORT: open_entry, SALES: moved}, key_id=KEY.id),
        run="run",
        safety={"secrets.env_allow": ["ICE_*"], "guards": ["tls-off"]},
        seals={"head": "aa", str(SUPPORT): "bb"},
        memory=(SentSecret(SALES, "imap.password", "old.test", secret_record("gone"), SUPPORT),),
    )
    document: dict[str, Any] = json.loads(encode_state(base, "0.1.0"))
    return document


def paths(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every node below *node*."""
    if not isinstance(node, dict | list):
        return
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*above, key)
        yield from paths(child, (*above, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of *document* that holds *value* at *path*."""
    copied = json.loads(json.dumps(document))
    node = copied
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return copied


def seal_state(document: Any) -> bytes:
    """Return *document* with digests that fit, as far as there is something to compute them of."""
    servers = document.get("servers")
    for address, raw in servers.items() if isinstance(servers, dict) else ():
        if isinstance(raw, dict) and "digest" in raw:
            raw.pop("digest")
            raw["digest"] = state_codec._digest(address, raw)
    for member, content in (("memory", "secrets"), ("safety", "profile")):
        part = document.get(member)
        if isinstance(part, dict) and content in part and "digest" in part:
            with suppress(TypeError, ValueError):
                part["digest"] = digest(canonical(part[content]))
    document["digest"] = state_codec._head_digest(document)
    return json.dumps(document).encode()


def use(snapshot: Snapshot) -> None:
    """Do what commands do with a state that was read."""
    kept = without_leftovers(snapshot)
    for wanted in (desired(), desired(server(), server(SALES, smtp__port=465))):
        made = plan(wanted, kept)
        render_plan(made, plan_digest(made), STYLE)
        encode_plan(made, "0")
    render_snapshot(kept, "state.json", NOW, STYLE)
    older_than(kept, NOW - NOW.replace(year=2025), NOW)
    from_the_future(kept, NOW)
    for address, known in kept.entries.items():
        render_entry(address, known, NOW, STYLE)
        json.dumps(entry_document(address, known))
    encode_state(kept, "0")


@pytest.mark.parametrize("path", list(paths(sample_state())), ids=lambda p: ".".join(map(str, p)))
def test_state_with_a_value_of_a_wrong_type(path: tuple[Any, ...]) -> None:
    """It is read, and then it can be used, or it is refused with a sentence."""
    for value in ODD:
        data = seal_state(changed(sample_state(), path, value))
        try:
            snapshot = decode_state(data)
        except StateError:
            continue
        use(snapshot)


def seal_plan(document: Any) -> bytes:
    """Return *document* with digests that fit, as far as it can be read at all."""
    document.pop("checksum", None)
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        document["digest"] = plan_digest(plan_codec._read(document))
    document["checksum"] = digest(canonical(document))
    return json.dumps(document).encode()


PLAN: Final[dict[str, Any]] = json.loads(encode_plan(every_action(), "0.1.0"))
PLAN["resource_changes"] = PLAN["resource_changes"][:3]


@pytest.mark.parametrize("path", list(paths(PLAN)), ids=lambda p: ".".join(map(str, p)))
def test_plan_with_a_value_of_a_wrong_type(path: tuple[Any, ...]) -> None:
    """It is read, and then it can be shown, or it is refused with a sentence."""
    for value in ODD:
        data = seal_plan(changed(PLAN, path, value))
        try:
            made = decode_plan(data)
        except PlanStale:
            continue
        render_plan(made, plan_digest(made), STYLE)


@given(st.data())
def test_state_with_a_byte_changed(data: st.DataObject) -> None:
    """Whatever the byte, with digests that fit or not, it is used or refused with a sentence."""
    text = bytearray(json.dumps(sample_state(), indent=1).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    with suppress(ValueError, AttributeError, TypeError, KeyError):
        text = bytearray(seal_state(json.loads(bytes(text))))
    try:
        snapshot = decode_state(bytes(text))
    except StateError:
        return
    use(snapshot)
