from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import SALES, SUPPORT, entry, move, removal, secret_record, snapshot

from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.engine.explain import explain, explain_provider, find_field
from icesync.errors import UsageError
from icesync.model.desired import Address, DesiredState
from icesync.model.explanation import AddressState, Explanation, FieldExplanation
from icesync.model.project import Absent, OrgKey, WireOptions

if TYPE_CHECKING:
    from icesync.model.snapshot import Entry

FILES = {
    "_defaults.yaml": "version: 1\ndefaults: {tls: true, smtp: {port: 25, poll_rate: 5}}\n",
    "eu/_defaults.yaml": "version: 1\ndefaults: {smtp: {port: 465}}\n",
    "eu/59.yaml": """\
version: 1
organization: 59
defaults:
  incoming: imap
  smtp: {port: 587}
servers:
  - skill: 663
    name: Support
    smtp: {port: 2525, password: ref+env://ICE_A}
""",
}
DESIRED, _ = resolve(parse_document(SourceFile(n, t.encode())) for n, t in FILES.items())
WORKMAIL = "one of: amazon-workmail/eu-west-1, amazon-workmail/us-east-1, amazon-workmail/us-west-2"
USUAL = WireOptions()


def of_support(options: WireOptions = USUAL, **changed: object) -> Explanation:
    """Return the explanation of the server, with *changed* things in the snapshot."""
    known = {"smtp.password": secret_record("old")}
    entries = {SUPPORT: entry(secrets=known, **changed)}  # type: ignore[arg-type]
    return explain(SUPPORT, DESIRED, snapshot(entries), options)


def of_field(key: str, options: WireOptions = USUAL) -> FieldExplanation:
    """Return the explanation of one setting of the server."""
    return next(f for f in of_support(options).fields if f.field.key == key)


def test_chain_goes_from_special_to_general() -> None:
    """The effective value comes first; each layer that was overridden follows with its place."""
    told = [(str(g.position), g.layer, g.value) for g in of_field("smtp.port").chain]

    assert told == [
        ("eu/59.yaml:9:18", "server", 2525),
        ("eu/59.yaml:5:16", "defaults of the file", 587),
        ("eu/_defaults.yaml:2:25", "defaults of a folder", 465),
        ("_defaults.yaml:2:36", "defaults of a folder", 25),
    ]


def test_value_of_one_layer() -> None:
    """A value that only a folder gives is the effective one."""
    given = of_field("smtp.poll_rate").given

    assert given is not None
    assert (given.value, given.position.file) == (5, "_defaults.yaml")


def test_setting_that_nobody_gives() -> None:
    """It has no chain, and still says what is sent in its place."""
    found = of_field("imap.host")

    assert (found.given, found.chain, found.members) == (None, (), {"ImapServerAddress": ""})


@pytest.mark.parametrize(
    ("key", "options", "members"),
    [
        ("smtp.port", USUAL, {"SMTPPort": "2525"}),
        ("incoming", USUAL, {"IsImap": True}),
        ("smtp.password", USUAL, {"SMTPPassword": None}),
        ("name", USUAL, {}),
        ("password_version.smtp", USUAL, {}),
        ("email_server_id", USUAL, {}),
        ("spoofing.enabled", USUAL, {"IsEmailSpoofing": False}),
        ("organization", USUAL, {"OrgId": 59, "OrganizationId": 59}),
        ("organization", WireOptions(OrgKey.ORG_ID), {"OrgId": 59}),
        ("skill", USUAL, {"SkillId": 663}),
        ("imap.host", WireOptions(absent=Absent.NULL), {"ImapServerAddress": None}),
        ("imap.host", WireOptions(absent=Absent.OMIT), {}),
    ],
)
def test_what_a_call_carries(key: str, options: WireOptions, members: dict[str, object]) -> None:
    """The members of the request, as the project's settings of the wire want them."""
    assert of_field(key, options).members == members


def test_organization_stands_at_the_top_of_the_file() -> None:
    """It is given once for all servers."""
    [given] = of_field("organization").chain

    assert (str(given.position), given.layer, given.value) == (
        "eu/59.yaml:2:15",
        "top of the file",
        59,
    )


def test_what_was_acknowledged() -> None:
    """The snapshot's value stands beside that of the files; a secret by its reference."""
    known = {f.field.key: f.known for f in of_support(smtp__port=995).fields}

    assert known["smtp.port"] == 995
    assert known["smtp.password"] == "ref+fake://old"
    assert known["imap.password"] is None
    assert known["skill"] is None


