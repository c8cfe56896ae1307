from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from builders import BILLING, KEY, SALES, SUPPORT
from fakes import FakeCaller, FakeProvider, FakeStore, fake_session

from icesync.codec.fingerprint import fits
from icesync.engine.import_ import ImportRequest, Input, Proposal, propose_import
from icesync.engine.import_options import ignore_command, print_rows
from icesync.engine.import_writing import assumed_entries
from icesync.errors import ConfigInvalid, UsageError
from icesync.model.desired import Address
from icesync.model.project import Api, Level, Project
from icesync.model.secret import SecretValue
from icesync.model.snapshot import EntryStatus

if TYPE_CHECKING:
    from pathlib import Path

BODY: dict[str, Any] = {
    "OrgId": 59, "SkillId": 663, "Status": "Enabled", "IsActive": True, "IsImap": False,
    "IsSSL": False, "IsTLS": True, "EmailServerId": 0,
    "SMTPServerAddress": "smtp.example.test", "SMTPPort": "587", "SMTPUserName": "u",
    "SMTPPassword": "hunter2", "SMTPMailbox": "m@example.test", "SMTPPollrate": "10",
    "Pop3ServerAddress": "pop3.example.test", "Pop3Port": 995, "Pop3Username": "u",
    "Pop3Password": "hunter3", "Pop3Mailbox": "m@example.test", "Pop3pollrate": 10,
    "ImapServerAddress": "", "ImapPort": None, "ImapPassword": "",
}  # fmt: skip
FULL = "Org,Skill,Status,Incoming,Provider,Email,User,Password,Poll rate"
ROW = "59,1,Enabled,imap,gmail,a@gmail.com,a@gmail.com,hunter2,10"


def body(**changed: Any) -> dict[str, Any]:
    """Return a whole body; None takes a member out."""
    return {key: value for key, value in {**BODY, **changed}.items() if value is not None}


class World:
    """A repository, into which is imported."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "servers").mkdir()
        (root / "icesync.yaml").write_text("version: 1\n")
        project = Project(str(root), "icesync.yaml", api=Api("emulator"))
        session = fake_session(project, FakeStore(), FakeProvider())
        providers = {name: FakeProvider(name) for name in ("env", "file")}
        self.session = replace(session, providers=providers)

    def propose(self, *inputs: object, **options: Any) -> Proposal:
        """Propose to import *inputs*: bodies, or the text of a table."""
        texts = [i if isinstance(i, str) else json.dumps(i) for i in inputs]
        options.setdefault("secrets", "none")
        sources = [Input("f", "\n".join(texts).encode())]
        return propose_import(self.session, ImportRequest(sources, **options))

    def told(self, *inputs: object, **options: Any) -> list[str]:
        """Return the findings of an import that must not be."""
        problems = self.propose(*inputs, **options).problems
        assert "hunter" not in str(problems)
        return [f"{d.position} {d.rule} {d.message}" for d in problems]

    def carry_out(self, *inputs: object, **options: Any) -> Proposal:
        """Import *inputs*."""
        proposal = self.propose(*inputs, **options)
        assert proposal.problems == ()
        for file in proposal.files:
            path = self.root / file.path
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.after)
        return proposal

    def text(self, name: str = "servers/59.yaml") -> str:
        """Return what stands in a file."""
        return (self.root / name).read_text()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository without a server."""
    return World(tmp_path)


def test_body_becomes_a_server(world: World) -> None:
    """Typed settings, references that are always the same, and no password in any text."""
    made = world.propose(body())
    [server] = made.new

    assert server.address == SUPPORT
    assert server.settings["smtp.port"] == 587
    assert server.settings["incoming"] == "pop3"
    assert "email_server_id" not in server.settings
    assert {key: str(r) for key, r in server.secrets.items()} == {
        "smtp.password": "ref+env://ICE_59_663_SMTP_PASSWORD",
        "pop3.password": "ref+env://ICE_59_663_POP3_PASSWORD",
    }
    assert made.carried == 2
    assert [(file.path, file.summary) for file in made.files] == [("servers/59.yaml", "1 server")]
    assert "hunter" not in repr(made)


