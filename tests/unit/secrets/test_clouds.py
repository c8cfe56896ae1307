"""AWS by moto, Google and Azure as their REST APIs answer, on loopback."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from distant import FakeAzure, FakeGoogle, listening

from icesync.engine.secret_resolution import fetch_one
from icesync.errors import SecretIsDocument, SecretMissing
from icesync.model.secret import parse_secret_ref
from icesync.secrets.aws import AwsProvider
from icesync.secrets.azure import AzureProvider
from icesync.secrets.gcp import GcpProvider
from icesync.secrets.keyring import KeyringProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.model.secret import SecretRef
    from icesync.ports import SecretProvider


def ref(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(text)
    assert found is not None
    return found


def failure(provider: SecretProvider, text: str) -> str:
    """Return the sentence about a reference that leads nowhere."""
    with pytest.raises(SecretMissing) as caught:
        provider.fetch(ref(text))
    assert "canary" not in repr((caught.value.message, caught.value.hints, caught.value.__cause__))
    return caught.value.message


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """An account with a secret in three versions and two parameters; ids by stage."""
    from moto import mock_aws

    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        import boto3

        manager = boto3.client("secretsmanager")
        first = manager.create_secret(Name="mail/eu", SecretString="one")
        second = manager.put_secret_value(SecretId="mail/eu", SecretString="two")
        manager.create_secret(Name="bytes", SecretBinary=b"\xc3\xa9")
        parameters = boto3.client("ssm")
        parameters.put_parameter(Name="/mail/eu", Value="three", Type="SecureString")
        parameters.put_parameter(Name="plain", Value="four", Type="String")
        boto3.client("ssm", "us-east-1").put_parameter(Name="far", Value="five", Type="String")
        yield {"AWSPREVIOUS": first["VersionId"], "AWSCURRENT": second["VersionId"]}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("scheme", "rest", "value"),
    [
        ("awssecrets", "mail/eu", "two"),
        ("awssecrets", "mail/eu?version=AWSPREVIOUS", "one"),
        ("awssecrets", "bytes?region=eu-west-1", "é"),
        ("awsssm", "mail/eu", "three"),
        ("awsssm", "mail/eu?version=1", "three"),
        ("awsssm", "plain", "four"),
        ("awsssm", "far?region=us-east-1", "five"),
    ],
)
def test_aws_gives_what_is_asked_for(scheme: str, rest: str, value: str) -> None:
    """By name, version, stage and region; a parameter in several parts starts with a slash."""
    assert AwsProvider(scheme).fetch(ref(f"ref+{scheme}://{rest}")).reveal() == value


def test_aws_by_the_id_of_a_version(aws: dict[str, str]) -> None:
    """A version that is no stage is an id; both are known afterwards, with their time."""
    provider = AwsProvider("awssecrets")
    wanted = ref(f"ref+awssecrets://mail/eu?version={aws['AWSPREVIOUS']}")

    assert provider.fetch(wanted).reveal() == "one"
    assert provider.metadata(wanted).version == aws["AWSPREVIOUS"]
    assert provider.metadata(wanted).changed_at is not None


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("scheme", "rest", "told"),
    [
        ("awssecrets", "mail/us", "no such secret in this account and region"),
        ("awssecrets", "mail/eu#/key", "the value is not JSON, so it has no keys"),
        ("awssecrets", "mail/eu?stage=x", "only region= and version= are allowed"),
        ("awsssm", "mail/us", "no such parameter in this account and region"),
        ("awsssm", "mail/eu?version=7", "no such version"),
        ("awsssm", "mail/eu?region=no%20where", "does not name an AWS region"),
    ],
)
def test_what_aws_does_not_give_is_told(scheme: str, rest: str, told: str) -> None:
    """The reason in words, never what boto3 says."""
    assert told in failure(AwsProvider(scheme), f"ref+{scheme}://{rest}")


@pytest.fixture
def google() -> FakeGoogle:
    """A project with a secret in two versions."""
    return FakeGoogle({"proj/mail": ["one", json.dumps({"smtp": "two"})]})


@pytest.fixture
def google_provider(google: FakeGoogle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A provider whose service account obtains its token on loopback, as google-auth does it."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - fast
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with listening(google.answer) as address:
        account = {
            "type": "service_account",
            "client_email": "icesync@proj.iam.gserviceaccount.com",
            "private_key": pem,
            "token_uri": f"{address}/token",
            "project_id": "proj",
        }
        (tmp_path / "account.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        environ = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": address}
        yield GcpProvider(environ, "icesync/test")


def test_google_gives_what_is_asked_for(google: FakeGoogle, google_provider: Any) -> None:
    """The newest version, a given one, a key of a value in JSON; one token for all."""
    one = google_provider.fetch(ref("ref+gcpsecrets://proj/mail?version=1"))
    two = google_provider.fetch(ref("ref+gcpsecrets://proj/mail#/smtp"))

    assert (one.reveal(), two.reveal()) == ("one", "two")
    assert google_provider.metadata(ref("ref+gcpsecrets://proj/mail#/smtp")).version == "2"
    assert google.asked == [
        "POST /token",
        "GET /v1/projects/proj/secrets/mail/versions/1:access",
        "GET /v1/projects/proj/secrets/mail/versions/latest:access",
    ]


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("proj/nothing", "no such secret or version"),
        ("proj/mail?version=9", "no such secret or version"),
        ("mail", "does not name a project and a secret"),
        ("proj/a/b", "does not name a project and a secret"),
        ("proj/mail?region=x", "does not name a project and a secret"),
    ],
)
def test_what_google_does_not_give_is_told(google_provider: Any, rest: str, told: str) -> None:
    """The reason in words."""
    assert told in failure(google_provider, f"ref+gcpsecrets://{rest}")


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"name": "x/versions/1", "payload": {"data": "?"}}, "Google's reply contains no value"),
        ({"name": "x/versions/1", "payload": {}}, "Google's reply contains no value"),
        (b"", "Google answered with status 200"),
    ],
)
def test_a_strange_answer_of_google_is_no_secret(
    tree: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is not the documented shape leads nowhere."""
    monkeypatch.setattr(GcpProvider, "_token", lambda *_: "google-token")
    with listening(lambda *_: (200, tree)) as address:
        environ = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": address}
        provider = GcpProvider(environ, "icesync/test")

        assert told in failure(provider, "ref+gcpsecrets://proj/mail")


