"""
Secrets from AWS: ``ref+awssecrets://NAME[?region=…&version=…]`` and ``ref+awsssm://PATH``.

Both need the extra ``icesync[aws]``; boto3 finds its credentials as everywhere
(environment, profile, role of the job). With ``#/key`` the value is read as
JSON, in which AWS's own console keeps several values under one name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from icesync.errors import SecretMissing
from icesync.model.secret import SecretMetadata
from icesync.secrets.base import SingleFlight, VersionedProvider, need

if TYPE_CHECKING:
    from icesync.model.secret import SecretRef

_SERVICES: Final = {"awssecrets": "secretsmanager", "awsssm": "ssm"}

_MEANINGS: Final = {
    "AccessDeniedException": "the job's role does not allow it",
    "DecryptionFailure": "its key does not allow the job's role to decrypt it",
    "ExpiredTokenException": "the credentials have ended",
    "InvalidClientTokenId": "the credentials are not known there",
    "ParameterNotFound": "there is no such parameter in this account and region",
    "ParameterVersionNotFound": "there is no such version",
    "ResourceNotFoundException": "there is no such secret in this account and region",
    "UnrecognizedClientException": "the credentials are not known there",
}
"""What AWS calls the errors that people meet (its API references)."""


class AwsProvider(VersionedProvider):
    """Opens ``awssecrets`` or ``awsssm`` references."""

    def __init__(self, scheme: str) -> None:
        super().__init__(scheme)
        self._clients: SingleFlight[Any] = SingleFlight()

    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        """Ask for the value and its version."""
        query = {name: values[0] for name, values in parse_qs(reference.query).items()}
        region, version = query.pop("region", None), query.pop("version", None)
        if query:
            raise SecretMissing(
                f"`{reference}`: only region= and version= may stand after the path"
            )
        name = unquote(reference.path)
        ask = _ask_ssm if self.scheme == "awsssm" else _ask_secrets_manager
        errors = need("botocore.exceptions", "aws", reference)
        try:
            client = self._clients.get(region, lambda: self._open(reference, region))
            return ask(client, name, version)
        except errors.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            problem = _MEANINGS.get(code, f"AWS refused with {code!a}")
        except errors.BotoCoreError as error:
            # Its text may quote an address or a header; its kind says enough.
            problem = f"AWS was not asked: {type(error).__name__}"
        raise SecretMissing(f"`{reference}`: {problem}")

    def _open(self, reference: SecretRef, region: str | None) -> Any:
        boto3 = need("boto3", "aws", reference)
        config = need("botocore.config", "aws", reference).Config(
            connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3}
        )
        return boto3.client(_SERVICES[self.scheme], region_name=region, config=config)


def _ask_secrets_manager(
    client: Any, name: str, version: str | None
) -> tuple[bytes, SecretMetadata]:
    """Ask GetSecretValue; *version* is an id, or a stage such as AWSPREVIOUS."""
    asked = {"SecretId": name}
    if version:
        asked["VersionStage" if version.isupper() else "VersionId"] = version
    reply = client.get_secret_value(**asked)
    metadata = SecretMetadata(reply.get("VersionId"), reply.get("CreatedDate"))
    if "SecretString" in reply:
        return reply["SecretString"].encode(), metadata
    return bytes(reply["SecretBinary"]), metadata


def _ask_ssm(client: Any, name: str, version: str | None) -> tuple[bytes, SecretMetadata]:
    """Ask GetParameter; a name in several parts starts with a slash (as vals reads it)."""
    full = f"/{name}" if "/" in name else name
    parameter = client.get_parameter(
        Name=f"{full}:{version}" if version else full, WithDecryption=True
    )["Parameter"]
    metadata = SecretMetadata(str(parameter.get("Version")), parameter.get("LastModifiedDate"))
    return parameter["Value"].encode(), metadata
