from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from builders import SUPPORT

from icesync.model.fields import SENT_FIELDS
from icesync.model.plan import Update
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.secret import SecretValue
from icesync.wire.update import UPDATE_PATH, encode_update

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = SecretValue("aaa.bbb.ccc")

SAMPLE = Update(
    SUPPORT,
    {
        "status": "Enabled",
        "active": True,
        "incoming": "pop3",
        "ssl": False,
        "tls": False,
        "spoofing.enabled": True,
        "spoofing.address": "chris@etechgs.com",
        "smtp.host": "smtp.mail.com",
        "smtp.port": 587,
        "smtp.username": "HHarry",
        "smtp.mailbox": "hclarke@etechtexas.com",
        "smtp.poll_rate": 10,
        "pop3.host": "pop3.mail.com",
        "pop3.port": 995,
        "pop3.username": "Alex",
        "pop3.mailbox": "alex@rediffmail.com",
        "pop3.poll_rate": 10,
        "imap.host": "sample string 19",
        "imap.port": 589,
        "imap.username": "sample string 20",
        "imap.mailbox": "alex@rediffmail.com",
        "imap.poll_rate": 10,
    },
    {
        "smtp.password": SecretValue("Clark1!"),
        "pop3.password": SecretValue("Password1@"),
        "imap.password": SecretValue("sample string 21"),
    },
)
"""The server of the vendor's own sample request."""

PRINTED = {
    "OrgId": 59,
    "SkillId": 663,
    "SMTPServerAddress": "smtp.mail.com",
    "SMTPUserName": "HHarry",
    "SMTPPassword": "Clark1!",
    "SMTPMailbox": "hclarke@etechtexas.com",
    "SMTPPort": "587",
    "SMTPPollrate": "10",
    "Status": "Enabled",
    "IsEmailSpoofing": True,
    "SpoofEmail": "chris@etechgs.com",
    "IsSSL": False,
    "Pop3ServerAddress": "pop3.mail.com",
    "Pop3UserName": "Alex",
    "Pop3Password": "Password1@",
    "Pop3Mailbox": "alex@rediffmail.com",
    "Pop3Port": "995",
    "Pop3Pollrate": "10",
    "ImapServerAddress": "sample string 19",
    "ImapUserName": "sample string 20",
    "ImapPassword": "sample string 21",
    "ImapMailbox": "alex@rediffmail.com",
    "ImapPort": "589",
    "ImapPollrate": "10",
    "IsImap": False,
    "IsTLS": False,
}
"""What the vendor prints, member by member, but for the token."""


def body(
    update: Update = SAMPLE, org_key: OrgKey = OrgKey.BOTH, absent: Absent = Absent.EMPTY
) -> dict[str, Any]:
    """Return the request body of *update*, read back."""
    found: dict[str, Any] = json.loads(encode_update(update, TOKEN, WireOptions(org_key, absent)))
    return found


def test_path_is_the_documented_one() -> None:
    """doc: ``POST {base}/api/EmailAdmin/UpdateEmailServer``."""
    assert UPDATE_PATH == "/api/EmailAdmin/UpdateEmailServer"


def test_sample_server_has_a_golden_body(golden: Callable[[str, str], None]) -> None:
    """The very bytes that leave for the vendor's own sample server."""
    golden("wire/vendor-sample.json", encode_update(SAMPLE, TOKEN, WireOptions()).decode() + "\n")


@pytest.mark.parametrize(("name", "value"), PRINTED.items(), ids=PRINTED)
def test_member_is_sent_as_the_vendor_prints_it(name: str, value: object) -> None:
    """Name, value and JSON type are those of the sample: ports are strings, flags are not."""
    sent = body()[name]

    assert (sent, type(sent)) == (value, type(value))


def test_sample_server_adds_three_members_only() -> None:
    """Beside the sample's members: the table's names for two of them, and the token."""
    assert body().keys() - PRINTED.keys() == {"OrganizationId", "IsActive", "Token"}


def test_body_has_no_member_twice() -> None:
    """The service would take the last one in silence."""
    pairs = json.loads(encode_update(SAMPLE, TOKEN, WireOptions()), object_pairs_hook=list)

    assert len(pairs) == len(dict(pairs))


