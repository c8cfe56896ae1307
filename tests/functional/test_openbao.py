"""Secrets of a real OpenBao: both key-value engines, namespaces, policies, the login of a job."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from realservers import Bao, bao_server

from icesync.errors import SecretForbidden, SecretMissing, SecretStoreRefused
from icesync.model.secret import SecretMetadata, parse_secret_ref
from icesync.secrets.vault import VaultProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.model.secret import SecretRef

pytestmark = pytest.mark.slow

POLICY = """
path "kv/data/mail/*" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
"""


@pytest.fixture(scope="module")
def bao() -> Iterator[Bao]:
    """An OpenBao with a little of everything."""
    with bao_server() as bao:
        for mount, version in (("kv", "2"), ("team/mail", "2"), ("old", "1")):
            options = {"type": "kv", "options": {"version": version}}
            bao.ask("POST", f"sys/mounts/{mount}", options)
        for value in ("one", "two"):
            bao.ask("POST", "kv/data/mail/eu", {"data": {"smtp": value, "pop3": "three"}})
        bao.ask("POST", "kv/data/mail/gone", {"data": {"smtp": "one"}})
        bao.ask("DELETE", "kv/data/mail/gone")
        bao.ask("POST", "kv/data/other", {"data": {"smtp": "hidden"}})
        bao.ask("POST", "kv/data/mail/odd%20name", {"data": {"smtp": "blank"}})
        bao.ask("POST", "team/mail/data/eu", {"data": {"smtp": "nested"}})
        bao.ask("POST", "old/mail", {"smtp": "flat"})
        bao.ask("POST", "sys/policies/acl/mail", {"policy": POLICY})
        yield bao


def ref(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(f"ref+openbao://{text}")
    assert found is not None
    return found


def provider(bao: Bao, home: Path, **more: str) -> VaultProvider:
    """Return a provider for *bao*, as root unless *more* says who asks."""
    environ = {"BAO_ADDR": bao.address, **(more or {"BAO_TOKEN": bao.token})}
    return VaultProvider("openbao", environ, "icesync/test", home)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("kv/mail/eu#/smtp", "two"),
        ("kv/mail/eu?version=1#/smtp", "one"),
        ("kv/mail/odd%20name#/smtp", "blank"),
        ("team/mail/eu#/smtp", "nested"),
        ("old/mail#/smtp", "flat"),
    ],
)
def test_a_secret_is_found(bao: Bao, tmp_path: Path, text: str, value: str) -> None:
    """Of either version of the engine, wherever it is mounted."""
    assert provider(bao, tmp_path).fetch(ref(text)).reveal() == value


def test_its_version_is_known(bao: Bao, tmp_path: Path) -> None:
    """The second version of the engine counts; the first knows nothing of it."""
    asked = provider(bao, tmp_path)

    found = asked.metadata(ref("kv/mail/eu#/smtp"))
    assert found.version == "2"
    assert found.changed_at is not None
    assert asked.metadata(ref("old/mail#/smtp")) == SecretMetadata()


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("kv/mail/gone#/smtp", SecretMissing, "version 1 was deleted"),
        ("kv/mail/none#/smtp", SecretMissing, "has nothing at that path"),
        ("kv/mail/eu#/imap", SecretMissing, "pop3"),
        ("kv/mail/eu", SecretMissing, "available: `pop3`, `smtp`"),
        ("kv/other#/smtp", SecretStoreRefused, "no policy allows it"),
        ("auth/token/lookup-self#/id", SecretForbidden, "contains no secrets"),
    ],
)
def test_what_a_policy_permits(
    bao: Bao, tmp_path: Path, text: str, kind: type[SecretMissing], told: str
) -> None:
    """A token that reads some paths: each refusal is told apart, and no other engine is read."""
    made = bao.ask("POST", "auth/token/create", {"policies": ["mail"]})
    token = made["auth"]["client_token"]

    with pytest.raises(kind, match=told) as caught:
        provider(bao, tmp_path, BAO_TOKEN=token).fetch(ref(text))

    assert token not in caught.value.message


def test_a_namespace_has_secrets_of_its_own(bao: Bao, tmp_path: Path) -> None:
    """``BAO_NAMESPACE`` says which; the same path elsewhere is another secret."""
    bao.ask("POST", "sys/namespaces/eu")
    bao.ask("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, space="eu")
    bao.ask("POST", "kv/data/mail/eu", {"data": {"smtp": "theirs"}}, space="eu")

    there = provider(bao, tmp_path, BAO_TOKEN=bao.token, BAO_NAMESPACE="eu")

    assert there.fetch(ref("kv/mail/eu#/smtp")).reveal() == "theirs"
    assert provider(bao, tmp_path).fetch(ref("kv/mail/eu#/smtp")).reveal() == "two"


def part(document: object) -> str:
    """Return a part of a JSON Web Token."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_job_logs_in_by_its_own_token(bao: Bao, tmp_path: Path) -> None:
    """The JSON Web Token of a pipeline is exchanged for a token of the role's policies."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bao.ask("POST", "sys/auth/gitlab/jwt", {"type": "jwt"})
    bao.ask("POST", "auth/gitlab/jwt/config", {"jwt_validation_pubkeys": [public.decode()]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["https://bao.test"],
            "policies": ["mail"]}  # fmt: skip
    bao.ask("POST", "auth/gitlab/jwt/role/mail", role)

    def token(audience: str) -> str:
        now = int(time.time())
        claims = {"sub": "job", "aud": audience, "iat": now, "nbf": now - 60, "exp": now + 300}
        signed = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}"
        return f"{signed}.{part(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def asked(audience: str) -> Any:
        proof = token(audience)
        return provider(
            bao, tmp_path, BAO_AUTH_PATH="gitlab/jwt", BAO_AUTH_ROLE="mail", BAO_ID_TOKEN=proof
        )

    assert asked("https://bao.test").fetch(ref("kv/mail/eu#/smtp")).reveal() == "two"
    with pytest.raises(SecretStoreRefused, match="rejected the login as role 'mail'"):
        asked("https://elsewhere.test").fetch(ref("kv/mail/eu#/smtp"))
