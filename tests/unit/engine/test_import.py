from __future__ import annotations

import json
from typing import Any

import pytest
from builders import BILLING, KEY, SALES, SUPPORT
from fakes import FakeProvider

from icesync.codec.fingerprint import fits
from icesync.config.yaml.syntax import MAX_BYTES
from icesync.engine.import_ import (
    Import,
    ImportRequest,
    Input,
    SecretsKind,
    assumed_entries,
    make_import,
)
from icesync.errors import ConfigInvalid, UsageError
from icesync.model.address import Address
from icesync.model.secret import SecretValue
from icesync.model.snapshot import EntryStatus

BODY: dict[str, Any] = {
    "OrgId": 59, "SkillId": 663, "Status": "Enabled", "IsActive": True, "IsImap": False,
    "IsSSL": False, "IsTLS": True, "EmailServerId": 0,
    "SMTPServerAddress": "smtp.example.test", "SMTPPort": "587", "SMTPUserName": "u",
    "SMTPPassword": "hunter2", "SMTPMailbox": "m@example.test", "SMTPPollrate": "10",
    "Pop3ServerAddress": "pop3.example.test", "Pop3Port": 995, "Pop3Username": "u",
    "Pop3Password": "hunter3", "Pop3Mailbox": "m@example.test", "Pop3pollrate": 10,
    "ImapServerAddress": "", "ImapPort": None, "ImapPassword": "",
}  # fmt: skip


def body(**changed: Any) -> dict[str, Any]:
    """Return a whole body; None takes a member out."""
    return {key: value for key, value in {**BODY, **changed}.items() if value is not None}


def imported(*bodies: object, **options: Any) -> Import:
    """Import *bodies* where nothing exists yet."""
    data = json.dumps(bodies).encode()
    request = {"inputs": [Input("f", data)], "exists": lambda _: False, **options}
    return make_import(ImportRequest(**request))


def refused(*bodies: object, **options: Any) -> list[str]:
    """Return the findings of an import that must not be."""
    with pytest.raises(ConfigInvalid) as caught:
        imported(*bodies, **options)
    assert "hunter" not in str(caught.value.diagnostics)
    return [f"{d.position} {d.rule} {d.message}" for d in caught.value.diagnostics]  # type: ignore[attr-defined]


def test_body_becomes_a_server() -> None:
    """Typed settings, references that are always the same, and no password in any text."""
    made = imported(body())
    [server] = made.servers

    assert server.address == SUPPORT
    assert server.settings["smtp.port"] == 587
    assert server.settings["incoming"] == "pop3"
    assert "email_server_id" not in server.settings
    assert {key: str(r) for key, r in server.secrets.items()} == {
        "smtp.password": "ref+env://ICE_59_663_SMTP_PASSWORD",
        "pop3.password": "ref+env://ICE_59_663_POP3_PASSWORD",
    }
    assert (made.carried, made.guessed, made.tagged, made.passwords) == (2, 0, 0, b"")
    assert [(file.path, file.servers) for file in made.files] == [("servers/59.yaml", 1)]
    assert "hunter" not in made.files[0].text
    assert "hunter" not in repr(made)


def test_one_file_for_each_organization() -> None:
    """Sorted by number, whatever the order of the input."""
    made = imported(body(OrgId=70, SkillId=1), body(SkillId=664), body(), out="servers/old")

    assert [s.address for s in made.servers] == [SUPPORT, SALES, BILLING]
    assert [(file.path, file.servers) for file in made.files] == [
        ("servers/old/59.yaml", 2),
        ("servers/old/70.yaml", 1),
    ]


@pytest.mark.parametrize(("status", "active"), [("Enabled", True), ("Disabled", False)])
def test_active_follows_the_status(status: str, *, active: bool) -> None:
    """The vendor's sample has no IsActive; a record that is off must not be switched on."""
    made = imported(body(IsActive=None, Status=status))

    assert made.servers[0].settings["active"] is active
    assert made.guessed == 1


def test_reference_that_came_along_is_kept() -> None:
    """A table may name where its passwords are already."""
    made = imported(body(SMTPPassword=None) | {"smtp.password": "ref+env://ICE_SHARED"})

    assert str(made.servers[0].secrets["smtp.password"]) == "ref+env://ICE_SHARED"
    assert made.carried == 1


def test_password_of_a_block_out_of_use_is_kept() -> None:
    """What is in the record is in the file."""
    made = imported(body(ImapPassword="hunter4"))

    assert "imap.password" in made.servers[0].secrets


def test_tag_of_the_emulator_is_no_password() -> None:
    """It is counted, its server gets a reference, and nothing else comes of it."""
    made = imported(body(SMTPPassword={"hmac": "00"}, ImapPassword={"hmac": "00"}))

    assert (made.tagged, made.carried) == (2, 1)
    assert len(made.servers[0].secrets) == 3


def test_passwords_as_variables() -> None:
    """On request, in the order of the servers."""
    made = imported(body(), secrets=SecretsKind.ENV, secrets_path="p.env")

    assert made.passwords == (
        b"ICE_59_663_SMTP_PASSWORD=hunter2\nICE_59_663_POP3_PASSWORD=hunter3\n"
    )


def test_passwords_as_yaml() -> None:
    """The references lead into the file."""
    made = imported(body(), secrets=SecretsKind.YAML, secrets_path="s/p.yaml")

    assert made.passwords == b"59-663:\n  smtp: 'hunter2'\n  pop3: 'hunter3'\n"
    assert str(made.servers[0].secrets["smtp.password"]) == "ref+file://s/p.yaml#/59-663/smtp"


def test_path_that_no_reference_can_spell() -> None:
    """Told before anything is written."""
    with pytest.raises(UsageError, match="no reference can spell"):
        imported(body(), secrets=SecretsKind.YAML, secrets_path="a b.yaml")


