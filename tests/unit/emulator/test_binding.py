"""How a body binds to the record of an email server."""

from __future__ import annotations

import pytest

from icesync.emulator.aspnet import Request
from icesync.emulator.binding import LOGIN, UPDATE, Bound, bind, read_members
from icesync.emulator.storage import Tag
from icesync.model.fields import FIELDS, SENT_FIELDS, Role
from icesync.wire.login import verify_token


def seal(text: str) -> Tag:
    """Return a tag that can be read."""
    return Tag(f"tag of {text}")


def bound(text: str) -> Bound:
    """Return *text* bound to an update."""
    members = read_members(Request("POST", "/", {"content-type": "text/json"}, text.encode()))
    assert members is not None
    return bind(members, UPDATE, seal)


def test_the_record_has_the_members_of_the_field_table() -> None:
    """Every address and sent row is a member, under its first wire name, in order."""
    rows = [field.wire[0] for field in FIELDS if field.role in {Role.ADDRESS, Role.SENT}]

    assert list(bound("{}").values) == rows


def test_every_wire_name_is_known() -> None:
    """Each spelling that the field table lists leads to a member."""
    assert all(name in UPDATE.index for field in SENT_FIELDS for name in field.wire)


def test_an_empty_object_binds_to_defaults() -> None:
    """What is left out becomes null, 0 or false without an error."""
    record = bound("{}")

    assert set(record.values.values()) <= {None, False}
    assert record.errors == ()


@pytest.mark.parametrize("name", ["SMTPPort", "smtpport", "SMTPPORT", "smtpPort"])
def test_names_ignore_case(name: str) -> None:
    """A member is found under any case."""
    assert bound(f'{{"{name}": "587"}}').values["SMTPPort"] == "587"


def test_letters_beyond_ascii_are_other_letters() -> None:
    """The long s, which folds to an s, does not name a member."""
    assert bound('{"\u017fkillId": 663}').ignored == ("\u017fkillId",)


def test_unknown_members_are_listed_once_in_order() -> None:
    """A typo of the client is ignored, and seen."""
    assert bound('{"Zed": 1, "Alpha": {}, "Zed": 2}').ignored == ("Zed", "Alpha")


@pytest.mark.parametrize("text", ['{"SkillId": 1, "SkillId": 2}', '{"SkillId": 1, "skillid": 2}'])
def test_the_last_of_equal_names_wins(text: str) -> None:
    """A name given twice, in any case, keeps its last value."""
    assert bound(text).values["SkillId"] == 2


@pytest.mark.parametrize("name", ["OrgId", "OrganizationId", "organizationid"])
def test_either_name_of_the_organization_will_do(name: str) -> None:
    """Sample and table disagree about the name; both bind."""
    assert bound(f'{{"{name}": 59}}').values["OrgId"] == 59


def test_equal_organizations_are_no_conflict() -> None:
    """Both names with one value is what icesync sends."""
    assert bound('{"OrgId": 59, "OrganizationId": 59}').conflicts == ()


@pytest.mark.parametrize(
    "text", ['{"OrgId": 59, "OrganizationId": 60}', '{"OrganizationId": 60, "OrgId": 59}']
)
def test_different_organizations_are_flagged(text: str) -> None:
    """Of two different organizations the sample's name wins, and the conflict is named."""
    record = bound(text)

    assert (record.values["OrgId"], record.conflicts) == (59, ("OrgId",))


def test_binding_goes_on_behind_a_bad_member() -> None:
    """Bad members are named as they were sent, keep their default, and stop nothing."""
    record = bound('{"isssl": "yes", "SkillId": {}, "SMTPPort": [], "IsTLS": true}')

    assert record.errors == ("isssl", "SkillId", "SMTPPort")
    assert (record.values["SkillId"], record.values["IsTLS"]) == (0, True)


def test_a_bad_repetition_keeps_the_good_value() -> None:
    """A member that binds and then does not is an error, with the value that did bind."""
    record = bound('{"SkillId": 5, "SkillId": "x"}')

    assert (record.values["SkillId"], record.errors) == (5, ("SkillId",))


def test_passwords_are_sealed() -> None:
    """Every password becomes a tag, also one that came as a number."""
    text = '{"SMTPPassword": "a", "Pop3Password": 12, "imappassword": "c"}'
    tags = {name: value for name, value in bound(text).values.items() if isinstance(value, Tag)}

    assert tags == {
        "SMTPPassword": seal("a"),
        "Pop3Password": seal("12"),
        "ImapPassword": seal("c"),
    }


def test_empty_passwords_stay_visible() -> None:
    """Empty and null are no secrets, and differ."""
    record = bound('{"SMTPPassword": "", "Pop3Password": null}')

    assert (record.values["SMTPPassword"], record.values["Pop3Password"]) == ("", None)


def test_the_token_is_held_apart() -> None:
    """The token is no part of the record and cannot print."""
    record = bound('{"token": "e30.e30.sig"}')

    assert str(record.token) == "***"
    assert "Token" not in record.values


@pytest.mark.parametrize("text", ["{}", '{"Token": null}', '{"Token": ""}'])
def test_an_empty_token_is_none(text: str) -> None:
    """A token that is missing, null or empty is no token."""
    assert bound(text).token is None


def test_half_a_surrogate_pair_is_a_token_that_can_be_refused() -> None:
    """A token that UTF-8 cannot hold is still a token, and nobody signed it."""
    token = bound('{"Token": "\\ud800"}').token

    assert token is not None
    assert not verify_token(token, b"key")


@pytest.mark.parametrize("name", ["OrganisationID", "OrganizationID", "OrgId", "orgid"])
def test_a_login_takes_the_organization_under_its_names(name: str) -> None:
    """The vendor's pages spell the organization in more ways than one."""
    assert bind([(name, "59")], LOGIN, seal).values["OrganisationID"] == 59


@pytest.mark.parametrize(
    ("member", "text", "value"),
    [
        ("SMTPPort", "587", "587"),
        ("SMTPPort", "null", None),
        ("SkillId", '" 663 "', 663),
        ("SkillId", "-1", -1),
        ("IsTLS", '"True"', True),
        ("IsTLS", "false", False),
    ],
)
def test_takes_what_spells_the_type(member: str, text: str, value: object) -> None:
    """A text keeps a number's digits; texts may spell numbers and booleans."""
    assert bound(f'{{"{member}": {text}}}').values[member] == value


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("SMTPPort", "true"), ("SMTPPort", "{}"), ("SkillId", "null"), ("SkillId", "true"),
        ("SkillId", "1.5"), ("SkillId", '"1_0"'), ("SkillId", "2147483648"), ("SkillId", '""'),
        ("IsTLS", "1"), ("IsTLS", "null"), ("IsTLS", '"yes"'),
    ],
)  # fmt: skip
def test_anything_else_does_not_fit(member: str, text: str) -> None:
    """A value of another type is named, never guessed at."""
    assert bound(f'{{"{member}": {text}}}').errors == (member,)
