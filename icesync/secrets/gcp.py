"""
Secrets from Google Cloud: ``ref+gcpsecrets://PROJECT/NAME[?version=N]``.

Needs the extra ``icesync[gcp]``: google-auth finds the application's default
credentials; the one call (``projects/P/secrets/S/versions/V:access``) is made here.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import SecretMissing, SecretStoreClosed, SecretStoreRefused
from icesync.model.secret import SecretIdentity, SecretMetadata, SecretRef
from icesync.net import job_bundle
from icesync.secrets import VersionedProvider, need
from icesync.secrets.http import WebService

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADDRESS: Final = "https://secretmanager.googleapis.com"
_ADDRESS_VARIABLE: Final = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_DONE: Final = 200
_PATH: Final = re.compile(r"([a-z0-9][a-z0-9.:-]{0,62})/([A-Za-z0-9_-]{1,255})", re.ASCII)
_VERSION: Final = re.compile(r"[1-9][0-9]{0,18}|[A-Za-z][A-Za-z0-9_-]{0,62}", re.ASCII)
_MEANINGS: Final = {
    401: "the credentials are not accepted",
    403: "the job's account is not allowed to read it",
    404: "no such secret or version",
}


class GcpProvider(VersionedProvider):
    """Opens ``gcpsecrets`` references."""

    def __init__(self, environ: Mapping[str, str], agent: str) -> None:
        super().__init__("gcpsecrets")
        address = environ.get(_ADDRESS_VARIABLE) or _ADDRESS
        self._service = WebService("Google Secret Manager", address, agent)
        self._credentials: Any = None
        self._lock = Lock()

    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        """Ask for the value and its version."""
        project, name, version = _names(reference)
        path = f"/v1/projects/{project}/secrets/{name}/versions/{version}:access"
        headers = {"Authorization": f"Bearer {self._token(reference)}"}
        status, tree = self._service.ask(reference, "GET", path, headers)
        if status != _DONE or not isinstance(tree, dict):
            message = _MEANINGS.get(status, f"Google answered with status {status}")
            kind = SecretMissing if status in {200, 404} else SecretStoreRefused
            raise kind(f"`{reference}`: {message}")
        metadata = SecretMetadata(str(tree.get("name", "")).rpartition("/")[2] or None)
        return _decode(reference, tree.get("payload")), metadata

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return project, secret and key, of whichever version.

        Raises:
            SecretMissing: it does not name them as Google does.

        """
        project, name, _ = _names(reference)
        return SecretIdentity(f"gcpsecrets:{project}/{name}", reference.fragment)

    def _token(self, reference: SecretRef) -> str:
        """Return a token that lives; google-auth keeps and renews it."""
        auth = need("google.auth", "gcp", reference)
        transport = need("google.auth.transport.requests", "gcp", reference)
        errors = need("google.auth.exceptions", "gcp", reference)
        with self._lock:
            try:
                if self._credentials is None:
                    self._credentials, _ = auth.default(scopes=[_SCOPE])
                if not self._credentials.valid:
                    session = need("requests", "gcp", reference).Session()
                    session.verify = job_bundle(os.environ) or True
                    self._credentials.refresh(transport.Request(session))
                return str(self._credentials.token)
            except errors.GoogleAuthError as error:
                kind = type(error).__name__
        raise SecretStoreClosed(
            f"`{reference}`: no credentials for Google Cloud: {kind}",
            "run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS=FILE",
        )


def _names(reference: SecretRef) -> tuple[str, str, str]:
    """Return project, secret and version, each as Google permits one."""
    version = reference.options.get("version")
    match = _PATH.fullmatch(reference.path)
    if match is None or reference.options.keys() - {"version"}:
        raise SecretMissing(
            f"`{reference}` does not name a project and a secret",
            "ref+gcpsecrets://PROJECT/NAME?version=3",
        )
    if version == "latest" or (version is not None and not _VERSION.fullmatch(version)):
        raise SecretMissing(
            f"`{reference}`: the version is a number or an alias; without one it is the latest"
        )
    return match[1], match[2], version or "latest"


def _decode(reference: SecretRef, payload: object) -> bytes:
    try:
        data = payload["data"]  # type: ignore[index]
        return base64.b64decode(data, validate=True)
    except (KeyError, TypeError, binascii.Error):
        problem = "Google's reply contains no value"
    raise SecretMissing(f"`{reference}`: {problem}")