def test_one_file_for_each_organization(world: World) -> None:
    """Sorted by number, whatever the order of the input."""
    made = world.propose(body(OrgId=70, SkillId=1), body(SkillId=664), body(), out="servers/old")

    assert [s.address for s in made.new] == [SUPPORT, SALES, BILLING]
    assert [(file.path, file.summary) for file in made.files] == [
        ("servers/old/59.yaml", "2 servers"),
        ("servers/old/70.yaml", "1 server"),
    ]


def test_large_organization_has_several_files(world: World) -> None:
    """No file is larger than what the strict reader takes."""
    rows = [ROW.replace("59,1,", f"59,{n},") for n in range(1, 1102)]
    made = world.propose("\n".join([FULL, *rows]))

    assert [(f.path, f.summary) for f in made.files] == [
        ("servers/59.yaml", "1,000 servers"), ("servers/59-2.yaml", "101 servers"),
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "active"), [("Enabled", True), ("Disabled", False)])
def test_active_follows_the_status(world: World, status: str, *, active: bool) -> None:
    """The vendor's sample has no IsActive; a record that is off must not be switched on."""
    made = world.propose(body(IsActive=None, Status=status))

    assert made.new[0].settings["active"] is active
    assert "1 server: `active` is not given, so it follows the status" in made.notes


def test_reference_that_came_along_is_kept(world: World) -> None:
    """A table may name where its passwords are already; a request holds passwords only."""
    made = world.propose(body(SMTPPassword=None) | {"smtp.password": "ref+env://ICE_SHARED"})
    literal = world.propose(body(SMTPPassword="ref+env://ICE_SHARED"))

    assert str(made.new[0].secrets["smtp.password"]) == "ref+env://ICE_SHARED"
    assert (made.carried, literal.carried) == (1, 2)


def test_tag_of_the_emulator_is_no_password(world: World) -> None:
    """It is counted, its server gets a reference, and nothing else comes of it."""
    made = world.propose(body(SMTPPassword={"hmac": "00"}, ImapPassword={"hmac": "00"}))

    assert made.carried == 1
    assert any(note.startswith("2 passwords are only tags") for note in made.notes)
    assert len(made.new[0].secrets) == 3


def test_passwords_must_have_a_destination(world: World) -> None:
    """They are lost by a word only, never by silence."""
    made = world.propose(body(), secrets=None)

    with pytest.raises(UsageError, match="2 passwords would be lost"):
        made.require()
    world.propose(body(SMTPPassword="", Pop3Password=""), secrets=None).require()


def test_passwords_as_variables(world: World) -> None:
    """On request, in the order of the servers, for their owner only."""
    file = world.propose(body(), secrets="env:p.env").files[0]

    assert (file.path, file.mode) == ("p.env", 0o600)
    assert file.after == b"ICE_59_663_SMTP_PASSWORD=hunter2\nICE_59_663_POP3_PASSWORD=hunter3\n"


def test_passwords_as_yaml(world: World) -> None:
    """The references lead into the file."""
    made = world.propose(body(), secrets="yaml:s/p.yaml")

    assert made.files[0].after == b"59-663:\n  smtp: 'hunter2'\n  pop3: 'hunter3'\n"
    assert str(made.new[0].secrets["smtp.password"]) == "ref+file://s/p.yaml#/59-663/smtp"
    with pytest.raises(UsageError, match="a reference cannot contain"):
        world.propose(body(), secrets="yaml:a b.yaml")


def test_password_that_the_file_cannot_hold(world: World) -> None:
    """A line break does not fit into YAML that is read strictly; a variable takes it."""
    odd = body(SMTPPassword="hunter\n2")

    assert world.told(odd, secrets="yaml:p.yaml") == [
        (
            "f:1:1 ICE003 59/663: `smtp.password` contains a character that cannot be stored "
            "in the secrets file"
        )
    ]
    assert world.propose(odd, secrets="env:p").problems == ()