@pytest.mark.parametrize(
    ("org_key", "found"),
    [
        (OrgKey.BOTH, {"OrgId": 59, "OrganizationId": 59}),
        (OrgKey.ORG_ID, {"OrgId": 59}),
        (OrgKey.ORGANIZATION_ID, {"OrganizationId": 59}),
    ],
)
def test_organization_is_sent_under_the_chosen_names(
    org_key: OrgKey, found: dict[str, int]
) -> None:
    """The vendor's pages disagree about the name, so it is a setting."""
    sent = body(org_key=org_key)

    assert {key: value for key, value in sent.items() if key.startswith("Org")} == found


BARE = Update(SUPPORT, {"status": "Enabled", "active": True, "incoming": "imap"}, {})
TEXTS = [field.wire[0] for field in SENT_FIELDS if field.wire_type == "string"]


@pytest.mark.parametrize(
    ("absent", "value"), [(Absent.EMPTY, ""), (Absent.NULL, None)], ids=["empty", "null"]
)
def test_text_that_was_not_given_is_sent_as_chosen(absent: Absent, value: str | None) -> None:
    """Empty or null; all texts alike, passwords with them."""
    sent = body(BARE, absent=absent)

    assert [sent[name] for name in TEXTS if name != "Status"] == [value] * (len(TEXTS) - 1)


def test_text_that_was_not_given_is_left_out_on_request() -> None:
    """With ``omit`` only the flags and what was given ride along."""
    assert body(BARE, OrgKey.ORG_ID, Absent.OMIT) == {
        "OrgId": 59,
        "SkillId": 663,
        "Status": "Enabled",
        "IsActive": True,
        "IsImap": True,
        "IsSSL": False,
        "IsTLS": False,
        "IsEmailSpoofing": False,
        "Token": "aaa.bbb.ccc",
    }


@pytest.mark.parametrize("absent", Absent)
def test_flag_that_was_not_given_is_false(absent: Absent) -> None:
    """A flag has no empty form; what the server would make of its absence is said aloud."""
    assert body(BARE, absent=absent)["IsEmailSpoofing"] is False


@pytest.mark.parametrize("absent", Absent)
def test_number_that_was_not_given_is_left_out(absent: Absent) -> None:
    """The service cannot bind null to an integer."""
    assert "EmailServerId" not in body(BARE, absent=absent)


def test_number_that_was_given_is_a_number() -> None:
    """The id of an email server is sent as the table types it."""
    with_id = Update(SUPPORT, {**SAMPLE.settings, "email_server_id": 17}, {})

    assert body(with_id)["EmailServerId"] == 17


@pytest.mark.parametrize(("incoming", "flag"), [("imap", True), ("pop3", False)])
def test_incoming_is_sent_as_a_flag(incoming: str, *, flag: bool) -> None:
    """doc: true = Imap, false = Pop3."""
    assert body(Update(SUPPORT, {"incoming": incoming}, {}))["IsImap"] is flag


def test_password_version_stays_at_home() -> None:
    """A trigger is compared, never sent."""
    raised = Update(SUPPORT, {**SAMPLE.settings, "password_version.smtp": 2}, SAMPLE.secrets)

    assert body(raised) == body()


@pytest.mark.parametrize(
    "password", ["Pässwörd", '"\\/', "a\nb\0c", "\u2028</script>", "密码", " \t "], ids=ascii
)
def test_password_arrives_unaltered(password: str) -> None:
    """Any text that is a secret is the same text on the other side."""
    update = Update(SUPPORT, {}, {"smtp.password": SecretValue(password)})

    assert body(update)["SMTPPassword"] == password


@pytest.mark.parametrize("absent", Absent)
def test_no_login_is_an_empty_one(absent: Absent) -> None:
    """Whatever stands for an absent value: null or a missing member may mean something else."""
    bare = {k: v for k, v in SAMPLE.settings.items() if k != "smtp.username"}
    update = Update(SUPPORT, {**bare, "smtp.login": "none"}, {})

    body = json.loads(encode_update(update, TOKEN, WireOptions(OrgKey.BOTH, absent)))

    assert (body["SMTPUserName"], body["SMTPPassword"]) == ("", "")
    assert not any("login" in name.lower() for name in body)