def test_defined_server() -> None:
    """It has its name and the place of its list item."""
    found = of_support()

    assert (found.standing, found.name, str(found.position)) == (
        AddressState.DEFINED, "Support", "eu/59.yaml:7:5",
    )  # fmt: skip


def test_removed_server() -> None:
    """It is found by its entry under ``removed:``, in the snapshot or not."""
    wanted = DesiredState({}, {SUPPORT: removal()})
    found = explain(SUPPORT, wanted, snapshot(), USUAL)

    assert (found.standing, found.position) == (AddressState.REMOVED, removal().position)
    assert {f.chain for f in found.fields} == {()}
    assert [f.members for f in found.fields if f.members] == []


def test_in_no_file() -> None:
    """Only the snapshot knows it: its values are those that were acknowledged."""
    found = explain(SUPPORT, DesiredState({}), snapshot({SUPPORT: entry()}), USUAL)

    assert (found.standing, found.position) == (AddressState.NOT_IN_FILES, None)
    assert {f.field.key: f.known for f in found.fields}["smtp.port"] == 587


MOVING = DesiredState(DESIRED.servers, {}, {SUPPORT: move(SUPPORT, SALES)})


@pytest.mark.parametrize(
    ("address", "before", "standing", "is_open"),
    [
        (SUPPORT, {SALES: entry()}, AddressState.DEFINED, True),
        (SUPPORT, {SUPPORT: entry()}, AddressState.DEFINED, False),
        (SALES, {SALES: entry()}, AddressState.MOVED, True),
        (SALES, {SUPPORT: entry()}, AddressState.MOVED, False),
    ],
    ids=["new, open", "new, done", "old, open", "old, done"],
)
def test_both_ends_of_a_move(
    address: Address, before: dict[Address, Entry], standing: AddressState, *, is_open: bool
) -> None:
    """The old address is explained too, also when it is in no snapshot any more."""
    found = explain(address, MOVING, snapshot(before), USUAL)

    assert (found.standing, found.move, found.open) == (standing, MOVING.moves[SUPPORT], is_open)


def test_unknown_address() -> None:
    """A slip is told what comes near."""
    with pytest.raises(UsageError, match="ADDR 59/633") as caught:
        explain(Address(59, 633), DESIRED, snapshot(), USUAL)

    assert caught.value.hints == ("did you mean 59/663?",)


@pytest.mark.parametrize("name", ["smtp.port", "SMTPPort", "smtpport", "SMTP.Port"])
def test_field_by_any_of_its_names(name: str) -> None:
    """The key, or the name on the wire, in any case."""
    assert find_field(name).key == "smtp.port"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smtp.prt", "did you mean smtp.port"),
        ("spoofing", "did you mean spoofing.enabled or spoofing.address?"),
        ("\x1b[1m", "run `icesync explain ADDR` for a list"),
    ],
)
def test_unknown_field(name: str, hint: str) -> None:
    """A block or a slip is answered with what can be asked for."""
    with pytest.raises(UsageError, match="unknown setting ") as caught:
        find_field(name)

    assert caught.value.hints[0].startswith(hint)
    assert caught.value.message.isprintable()


def test_layer_that_cannot_be_read_is_passed_over() -> None:
    """What no field takes is a finding of its own, and never an effective value."""
    broken = FILES | {"eu/_defaults.yaml": "version: 1\ndefaults: {smtp: {port: x}, tls: {a: b}}\n"}
    state, found = resolve(parse_document(SourceFile(n, t.encode())) for n, t in broken.items())
    origin = state.servers[SUPPORT].origin

    assert found
    assert [g.value for g in origin.chain("smtp.port")] == [2525, 587, 25]
    assert [g.value for g in origin.chain("tls")] == [True]


@pytest.mark.parametrize("word", ["gmail", "GMail.com", "desk@gmail.com", "smtp.gmail.com."])
def test_provider_is_found_as_people_write_it(word: str) -> None:
    """Case, an address instead of a domain, and a dot at the end of a host make no difference."""
    assert [preset.name for preset in explain_provider(word)] == ["gmail"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("gmial.com", "did you mean gmail.com?"),
        ("gmai", "did you mean gmail?"),
        ("smtp.brevo.com", "did you mean brevo?"),
        ("mailgun.example", "did you mean mailgun?"),
        ("amazon-workmail", WORKMAIL),
    ],
)
def test_unknown_provider_gets_a_suggestion(word: str, hint: str) -> None:
    """A word that means no provider is an error with the nearest ones that do."""
    with pytest.raises(UsageError) as caught:
        explain_provider(word)

    assert caught.value.hints == (hint,)