REFUSED = [
    ({"SMTPPort": "abc"}, "ICE301 `SMTPPort` must be a port, 1 to 65535"),
    ({"SMTPPort": "587.5"},
     "ICE109 `SMTPPort` is not a plain decimal number; expected a port, 1 to 65535"),
    ({"SMTPServerAddress": "smtp example"},
     "ICE503 `SMTPServerAddress` is not a host name: it contains a space"),
    ({"SMTPServerAddress": "smtp.example.test:587"},
     "ICE503 `SMTPServerAddress` is not a host name: it contains a port"),
    ({"ImapServerAddress": "https://imap.example.test"},
     "ICE503 `ImapServerAddress` is not a host name: it contains a scheme"),
    ({"SMTPServerAddress": "<host>"}, "ICE507 `SMTPServerAddress` looks like a placeholder"),
    ({"SMTPUserName": "changeme"}, "ICE507 `SMTPUserName` looks like a placeholder"),
    ({"SMTPMailbox": "desk"}, "ICE501 `SMTPMailbox` is not an email address: it has no @"),
    ({"SpoofEmail": "a@b.test; c@d.test"}, "ICE501 `SpoofEmail` holds more than one address"),
    ({"SMTPPort": "1,00E+05"}, "ICE507 `SMTPPort` is a number that a spreadsheet rounded"),
    ({"OrgId": None}, "ICE101 1:1: no value for `organization`"),
    ({"SkillId": 0}, "ICE101 `SkillId` must be a positive integer"),
    ({"SkillId": 4294967296}, "ICE104 `SkillId` is too large: ICE uses 32-bit integers"),
    ({"IsSSL": "perhaps"}, "ICE013 `IsSSL` must be true or false"),
    ({"Status": "Open"}, "ICE208 `Status` must be one of Enabled, Disabled"),
    ({"SpoofEmail": "a\u200b"},
     "ICE003 `SpoofEmail` contains the character U+200B ZERO WIDTH SPACE"),
    ({"IsSSL": None, "SMTPPort": ""}, "ICE107 59/663: no value for `ssl`, `smtp.port`"),
    ({"EmailServerId": "x"}, "ICE101 `EmailServerId` must be a positive integer"),
    ({"SMTPServerAddress": "smtp.gmial.com"},
     "ICE508 `SMTPServerAddress` looks like a typo of smtp.gmail.com"),
    ({"SMTPUserName": "2,90650E+11"},
     "ICE507 `SMTPUserName` is a number that a spreadsheet rounded"),
    ({"SMTPUserName": "#N/A"}, "ICE507 `SMTPUserName` is a spreadsheet error value"),
    ({"SMTPUserName": "NULL"}, 'ICE507 `SMTPUserName` is a placeholder for "no value"'),
    ({"SMTPUserName": '="0012"'}, "ICE507 `SMTPUserName` is a spreadsheet formula"),
    ({"SMTPUserName": "“support”"},
     "ICE507 `SMTPUserName` contains curly quotes from a word processor"),
    ({"SMTPPassword": "#WERT!"}, "ICE507 `SMTPPassword` is a spreadsheet error value"),
    ({"SMTPPassword": "********"},
     "ICE507 `SMTPPassword` is a masked value: the real value was not copied"),
    ({"SMTPPassword": "<redacted>"},
     "ICE507 `SMTPPassword` is a masked value: the real value was not copied"),
    ({"SMTPPassword": "1.23457E+11"},
     "ICE507 `SMTPPassword` is a number that a spreadsheet rounded"),
    ({"SMTPPassword": " hunter2"}, "ICE405 `SMTPPassword` starts or ends with a space"),
    ({"SMTPPort": [1]}, "ICE010 `SMTPPort` must be a single value"),
    ({"OrganizationId": 60},
     "ICE106 `OrganizationId` is given twice, with another value under OrgId"),
    ({"smtp.password": "hunter9"},
     "ICE106 `smtp.password` is given twice, with another value under SMTPPassword"),
    ({"SMTPPasword": "hunter2"}, "ICE105 unknown member `SMTPPasword`"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "told"), REFUSED, ids=str)
def test_value_that_does_not_fit(world: World, changed: dict[str, Any], told: str) -> None:
    """By the rules of the files, at the member's place, without the value of a password."""
    [line] = world.told(body(**changed))

    assert line.partition(" ")[2] == told


def test_as_is_takes_what_looks_damaged(world: World) -> None:
    """Somebody's password may be NULL, and a host may be a provider's twin."""
    odd = body(SMTPPassword="NULL", SMTPUserName="#N/A", SMTPServerAddress="smtp.gmial.com")

    assert world.propose(odd, as_is=True).problems == ()


