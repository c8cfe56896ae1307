"""
Secrets from Azure Key Vault: ``ref+azurekeyvault://VAULT/NAME[/VERSION]``.

Needs the extra ``icesync[azure]``: azure-identity finds the credentials of the
job; the one call is made here. A vault of another cloud is written with its
whole host: ``ref+azurekeyvault://VAULT.vault.azure.cn/NAME``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from icesync.errors import SecretMissing
from icesync.model.secret import SecretMetadata
from icesync.secrets.base import SingleFlight, VersionedProvider, need
from icesync.secrets.http import WebService

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.secret import SecretRef

_DOMAIN: Final = "vault.azure.net"
_API: Final = "7.4"
_MEANINGS: Final = {
    401: "the credentials are not accepted",
    403: "the job's identity is not allowed to read it",
    404: "there is no such secret or version",
}


def _address(vault: str) -> str:
    return f"https://{vault if '.' in vault else f'{vault}.{_DOMAIN}'}"


class AzureProvider(VersionedProvider):
    """Opens ``azurekeyvault`` references; *address* tells where a vault answers."""

    def __init__(self, agent: str, address: Callable[[str], str] = _address) -> None:
        super().__init__("azurekeyvault")
        self._agent = agent
        self._address = address
        self._services: SingleFlight[WebService] = SingleFlight()
        self._credential: Any = None
        self._lock = Lock()

    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        """Ask for the value and its version."""
        vault, *name = unquote(reference.path).split("/")
        if len(name) not in {1, 2} or reference.query:
            raise SecretMissing(
                f"`{reference}` does not name a vault and a secret",
                "ref+azurekeyvault://VAULT/NAME",
            )
        address = self._address(vault)
        service = self._services.get(
            vault, lambda: WebService("Azure Key Vault", address, self._agent)
        )
        scope = f"https://{_domain(vault)}/.default"
        headers = {"Authorization": f"Bearer {self._token(reference, scope)}"}
        path = f"/secrets/{quote('/'.join(name))}?api-version={_API}"
        status, tree = service.ask(reference, "GET", path, headers)
        value = tree.get("value") if status == 200 and isinstance(tree, dict) else None
        if not isinstance(value, str):
            message = _MEANINGS.get(status, f"Azure answered with status {status}")
            raise SecretMissing(f"`{reference}`: {message}")
        return value.encode("utf-8", "surrogatepass"), _metadata(tree)

    def _token(self, reference: SecretRef, scope: str) -> str:
        """Return a token that lives; azure-identity keeps and renews it."""
        identity = need("azure.identity", "azure", reference)
        errors = need("azure.core.exceptions", "azure", reference)
        with self._lock:
            try:
                if self._credential is None:
                    self._credential = identity.DefaultAzureCredential()
                return str(self._credential.get_token(scope).token)
            except errors.AzureError as error:
                kind = type(error).__name__
        raise SecretMissing(
            f"`{reference}`: no credentials for Azure: {kind}",
            "az login   or AZURE_TENANT_ID, AZURE_CLIENT_ID and a federated token or secret",
        )


def _domain(vault: str) -> str:
    return vault.partition(".")[2] or _DOMAIN


def _metadata(tree: Any) -> SecretMetadata:
    version = str(tree.get("id", "")).rpartition("/")[2] or None
    created = tree.get("attributes", {}).get("created")
    moment = datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None
    return SecretMetadata(version, moment)
