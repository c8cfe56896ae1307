from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from distant import FakeVault, listening

from icesync.errors import (
    SecretForbidden,
    SecretMissing,
    SecretStoreRefused,
    SecretStoreUnreachable,
)
from icesync.model.secret import SecretMetadata, parse_secret_ref
from icesync.secrets import http
from icesync.secrets.vault import VaultProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.model.secret import SecretRef


def ref(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(text)
    assert found is not None
    return found


@pytest.fixture
def vault() -> FakeVault:
    """A Vault with a little of everything."""
    return FakeVault(
        {
            "kv/mail/eu": [{"smtp": "one"}, {"smtp": "two", "pop3": "three"}],
            "kv/gone": [{"smtp": "one"}, None],
            "kv/odd name": [{"smtp": "blank"}],
            "team/mail/eu": [{"smtp": "nested"}],
            "old/mail": [{"smtp": "flat", "port": 25}],
        }
    )


@pytest.fixture
def address(vault: FakeVault) -> Iterator[str]:
    """Where *vault* listens."""
    with listening(vault.answer) as url:
        yield url


def provider(address: str, home: Path, scheme: str = "vault", **more: str) -> VaultProvider:
    """Return a provider for the Vault at *address*, with its token unless *more* says who asks."""
    environ = {"VAULT_ADDR": address, **(more or {"VAULT_TOKEN": "root-token"})}
    return VaultProvider(scheme, environ, "icesync/test", home)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ref+vault://kv/mail/eu#/smtp", "two"),
        ("ref+vault://kv/mail/eu?version=1#/smtp", "one"),
        ("ref+vault://kv/odd%20name#/smtp", "blank"),
        ("ref+vault://team/mail/eu#/smtp", "nested"),
        ("ref+vault://old/mail#/smtp", "flat"),
    ],
)
def test_paths_are_those_of_the_vendors_program(
    address: str, tmp_path: Path, text: str, value: str
) -> None:
    """Whatever the engine's version and however deep its mount, the path is that of `kv get`."""
    assert provider(address, tmp_path).fetch(ref(text)).reveal() == value


def test_a_hidden_mount_is_taken_for_version_2(
    vault: FakeVault, address: str, tmp_path: Path
) -> None:
    """A policy may hide the mounts; then the first part of the path is one of version 2."""
    vault.preflight = False

    assert provider(address, tmp_path).fetch(ref("ref+vault://kv/mail/eu#/pop3")).reveal() == (
        "three"
    )


def test_each_secret_is_read_once(vault: FakeVault, address: str, tmp_path: Path) -> None:
    """However many keys of it are wanted: one question for the mount, one for the secret."""
    opened = provider(address, tmp_path)

    for key in ("smtp", "pop3", "smtp"):
        opened.fetch(ref(f"ref+vault://kv/mail/eu#/{key}"))
    opened.metadata(ref("ref+vault://kv/mail/eu#/smtp"))

    assert vault.asked == [
        "GET /v1/sys/internal/ui/mounts/kv/mail/eu",
        "GET /v1/kv/data/mail/eu",
    ]


def test_version_and_its_time_are_known(address: str, tmp_path: Path) -> None:
    """Version 2 of the engine keeps both, version 1 neither."""
    opened = provider(address, tmp_path)

    assert opened.metadata(ref("ref+vault://kv/mail/eu#/smtp")) == SecretMetadata(
        "2", datetime(2026, 11, 2, 10, 20, 30, tzinfo=UTC)
    )
    assert opened.metadata(ref("ref+vault://old/mail#/smtp")) == SecretMetadata()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ref+vault://kv/mail/eu#/smpt", "no key `smpt`; available: `pop3`, `smtp`"),
        ("ref+vault://kv/mail/eu", "names no key; available: `pop3`, `smtp`"),
        ("ref+vault://kv/nothing#/x", "Vault has nothing at that path"),
        ("ref+vault://kv/gone#/smtp", "version 2 was deleted"),
        ("ref+vault://kv/mail/eu?version=9#/smtp", "Vault has nothing at that path"),
        (
            "ref+vault://kv/mail/eu?version=new#/smtp",
            "only ?version=NUMBER is allowed after the path",
        ),
        ("ref+vault://kv/mail/eu?stage=1#/smtp", "only ?version=NUMBER is allowed after the path"),
        ("ref+vault://old/mail#/port", "is a number where a string is needed"),
        ("ref+vault://nowhere/mail#/smtp", "Vault has nothing at that path"),
    ],
)
def test_what_leads_nowhere_is_told_without_values(
    address: str, tmp_path: Path, text: str, told: str
) -> None:
    """The sentence names the reference and the keys that exist, never what they hold."""
    with pytest.raises(SecretMissing) as caught:
        provider(address, tmp_path).fetch(ref(text))

    assert told in caught.value.message
    assert f"`{text}`" in caught.value.message
    assert "two" not in repr((caught.value.message, caught.value.hints))