TAKEN = [
    ("SMTPUserName", "0012", "smtp.username", "0012"),
    ("SMTPUserName", " support\u00a0", "smtp.username", "support"),
    ("IsSSL", "WAHR", "ssl", True),
    ("IsSSL", "faux", "ssl", False),
    ("IsSSL", 1, "ssl", True),
    ("IsSSL", "nein", "ssl", False),
    ("IsImap", "nein", "incoming", "pop3"),
    ("IsImap", 0, "incoming", "pop3"),
    ("Status", " disabled ", "status", "Disabled"),
    ("SMTPPort", " 587 ", "smtp.port", 587),
    ("SMTPPort", "587.0", "smtp.port", 587),
    ("SMTPPort", "587,00", "smtp.port", 587),
    ("IsSSL", "x", "ssl", True),
    ("SMTPMailbox", "mailto:a@example.test?subject=x", "smtp.mailbox", "a@example.test"),
    ("SMTPMailbox", "Team, A <a@example.test>", "smtp.mailbox", "a@example.test"),
    ("SMTPUserName", "Team <mailto:a@example.test>", "smtp.username", "a@example.test"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "key", "read"), TAKEN, ids=str)
def test_value_that_is_plain(
    world: World, name: str, value: object, key: str, read: object
) -> None:
    """What a person means is clear; blanks around a text are taken off, with a note."""
    made = world.propose(body(**{name: value}))

    assert made.problems == ()
    assert made.new[0].settings[key] == read
    trimmed = "spaces around 1 value were removed" in made.notes
    assert trimmed is (value == " support\u00a0")
    linked = "1 cell with a link or `Name <address>`: only the address was taken" in made.notes
    assert linked is ("a@" in str(value))


def test_table_of_an_administrator(world: World) -> None:
    """A provider gives hosts and ports, one name serves both protocols, and the rest is --set."""
    table = (
        "Organisation;Skill;Department;E-mail;Password;Provider;Notes\n"
        "59;1;Sales ;a@gmail.com;hunter2;Gmail;x\n59;2;;b@gmail.com;hunter3;;\n"
    )
    options = {"values": ["status=Enabled", "incoming=imap", "poll_rate=10"]}
    made = world.carry_out(table, **options)

    assert made.new[0].settings["imap.host"] == "imap.gmail.com"
    assert made.new[1].settings["smtp.username"] == "b@gmail.com"
    assert "preset: gmail" in world.text()
    assert "host" not in world.text()
    assert made.notes == (
        "spaces around 1 value were removed",
        "not imported: `Notes`",
        "2 servers: the user name is the address of the mailbox",
        "1 server: preset gmail, by the domain of the mailbox",
        "2 servers: `active` is not given, so it follows the status",
    )
    assert [(use.name, use.keys, use.rows) for use in made.uses][3:5] == [
        ("E-mail", ("smtp.mailbox", "incoming.mailbox"), 2),
        ("Password", ("smtp.password", "incoming.password"), 2),
    ]


def test_columns_are_what_somebody_says(world: World) -> None:
    """--map gives a column its settings, or leaves it out."""
    table = f"{FULL},Owner\n{ROW},Chris".replace("Email", "Contact")
    told = world.told(table)
    made = world.propose(table, columns=["Contact=smtp.mailbox,incoming.mailbox", "Owner="])

    assert told[0] == "f:1:6 ICE105 unknown columns `Contact` and `Owner`"
    assert "no value for" not in told[1]
    assert made.problems == ()
    assert made.new[0].settings["imap.mailbox"] == "a@gmail.com"


def test_what_is_wrong_with_a_column_is_told_once(world: World) -> None:
    """With the first cells that it is wrong in; what is missing, with the first servers."""
    rows = [ROW.replace("59,1,Enabled", f"59,{n},perhaps") for n in range(1, 41)]
    told = world.told("\n".join([FULL.replace("Poll rate", "Nr"), *rows]))
    rates = ("`smtp.poll_rate`,", "`imap.poll_rate`")

    assert told == [
        f"f:2:1 ICE107 no column gives {' '.join(rates)}",
        "f:2:1 ICE208 `Status` (C2, C3, C4 and 37 more) must be one of Enabled, Disabled",
    ]


def test_what_some_rows_lack_names_them(world: World) -> None:
    """A cell that is empty is told by its server; an organization that no column has, once."""
    rows = [ROW, ROW.replace("59,1,", "59,2,").replace(",10", ",")]
    ids = "\n".join(row.partition(",")[2] for row in [FULL, *rows[:1], *rows[:1]])

    assert world.told("\n".join([FULL, *rows])) == ["f:3:1 ICE107 `Poll rate` (I3) is empty"]
    assert world.told(ids) == ["f:2:1 ICE101 no column gives `organization`"]
    assert world.propose(ids.rpartition("\n")[0], values=["organization=59"]).problems == ()


