from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from distant import SOPS, install_program

from icesync.engine.parallel import run_parallel
from icesync.errors import SecretMissing
from icesync.model.secret import parse_secret_ref
from icesync.secrets import subprocess_
from icesync.secrets.sops import SopsProvider

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.model.secret import SecretRef


def ref(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(text)
    assert found is not None
    return found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with encrypted files, and a sops in PATH that opens them."""
    install_program(tmp_path / "bin", "sops", SOPS)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    root = tmp_path / "root"
    root.mkdir()
    tree = b'{"smtp": {"password": "canary-1", "port": 25}, "pop3": "canary-2"}'
    (root / "eu.enc.yaml").write_bytes(base64.b64encode(tree))
    (root / "whole.enc").write_bytes(base64.b64encode(b"canary-3\n"))
    (root / "broken.enc.yaml").write_bytes(base64.b64encode(b'{"smtp": canary-4'))
    for code in (1, 2, 51, 128):
        (root / f"exit{code}.enc.yaml").write_text(f"exit {code}")
    (root / "hang.enc.yaml").write_text("hang")
    return root


def test_each_file_is_decrypted_once(root: Path) -> None:
    """However many references and threads want something of it."""
    provider = SopsProvider(root, ("**",))
    texts = ["ref+sops://eu.enc.yaml#/smtp/password", "ref+sops://eu.enc.yaml#/pop3"] * 8
    found: list[str] = []

    run_parallel(lambda text: found.append(provider.fetch(ref(text)).reveal()), texts)

    assert sorted(found) == ["canary-1"] * 8 + ["canary-2"] * 8
    assert (root / "eu.enc.yaml.log").read_text() == "x"


def test_a_whole_file_is_a_secret(root: Path) -> None:
    """Without a key, the text is the secret, but its one final line break."""
    provider = SopsProvider(root, ("**",))

    assert provider.fetch(ref("ref+sops://whole.enc")).reveal() == "canary-3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eu.enc.yaml#/smtp/pasword", "there is no key `pasword`; there is `password`, `port`"),
        ("eu.enc.yaml#/smtp/port", "is a number where a string is needed"),
        ("eu.enc.yaml#/smtp", "is a map where a string is needed"),
        ("eu.enc.yaml?x=1#/smtp", "takes a path and a key only"),
        ("none.enc.yaml#/x", "there is no file"),
        ("/etc/passwd#/x", "is not allowed: files must match"),
        ("broken.enc.yaml#/smtp", "what sops printed cannot be read: not valid JSON"),
        ("exit1.enc.yaml#/x", "`sops` ended with exit code 1"),
        ("exit2.enc.yaml#/x", "exit code 2 (the file cannot be read)"),
        ("exit51.enc.yaml#/x", "exit code 51 (its MAC does not match"),
        ("exit128.enc.yaml#/x", "exit code 128 (no key that decrypts it could be had)"),
    ],
)
def test_what_cannot_be_opened_is_told_without_values(root: Path, text: str, told: str) -> None:
    """The sentence names the reference and the reason; nothing that was decrypted is in it."""
    with pytest.raises(SecretMissing) as caught:
        SopsProvider(root, ("**",)).fetch(ref(f"ref+sops://{text}"))

    shown = repr((caught.value.message, caught.value.hints))
    assert told in shown
    assert "canary" not in shown
    assert "canary" not in repr(caught.value.__context__)


def test_a_failure_shows_the_command_that_tells_why(root: Path) -> None:
    """What sops itself says may quote a value, so it is not repeated here."""
    with pytest.raises(SecretMissing) as caught:
        SopsProvider(root, ("**",)).fetch(ref("ref+sops://exit128.enc.yaml#/x"))

    [hint] = caught.value.hints
    assert hint.startswith("sops --decrypt --output-type json ")
    assert hint.endswith("exit128.enc.yaml >/dev/null   shows why")


def test_a_program_that_waits_is_ended(root: Path) -> None:
    """A program that asks somebody has nobody to ask here."""
    wanted = ref("ref+sops://hang.enc.yaml")

    with pytest.raises(SecretMissing, match=r"`sops` did not end within 0\.2 s"):
        subprocess_.run_program(
            wanted, ("sops", "--decrypt", str(root / "hang.enc.yaml")), root, deadline_s=0.2
        )


def test_a_missing_program_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program must be installed; the hint says which."""
    monkeypatch.setenv("PATH", str(root))

    with pytest.raises(SecretMissing, match="needs the program `sops`, which was not found"):
        SopsProvider(root, ("**",)).fetch(ref("ref+sops://eu.enc.yaml#/pop3"))


def test_a_program_that_cannot_be_run_is_named(root: Path) -> None:
    """A file that is no program is not one."""
    wanted = ref("ref+exec://x")

    with pytest.raises(SecretMissing, match="cannot be run: Permission denied"):
        subprocess_.run_program(wanted, (str(root / "eu.enc.yaml"),), root)


def test_age_of_a_file_is_known(root: Path) -> None:
    """When an encrypted file was written says how old its secrets are at least."""
    provider = SopsProvider(root, ("**",))
    os.utime(root / "eu.enc.yaml", (1_790_000_000, 1_790_000_000))

    changed = provider.metadata(ref("ref+sops://eu.enc.yaml#/pop3")).changed_at

    assert changed is not None
    assert changed.timestamp() == 1_790_000_000
    assert provider.metadata(ref("ref+sops://none#/pop3")).changed_at is None