def test_a_refused_token_says_so(address: str, tmp_path: Path) -> None:
    """An ended token, a wrong one and a missing policy look alike from outside."""
    opened = provider(address, tmp_path, VAULT_TOKEN="another")

    with pytest.raises(
        SecretMissing, match="rejected the token: invalid, expired, or no policy allows it"
    ):
        opened.fetch(ref("ref+vault://kv/mail/eu#/smtp"))


def test_who_asks_may_be_a_file(address: str, tmp_path: Path) -> None:
    """A token file, and the one that `vault login` leaves in the home folder."""
    (tmp_path / ".vault-token").write_text("root-token\n")
    (tmp_path / "token").write_text("root-token")
    wanted = ref("ref+vault://kv/mail/eu#/smtp")

    by_file = provider(address, tmp_path, VAULT_TOKEN_FILE=str(tmp_path / "token"))
    by_home = VaultProvider("vault", {"VAULT_ADDR": address}, "icesync/test", tmp_path)

    assert by_file.fetch(wanted).reveal() == by_home.fetch(wanted).reveal() == "two"


def test_a_job_logs_in_once_with_its_own_proof(
    vault: FakeVault, address: str, tmp_path: Path
) -> None:
    """A pipeline needs no stored token: its JSON Web Token is exchanged for one."""
    more = {"VAULT_AUTH_ROLE": "icesync", "VAULT_ID_TOKEN": "job-proof"}
    opened = provider(address, tmp_path, **more)

    opened.fetch(ref("ref+vault://kv/mail/eu#/smtp"))
    opened.fetch(ref("ref+vault://old/mail#/smtp"))

    assert vault.asked[0] == "POST /v1/auth/jwt/login"
    assert sum(target.startswith("POST") for target in vault.asked) == 1


def test_a_refused_login_names_role_and_place(address: str, tmp_path: Path) -> None:
    """The proof itself is never told."""
    more = {"VAULT_AUTH_ROLE": "nobody", "VAULT_ID_TOKEN": "job-proof", "VAULT_AUTH_PATH": "gitlab"}
    opened = provider(address, tmp_path, **more)

    with pytest.raises(SecretMissing) as caught:
        opened.fetch(ref("ref+vault://kv/mail/eu#/smtp"))

    assert "rejected the login as role 'nobody' at auth/gitlab: status 400" in caught.value.message
    assert "job-proof" not in str(caught.value)


def test_openbao_has_names_of_its_own(vault: FakeVault, address: str, tmp_path: Path) -> None:
    """BAO_… comes before VAULT_…, and a namespace goes along."""
    vault.namespace = "team"
    environ = {
        "BAO_ADDR": address,
        "BAO_TOKEN": "root-token",
        "VAULT_ADDR": "http://127.0.0.1:1",
        "BAO_NAMESPACE": "team",
    }
    opened = VaultProvider("openbao", environ, "icesync/test", tmp_path)

    assert opened.fetch(ref("ref+openbao://kv/mail/eu#/smtp")).reveal() == "two"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "needs a token for Vault"),
        ({"VAULT_TOKEN": "x"}, "needs VAULT_ADDR, which is not set"),
        (
            {"VAULT_TOKEN": "x", "VAULT_ADDR": "http://vault.example.org"},
            "must start with https://",
        ),
        ({"VAULT_TOKEN": "x", "VAULT_ADDR": "vault:8200"}, "must start with https://"),
        (
            {"VAULT_TOKEN": "x", "VAULT_ADDR": "https://v:port"},
            "must start with https://",
        ),
        (
            {"VAULT_TOKEN": "x", "VAULT_ADDR": "http://127.0.0.1:1"},
            "is unreachable: no connection",
        ),
        (
            {"VAULT_TOKEN": "x", "VAULT_ADDR": "https://127.0.0.1:1", "VAULT_CACERT": "/no/ca.pem"},
            "/no/ca.pem cannot be used: No such file",
        ),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_a_vault_that_cannot_be_asked(environ: dict[str, str], told: str, tmp_path: Path) -> None:
    """What is missing in the environment is named; secrets never travel in clear."""
    opened = VaultProvider("vault", environ, "icesync/test", tmp_path)

    with pytest.raises(SecretMissing) as caught:
        opened.fetch(ref("ref+vault://kv/mail/eu#/smtp"))

    assert told in caught.value.message