def test_rows_that_repeat_a_server(world: World) -> None:
    """One finding names the servers and their rows."""
    told = world.told("\n".join([FULL, ROW, ROW.replace("59,1", "59,2"), ROW]))

    assert told == ["f:2:1 ICE102 given more than once: 59/1 (row 2, row 4)"]


def test_bare_port_belongs_to_its_protocol(world: World) -> None:
    """A well-known port says which; of another one, nobody knows."""
    table = (
        f"{FULL},Port,IMAP port\n{ROW},465,993".replace("gmail,a", ",a")
        .replace("Provider", "Host")
        .replace("imap,,", "imap,mail.example.org,")
    )
    made = world.propose(table, values=["ssl=true", "tls=false"])
    odd = world.told(table.replace(",IMAP port", "").replace(",465,993", ",4650"))

    assert made.problems == ()
    assert made.new[0].settings["smtp.port"] == 465
    assert "f:2:1 ICE301 `Port` (J2) does not say which protocol it is for" in odd


@pytest.mark.parametrize(
    ("names", "cells", "told"),
    [
        ("Posteingangsserver,IMAP host", "a.example.org,b.example.org", "Posteingangsserver"),
        ("SSL,Encryption", "no,ssl", "SSL"),
        ("SMTP user,smtp login", "a,b", "SMTP user"),
    ],
)
def test_two_columns_for_one_setting(world: World, names: str, cells: str, told: str) -> None:
    """They say the same, or which one counts is for a person to say."""
    [line] = world.told(f"{FULL},{names}\n{ROW},{cells}")
    same = {"a.example.org,b.example.org": "a.example.org,a.example.org", "a,b": "a,a"}
    made = world.propose(f"{FULL},{names}\n{ROW},{same.get(cells, 'yes,ssl')}")

    assert f"is given twice, with another value under {told}" in line
    assert [d.message for d in made.problems if "twice" in d.message] == []


def test_defaults_of_folders_count(world: World) -> None:
    """What they give is neither asked for nor written again."""
    (world.root / "servers" / "_defaults.yaml").write_text(
        "version: 1\ndefaults: {status: Enabled, active: true, incoming: imap, preset: gmail, "
        "smtp: {poll_rate: 10}, imap: {poll_rate: 10}}\n"
    )
    world.carry_out("Org,Skill,Email,Password\n59,1,a@gmail.com,hunter2\n")

    assert "status" not in world.text()
    assert "poll_rate" not in world.text()
    assert "preset" not in world.text()


def test_second_import_changes_nothing(world: World) -> None:
    """Equal rows are counted; their files stay as they are."""
    options = {"secrets": "env:p.env"}
    world.carry_out(body(), **options)
    again = world.propose(body(), **options)

    assert (again.files, again.new, again.changed, again.unchanged) == ((), (), (), 1)


def test_changed_rows_are_a_difference(world: World) -> None:
    """Values, passwords and new rows; comments of the file stay."""
    options = {"secrets": "env:p.env"}
    world.carry_out(body(), **options)
    path = world.root / "servers" / "59.yaml"
    path.write_text(path.read_text().replace("port: 587\n", "port: 587  # checked\n"))
    changed = body(SMTPPort=465, Pop3Password="hunter4", IsActive=False)
    made = world.carry_out(changed, body(SkillId=664), **options)

    assert [s.address for s in made.new] == [SALES]
    [change] = made.changed
    assert change.values == {
        "active": ("true", "false"),
        "smtp.port": ("587", "465"),
        "pop3.password": ("(sensitive)", "(sensitive, changed)"),
    }
    assert "port: 465  # checked\n" in world.text()
    assert "  - skill: 664\n" in world.text()
    assert "hunter4" in world.text("p.env")
    assert world.propose(changed, body(SkillId=664), **options).files == ()


