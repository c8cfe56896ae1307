"""What every secret provider promises, the fake one included."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from distant import (
    OP,
    SOPS,
    FakeAzure,
    FakeGoogle,
    FakeVault,
    install_program,
    listening,
    sops_file,
)
from fakes import FakeProvider

from icesync.errors import SecretMissing
from icesync.model.secret import SecretRef, parse_secret_ref
from icesync.secrets.aws import AwsProvider
from icesync.secrets.azure import AzureProvider
from icesync.secrets.env import EnvProvider
from icesync.secrets.exec import ExecProvider
from icesync.secrets.file import FileProvider
from icesync.secrets.gcp import GcpProvider
from icesync.secrets.keyring import KeyringProvider
from icesync.secrets.onepassword import OnePasswordProvider
from icesync.secrets.sops import SopsProvider
from icesync.secrets.vault import VaultProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    from icesync.ports import SecretProvider

    Provided: TypeAlias = tuple[SecretProvider, SecretRef]
    Provide: TypeAlias = Callable[[str], Provided]


class Place(NamedTuple):
    """Where a provider keeps what it holds: a folder, variables, things to close at the end."""

    folder: Path
    patch: pytest.MonkeyPatch
    stack: ExitStack


def _reference(text: str) -> SecretRef:
    found = parse_secret_ref(text)
    assert found is not None
    return found


def _env(value: str, _: Place) -> Provided:
    provider = EnvProvider({"ICE_PASSWORD": value}, ("ICE_*",))
    return provider, _reference("ref+env://ICE_PASSWORD")


def _file(value: str, place: Place) -> Provided:
    (place.folder / "password").write_bytes(f"{value}\n".encode())
    provider = FileProvider(place.folder, ("**",), lambda _data, _name: {}, {})
    return provider, _reference("ref+file://password")


def _sops(value: str, place: Place) -> Provided:
    _install(place, "sops", SOPS)
    tree = json.dumps({"mail": {"password": value}}, ensure_ascii=False).encode()
    (place.folder / "a.enc.yaml").write_text(sops_file(tree))
    provider = SopsProvider(place.folder, ("**",), os.environ)
    return provider, _reference("ref+sops://a.enc.yaml#/mail/password")


def _vault(value: str, place: Place) -> Provided:
    vault = FakeVault({"kv/mail": [{"password": value}]})
    environ = {"VAULT_ADDR": place.stack.enter_context(listening(vault.answer))}
    environ["VAULT_TOKEN"] = vault.token
    provider = VaultProvider("vault", environ, "test", place.folder)
    return provider, _reference("ref+vault://kv/mail#/password")


def _op(value: str, place: Place) -> Provided:
    _install(place, "op", OP)
    place.patch.setenv("OP_FAKE", f"op://Mail/EU desk/password={value}")
    return OnePasswordProvider(place.folder, os.environ), _reference(
        "ref+op://Mail/EU%20desk/password"
    )


def _exec(value: str, place: Place) -> Provided:
    _install(place, "vend", "import sys\nif sys.argv[1:] != ['a/b']: sys.exit(1)\n"
             f"sys.stdout.buffer.write({value.encode()!r} + b'\\n')")  # fmt: skip
    provider = ExecProvider(place.folder, {**os.environ, "ICESYNC_ALLOW_EXEC": "1"})
    return provider, _reference("ref+exec://vend/a%2Fb")


def _aws(value: str, place: Place) -> Provided:
    import boto3
    from moto import mock_aws

    place.stack.enter_context(mock_aws())
    place.patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    client = boto3.client("secretsmanager")
    client.create_secret(Name="mail/eu", SecretString=json.dumps({"password": value}))
    return AwsProvider("awssecrets"), _reference("ref+awssecrets://mail/eu#/password")


def _ssm(value: str, place: Place) -> Provided:
    import boto3
    from moto import mock_aws

    place.stack.enter_context(mock_aws())
    place.patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # AWS itself takes no empty parameter; as JSON it may hold one.
    content = json.dumps({"password": value})
    boto3.client("ssm").put_parameter(Name="/mail/eu", Value=content, Type="SecureString")
    return AwsProvider("awsssm"), _reference("ref+awsssm://mail/eu#/password")


def _google(value: str, place: Place) -> Provided:
    google = FakeGoogle({"proj/mail": [json.dumps({"password": value})]})
    address = place.stack.enter_context(listening(google.answer))
    place.patch.setattr(GcpProvider, "_token", lambda *_: "google-token")
    environ = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": address}
    return GcpProvider(environ, "test"), _reference("ref+gcpsecrets://proj/mail#/password")


def _azure(value: str, place: Place) -> Provided:
    azure = FakeAzure({"mail": value})
    address = place.stack.enter_context(listening(azure.answer))
    place.patch.setattr(AzureProvider, "_token", lambda *_: "azure-token")
    return AzureProvider({}, "test", lambda _: address), _reference(
        "ref+azurekeyvault://vault-1/mail"
    )


def _keyring(value: str, place: Place) -> Provided:
    import keyring

    held = {("mail", "eu"): value}
    place.patch.setattr(keyring, "get_password", lambda *name: held.get(name))
    return KeyringProvider(), _reference("ref+keyring://mail/eu")


def _fake(value: str, _: Place) -> Provided:
    return FakeProvider("fake", {"password": value}), _reference("ref+fake://password")


def _install(place: Place, name: str, code: str) -> None:
    install_program(place.folder / "bin", name, code)
    place.patch.setenv("PATH", f"{place.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


KINDS = [_env, _file, _sops, _vault, _op, _exec, _aws, _ssm, _google, _azure, _keyring, _fake]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.strip("_"))
def provide(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Provide]:
    """How to get a provider of each kind that holds a value, and the reference to it."""
    with ExitStack() as stack:
        place = Place(tmp_path, monkeypatch, stack)
        yield lambda value: request.param(value, place)


@pytest.mark.parametrize("secret", ["0012", " a#b&c\ttab ", "çé…😀 two\nlines", "null\n"])
def test_secret_is_opaque(provide: Provide, secret: str) -> None:
    """A secret comes back unaltered, whatever it looks like."""
    provider, reference = provide(secret)

    assert provider.fetch(reference).reveal() == secret


def test_empty_secret_is_missing(provide: Provide) -> None:
    """A secret is never empty."""
    provider, reference = provide("")

    with pytest.raises(SecretMissing, match="is empty"):
        provider.fetch(reference)


def test_missing_secret_is_named_and_quotes_no_other(provide: Provide) -> None:
    """A reference that leads nowhere is named; no value of another one is."""
    provider, reference = provide("canary-8h2")
    wrong = _reference(f"{reference}S")

    with pytest.raises(SecretMissing) as caught:
        provider.fetch(wrong)

    assert wrong.path in caught.value.message
    assert "canary-8h2" not in repr((caught.value.message, caught.value.hints))


def test_scheme_is_that_of_the_references(provide: Provide) -> None:
    """A provider names the scheme that it opens, and whether it asks somebody else."""
    provider, reference = provide("x")

    assert provider.scheme == reference.scheme
    assert provider.remote is (reference.scheme not in {"env", "file", "fake"})