@pytest.mark.parametrize(
    ("status", "tree", "told"),
    [
        (500, {"errors": ["internal"]}, "with status 500"),
        (503, b"<html>", "with status 503"),
        (200, b"not JSON", "with status 200"),
        (200, {"data": ["a", "list"]}, "with status 200"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_a_strange_answer_is_no_secret(status: int, tree: Any, told: str, tmp_path: Path) -> None:
    """Whatever is not the documented shape leads nowhere, with its status."""
    with listening(lambda *_: (status, tree)) as url, pytest.raises(SecretMissing) as caught:
        provider(url, tmp_path).fetch(ref("ref+vault://kv/mail/eu#/smtp"))

    assert told in caught.value.message


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hiccup_is_no_failure(
    vault: FakeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Each question is asked again, on one schedule; only then does the store fail."""
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.01)
    left = [3]

    def answer(*asked: Any) -> tuple[int, Any]:
        left[0] -= 1
        return (status, {"errors": []}) if left[0] > 0 else vault.answer(*asked)

    with listening(answer) as address:
        found = provider(address, tmp_path).fetch(ref("ref+vault://kv/mail/eu#/smtp"))

    assert found.reveal() == "two"


def test_a_store_that_stays_away_is_no_wrong_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has an exit code of its own; so has a store that does not allow it."""
    monkeypatch.setattr(http, "RETRY_FOR_S", 0.01)
    with listening(lambda *_: (503, {})) as address:
        with pytest.raises(SecretStoreUnreachable, match="with status 503") as caught:
            provider(address, tmp_path).fetch(ref("ref+vault://kv/mail/eu#/smtp"))
        assert caught.value.exit_code == 10
    with listening(lambda *_: (403, {})) as address:
        with pytest.raises(SecretStoreRefused, match="rejected the token") as refused:
            provider(address, tmp_path).fetch(ref("ref+vault://kv/mail/eu#/smtp"))
        assert refused.value.exit_code == 4


def test_a_store_that_is_away_is_given_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many secrets the first waits for its whole time, and the others not anew."""
    monkeypatch.setattr(http, "RETRY_FOR_S", 0.05)
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.01)
    asked: list[str] = []
    with listening(lambda _, target, *__: (asked.append(target), (503, {}))[1]) as address:
        vault = provider(address, tmp_path)
        for name in ("one", "two", "three"):
            with pytest.raises(SecretStoreUnreachable, match=f"{name}#/smtp.*status 503"):
                vault.fetch(ref(f"ref+vault://kv{name}/{name}#/smtp"))

    assert len(asked) > 1
    assert all("kvone/one" in target for target in asked)


@pytest.mark.parametrize(
    "path",
    ["x/../../../../v1/auth/token/lookup-self", "auth/token", "sys/x", "cubbyhole/x", "kv//x",
     "kv/%2e%2e/x", "identity/x"],
)  # fmt: skip
def test_only_secrets_are_asked_for(
    vault: FakeVault, address: str, tmp_path: Path, path: str
) -> None:
    """No reference leads to another part of the API than a key-value mount's."""
    reference = parse_secret_ref(f"ref+vault://{path}#/id")
    if reference is not None:
        with pytest.raises(SecretMissing):
            provider(address, tmp_path).fetch(reference)

    assert not any("lookup-self" in target or "/auth/" in target for target in vault.asked)


def test_a_mount_of_another_engine_is_refused(tmp_path: Path) -> None:
    """Whatever can be read there, a database's own login for example, is no mail password."""
    asked: list[str] = []

    def answer(method: str, target: str, *_: Any) -> tuple[int, Any]:
        asked.append(f"{method} {target}")
        return 200, {"data": {"path": "db/", "type": "database"}}

    with listening(answer) as address, pytest.raises(SecretForbidden, match="not a key-value"):
        provider(address, tmp_path).fetch(ref("ref+vault://db/creds/admin#/password"))

    assert asked == ["GET /v1/sys/internal/ui/mounts/db/creds/admin"]