def test_password_of_a_server_that_refers_elsewhere_is_left_out(world: World) -> None:
    """Where it comes from was decided, so the table's copy is neither kept nor lost in silence."""
    world.carry_out(body())
    path = world.root / "servers" / "59.yaml"
    path.write_text(path.read_text().replace("ICE_59_663_SMTP_PASSWORD", "ICE_MINE"))
    made = world.propose(body(), secrets="env:p.env")

    assert "ICE_MINE" in world.text()
    assert made.changed == ()
    assert "1 password left out: the server refers to another place already" in made.notes


def test_change_that_an_anchor_would_carry_further(world: World) -> None:
    """Two servers share a block: neither is changed, and the file is named."""
    world.carry_out(body(), body(SkillId=664))
    path = world.root / "servers" / "59.yaml"
    head, first, _ = path.read_text().split("  - skill: ")
    shared = first.replace("smtp:\n", "smtp: &s\n")
    pop3 = first[first.index("    pop3:") :].replace("663", "664")
    text = head + "  - skill: " + shared + "  - skill: 664\n    smtp: *s\n" + pop3
    path.write_text(text)
    told = world.told(body(SMTPPort=465), body(SkillId=664, SMTPPassword=None))

    assert told == ["servers/59.yaml:1:1 ICE017 the file cannot be changed in place by an import"]


def test_servers_that_were_moved_or_removed(world: World) -> None:
    """They ended on purpose."""
    (world.root / "servers" / "x.yaml").write_text(
        "version: 1\norganization: 59\nremoved:\n  - {skill: 663, action: forget}\n"
    )

    assert world.told(body()) == ["f:1:1 ICE017 59/663 is under `removed:` at servers/x.yaml:4:5"]


def test_template_is_to_be_filled_in(world: World) -> None:
    """As it is, it says so; filled in, its names are known and its explanations are no server."""
    text = print_rows(as_workbook=False).decode()
    told = world.told(text)
    filled = text.replace("EXAMPLE: replace this row", "Desk").replace("example.org", "gmail.com")

    assert told == ["f:3:1 ICE016 row 3 is the example of the template"]
    assert world.propose(filled).problems == ()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"columns": ["x"]}, "--map x is not COLUMN=SETTING"),
        ({"columns": ["Org=smtp.hst"]}, "--map: smtp.hst is not a setting"),
        ({"columns": ["Nope=smtp.host"]}, "--map: no column is called nope"),
        ({"values": ["status"]}, "--set status is not SETTING=VALUE"),
        ({"values": ["status=perhaps"]}, "--set status must be one of Enabled, Disabled"),
        ({"values": ["smtp.password=hunter2"]}, "--set smtp.password takes a reference only"),
        ({"secrets": "p.env"}, "--secrets p.env does not name a kind of file"),
        ({"secrets": "env:"}, "--secrets env: does not name a kind of file"),
        ({"secrets": "yaml:.icesync/p.env"}, "--secrets yaml: needs a file named .yaml or .yml"),
        ({"out": ".."}, "--out .. leads outside of the configuration's folder"),
        ({"out": "servers/.hidden"}, "no pattern of `files:` would find a file in servers/.hidden"),
    ],
)  # fmt: skip
def test_option_that_cannot_be(world: World, options: dict[str, Any], told: str) -> None:
    """One sentence, before anything is written."""
    with pytest.raises(UsageError) as caught:
        world.propose(FULL + "\n" + ROW, **options)

    assert caught.value.message == told
    assert "hunter" not in str(caught.value.hints)


def test_faulty_repository_takes_nothing(world: World) -> None:
    """Where the files have errors, nobody knows what exists."""
    (world.root / "servers" / "x.yaml").write_text("version: 1\norganization: 59\nservers: x\n")

    with pytest.raises(ConfigInvalid):
        world.propose(body())


def test_assumed_entries_have_fingerprints(world: World) -> None:
    """Of the passwords that came along, and of those that their references lead to."""
    servers = world.propose(body(Pop3Password="")).new
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


def test_assumed_entries_without_a_key(world: World) -> None:
    """References only; no provider is asked."""
    provider = FakeProvider("env")
    [entry] = assumed_entries(world.propose(body()).new, {"env": provider}, None).values()

    assert {record.fingerprint for record in entry.secrets.values()} == {None}
    assert provider.fetched == []


def test_a_relay_without_a_login_is_one(world: World) -> None:
    """User name and password that are there and empty say so; one that is missing does not."""
    made = world.propose(body(SMTPUserName="", SMTPPassword=""))

    assert made.new[0].settings["smtp.login"] == "none"
    assert "smtp.password" not in made.new[0].secrets
    assert world.told(body(SMTPUserName="")) != []


