"""Files and references that are wrong: exit code 3, the place, the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rig import Ice, Repository, assert_refused, run_program

if TYPE_CHECKING:
    from pathlib import Path

OTHER_KEY = "Hh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAAA="


def test_no_configuration(tmp_path: Path) -> None:
    """Where there is no configuration, init is offered."""
    (tmp_path / ".git").mkdir()
    result = run_program(["plan"], tmp_path)

    assert_refused(result, 3, "no icesync.yaml found in", hint="icesync init")


def test_search_stops_at_the_repository(repository: Repository) -> None:
    """A repository inside of another one is not governed by the outer configuration."""
    inner = repository.root / "inner"
    (inner / ".git").mkdir(parents=True)
    result = run_program(["plan"], inner)

    assert_refused(result, 3, "no icesync.yaml found in", hint="icesync init")


def test_configuration_is_found_upward(repository: Repository) -> None:
    """From a folder below, the same configuration counts."""
    below = repository.root / "servers"

    assert run_program(["validate"], below).code == 0


def test_folder_that_is_a_slip(repository: Repository) -> None:
    """A folder that does not exist is not looked upward from."""
    result = repository.run("-C", "sevrers", "plan")

    assert_refused(result, 64, "-C sevrers: no such folder", hint="existing folder")


def test_named_configuration_that_is_missing(repository: Repository) -> None:
    """The file of ``--config`` is named when it is not there."""
    result = repository.run("--config", "other.yaml", "plan")

    assert result.code == 3
    assert "other.yaml:1:1: ICE001 the file does not exist" in result.stderr


@pytest.mark.parametrize("name", ["icesync.yaml", "servers/59.yaml"])
@pytest.mark.parametrize("command", ["validate", "plan", "apply", "check"])
def test_malformed_yaml(repository: Repository, name: str, command: str) -> None:
    """Every command names file and line of what is no YAML."""
    repository.write(name, "version: 1\nserver: [\n")
    result = repository.run(command)
    told = result.stdout + result.stderr

    assert result.code == 3
    assert f"{name}:2:9: ICE006 " in told


def test_file_that_cannot_be_read(repository: Repository) -> None:
    """One file that cannot be read stops the run: its servers would look removed."""
    (repository.root / "servers" / "60.yaml").symlink_to("nowhere")
    result = repository.run("plan")

    assert result.code == 3
    assert "servers/60.yaml:1:1: ICE001 " in result.stderr


def test_all_problems_at_once(repository: Repository) -> None:
    """Two files with problems are both told."""
    repository.replace("servers/59.yaml", "port: 587", "port: 66000")
    repository.write("servers/60.yaml", "version: 1\norganization: sixty\n")
    result = repository.run("plan")

    assert result.code == 3
    assert "servers/59.yaml:11:11: ICE301 " in result.stderr
    assert "servers/60.yaml:2:15: ICE101 " in result.stderr


def test_unknown_scheme(repository: Repository) -> None:
    """A slip in a scheme is answered with the nearest one."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+evn://ICE_SMTP")
    result = repository.run("validate")

    assert result.code == 3
    assert "servers/59.yaml:13:15: ICE409 " in result.stdout
    assert "hint: did you mean ref+env://?" in result.stdout


