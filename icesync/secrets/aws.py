"""
Secrets from AWS: ``ref+awssecrets://NAME[?region=…&version=…]`` and ``ref+awsssm://PATH``.

Both need the extra ``icesync[aws]``; boto3 finds its credentials as everywhere
(environment, profile, role of the job). With ``#/key`` the value is read as
JSON, in which AWS's own console keeps several values under one name.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import (
    SecretMissing,
    SecretStoreClosed,
    SecretStoreRefused,
    SecretStoreUnreachable,
)
from icesync.model.secret import SecretIdentity, SecretMetadata, SecretRef
from icesync.net import job_bundle, told_of_certificate
from icesync.secrets import SingleFlight, VersionedProvider, need

if TYPE_CHECKING:
    from collections.abc import Mapping

_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]{1,10}){1,3}-[0-9]{1,2}", re.ASCII)
_VERSION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LATEST: Final = "AWSCURRENT"
_NAMES: Final = {
    "awssecrets": re.compile(
        r"(?:arn:[a-z-]{1,20}:secretsmanager:[a-z0-9-]+:[0-9]+:secret:)?[A-Za-z0-9/_+=.@-]{1,512}"
    ),
    "awsssm": re.compile(
        r"(?:arn:[a-z-]{1,20}:ssm:[a-z0-9-]+:[0-9]+:parameter)?[A-Za-z0-9/_.-]{1,1011}"
    ),
}
_ARN: Final = re.compile(r"arn:[^:]+:[^:]+:[^:]+:[^:]+:(?:secret:|parameter)")
_ARN_END: Final = re.compile(r"-[A-Za-z0-9]{6}\Z")
"""What Secrets Manager puts behind the name in an ARN."""

_REFERRED: Final = "aws/reference/secretsmanager/"
"""Where the Parameter Store gives the secrets of Secrets Manager."""

_SERVICES: Final = {"awssecrets": "secretsmanager", "awsssm": "ssm"}

_MEANINGS: Final = {
    "AccessDeniedException": "the job's role does not allow it",
    "DecryptionFailure": "its key does not allow the job's role to decrypt it",
    "ExpiredTokenException": "the credentials have expired",
    "InvalidClientTokenId": "the credentials are unknown there",
    "ParameterNotFound": "no such parameter in this account and region",
    "ParameterVersionNotFound": "no such version",
    "ResourceNotFoundException": "no such secret in this account and region",
    "UnrecognizedClientException": "the credentials are unknown there",
}
"""What AWS calls the errors that people meet (its API references)."""


_THROTTLED: Final = ("Throttl", "InternalService", "ServiceUnavailable", "RequestLimit")
_NOT_THERE: Final = ("Parameter", "ResourceNotFound", "Validation", "InvalidRequest")
_CREDENTIALS: Final[Mapping[str, type[SecretMissing]]] = {
    "NoCredentialsError": SecretStoreClosed,
    "PartialCredentialsError": SecretStoreRefused,
    "NoRegionError": SecretMissing,
}


_WORDS: Final = {
    "EndpointConnectionError": "no connection",
    "ConnectTimeoutError": "no connection in time",
    "ReadTimeoutError": "no reply in time",
    "ProxyConnectionError": "the proxy cannot be reached, or rejects the connection",
    "ConnectionClosedError": "the connection was lost before the reply was complete",
    "NoCredentialsError": "there are no credentials; set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or give the job a role",
    "NoRegionError": "no region is named; set AWS_REGION, or write ?region= behind the name",
}


def _kind(code: str) -> type[SecretMissing]:
    """Return what an error of AWS comes to by its *code*."""
    if code.startswith(_THROTTLED):
        return SecretStoreUnreachable
    return SecretMissing if code.startswith(_NOT_THERE) else SecretStoreRefused


class AwsProvider(VersionedProvider):
    """Opens ``awssecrets`` or ``awsssm`` references."""

    def __init__(self, scheme: str) -> None:
        super().__init__(scheme)
        self._clients: SingleFlight[Any] = SingleFlight()
        self._away: dict[str | None, str] = {}
        self._answers = 0

    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        """Ask for the value and its version."""
        name = self._name(reference)
        region, version = reference.options.get("region"), reference.options.get("version")
        away, answers = self._away.get(region), self._answers
        if away is not None:
            raise SecretStoreUnreachable(f"`{reference}`: {away}")
        ask = _ask_ssm if self.scheme == "awsssm" else _ask_secrets_manager
        errors = need("botocore.exceptions", "aws", reference)
        try:
            client = self._clients.get(region, lambda: self._open(reference, region), reference)
            found = ask(client, name, version)
        except errors.ClientError as error:
            self._answers += 1
            code = error.response.get("Error", {}).get("Code", "")
            problem = _MEANINGS.get(code, f"AWS refused with {code!a}")
            kind = _kind(code)
        except errors.BotoCoreError as error:
            # Its text may quote an address or a header; its kind says enough.
            called = type(error).__name__
            problem = f"AWS could not be called: {_WORDS.get(called, called)}"
            if isinstance(error, errors.SSLError):
                problem = f"AWS: {told_of_certificate(str(error), os.environ)}"
            kind = _CREDENTIALS.get(called, SecretStoreUnreachable)
            if kind is SecretStoreUnreachable and self._answers == answers:
                # boto3 asked several times already: no other secret waits for that anew.
                self._away[region] = problem
        else:
            self._answers += 1
            return found
        raise kind(f"`{reference}`: {problem}")

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return name and key, of whichever version and region: secrets are replicated.

        A whole ARN and a name may mean one secret, so both give the name. Below
        ``/aws/reference/secretsmanager/`` the parameters are the secrets.

        Raises:
            SecretMissing: it is not a name as AWS permits one.

        """
        name = self._name(reference)
        arn = _ARN.match(name)
        if arn is not None:
            name = name[arn.end() :]
            name = _ARN_END.sub("", name) if self.scheme == "awssecrets" else name
        name = name.strip("/")
        scheme = "awssecrets" if name.startswith(_REFERRED) else self.scheme
        return SecretIdentity(f"{scheme}:{name.removeprefix(_REFERRED)}", reference.fragment)

    def _name(self, reference: SecretRef) -> str:
        """Return what AWS is asked for; a parameter in several steps starts with a slash."""
        options, pattern = reference.options, _NAMES[self.scheme]
        if options.keys() - {"region", "version"}:
            raise SecretMissing(f"`{reference}`: only region= and version= are allowed after `?`")
        if not _REGION.fullmatch(options.get("region", "eu-west-1")):
            raise SecretMissing(f"`{reference}` does not name an AWS region", "region=eu-west-1")
        if not _VERSION.fullmatch(options.get("version", "1")) or options.get("version") == _LATEST:
            raise SecretMissing(f"`{reference}`: a version is a number, an id, or another stage")
        name = "/".join(reference.steps)
        if self.scheme == "awsssm" and (reference.absolute or len(reference.steps) > 1):
            name = name if name.startswith("arn:") else f"/{name}"
        if not pattern.fullmatch(name) or (reference.absolute and self.scheme != "awsssm"):
            raise SecretMissing(f"`{reference}` is not a valid AWS name")
        return name

    def _open(self, reference: SecretRef, region: str | None) -> Any:
        boto3 = need("boto3", "aws", reference)
        config = need("botocore.config", "aws", reference).Config(
            connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3}
        )
        # boto3 reads AWS_DEFAULT_REGION; everything else of AWS reads AWS_REGION.
        region = region or os.environ.get("AWS_REGION") or None
        # boto3 knows the proxy's variables, but of certificates its own variable alone.
        verify = None if os.environ.get("AWS_CA_BUNDLE") else job_bundle(os.environ)
        return boto3.client(
            _SERVICES[self.scheme], region_name=region, config=config, verify=verify
        )


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
    """Ask GetParameter."""
    parameter = client.get_parameter(
        Name=f"{name}:{version}" if version else name, WithDecryption=True
    )["Parameter"]
    metadata = SecretMetadata(str(parameter.get("Version")), parameter.get("LastModifiedDate"))
    return parameter["Value"].encode(), metadata