TABLE = f"{FULL}\n{ROW}\n"


@pytest.mark.parametrize(("tracked", "why"), [(False, "git does not ignore it"), (True, "tracks")])
def test_sheet_that_a_commit_would_take(world: World, *, tracked: bool, why: str) -> None:
    """Its passwords would stay in the history; the hint ends that when it is pasted."""
    world.session = replace(world.session, caller=FakeCaller(committed={"f": tracked}))
    (world.root / "f").write_text(TABLE)
    without = TABLE.replace("hunter2", "ref+env://ICE_A")

    for options in ({}, {"columns": ["Password="]}):
        with pytest.raises(UsageError, match=why) as caught:
            world.propose(TABLE, **options).require()
        assert ("git rm --cached" in caught.value.hints[0]) is tracked
        assert ">> " in caught.value.hints[0]
    world.propose(without).require()
    world.propose("[]").require_ignored()


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("m.csv", "echo m.csv >> .gitignore"),
        ("a b/m [1].csv", "echo 'a b/m ?1?.csv' >> .gitignore"),
        ("#m.csv", "echo '/#m.csv' >> .gitignore"),
        ("../x/m.csv", "echo m.csv >> ../x/.gitignore"),
    ],
)
def test_command_that_makes_git_ignore_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, command: str
) -> None:
    """For a shell in the current folder, and with a pattern that means this file."""
    monkeypatch.chdir(tmp_path)

    assert ignore_command(tmp_path, path) == command


@pytest.mark.parametrize("place", ["env:.icesync/passwords.env", "yaml:.icesync/p.yaml"])
def test_passwords_that_are_kept_already_need_no_place(world: World, place: str) -> None:
    """The same sheet again needs no --secrets; a password that is new in it does."""
    (world.root / ".icesync").mkdir()
    world.carry_out(TABLE, secrets=place)
    again = world.propose(TABLE, secrets=None)
    again.require()
    rotated = world.propose(TABLE.replace("hunter2", "hunter3"), secrets=None)
    longer = world.propose(TABLE + ROW.replace("59,1", "59,2"), secrets=None)

    assert (again.files, again.unchanged, again.homeless) == ((), 1, 0)
    assert (rotated.homeless, longer.homeless) == (2, 2)
    with pytest.raises(UsageError, match="2 passwords would be lost"):
        rotated.require()


def test_password_of_this_environment_is_kept_already(world: World) -> None:
    """Whatever file it was exported from."""
    world.carry_out(TABLE, secrets="env:mine.env")
    values = {f"ICE_59_1_{block}_PASSWORD": "hunter2" for block in ("SMTP", "IMAP")}
    exported = replace(world.session, providers={"env": FakeProvider("env", values)})

    assert world.propose(TABLE, secrets=None).homeless == 2
    world.session = exported
    assert world.propose(TABLE, secrets=None).homeless == 0


def test_hint_for_unknown_columns_can_be_pasted(world: World) -> None:
    """It says what each could be, and never gives a column away in passing."""
    one = world.propose(f"{FULL},Portx\n{ROW},587").problems[0]
    odd = world.propose(f"{FULL},Portx,Foo bar\n{ROW},587,x").problems[0]
    strange = world.propose(f"{FULL},Foo bar\n{ROW},x").problems[0]

    assert (
        one.hint
        == "add `--map Portx=port` if that is what it is, or leave it out with `--map Portx=`"
    )
    assert odd.hint == (
        "add `--map Portx=port` if that is what it is, say what the others are with "
        "--map 'Foo bar=SETTING', or leave one out with `--map 'Foo bar='`"
    )
    assert strange.hint == (
        "say what it is with --map 'Foo bar=SETTING', or leave it out with `--map 'Foo bar='`"
    )