def test_password_that_the_file_cannot_hold() -> None:
    """A line break does not fit into YAML that is read strictly; a variable takes it."""
    odd = body(SMTPPassword="hunter\n2")

    assert refused(odd, secrets=SecretsKind.YAML, secrets_path="p.yaml") == [
        "f:1:2 ICE003 59/663: `smtp.password` holds a character that the file of secrets cannot"
    ]
    assert imported(odd, secrets=SecretsKind.ENV, secrets_path="p").carried == 2


def test_what_exists_is_refused() -> None:
    """Addresses, server files and the file of secrets: all are told, none is touched."""
    told = refused(
        body(), body(OrgId=70),
        taken={SUPPORT: "servers/eu.yaml:4:5"}, exists=lambda path: path != "servers/70.yaml",
        secrets=SecretsKind.ENV, secrets_path="p.env",
    )  # fmt: skip

    assert [line.partition(" ")[2] for line in told] == [
        "ICE017 p.env exists already",
        "ICE017 59/663 exists already: servers/eu.yaml:4:5",
        "ICE017 servers/59.yaml exists already",
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"SMTPPort": "abc"}, "ICE301 `SMTPPort` must be a port, 1 to 65535"),
        ({"OrgId": None}, "ICE101 `OrgId` is missing"),
        ({"SkillId": 0}, "ICE101 `SkillId` must be a positive integer"),
        (
            {"SkillId": 4294967296},
            "ICE104 `SkillId` is too large: the service holds 32-bit integers",
        ),
        ({"IsSSL": "yes"}, "ICE109 `IsSSL` must be true or false"),
        ({"Status": "Open"}, "ICE208 `Status` must be one of Enabled, Disabled"),
        (
            {"SpoofEmail": "a\u200b"},
            "ICE003 `SpoofEmail` holds the character U+200B ZERO WIDTH SPACE",
        ),
        ({"IsSSL": None, "SMTPPort": ""}, "ICE107 59/663: no value for `IsSSL`, `SMTPPort`"),
        ({"EmailServerId": "x"}, "ICE101 `EmailServerId` must be a positive integer"),
    ],
    ids=str,
)
def test_value_that_does_not_fit(changed: dict[str, Any], told: str) -> None:
    """By the rules of the files, at the member's place, without the value of a password."""
    [line] = refused(body(**changed))

    assert line.partition(" ")[2] == told


def test_every_problem_of_every_input_is_told() -> None:
    """One run, all files."""
    inputs = [
        Input("empty", b" \n"),
        Input("binary", b"\x7fELF\0"),
        Input("latin", b"\xff"),
        Input("none", b'{"servers": []}'),
        Input("nothing", b"[]"),
        Input("csv", b"OrgId,SkillId\n59\n"),
        Input("json", b"{"),
        Input("twice", json.dumps([body(), body()]).encode()),
    ]

    assert [(line.split()[0], line.split()[1]) for line in refused(inputs=inputs)] == [
        ("binary:1:1", "ICE016"),
        ("csv:2:1", "ICE016"),
        ("empty:1:1", "ICE007"),
        ("json:1:2", "ICE016"),
        ("latin:1:1", "ICE002"),
        ("none:1:1", "ICE016"),
        ("nothing:1:1", "ICE016"),
        ("twice:1:509", "ICE102"),
    ]


def test_table_in_the_names_of_files() -> None:
    """A spreadsheet may use either."""
    names = "organization,skill,name,status,incoming,ssl,tls"
    row = "59,663,Support EU,enabled,pop3,FALSE,true"
    for block in ("smtp", "pop3"):
        names += f",{block}.host,{block}.port,{block}.username,{block}.mailbox,{block}.poll_rate"
        row += ",a,25,u,m,10"
    made = imported(inputs=[Input("t", f"{names}\n{row}\n".encode())])
    [server] = made.servers

    assert (server.name, server.settings["active"], len(server.secrets)) == ("Support EU", True, 2)


def test_too_many_servers_for_a_file() -> None:
    """A file that the strict reader would refuse is not written."""
    wide = "x" * (MAX_BYTES // 2)
    told = refused(body(SMTPMailbox=wide), body(SkillId=664, SMTPMailbox=wide))

    assert told == ["f:1:2 ICE004 servers/59.yaml would be larger than a server file may be"]


def test_assumed_entries_have_fingerprints() -> None:
    """Of the passwords that came along, and of those that their references lead to."""
    servers = imported(body(Pop3Password="")).servers
    variable = "ICE_59_663_POP3_PASSWORD"
    entries = assumed_entries(servers, {"env": FakeProvider("env", {variable: "three"})}, KEY)
    [entry] = entries.values()

    assert (entry.status, entry.applied_at, entry.settings) == (
        EntryStatus.ASSUMED, None, servers[0].settings,
    )  # fmt: skip
    for key, text in (("smtp.password", "hunter2"), ("pop3.password", "three")):
        made = entry.secrets[key].fingerprint
        assert made is not None
        assert fits(KEY, made, Address(59, 663), key, SecretValue(text))


def test_assumed_entries_without_a_key() -> None:
    """References only; no provider is asked."""
    provider = FakeProvider("env")
    [entry] = assumed_entries(imported(body()).servers, {"env": provider}, None).values()

    assert {record.fingerprint for record in entry.secrets.values()} == {None}
    assert provider.fetched == []


def test_a_relay_without_a_login_is_one() -> None:
    """User name and password that are there and empty say so; one that is missing does not."""
    made = imported(body(SMTPUserName="", SMTPPassword=""))

    assert made.servers[0].settings["smtp.login"] == "none"
    assert "smtp.password" not in made.servers[0].secrets
    assert refused(body(SMTPUserName="")) != []
