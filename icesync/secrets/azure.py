"""
Secrets from Azure Key Vault: ``ref+azurekeyvault://VAULT/NAME[/VERSION]``.

Needs the extra ``icesync[azure]``: azure-identity finds the credentials of the
job; the one call is made here. Which cloud it is, of a closed list, the job's
``AZURE_AUTHORITY_HOST`` says: a reference names no host.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import SecretMissing, SecretStoreClosed, SecretStoreRefused
from icesync.model.secret import SecretIdentity, SecretMetadata, SecretRef
from icesync.net import job_bundle
from icesync.secrets import SingleFlight, VersionedProvider, need
from icesync.secrets.http import WebService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DOMAINS: Final = {
    "": "vault.azure.net",
    "login.chinacloudapi.cn": "vault.azure.cn",
    "login.partner.microsoftonline.cn": "vault.azure.cn",
    "login.microsoftonline.us": "vault.usgovcloudapi.net",
}
"""Where vaults are, by the host of a cloud's login, which is what azure-identity is told."""

_PATH: Final = re.compile(
    r"([A-Za-z0-9-]{3,24})/([A-Za-z0-9-]{1,127})(?:/([A-Za-z0-9]{1,64}))?", re.ASCII
)
_API: Final = "7.4"
_MEANINGS: Final = {
    401: "the credentials are not accepted",
    403: "the job's identity is not allowed to read it",
    404: "no such secret or version",
}


def _domain(authority: str) -> str:
    """Return where the vaults of the cloud are that *authority* logs in to."""
    host = authority.removeprefix("https://").strip("/").lower()
    return _DOMAINS.get(host, _DOMAINS[""])


class AzureProvider(VersionedProvider):
    """
    Opens ``azurekeyvault`` references of the cloud that *environ* names.

    *address* gives what answers in a vault's place, for tests.
    """

    def __init__(
        self, environ: Mapping[str, str], agent: str, address: Callable[[str], str] = str
    ) -> None:
        super().__init__("azurekeyvault")
        self._agent = agent
        self._domain = _domain(environ.get("AZURE_AUTHORITY_HOST", ""))
        self._address = address
        self._services: SingleFlight[WebService] = SingleFlight()
        self._credential: Any = None
        self._lock = Lock()

    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        """Ask for the value and its version."""
        vault, *name = _names(reference)
        address = self._address(f"https://{vault}.{self._domain}")
        service = self._services.get(
            vault, lambda: WebService("Azure Key Vault", address, self._agent)
        )
        scope = f"https://{self._domain}/.default"
        headers = {"Authorization": f"Bearer {self._token(reference, scope)}"}
        path = f"/secrets/{'/'.join(name)}?api-version={_API}"
        status, tree = service.ask(reference, "GET", path, headers)
        value = tree.get("value") if status == 200 and isinstance(tree, dict) else None
        if not isinstance(value, str):
            message = _MEANINGS.get(status, f"Azure answered with status {status}")
            kind = SecretMissing if status in {200, 404} else SecretStoreRefused
            raise kind(f"`{reference}`: {message}")
        return value.encode("utf-8", "surrogatepass"), _metadata(tree)

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return vault, secret and key, of whichever version; Azure does not tell cases apart.

        Raises:
            SecretMissing: it does not name them as Azure does.

        """
        vault, name, *_ = _names(reference)
        document = f"azurekeyvault:{vault.lower()}/{name.lower()}"
        return SecretIdentity(document, reference.fragment)

    def _token(self, reference: SecretRef, scope: str) -> str:
        """Return a token that lives; azure-identity keeps and renews it."""
        identity = need("azure.identity", "azure", reference)
        errors = need("azure.core.exceptions", "azure", reference)
        with self._lock:
            try:
                if self._credential is None:
                    bundle = job_bundle(os.environ)
                    trust = {"connection_verify": bundle} if bundle else {}
                    self._credential = identity.DefaultAzureCredential(**trust)
                return str(self._credential.get_token(scope).token)
            except errors.AzureError as error:
                kind = type(error).__name__
        raise SecretStoreClosed(
            f"`{reference}`: no credentials for Azure: {kind}",
            "run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and a federated "
            "token or secret",
        )


def _names(reference: SecretRef) -> tuple[str, ...]:
    """Return vault, secret and, where it is named, version, each as Azure permits one."""
    match = _PATH.fullmatch(reference.path)
    if match is None or reference.query:
        raise SecretMissing(
            f"`{reference}` does not name a vault (3 to 24 letters, digits and `-`) and a secret",
            "ref+azurekeyvault://VAULT/NAME",
        )
    return tuple(filter(None, match.groups()))


def _metadata(tree: Any) -> SecretMetadata:
    version = str(tree.get("id", "")).rpartition("/")[2] or None
    created = tree.get("attributes", {}).get("created")
    moment = datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None
    return SecretMetadata(version, moment)