def test_literal_secret(repository: Repository) -> None:
    """A password in a file is an error that does not repeat it."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "hunter2")
    result = repository.run("plan")

    assert_refused(result, 3, "servers/59.yaml:13:15: ICE401 ", hint="ref+env://ICE_NAME")
    assert "hunter2" not in result.stderr


def test_missing_variable_stops_apply(repository: Repository, ice: Ice) -> None:
    """Apply needs every secret, and names the place that asks for it."""
    repository.calls(ice)
    del repository.environ["ICE_IMAP"]
    result = repository.run("apply", "-y")

    assert_refused(result, 3, "servers/59.yaml:20:15: ICE412 59/663:", hint="export ICE_IMAP")
    assert ice.skills == []


def test_missing_variable_warns_plan(repository: Repository) -> None:
    """Plan goes on without a secret and says so."""
    del repository.environ["ICE_IMAP"]
    result = repository.run("plan")

    assert result.code == 0
    assert "servers/59.yaml:20:15: ICE412 warning: 59/663:" in result.stderr


def test_missing_variable_stops_check(repository: Repository) -> None:
    """A schedule does not miss a rotation because a variable was missing."""
    del repository.environ["ICE_IMAP"]

    assert_refused(repository.run("check"), 3, "variable ICE_IMAP is not set")


def test_empty_secret(repository: Repository) -> None:
    """A variable that is set to nothing is no password."""
    result = repository.run("apply", "-y", env={"ICE_SMTP": ""})

    assert_refused(
        result, 3, "ICE412 59/663: `smtp.password`: variable ICE_SMTP is empty", hint=None
    )


def test_variable_that_is_not_allowed(repository: Repository) -> None:
    """A file of the repository cannot send the pipeline's own variables to a mail host."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+env://GITHUB_TOKEN")
    result = repository.run("apply", "-y", env={"GITHUB_TOKEN": "ghs_topsecret"})

    assert_refused(result, 3, "`ref+env://GITHUB_TOKEN` is not allowed", hint="secrets.env_allow")
    assert "ghs_topsecret" not in result.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ref+env://ICE_SMTP", "ref+env://ICE_TOKEN"),
        ("ref+env://ICE_SMTP", "ref+file://key"),
    ],
    ids=["token", "fingerprint key"],
)
def test_own_credential(repository: Repository, ice: Ice, old: str, new: str) -> None:
    """No file can send a credential of icesync itself as a password."""
    repository.calls(ice, token=ice.token())
    repository.replace("servers/59.yaml", old, new)
    result = repository.run("apply", "-y")

    assert_refused(result, 3, "ICE411 59/663: `smtp.password` is the same as `")
    assert ice.skills == []


def test_another_fingerprint_key(repository: Repository) -> None:
    """Another key is an error, not "all passwords changed"."""
    repository.apply().write("key", f"{OTHER_KEY}\n")

    assert_refused(repository.run("plan"), 3, "wrong fingerprint key", hint="get the key")


@pytest.mark.parametrize("text", ["short", "AAECAw==", "not base64 at all, but long enough"])
def test_key_that_is_no_key(repository: Repository, text: str) -> None:
    """A key that is not 256 bits is refused, and not shown."""
    repository.write("key", text)
    result = repository.run("apply", "-y")

    assert_refused(result, 3, "is not 256 bits in base64", hint="icesync keygen")
    assert text not in result.stderr


@pytest.mark.parametrize(
    ("url", "sentence", "hint"),
    [
        ("https://ice.example.org/ICEAPI", "to ice.example.org, but this job do", "ALLOW_HOST"),
        ("http://www.enterice.com/ICEAPI", "must be https", "use https://"),
    ],
)
def test_address_that_must_not_be_called(
    repository: Repository, url: str, sentence: str, hint: str
) -> None:
    """A pull request cannot have the token sent to another host, nor in clear text."""
    repository.replace("icesync.yaml", "base_url: emulator", f"base_url: '{url}'")

    assert_refused(repository.run("apply", "-y"), 3, sentence, hint=hint)


def test_operator_may_allow_a_host(repository: Repository) -> None:
    """What the repository cannot permit to itself, the environment can."""
    address = "base_url: 'https://ice.example.org/ICEAPI'"
    repository.replace("icesync.yaml", "base_url: emulator", address)

    assert repository.run("plan", env={"ICESYNC_ALLOW_HOST": "ice.example.org"}).code == 0


def test_no_server_file(repository: Repository) -> None:
    """A pattern that finds nothing is not "everything left the files"."""
    repository.apply()
    (repository.root / "servers" / "59.yaml").unlink()

    assert_refused(repository.run("plan"), 3, "no server file was found", hint="add a server file")


def test_certificate_file_that_is_none(repository: Repository, ice: Ice) -> None:
    """A file of authorities without a certificate is named before anything is sent."""
    repository.calls(ice)
    repository.replace("icesync.yaml", "rate_per_s", "ca_file: key, rate_per_s")
    result = repository.run("apply", "-y", env={"ICESYNC_CA_FILE": "key"})

    assert result.code == 3
    assert "`api.ca_file` cannot be used" in result.stderr
