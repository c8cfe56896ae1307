from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from distant import SOPS, install_program, sops_file

from icesync.engine.secret_resolution import run_parallel
from icesync.errors import SecretForbidden, SecretIsDocument, SecretMissing
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
    (root / "eu.enc.yaml").write_text(sops_file(tree))
    (root / "whole.enc").write_text(sops_file(b"canary-3\n", json_too=True))
    (root / "broken.enc.yaml").write_text(sops_file(b'{"smtp": canary-4'))
    for code in (1, 2, 51, 128):
        (root / f"exit{code}.enc.yaml").write_text(sops_file(f"exit-{code}"))
    (root / "hang.enc.yaml").write_text(sops_file("hang"))
    return root


def opened(root: Path, **environ: str) -> SopsProvider:
    """Return the provider of a repository at *root*."""
    return SopsProvider(root, ("**",), {**os.environ, **environ})


def test_each_file_is_decrypted_once(root: Path) -> None:
    """However many references and threads want something of it."""
    provider = opened(root)
    texts = ["ref+sops://eu.enc.yaml#/smtp/password", "ref+sops://eu.enc.yaml#/pop3"] * 8
    found: list[str] = []

    run_parallel(lambda text: found.append(provider.fetch(ref(text)).reveal()), texts)

    assert sorted(found) == ["canary-1"] * 8 + ["canary-2"] * 8
    assert (root / "eu.enc.yaml.log").read_text() == "x"


def test_a_whole_file_is_a_secret(root: Path) -> None:
    """Without a key, the text is the secret, but its one final line break."""
    provider = opened(root)

    assert provider.fetch(ref("ref+sops://whole.enc")).reveal() == "canary-3"


@pytest.mark.parametrize("name", ["eu.enc.yaml", "a.yml", "a.JSON", "a.env", "a.enc.ini"])
def test_a_file_of_keys_is_no_secret(root: Path, name: str) -> None:
    """By its name alone, so a review without secrets finds it; no program is run for it."""
    for look in (opened(root).identify, opened(root).fetch):
        with pytest.raises(
            SecretIsDocument, match=r"names no key, so it means the whole|is a file of variables"
        ):
            look(ref(f"ref+sops://{name}"))
    assert not list(root.glob("*.log"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eu.enc.yaml#/smtp/pasword", "no key `pasword`; available: `password`, `port`"),
        ("eu.enc.yaml#/smtp/port", "is a number where a string is needed"),
        ("eu.enc.yaml#/smtp", "is a map where a string is needed"),
        ("eu.enc.yaml?x=1#/smtp", "takes a path and a key only"),
        ("none.enc.yaml#/x", "does not exist"),
        ("/etc/passwd#/x", "is not allowed: files must match"),
        ("broken.enc.yaml#/smtp", "invalid output of sops: line 2: not valid YAML"),
        ("exit1.enc.yaml#/x", "`sops` ended with exit code 1"),
        ("exit2.enc.yaml#/x", "exit code 2 (the file cannot be read)"),
        ("exit51.enc.yaml#/x", "exit code 51 (its MAC does not match"),
        ("exit128.enc.yaml#/x", "exit code 128 (no key to decrypt it is available)"),
    ],
)
def test_what_cannot_be_opened_is_told_without_values(root: Path, text: str, told: str) -> None:
    """The sentence names the reference and the reason; nothing that was decrypted is in it."""
    with pytest.raises(SecretMissing) as caught:
        opened(root).fetch(ref(f"ref+sops://{text}"))

    shown = repr((caught.value.message, caught.value.hints))
    assert told in shown
    assert "canary" not in shown
    assert "canary" not in repr(caught.value.__context__)


def test_a_failure_shows_the_command_that_tells_why(root: Path) -> None:
    """What sops itself says may quote a value, so it is not repeated here."""
    with pytest.raises(SecretMissing) as caught:
        opened(root).fetch(ref("ref+sops://exit128.enc.yaml#/x"))

    [hint] = caught.value.hints
    assert hint.startswith("to see why: sops --decrypt ")
    assert hint.endswith("exit128.enc.yaml >/dev/null")


def test_a_program_that_waits_is_ended(root: Path) -> None:
    """A program that asks somebody has nobody to ask here."""
    wanted = ref("ref+sops://hang.enc.yaml")

    with pytest.raises(SecretMissing, match=r"`sops` did not end within 0\.2 s"):
        subprocess_.run_program(
            wanted,
            ("sops", "--decrypt", str(root / "hang.enc.yaml")),
            root,
            os.environ,
            deadline_s=0.2,
        )