def test_google_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks is google-auth's to find; when it does not, the way out is told."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    told = failure(GcpProvider({}, "icesync/test"), "ref+gcpsecrets://proj/mail")

    assert told.endswith("no credentials for Google Cloud: DefaultCredentialsError")


class Credential:
    """What azure-identity finds: *fail* plays that it finds nobody."""

    fail = False
    scopes: tuple[str, ...] = ()

    def get_token(self, scope: str) -> Any:
        """Return a token for *scope*."""
        from azure.core.credentials import AccessToken
        from azure.core.exceptions import ClientAuthenticationError

        if self.fail:
            raise ClientAuthenticationError("canary: tried 7 ways")
        Credential.scopes += (scope,)
        return AccessToken("azure-token", 0)


@pytest.fixture
def credential(monkeypatch: pytest.MonkeyPatch) -> type[Credential]:
    """Azure's credentials, without a search for them."""
    import azure.identity

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Credential)
    monkeypatch.setattr(Credential, "fail", False)
    monkeypatch.setattr(Credential, "scopes", ())
    return Credential


def test_azure_gives_what_is_asked_for(credential: type[Credential]) -> None:
    """By vault, name and version; the token is for that cloud's vaults."""
    azure = FakeAzure({"mail": "one", "mail/7": "seven", "json": '{"smtp": "two"}'})
    with listening(azure.answer) as address:
        provider = AzureProvider({}, "icesync/test", lambda _: address)
        texts = ("vault-1/mail", "vault-1/mail/7", "vault-1/json#/smtp")
        found = [provider.fetch(ref(f"ref+azurekeyvault://{text}")).reveal() for text in texts]
        metadata = provider.metadata(ref("ref+azurekeyvault://vault-1/mail"))

    assert found == ["one", "seven", "two"]
    assert (metadata.version, str(metadata.changed_at)) == ("0a1b", "2026-09-21 14:13:20+00:00")
    assert set(credential.scopes) == {"https://vault.azure.net/.default"}


@pytest.mark.parametrize(
    ("authority", "domain"),
    [
        ("https://login.chinacloudapi.cn/", "vault.azure.cn"),
        ("https://login.microsoftonline.us", "vault.usgovcloudapi.net"),
        ("https://login.evil.example", "vault.azure.net"),
    ],
)
def test_which_cloud_it_is_the_job_says(
    credential: type[Credential], authority: str, domain: str
) -> None:
    """A vault's host comes from a closed list, by the host that the job logs in at."""
    asked: list[str] = []
    with listening(FakeAzure({"mail": "one"}).answer) as address:

        def at(url: str) -> str:
            asked.append(url)
            return address

        provider = AzureProvider({"AZURE_AUTHORITY_HOST": authority}, "icesync/test", at)
        provider.fetch(ref("ref+azurekeyvault://vault-1/mail"))

    assert asked == [f"https://vault-1.{domain}"]
    assert credential.scopes == (f"https://{domain}/.default",)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("vault-1/nothing", "no such secret or version"),
        ("vault-1", "does not name a vault"),
        ("vault-1/a/b/c", "does not name a vault"),
    ],
)
@pytest.mark.usefixtures("credential")
def test_what_azure_does_not_give_is_told(rest: str, told: str) -> None:
    """The reason in words."""
    with listening(FakeAzure().answer) as address:
        provider = AzureProvider({}, "icesync/test", lambda _: address)

        assert told in failure(provider, f"ref+azurekeyvault://{rest}")


