"""No spelling leads a call to a host that the job did not name, whatever the text holds."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from urllib.parse import unquote

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from icesync.errors import IcesyncError
from icesync.model.host import RECIPIENTS, Service, TrustedHosts, is_loopback, read_endpoint
from icesync.model.project import StateSettings
from icesync.model.secret import SecretRef, read_secret_ref
from icesync.secrets.azure import AzureProvider
from icesync.secrets.gcp import GcpProvider
from icesync.secrets.http import WebService
from icesync.secrets.registry import Providers, SecretSettings
from icesync.stores.gitlab import gitlab_endpoint

if TYPE_CHECKING:
    from pathlib import Path

GOOD, EVIL = "good.example.org", "evil.example.net"
JOB: Final = {
    "ICESYNC_ALLOW_HOST": GOOD,
    "VAULT_ADDR": f"https://{GOOD}",
    "BAO_ADDR": f"https://{GOOD}",
    "VAULT_TOKEN": "t",
    "BAO_TOKEN": "t",
    "CI_API_V4_URL": f"https://{GOOD}/api/v4",
    "CI_JOB_TOKEN": "t",
    "AZURE_AUTHORITY_HOST": f"https://{EVIL}",
}
PIECES: Final = st.sampled_from(
    [GOOD, EVIL, "kv", "mail", "vault-1", "vault.azure.net", "www.enterice.com", "localhost",
     "127.0.0.1", "[::1]", "2130706433", "0x7f.1", ".", "..", "\u3002", "\uff0e", "\uff61", "%",
     "%2e", "%2E%2e", "%2f", "%5c", "%23", "%3f", "%40", "%00", "%0d%0a", "%E3%80%82", "\\", "@",
     "#", "#/", "?", "?version=2", "?version=1&", ":", ":443", ":8443", "/", "//", "/../", ";", "&",
     "\u00fc", "\u00df", "xn--", "\u200b", "\u2100", "\u2044", "\ufe68", "\t", "\r\n", " ", "a"]
)  # fmt: skip
TEXTS: Final = st.lists(PIECES, min_size=1, max_size=7).map("".join)
SCHEMES: Final = st.sampled_from(["vault", "openbao", "azurekeyvault", "gcpsecrets"])
FREE: Final = {host for row in RECIPIENTS.values() for host in row.hosts} | {GOOD}
DOMAINS: Final = tuple(f".{d}" for row in RECIPIENTS.values() for d in row.domains)


def is_named(host: str) -> bool:
    """Return whether the job, or a closed list, names *host*."""
    label, dot, rest = host.partition(".")
    listed = f"{dot}{rest}" in DOMAINS and label.replace("-", "").isalnum() and label.isascii()
    return host in FREE or listed or is_loopback(host)


@given(
    st.sampled_from(Service),
    st.sampled_from(["https://", "http://", "HTTPS://", "//", "https:", "https:///", "socks5://"]),
    TEXTS,
)
@settings(max_examples=300)
def test_an_address_that_may_be_called_is_the_one_that_is_called(
    service: Service, scheme: str, text: str
) -> None:
    """Whoever checks an address and whoever calls it read the same host in it."""
    address = scheme + text
    if TrustedHosts(JOB).check(service, address, "`x`") is None:
        endpoint, called = read_endpoint(address), httpx.URL(address)

        assert endpoint is not None
        assert (called.host.lower(), called.scheme) == (endpoint.host, endpoint.scheme)
        assert (called.port or {"https": 443, "http": 80}[called.scheme]) == endpoint.port
        assert is_named(endpoint.host)
        assert not called.userinfo


@given(SCHEMES, TEXTS)
@settings(max_examples=300)
def test_a_reference_leads_to_no_other_host(tmp_path_factory: Any, scheme: str, text: str) -> None:
    """What a server file writes is a path at the service of the job, below what holds secrets."""
    reference = read_secret_ref(f"ref+{scheme}://{text}")
    if not isinstance(reference, SecretRef):
        return
    called = asked(tmp_path_factory.getbasetemp(), scheme, reference)

    for url in called:
        steps = [unquote(step) for step in url.raw_path.decode().partition("?")[0].split("/")]
        assert is_named(url.host)
        assert url.host != EVIL
        assert url.scheme == "https"
        assert not url.userinfo
        assert not {".", "..", ""} & set(steps[1:])
        assert steps[1] == ("secrets" if scheme == "azurekeyvault" else "v1")
        assert url.raw_path.count(b"?") <= 1


def asked(root: Path, scheme: str, reference: SecretRef) -> list[httpx.URL]:
    """Return the addresses that opening *reference* would call."""
    called: list[httpx.URL] = []

    def ask(
        service: WebService, _ref: object, _method: str, path: str, *_: object
    ) -> tuple[int, object]:
        called.append(httpx.URL(service._options.base_url + path))
        return 404, None

    allowed = SecretSettings(root, JOB, "test", ("ICE_*",), ("**",), lambda *_: None)
    with (
        patch.object(WebService, "ask", ask),
        patch.object(AzureProvider, "_token", lambda *_: "t"),
        patch.object(GcpProvider, "_token", lambda *_: "t"),
        suppress(IcesyncError),
    ):
        Providers(allowed)[scheme].fetch(reference)
    return called


def test_the_addresses_are_heard(tmp_path: Path) -> None:
    """The test above listens where calls are made: each service is asked for a plain reference."""
    plain = {
        "vault": "kv/mail#/a", "openbao": "kv/mail#/a", "azurekeyvault": "vault-1/mail",
        "gcpsecrets": "team-1/mail",
    }  # fmt: skip
    hosts = set()
    for scheme, text in plain.items():
        reference = read_secret_ref(f"ref+{scheme}://{text}")
        assert isinstance(reference, SecretRef)
        hosts |= {url.host for url in asked(tmp_path, scheme, reference)}

    assert hosts == {GOOD, "vault-1.vault.azure.net", "secretmanager.googleapis.com"}


@given(TEXTS, TEXTS)
def test_a_state_of_gitlab_stays_at_gitlab(project: str, name: str) -> None:
    """Project and name are single steps below the API that the job names."""
    if {project, name} & {".", ".."} or "/" in name:
        return  # refused where the configuration is read
    where = gitlab_endpoint(StateSettings(preset="gitlab", project=project, name=name), JOB)

    for address in (where.address, where.lock_address, where.unlock_address):
        url = httpx.URL(str(address))
        assert url.host == GOOD
        assert url.raw_path.startswith(b"/api/v4/projects/")
        assert b"/terraform/state/" in url.raw_path
        assert url.query == b""
        assert not url.fragment
