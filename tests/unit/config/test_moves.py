from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.model.desired import Address

if TYPE_CHECKING:
    from icesync.model.desired import DesiredState

HEAD = """\
version: 1
organization: {organization}
defaults:
  status: Enabled
  active: true
  incoming: pop3
  ssl: false
  tls: true
  smtp: {{host: a, port: 1, username: u, password: ref+env://ICE_A, mailbox: m, poll_rate: 1}}
  pop3: {{host: a, port: 1, username: u, password: ref+env://ICE_A, mailbox: m, poll_rate: 1}}
servers: [{servers}]
"""


def resolved(*files: tuple[int, str, str]) -> tuple[DesiredState, list[str]]:
    """Resolve files of an organization, its skills, and more YAML; return state and findings."""
    documents = []
    for number, (organization, skills, more) in enumerate(files):
        servers = ", ".join(f"{{skill: {skill}}}" for skill in skills.split())
        text = HEAD.format(organization=organization, servers=servers) + more
        documents.append(parse_document(SourceFile(f"{number}.yaml", text.encode())))
    state, found = resolve(documents)
    return state, [f"{d.position} {d.rule} {d.message}" for d in found]


def test_move_is_part_of_the_desired_state() -> None:
    """It is kept by its new address, with its place."""
    state, found = resolved((59, "667", "moved: [{skill: 667, from: 59/666}]\n"))

    assert found == []
    assert [(m.address, m.source, str(m.position)) for m in state.moves.values()] == [
        (Address(59, 667), Address(59, 666), "0.yaml:12:9")
    ]


def test_move_from_another_organization_and_file() -> None:
    """The old address may be anywhere; the server may be defined in another file."""
    state, found = resolved((70, "667", ""), (70, "1", "moved: [{skill: 667, from: 59/666}]\n"))

    assert found == []
    assert list(state.moves) == [Address(70, 667)]


def test_old_address_may_be_removed() -> None:
    """That is how the old record is stopped."""
    more = "moved: [{skill: 667, from: 59/666}]\nremoved: [{skill: 666, action: disable}]\n"

    assert resolved((59, "667", more))[1] == []


@pytest.mark.parametrize(
    ("skills", "more", "told"),
    [
        (
            "666 667",
            "moved: [{skill: 667, from: 59/666}]",
            ["0.yaml:12:9 ICE111 59/666 moves to 59/667 and is still defined at 0.yaml:11:11"],
        ),
        (
            "667",
            "moved: [{skill: 667, from: 59/667}]",
            ["0.yaml:12:9 ICE112 59/667 moves to itself"],
        ),
        (
            "667 668",
            "moved:\n- {skill: 667, from: 59/666}\n- {skill: 668, from: 59/666}",
            ["0.yaml:14:3 ICE112 59/666 moves to 59/667 already, at 0.yaml:13:3"],
        ),
        (
            "667",
            "moved:\n- {skill: 667, from: 59/666}\n- {skill: 667, from: 59/665}",
            ["0.yaml:14:3 ICE112 59/667 comes from 59/666 already, at 0.yaml:13:3"],
        ),
        (
            "668",
            "moved:\n- {skill: 667, from: 59/666}\n- {skill: 668, from: 59/667}",
            ["0.yaml:13:3 ICE112 59/667 moves on to 59/668, at 0.yaml:14:3"],
        ),
        (
            "1",
            "moved:\n- {skill: 667, from: 59/666}\n- {skill: 666, from: 59/667}",
            [
                "0.yaml:13:3 ICE112 59/667 moves on to 59/666, at 0.yaml:14:3",
                "0.yaml:14:3 ICE112 59/666 moves on to 59/667, at 0.yaml:13:3",
            ],
        ),
        (
            "666 667",
            "moved:\n- {skill: 667, from: 59/666}\n- {skill: 666, from: 59/667}",
            [
                "0.yaml:13:3 ICE111 59/666 moves to 59/667 and is still defined at 0.yaml:11:11",
                "0.yaml:14:3 ICE111 59/667 moves to 59/666 and is still defined at 0.yaml:11:25",
            ],
        ),
        (
            "1",
            "moved: [{skill: 667, from: 59/666}]",
            ["0.yaml:12:9 ICE113 59/666 moves to 59/667, which no file defines"],
        ),
        (
            "1",
            "moved: [{skill: 667, from: 59/666}]\nremoved: [{skill: 667, action: forget}]",
            ["0.yaml:12:9 ICE113 59/667 is listed under `removed:` at 0.yaml:13:11"],
        ),
        (
            "667",
            "moved: [{skill: 667, from: 59/4294967296}]",
            [
                (
                    "0.yaml:12:9 ICE104 59/4294967296 is too large: ICE uses 32-bit integers"
                )
            ],
        ),
    ],
    ids=[
        "still defined", "itself", "one source twice", "one target twice", "chain", "cycle",
        "swap", "undefined", "removed", "too large",
    ],
)  # fmt: skip
def test_move_that_cannot_be(skills: str, more: str, told: list[str]) -> None:
    """Each contradiction is told where it stands, with the place of its other half."""
    assert resolved((59, skills, more + "\n"))[1] == told


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{skill: 667}", "ICE107 `moved[0].from` is required"),
        ("{from: 59/666}", "ICE101 `moved[0].skill` is required"),
        ("{skill: 0, from: 59/666}", "ICE101 `moved[0].skill` must be a positive integer"),
        ("{skill: 667, from: 666}", "ICE013 `moved[0].from` is invalid"),
        ("{skill: 667, from: 59/0}", "ICE013 `moved[0].from` is invalid"),
        ("{skill: 667, from: [59, 666]}", "ICE010 `moved[0].from` must be a string"),
        ("{skill: 667, from: 59/666, to: 1}", "ICE105 unknown key `moved[0].to`"),
        ("667", "ICE010 `moved[0]` must be a mapping"),
    ],
)
def test_entry_that_does_not_fit(entry: str, told: str) -> None:
    """A slip in an entry is explained like any other."""
    _, found = resolved((59, "667", f"moved: [{entry}]\n"))

    assert [line.partition(" ")[2] for line in found] == [told]
