from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from builders import (
    BILLING,
    SALES,
    SUPPORT,
    desired,
    every_action,
    plan,
    position,
    server,
)

from icesync.codec import canonical, digest, pretty
from icesync.codec.plan import decode_lines, decode_plan, encode_plan, plan_digest, plan_document
from icesync.errors import PlanStale
from icesync.model.plan import Action, Plan, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = plan(desired(server(secrets={"smtp.password": "smtp"})))
DATA = encode_plan(SMALL, "0.1.0")


def rewritten(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the small plan after *change*, with a checksum that fits."""
    document = json.loads(DATA)
    change(document)
    document.pop("checksum")
    return pretty({**document, "checksum": digest(canonical(document))}).encode()


def refusal(data: bytes) -> str:
    """Return the sentence that *data* is refused with."""
    with pytest.raises(PlanStale) as caught:
        decode_plan(data)
    assert caught.value.hints == ("run `icesync plan -o FILE` to save a new plan",)
    return caught.value.message


def test_plan_has_golden_bytes(golden: Callable[[str, str], None]) -> None:
    """The format is a contract with jq recipes and policies: it changes in review only."""
    golden("plan/every-action.json", encode_plan(every_action(), "0.1.0").decode())


def test_every_action_is_in_the_golden_plan() -> None:
    """The golden plan leaves no action out."""
    assert {change.action for change in every_action().changes} == set(Action)


def test_plan_reads_back() -> None:
    """Decoding gives the value that was encoded."""
    made = every_action()

    assert decode_plan(encode_plan(made, "0.1.0")) == made


def test_move_has_terraforms_name_for_the_old_address() -> None:
    """Tools that know Terraform's plans see it; other changes lack the key, as there."""
    documents = plan_document(every_action(), "0.1.0")["resource_changes"]
    named = {d["address"]: d["previous_address"] for d in documents if "previous_address" in d}

    assert named == {"59/8": "59/666"}


@pytest.mark.parametrize("changed", [{"moved_from": SALES}, {"source_stays": True}], ids=str)
def test_old_address_is_part_of_the_digest(changed: dict[str, Any]) -> None:
    """Whoever approved a move approved what becomes of its old record."""
    made = every_action()
    changes = tuple(replace(c, **changed) if c.moved_from else c for c in made.changes)

    assert plan_digest(replace(made, changes=changes)) != plan_digest(made)


def test_incomplete_plan_of_a_new_snapshot_reads_back() -> None:
    """Without a lineage and without all secrets, a plan still travels."""
    made = replace(SMALL, lineage=None, complete=False)

    assert decode_plan(encode_plan(made, "0.1.0")) == made


def test_changed_byte_is_refused() -> None:
    """Whichever byte changes, the plan is refused or reads the same."""
    for number, byte in enumerate(DATA):
        for other in {byte ^ 1, byte ^ 0x20, 0x20, 0x30} - {byte}:
            damaged = DATA[:number] + bytes([other]) + DATA[number + 1 :]
            try:
                found = decode_plan(damaged)
            except PlanStale:
                continue
            assert found == SMALL, f"read another plan after a change of byte {number}"


def test_plan_cut_off_anywhere_is_refused() -> None:
    """At every length short of the whole, the plan is refused or reads the same."""
    for length in range(len(DATA)):
        try:
            found = decode_plan(DATA[:length])
        except PlanStale:
            continue
        assert found == SMALL, f"read another plan at {length} bytes"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"a": 1, "a": 1}', "not valid JSON"),
        (b'{"kind": "icesync-plan", "base_serial": NaN}', "not valid JSON"),
        (b'{"kind": "icesync-plan", "base_serial": 1e999}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not an icesync plan"),
        (b'{"kind": "icesync-state"}', "not an icesync plan"),
        (b'{"kind": "icesync-plan", "format_version": "2.0"}', "an unsupported format version"),
        (b'{"kind": "icesync-plan", "format_version": "1.0"}', "edited after it was saved"),
    ],
    ids=["empty", "cut off", "not UTF-8", "key twice", "NaN", "infinity", "depth", "list",
         "a state", "another format", "no checksum"],
)  # fmt: skip
def test_what_is_no_plan_is_refused(data: bytes, told: str) -> None:
    """Each refusal says in a few words what is wrong."""
    assert told in refusal(data)


def test_depth_that_can_be_read_and_not_be_written_is_refused() -> None:
    """However deep a file is nested, the answer is a refusal."""
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit() + 10, 10):
        assert refusal(b'{"kind": ' + b"[" * depth + b"]" * depth + b"}")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("digest"),
        lambda d: d.pop("selection"),
        lambda d: d.update(target=[]),
        lambda d: d.update(resource_changes=None),
        lambda d: d["resource_changes"][0].update(address="59"),
        lambda d: d["resource_changes"][0].update(address=59),
        lambda d: d["resource_changes"][0].update(action="delete"),
        lambda d: d["resource_changes"][0].update(action=[]),
        lambda d: d["resource_changes"][0].update(action_reason="why not"),
        lambda d: d["resource_changes"][0].update(name=None),
        lambda d: d["resource_changes"][0].update(position="x:1"),
        lambda d: d["resource_changes"][0]["position"].update(line="\x1b[31m"),
        lambda d: d["resource_changes"][0]["position"].update(file=1),
        lambda d: d["resource_changes"][0]["change"].update(after=[]),
        lambda d: d["resource_changes"][0]["fields"][0].update(key="\x1b[31m"),
        lambda d: d["resource_changes"][0]["fields"][0].update(after=["::error::"]),
        lambda d: d["resource_changes"][0]["secrets"][0].update(key="smtp"),
        lambda d: d["resource_changes"][0]["secrets"][0].update(reference=None),
        lambda d: d["resource_changes"][0]["secrets"][0].update(comparison="equal"),
    ],
    ids=["no digest", "no selection", "target", "no changes", "half an address", "number",
         "unknown action", "odd action", "unknown reason", "no name", "position as text",
         "odd line", "odd file", "odd settings", "unknown key", "odd value", "odd secret",
         "no reference", "unknown comparison"],
)  # fmt: skip
def test_plan_of_another_shape_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """A file whose checksum fits must still be a plan: nothing odd gets to a renderer."""
    assert refusal(rewritten(change)) == "the saved plan is incomplete"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(digest="sha256:0"),
        lambda d: d["target"].update(base_url="https://elsewhere.test"),
        lambda d: d["resource_changes"][0]["change"]["after"]["smtp"].update(host="thief.test"),
    ],
    ids=["digest", "target", "value"],
)
def test_plan_with_another_digest_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """What would be done must be what the digest was made of."""
    assert refusal(rewritten(change)) == ("the saved plan does not match its digest")