@pytest.mark.usefixtures("aws", "credential")
def test_a_document_of_a_cloud_is_no_secret(google: FakeGoogle, google_provider: Any) -> None:
    """Without a key it is refused, with the way to one secret; with a key it is one."""
    import boto3

    text = '{"smtp": "canary-1", "imap": "canary-2"}'
    boto3.client("secretsmanager").create_secret(Name="doc", SecretString=text)
    boto3.client("ssm").put_parameter(Name="doc", Value=text, Type="SecureString")
    google.secrets["proj/doc"] = [text]
    with listening(FakeAzure({"doc": text}).answer) as address:
        for rest, provider in {
            "awssecrets://doc": AwsProvider("awssecrets"),
            "awsssm://doc": AwsProvider("awsssm"),
            "gcpsecrets://proj/doc": google_provider,
            "azurekeyvault://vault-1/doc": AzureProvider({}, "icesync/test", lambda _: address),
        }.items():
            with pytest.raises(SecretIsDocument) as caught:
                fetch_one(ref(f"ref+{rest}"), provider)

            assert caught.value.hints == (f"name the key: ref+{rest}#/KEY",)
            assert "canary" not in caught.value.message
            assert fetch_one(ref(f"ref+{rest}#/smtp"), provider).reveal() == "canary-1"


def test_azure_without_credentials(credential: type[Credential]) -> None:
    """What azure-identity says of its search may quote a variable; its kind says enough."""
    credential.fail = True

    told = failure(AzureProvider({}, "icesync/test"), "ref+azurekeyvault://vault-1/mail")

    assert told.endswith("no credentials for Azure: ClientAuthenticationError")


def test_a_keyring_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed keyring, a missing password and half a reference are told apart."""
    import keyring
    from keyring.errors import KeyringLocked

    def locked(*_: str) -> str:
        raise KeyringLocked("canary")

    provider = KeyringProvider()
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    assert "no such password in the keyring" in failure(provider, "ref+keyring://mail/eu")
    monkeypatch.setattr(keyring, "get_password", locked)
    assert "did not answer: KeyringLocked" in failure(provider, "ref+keyring://mail/eu")
    assert "does not name a service and a name" in failure(provider, "ref+keyring://mail")


@pytest.mark.parametrize(
    ("provider", "text", "module", "extra"),
    [
        (AwsProvider("awssecrets"), "ref+awssecrets://x", "botocore.exceptions", "aws"),
        (GcpProvider({}, "x"), "ref+gcpsecrets://p/x", "google.auth", "gcp"),
        (AzureProvider({}, "x"), "ref+azurekeyvault://vault-1/x", "azure.identity", "azure"),
        (KeyringProvider(), "ref+keyring://s/x", "keyring", "keyring"),
    ],
    ids=["aws", "gcp", "azure", "keyring"],
)
def test_a_missing_extra_tells_the_line_that_installs_it(
    provider: SecretProvider, text: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries of clouds come with extras."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(SecretMissing) as caught:
        provider.fetch(ref(text))

    assert caught.value.message == f"`{text}` needs the extra `{extra}`, which is not installed"
    assert caught.value.hints == (f"pip install 'icesync[{extra}]'",)


def test_aws_that_is_away_is_asked_for_one_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 tries several times: a region that does not answer costs that once, not each time."""
    from botocore.exceptions import EndpointConnectionError

    asked: list[str] = []

    class Away:
        def get_secret_value(self, *, SecretId: str) -> None:  # noqa: N803 - boto3's name
            asked.append(SecretId)
            raise EndpointConnectionError(endpoint_url="https://aws.test")

    provider = AwsProvider("awssecrets")
    monkeypatch.setattr(provider, "_open", lambda *_: Away())

    told = [failure(provider, f"ref+awssecrets://{name}") for name in ("one", "two")]

    assert told[1] == "`ref+awssecrets://two`: AWS could not be called: no connection"
    assert asked == ["one"]