def test_a_missing_program_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program must be installed; the hint says which."""
    monkeypatch.setenv("PATH", str(root))

    with pytest.raises(SecretMissing, match="needs the program `sops`, which is not in PATH"):
        opened(root).fetch(ref("ref+sops://eu.enc.yaml#/pop3"))


def test_a_program_that_cannot_be_run_is_named(root: Path) -> None:
    """A file that is no program is not one."""
    wanted = ref("ref+exec://x")

    with pytest.raises(SecretMissing, match="cannot be run: Permission denied"):
        subprocess_.run_program(wanted, (str(root / "eu.enc.yaml"),), root, os.environ)


def test_age_of_a_file_is_known(root: Path) -> None:
    """When an encrypted file was written says how old its secrets are at least."""
    provider = opened(root)
    os.utime(root / "eu.enc.yaml", (1_790_000_000, 1_790_000_000))

    changed = provider.metadata(ref("ref+sops://eu.enc.yaml#/pop3")).changed_at

    assert changed is not None
    assert changed.timestamp() == 1_790_000_000
    assert provider.metadata(ref("ref+sops://none#/pop3")).changed_at is None


def test_a_failure_blames_the_reference_that_met_it(root: Path) -> None:
    """Who comes second reads of their own reference, not of the first one's."""
    provider = opened(root)
    for key in ("one", "two"):
        with pytest.raises(SecretMissing, match=f"#/{key}`: `sops` ended"):
            provider.fetch(ref(f"ref+sops://exit1.enc.yaml#/{key}"))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("  hc_vault: [{vault_address: 'http://127.0.0.1:9', key_name: k}]\n", None),
        ("  hc_vault: [{vault_address: 'https://evil.example', key_name: k}]\n", "evil.example"),
        (
            "  hc_vault: [{vault_address: 'https://evil\u3002example', key_name: k}]\n",
            "is not a valid URL",
        ),
        ("  hc_vault: [{key_name: k}]\n", "is not a valid URL"),
        ("  key_groups: [{hc_vault: [{vault_address: 'https://evil.example'}]}]\n", "evil.example"),
        ("  azure_kv: [{vault_url: 'https://v.vault.azure.net'}]\n", None),
        ("  azure_kv: [{vault_url: 'https://v.vault.azure.net.evil.example'}]\n", "evil.example"),
        ("  kms: [{arn: 'arn:aws:kms:eu-west-1:1234:key/a'}]\n", None),
        ("  kms: [{arn: 'arn:aws:kms:x.evil.example/:1234:key/a'}]\n", "is not a valid URL"),
        ("  gcp_kms: [{resource_id: projects/p}]\n", None),
        ("  age: [{recipient: age1q, enc: x}]\n", None),
        ("  pgp: [{fp: AB}]\n", None),
        ("  hckms: [{key_id: x}]\n", "a kind of key whose host icesync cannot check"),
    ],
)
def test_hosts_in_the_metadata_are_checked_first(
    root: Path, keys: str, problem: str | None
) -> None:
    """Who edits the file does not choose who gets the job's credentials: sops is not even run."""
    (root / "a.enc.yaml").write_text(sops_file(b"a: one\n", keys))
    wanted = ref("ref+sops://a.enc.yaml#/a")
    if problem is None:
        assert opened(root).fetch(wanted).reveal() == "one"
        return

    with pytest.raises(SecretForbidden, match=problem):
        opened(root).fetch(wanted)

    assert not (root / "a.enc.yaml.log").exists()


@pytest.mark.parametrize("data", [b"a: 1\n", b"{", b"[]", b"sops: 1\n"])
def test_what_sops_did_not_encrypt_is_not_given_to_it(root: Path, data: bytes) -> None:
    """Whose metadata cannot be read, its hosts cannot be checked."""
    (root / "a.enc.yaml").write_bytes(data)
    (root / "a.enc").write_bytes(data)

    for name in ("a.enc.yaml", "a.enc"):
        with pytest.raises(SecretMissing, match="is not a YAML or JSON file that sops encrypted"):
            opened(root).fetch(ref(f"ref+sops://{name}#/a"))


def test_sops_gets_the_variables_of_the_services_that_a_file_needs(root: Path) -> None:
    """A file of age gets no token of a Vault, and none gets the token of the forge."""
    printer = "import json, os; print(json.dumps({'a': ' '.join(os.environ)}))"
    install_program(root.parent / "bin", "sops", printer)
    (root / "a.enc").write_text(sops_file(b"x", json_too=True))
    keys = "  hc_vault: [{vault_address: 'http://127.0.0.1:9'}]\n"
    (root / "v.enc.yaml").write_text(sops_file(b"x", keys))
    given = {"VAULT_TOKEN": "t", "GITHUB_TOKEN": "g", "SOPS_AGE_KEY": "k", "AWS_PROFILE": "p"}

    age = opened(root, **given).fetch(ref("ref+sops://a.enc#/a")).reveal()
    vault = opened(root, **given).fetch(ref("ref+sops://v.enc.yaml#/a")).reveal()

    assert "SOPS_AGE_KEY" in age
    assert "VAULT_TOKEN" not in age
    assert "VAULT_TOKEN" in vault
    assert not {"GITHUB_TOKEN", "AWS_PROFILE"} & set(re.findall("[A-Z_]+", age + vault))
