from __future__ import annotations

import pytest

from icesync.config.sops_files import is_sealed, open_sealed
from icesync.config.yaml.source import SourceFile

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


def test_a_name_that_no_reference_can_hold_is_told() -> None:
    """A file refers to its own secrets by its name."""
    [problem] = open_sealed(SourceFile("a b.yaml", b"x: 1\n"), PLAIN).problems

    assert problem.rule == "ICE410"