def test_two_columns_of_one_name_are_told_once(world: World) -> None:
    """However many rows differ; what they would give is not missing besides."""
    head = "Org,Skill,Status,Incoming,SSL,TLS,Email,User,Password,Poll rate,Server,Port,Server,Port"
    row = "59,{},Enabled,imap,no,yes,a@b.test,u,hunter2,10,smtp.b.test,587,imap.b.test,993"
    rows = [row.format(n) for n in range(1, 6)]
    made = world.propose("\n".join([head, *rows]))
    same = [r.replace("imap.b", "smtp.b") for r in rows]

    assert [(str(d.position), d.message, d.hint) for d in made.problems] == [
        (
            f"f:1:{n}", f"two columns are named `{name}` ({where}), with different values",
            f"rename them to `SMTP {leaf}` and `Incoming {leaf}` in row 1",
        )
        for n, name, where, leaf in [
            (13, "Server", "K and M", "host"), (14, "Port", "L and N", "port"),
        ]
    ]  # fmt: skip
    assert len(world.told("\n".join([head, *same]))) == 1
    skills = f"Skill,{FULL}\n4,{ROW}"
    assert "rename it to `Notes`" in str(world.propose(skills).problems[0].hint)


def test_rule_that_the_project_switched_off_refuses_nothing(world: World) -> None:
    """What validate takes, import takes."""
    odd = body(SMTPMailbox="desk")
    project = replace(world.session.project, rules={"ICE501": Level.WARNING})
    world.session = replace(world.session, project=project)

    assert world.propose(odd).problems == ()


def test_empty_cells_are_to_be_filled_in(world: World) -> None:
    """The column is there: no hint asks for another one, or gives each row the same skill."""
    rows = [ROW, ROW.replace("59,1", "59,"), ROW.replace("59,1,Enabled", "59,,")]
    problems = world.propose("\n".join([FULL, *rows])).problems
    provider = world.propose(f"{FULL}\n{ROW}\n59,2,Enabled,imap,,a@b.test,u,hunter2,10").problems

    assert [(d.message, d.hint) for d in problems] == [
        ("`Skill` (B3 and B4) is empty", "fill it in"),
        ("`Status` (C4) is empty", "fill it in, or: --set status=Enabled"),
    ]
    assert provider[0].message == "`Provider` (E3) is empty"


def test_all_that_is_missing_is_told_in_one_run(world: World) -> None:
    """A table without organizations lacks the rest as well."""
    [told] = world.told("Skill,Email,Password\n1,a@gmail.com,hunter2\n2,b@gmail.com,hunter2")

    assert told.endswith("no column gives `organization`, `status`, `incoming`, `smtp.poll_rate`")


def test_passwords_that_did_not_come_along(world: World) -> None:
    """Who imports learns which are still to be given, and where."""
    table = f"{TABLE}{ROW.replace('59,1', '59,2').replace('hunter2', '')}\n"

    assert (
        "2 passwords are not in the input: set ICE_59_2_SMTP_PASSWORD and ICE_59_2_IMAP_PASSWORD"
    ) in world.propose(table, secrets="env:p.env").notes
    assert (
        "2 passwords are not in the input: add to p.yaml 59/2.smtp and 59/2.imap"
    ) in world.propose(table, secrets="yaml:p.yaml").notes


def test_row_that_left_the_sheet(world: World) -> None:
    """It ends no server, and is named; servers of another organization never had a row."""
    other = ROW.replace("59,1", "60,1")
    world.carry_out("\n".join([FULL, ROW, ROW.replace("59,1", "59,2"), other]))
    left = "59/2 is in the files, but not in the input, and stays there; to end a server, list it "

    assert f"{left}under `removed:`" in world.propose(TABLE).notes
    assert not [n for n in world.propose(f"{FULL}\n{other}").notes if "but not in" in n]


def test_hints_are_about_cells(world: World) -> None:
    """They do not speak of YAML, nor of an organization where a skill is meant."""
    odd = f"{FULL},SSL\n{ROW.replace('59,1', '59,Support')},perhaps"

    assert [d.hint for d in world.propose(odd).problems] == [
        "write yes or no", "write the number of the queue in ICE, such as 663",
    ]  # fmt: skip


def test_server_that_validate_would_refuse(world: World) -> None:
    """It is told by its row, with the way to keep it; a project that takes it imports it."""
    table = f"{FULL},Spoofing\n{ROW},yes\n{ROW.replace('59,1', '59,2')},yes"
    told = world.told(table)
    project = replace(world.session.project, rules={"ICE204": Level.WARNING})
    world.session = replace(world.session, project=project)

    assert told == ["f:2:1 ICE204 59/1 and 59/2: spoofing is on, but `spoofing.address` is missing"]
    assert world.propose(table).problems == ()
