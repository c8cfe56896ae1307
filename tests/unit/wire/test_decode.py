from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icesync.model.fields import FIELDS
from icesync.model.secret import SecretRef, SecretValue
from icesync.wire.decode import decode_records
from icesync.wire.printed import read_printed

if TYPE_CHECKING:
    from icesync.model.imported import Draft


def decoded(*objects: object) -> tuple[tuple[Draft, ...], list[str]]:
    """Return the drafts of *objects*, and the findings."""
    text = "\n".join(json.dumps(o) for o in objects)
    drafts, found = decode_records(read_printed(text)[0], "f")
    return drafts, [f"{d.position} {d.rule} {d.message}" for d in found]


def texts(**members: object) -> dict[str, str]:
    """Return the texts of one body by key."""
    [draft], found = decoded(members)
    assert found == []
    return {key: text.text for key, text in draft.texts.items()}


def test_every_name_of_every_field_is_known() -> None:
    """The names on the wire and those of the files, in any case."""
    for row in FIELDS:
        for name in (row.key, *row.wire):
            for spelled in (name, name.upper(), f" {name.lower()} "):
                [draft], found = decoded({spelled: "x"})
                assert found == []
                assert {*draft.texts, *draft.secrets} == {row.key}


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"IsImap": True}, {"incoming": "imap"}),
        ({"IsImap": "False"}, {"incoming": "pop3"}),
        ({"incoming": "IMAP"}, {"incoming": "imap"}),
        ({"incoming": "true"}, {"incoming": "true"}),
        ({"IsSSL": "TRUE"}, {"ssl": "true"}),
        ({"IsSSL": "yes"}, {"ssl": "yes"}),
        ({"Status": " disabled "}, {"status": "Disabled"}),
        ({"SMTPPort": 587}, {"smtp.port": "587"}),
        ({"SMTPPort": " 587 "}, {"smtp.port": "587"}),
        ({"SMTPUserName": " a "}, {"smtp.username": " a "}),
        ({"SMTPUserName": "", "SpoofEmail": None}, {}),
        ({"Token": "aaa.bbb.ccc", "token": 1}, {}),
        ({"OrgId": 59, "OrganizationId": 59}, {"organization": "59"}),
    ],
    ids=str,
)
def test_values_are_spelled_as_in_files(members: dict[str, object], found: dict[str, str]) -> None:
    """What is none of the choices stays as it is, to be told later; the token is dropped."""
    assert texts(**members) == found


def test_passwords_are_wrapped_at_once() -> None:
    """A literal cannot print itself; a reference stays one; a tag is no password."""
    members = {"SMTPPassword": "hunter2", "pop3.password": "ref+env://ICE_A",
               "ImapPassword": {"hmac": "00ff"}}  # fmt: skip
    [draft], found = decoded(members)

    assert (found, draft.tagged) == ([], {"imap.password"})
    assert isinstance(draft.secrets["smtp.password"], SecretValue)
    assert isinstance(draft.secrets["pop3.password"], SecretRef)
    assert "hunter2" not in repr(draft)


def test_password_on_the_wire_is_never_a_reference() -> None:
    """A request carries passwords, also one that looks like a reference."""
    [draft], _ = decoded({"SMTPPassword": "ref+env://ICE_A"})

    assert isinstance(draft.secrets["smtp.password"], SecretValue)


def test_empty_password_is_none() -> None:
    """The service binds an empty text, null or nothing at all alike."""
    [draft], _ = decoded({"SMTPPassword": "", "Pop3Password": None})

    assert (draft.secrets, draft.tagged) == ({}, set())


def test_listing_of_the_emulator_is_unwrapped() -> None:
    """Its records are bodies with passwords as tags."""
    listing = {"servers": [{"address": "59/1", "document": {"SkillId": 1}}]}
    drafts, found = decoded(listing, {"document": {"SkillId": 2}, "revision": 1})

    assert found == []
    assert [draft.texts["skill"].text for draft in drafts] == ["1", "2"]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"servers": [1]}, ["f:1:2 ICE010 `servers` must hold objects only"]),
        ({"SMTPPrt": 1}, ["f:1:2 ICE105 unknown member `SMTPPrt`"]),
        ({"OrgId": 59, "OrganizationId": 60},
         ["f:1:15 ICE106 `OrganizationId` is given twice, with another value under OrgId"]),
        ({"SMTPPort": [1]}, ["f:1:2 ICE010 `SMTPPort` must be a single value"]),
        ({"SMTPPassword": {"hmac": "a", "b": "hunter2"}},
         ["f:1:2 ICE010 `SMTPPassword` must be a single value"]),
        ({"SMTPPassword": "hunter2", "smtp.password": "hunter2"},
         ["f:1:29 ICE106 `smtp.password` is given twice, with another value under SMTPPassword"]),
    ],
    ids=["listing", "unknown", "two organizations", "list", "odd password", "two passwords"],
)  # fmt: skip
def test_what_does_not_fit_is_told(members: dict[str, object], told: list[str]) -> None:
    """By place and member, never by value."""
    assert decoded(members)[1] == told


def test_member_given_twice() -> None:
    """JSON allows it; which one counts, nobody can know."""
    records, _ = read_printed('{"SkillId": 1,\n "SkillId": 1}')
    _, [found] = decode_records(records, "f")

    assert found.message == "`SkillId` is given twice, with another value under line 1"


def test_unknown_member_is_told_once() -> None:
    """A thousand rows with one odd column have one problem."""
    assert len(decoded(*({"odd": n} for n in range(5)))[1]) == 1
