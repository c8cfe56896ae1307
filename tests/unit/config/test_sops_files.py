from __future__ import annotations

import pytest

from icesync.config.resolve import resolve
from icesync.config.sops_files import open_sealed, read_sealed
from icesync.config.yaml_document import SourceFile, is_sealed
from icesync.model.desired import Address

PLAIN = b"""\
version: 1
defaults: {smtp: {password: one}}
servers:
  - skill: 1
    imap: {password: "0012"}
    pop3: {password: ref+env://ICE_POP3}
  - not a server
"""


@pytest.mark.parametrize(
    ("data", "sealed"),
    [
        (b"a: ENC[AES256_GCM,data:eA==]\nsops:\n  version: 3.9.1\n", True),
        (b"sops:\n  mac: ENC[x]\n", True),
        (b"a: ENC[x]\nb:\n  sops: 1\n", False),
        (b"a: 1\nsops: {}\n", False),
    ],
)
def test_what_sops_encrypted_is_known_by_its_marks(data: bytes, sealed: bool) -> None:
    """A value in its form, and its own key at the top."""
    assert is_sealed(SourceFile("a.yaml", data)) is sealed


def test_a_password_becomes_a_reference_to_its_place() -> None:
    """Whatever it looks like; a reference stays one."""
    data = open_sealed(SourceFile("s/a.yaml", b"x: 1\n"), PLAIN).data

    assert data["defaults"]["smtp"]["password"] == "ref+sops://s/a.yaml#/defaults/smtp/password"
    assert data["servers"][0]["imap"]["password"] == "ref+sops://s/a.yaml#/servers/0/imap/password"
    assert data["servers"][0]["pop3"]["password"] == "ref+env://ICE_POP3"


@pytest.mark.parametrize("plain", [b"- 1\n", b"servers: 1\n", b"servers: [1]\ndefaults: 2\n"])
def test_what_is_no_server_file_is_left_to_the_reader(plain: bytes) -> None:
    """Wrong shapes are found where all shapes are checked."""
    assert open_sealed(SourceFile("a.yaml", b"x: 1\n"), plain).problems == ()


def test_a_text_that_cannot_be_read_keeps_its_problems() -> None:
    """A decrypted text is read as strictly as any other."""
    assert open_sealed(SourceFile("a.yaml", b"x: 1\n"), b"a: 1\na: 2\n").problems != ()


def test_any_name_can_be_referred_to() -> None:
    """A file refers to its own secrets by its name, with the escapes that it needs."""
    data = open_sealed(SourceFile("s/a b.yaml", b"x: 1\n"), PLAIN).data

    assert data["servers"][0]["imap"]["password"].startswith("ref+sops://s/a%20b.yaml#/servers")


SEALED = b"""\
servers:
  - skill: 1
    imap: {host: h, password: "ENC[AES256_GCM,data:x]"}
    smtp: {host: h, password: clear}
sops: {mac: "ENC[x]"}
"""


def test_sealed_passwords_become_references_without_opening_anything() -> None:
    """One in clear stays, for its rule to refuse it."""
    document = read_sealed(SourceFile("a.yaml", SEALED))

    assert document is not None
    [found] = document.data["servers"]
    assert found["imap"]["password"] == "ref+sops://a.yaml#/servers/0/imap/password"
    assert found["smtp"]["password"] == "clear"
    assert "sops" not in document.data


@pytest.mark.parametrize(
    ("plain", "sealed"),
    [
        (b"host: h, p", {"imap.host", "smtp.host"}),
        (b"smtp: {host: h", {"smtp.host"}),
        (b"skill: 1\n", set()),
    ],
)
def test_other_sealed_settings_are_not_there(plain: bytes, sealed: set[str]) -> None:
    """A server is known by its plain keys; of what is sealed only that it is."""
    name, _, value = plain.rpartition(b": ")
    text = SEALED.replace(plain, name + b": 'ENC[AES256_GCM,data:x]'" + value[1:])
    document = read_sealed(SourceFile("a.yaml", text))

    if not sealed:
        assert document is None
        return
    assert document is not None
    assert document.sealed == {("servers", 0): frozenset(sealed)}
    assert "host" not in document.data["servers"][0]["smtp"]


@pytest.mark.parametrize("place", [b"version: 'ENC[x]'\n", b"removed: [{skill: 'ENC[x]'}]\n"])
def test_where_it_is_not_said_which_servers_are_meant_nothing_is(place: bytes) -> None:
    """Ids that are sealed lead to no server."""
    assert read_sealed(SourceFile("a.yaml", place + SEALED)) is None


def test_a_sealed_comment_is_no_server() -> None:
    """In a list sops writes a comment as an item; places and lines stay those of the servers."""
    text = SEALED.replace(b"servers:\n", b"servers:\n  - ENC[AES256_GCM,data:x,type:comment]\n")
    document = read_sealed(SourceFile("a.yaml", text))

    assert document is not None
    assert [server["skill"] for server in document.data["servers"]] == ["1"]
    assert document.position(("servers", 0)).line == 3


LAYERS = b"""\
version: 1
organization: 59
defaults: {preset: gmail, smtp: {host: 'ENC[x]', port: 'ENC[x]', username: desk}}
servers:
  - {skill: 1, smtp: {port: 587, username: 'ENC[x]'}}
  - {skill: 2, incoming: 'ENC[x]'}
sops: {mac: 'ENC[x]'}
"""


def test_the_most_special_layer_says_what_is_sealed() -> None:
    """A plain value over a sealed one counts, and a sealed one over a plain value."""
    document = read_sealed(SourceFile("servers/a.yaml", LAYERS))
    assert document is not None
    desired, problems = resolve([document])
    one, two = (desired.servers[Address(59, skill)] for skill in (1, 2))

    assert one.sealed == {"smtp.host", "smtp.username"}
    assert one.settings["smtp.port"] == 587
    assert "smtp.username" not in one.settings
    assert two.sealed == {"smtp.host", "smtp.port", "incoming"}
    assert not [p for p in problems if "host" in p.message or "username" in p.message]


def test_what_follows_the_metadata_is_not_lost() -> None:
    """Sops writes it last; where somebody else did not, the file has to be opened."""
    text = b"sops: {mac: 'ENC[x]'}\nservers: [{skill: 1}]\n"

    assert read_sealed(SourceFile("a.yaml", text)) is None
