"""The safety profile in the state's bytes."""

from __future__ import annotations

import json

import pytest

from icesync.codec.partition import join, split
from icesync.codec.state import decode_sides, decode_state, encode_state
from icesync.errors import StateCorrupt
from icesync.model.snapshot import Snapshot
from icesync.planner.recovery import merge_snapshots

SAFETY = {"guards": ["tls-off"], "limits.updates": ["30%"], "rules": {}, "api.proxy": "http://p"}
STATE = Snapshot("https://ice.test", 1, "l", safety=SAFETY)


def test_profile_survives_its_bytes() -> None:
    """What was recorded is read again, and a state without one has none."""
    assert decode_state(encode_state(STATE, "1")).safety == SAFETY
    assert decode_state(encode_state(Snapshot("https://ice.test", 1, "l"), "1")).safety is None


def test_edited_profile_is_refused() -> None:
    """Nobody loosens it by an editor."""
    document = json.loads(encode_state(STATE, "1"))
    document["safety"]["profile"]["guards"] = []

    with pytest.raises(StateCorrupt, match="safety profile"):
        decode_state(json.dumps(document).encode())


@pytest.mark.parametrize("safety", [5, {}, {"digest": 5}, {"digest": "", "profile": []}])
def test_odd_profile_is_refused(safety: object) -> None:
    """What is no profile is damage."""
    document = json.loads(encode_state(STATE, "1"))
    document["safety"] = safety

    with pytest.raises(StateCorrupt):
        decode_state(json.dumps(document).encode())


def test_two_branches_keep_the_stricter_profile() -> None:
    """Uniting two sides of a conflict loosens nothing."""
    other = Snapshot("https://ice.test", 2, "l", safety={**SAFETY, "guards": ["disabled"]})

    merged = merge_snapshots(STATE, other)[0].safety

    assert merged is not None
    assert merged["guards"] == ["disabled", "tls-off"]


def test_sides_of_a_conflict_have_their_profiles() -> None:
    """Both are read from between the markers."""
    one = encode_state(STATE, "1").decode()
    other = encode_state(Snapshot("https://ice.test", 2, "l", safety={}), "1").decode()
    text = f"<<<<<<< a\n{one}=======\n{other}>>>>>>> b\n"

    ours, theirs = decode_sides(text.encode())

    assert (ours.safety, theirs.safety) == (SAFETY, {})


def test_parts_are_held_to_the_strictest() -> None:
    """A run over several organizations obeys each of their profiles, and records its own in all."""
    parts = {1: STATE, 2: Snapshot("https://ice.test", 1, "m", safety={**SAFETY, "guards": []})}

    joined = join(parts, {1: "a", 2: "b"}, "https://ice.test", "l")
    changed = split(joined, parts)

    assert joined.safety is not None
    assert joined.safety["guards"] == ["tls-off"]
    assert list(changed) == [2]
    assert changed[2].safety == joined.safety