def moved(made: Plan) -> Plan:
    """Return *made* with other places and names."""
    changes = tuple(
        replace(
            change,
            name="another",
            place=position(99, "elsewhere.yaml"),
            fields=tuple(replace(f, place=position(98)) for f in change.fields),
            secrets=tuple(replace(s, place=None) for s in change.secrets),
        )
        for change in made.changes
    )
    return replace(made, changes=changes)


@pytest.mark.parametrize(
    "other",
    [
        moved(every_action()),
        replace(every_action(), base_serial=99),
        replace(every_action(), lineage="another"),
        replace(every_action(), key_id=None),
        replace(every_action(), selection=Selection()),
        replace(every_action(), changes=every_action().effective),
    ],
    ids=["places and names", "serial", "lineage", "key", "selection", "inert servers"],
)
def test_digest_ignores_what_is_not_done(other: Plan) -> None:
    """The plan of a pull request and of its merge have one digest."""
    assert plan_digest(other) == plan_digest(every_action())


def first_changed(**changed: object) -> Plan:
    """Return the small plan with another first change."""
    return replace(SMALL, changes=(replace(SMALL.changes[0], **changed),))


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, base_url="https://elsewhere.test"),
        replace(SMALL, complete=False),
        first_changed(address=SALES),
        first_changed(action=Action.UPDATE),
        first_changed(prior="sha256:0"),
        first_changed(after={"status": "Disabled"}),
        first_changed(secrets=()),
        first_changed(secrets=(replace(SMALL.changes[0].secrets[0], tag="00"),)),
        first_changed(secrets=(replace(SMALL.changes[0].secrets[0], reference="ref+x://y"),)),
    ],
    ids=["target", "completeness", "address", "action", "prior", "settings", "secrets", "tag",
         "reference"],
)  # fmt: skip
def test_digest_covers_what_is_done(other: Plan) -> None:
    """Whatever would make another call makes another digest."""
    assert plan_digest(other) != plan_digest(SMALL)


def test_sensitive_leaves_are_null() -> None:
    """A reader sees that a password rides along, and nothing of it."""
    [change] = plan_document(SMALL, "0.1.0")["resource_changes"]

    assert change["change"]["after"]["smtp"]["password"] is None
    assert change["change"]["after_sensitive"] == {"smtp": {"password": True}}


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (Action.ADD, "create"),
        (Action.UPDATE, "update"),
        (Action.RESEND, "update"),
        (Action.DISABLE, "delete"),
        (Action.FORGET, "forget"),
        (Action.NOT_IN_FILES, "no-op"),
        (Action.NO_OP, "no-op"),
    ],
)
def test_actions_have_terraform_s_words(action: Action, word: str) -> None:
    """Viewers that know Terraform's plans understand these too."""
    document = plan_document(every_action(), "0.1.0")
    [found] = [c for c in document["resource_changes"] if c["action"] == action]

    assert found["change"]["actions"] == [word]


def test_counts_are_listed_by_action() -> None:
    """A jq recipe need not count."""
    assert plan_document(every_action(), "0.1.0")["counts"] == dict.fromkeys(Action, 1)


def test_order_of_files_does_not_show() -> None:
    """The same servers in another order are the same bytes."""
    one = plan(desired(server(SUPPORT), server(BILLING)))
    other = plan(desired(server(BILLING), server(SUPPORT)))

    assert encode_plan(one, "0.1.0") == encode_plan(other, "0.1.0")


def test_a_newer_minor_version_is_read() -> None:
    """It only adds members that this version need not know."""
    newer = rewritten(lambda document: document.update(format_version="1.7", added={"later": 1}))

    assert decode_plan(newer) == SMALL


@pytest.mark.parametrize("version", ["2.0", "1", "1.x", "", None, 1.0, ["1.0"]])
def test_any_other_version_is_refused(version: object) -> None:
    """A plan is never read on a guess."""
    other = rewritten(lambda document: document.update(format_version=version))

    assert "an unsupported format version" in refusal(other)


@pytest.mark.parametrize(
    ("said", "instead"), [('"line": ', '"line": 1'), ('"type": "email', '"type": "e-mail')]
)
def test_what_no_digest_holds_is_in_the_checksum(said: str, instead: str) -> None:
    """A place, or a word that nobody reads: a plan that was edited is not taken by lines either."""
    text = encode_plan(every_action(), "0.1.0").decode()
    lines = text.encode().splitlines(keepends=True)
    edited = text.replace(said, instead, 1).encode().splitlines(keepends=True)

    assert decode_lines(lines) is not None
    assert decode_lines(edited) is None
