from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.host import (
    ALLOW_HOST,
    RECIPIENTS,
    Endpoint,
    Service,
    TrustedHosts,
    read_endpoint,
)

NOBODY = TrustedHosts({})


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("https://www.enterice.com/ICEAPI", Endpoint("https", "www.enterice.com", 443)),
        ("https://WWW.Enterice.COM", Endpoint("https", "www.enterice.com", 443)),
        ("http://127.0.0.1:8080/a?b=c", Endpoint("http", "127.0.0.1", 8080)),
        ("https://[::1]:9000/", Endpoint("https", "::1", 9000)),
        ("https://xn--bcher-kva.example", Endpoint("https", "xn--bcher-kva.example", 443)),
    ],
)
def test_plain_address_is_read(address: str, endpoint: Endpoint) -> None:
    """Scheme and host in lower case, with the port that the scheme has."""
    assert read_endpoint(address) == endpoint


@pytest.mark.parametrize(
    "address",
    [
        "", "https://", "https:///a", "ftp://a", "socks5://a:1", "a.example", "//a.example",
        "https://u@a", "https://u:p@a", "https://a\\@b", "https://a\\b", "https://a#b",
        "https://a?b", "https://a/#b", "https://a%2e.example", "https://evil%23.vault.azure.net",
        "https://a\u3002example", "https://a\uff0eexample", "https://a\uff61example",
        "https://b\xfccher.example", "https://\u2460.example", "https://a b", "https://a\tb",
        "https://a\n.example", "https://a\x00b", "https://.a", "https://a.", "https://a..b",
        "https://-a", "https://a:0", "https://a:65536", "https://a:b", "https://a:1:2",
        "https://127.1", "https://2130706433", "https://0x7f000001", "https://0x7f.0.0.1",
        "https://127.0.0.01", "https://1.2.3.4.5", "https://256.1.1.1", "https://a.0x1",
        "https://[::1", "https://[fe80::1%25eth0]", "https://[v1.a]", "https://[127.0.0.1]",
        "https://a]b", "https://" + "a" * 64, "https://" + "a." * 130 + "a",
    ],
)  # fmt: skip
def test_what_readers_disagree_about_is_no_address(address: str) -> None:
    """Dots of other scripts, escapes, users, back slashes and numbers in other forms."""
    assert read_endpoint(address) is None


@pytest.mark.parametrize(
    ("service", "address", "environ"),
    [
        (Service.ICE, "https://www.enterice.com/ICEAPI", {}),
        (Service.ICE, "http://localhost:8080", {}),
        (Service.ICE, "http://127.8.9.1:1", {}),
        (Service.ICE, "https://ice.test/api", {ALLOW_HOST: "other.test, ICE.test"}),
        (Service.ICE, "https://ice.test:8443", {ALLOW_HOST: "ice.test:8443"}),
        (Service.ICE, "https://[2001:db8::1]", {ALLOW_HOST: "2001:DB8::1"}),
        (Service.ICE, "https://[2001:db8::1]:1", {ALLOW_HOST: "[2001:db8::1]:1"}),
        (Service.PROXY, "http://proxy.test:3128", {ALLOW_HOST: "proxy.test"}),
        (Service.PROXY, "http://127.0.0.1:3128", {}),
        (Service.STATE, "https://gitlab.test/api/v4/a", {"CI_API_V4_URL": "https://gitlab.test/b"}),
        (Service.STATE, "https://state.test/a", {"TF_HTTP_ADDRESS": "https://state.test/a"}),
        (Service.VAULT, "https://vault.test:8200", {"VAULT_ADDR": "https://vault.test:8200/"}),
        (Service.AZURE_KEY_VAULT, "https://my-vault.vault.azure.net/secrets/a", {}),
        (Service.AZURE_KEY_VAULT, "https://my-vault.vault.azure.cn", {}),
        (Service.AWS, "https://kms.eu-west-1.amazonaws.com", {}),
        (Service.AWS, "https://secretsmanager.us-gov-west-1.amazonaws.com", {}),
        (Service.GOOGLE, "https://cloudkms.googleapis.com/v1", {}),
        (Service.GITHUB, "https://api.github.com", {}),
        (Service.GITHUB, "https://ghe.test/api/v3", {"GITHUB_API_URL": "https://ghe.test/api/v3"}),
    ],
)
def test_named_hosts_get_credentials(
    service: Service, address: str, environ: dict[str, str]
) -> None:
    """The vendor, the clouds, this machine, and what the job's variables name."""
    assert TrustedHosts(environ).check(service, address, "`x`") is None


@pytest.mark.parametrize(
    ("service", "address", "environ"),
    [
        (Service.ICE, "https://enterice.com", {}),
        (Service.ICE, "https://www.enterice.com.evil.test", {}),
        (Service.ICE, "https://127.0.0.1.evil.test", {}),
        (Service.ICE, "https://localhost.evil.test", {}),
        (Service.ICE, "https://10.0.0.1", {}),
        (Service.ICE, "https://ice.test:8443", {ALLOW_HOST: "ice.test:443"}),
        (Service.ICE, "https://a.ice.test", {ALLOW_HOST: "ice.test"}),
        (Service.ICE, "https://ice.test", {"VAULT_ADDR": "https://ice.test"}),
        (Service.PROXY, "http://www.enterice.com:3128", {}),
        (Service.STATE, "https://www.enterice.com/state", {}),
        (Service.STATE, "https://state.test:444/a", {"TF_HTTP_ADDRESS": "https://state.test/a"}),
        (Service.STATE, "http://127.0.0.1:2/a", {"TF_HTTP_ADDRESS": "http://127.0.0.1:1/a"}),
        (Service.VAULT, "http://127.0.0.1:1", {"VAULT_ADDR": "https://vault.test"}),
        (Service.AZURE_KEY_VAULT, "https://vault.azure.net", {}),
        (Service.AZURE_KEY_VAULT, "https://a.b.vault.azure.net", {}),
        (Service.AZURE_KEY_VAULT, "https://a.vault.azure.net.evil.test", {}),
        (Service.AWS, "https://kms.eu-west-1.evil.test", {}),
        (Service.AWS, "https://kms.evil.amazonaws.com", {}),
        (Service.BUCKET, "https://s3.evil.test", {}),
        (Service.GITHUB, "https://github.evil.test", {}),
    ],
)
def test_other_hosts_get_nothing(service: Service, address: str, environ: dict[str, str]) -> None:
    """What is free for one service is not free for another, and a port that is named counts."""
    untrusted = TrustedHosts(environ).check(service, address, "`x`")

    assert untrusted is not None
    assert "`x` would send" in untrusted.message
    assert untrusted.hint is not None


@pytest.mark.parametrize("service", [s for s in Service if s is not Service.PROXY])
def test_clear_text_leaves_this_machine_for_nobody(service: Service) -> None:
    """A host that was named still wants https; only a proxy is asked in clear text."""
    trust = TrustedHosts({ALLOW_HOST: "ice.test"})

    untrusted = trust.check(service, "http://ice.test", "`x`")

    assert untrusted is not None
    assert "must be https" in untrusted.message


def test_refusal_says_what_to_set() -> None:
    """The sentence names setting, host and what it would get; the hint can be pasted."""
    untrusted = NOBODY.check(Service.STATE, "https://state.test:8443/a", "`state.address`")

    told = "`state.address` would send the state and its credential to state.test,"

    assert untrusted == (
        f"{told} but this job does not allow that host",
        "ICESYNC_ALLOW_HOST=state.test:8443 in the job's environment allows it",
    )


@pytest.mark.parametrize(
    "word", ["https://a.test", "a.test/b", "*.test", "u@a.test", "a..b", "a\u3002test", "127.1"]
)
def test_malformed_word_permits_nothing(word: str) -> None:
    """A word that names no host is known as such, and opens nothing."""
    trust = TrustedHosts({ALLOW_HOST: f"good.test {word}"})

    assert trust.malformed == (word,)
    assert trust.check(Service.ICE, "https://good.test", "`x`") is None
    assert trust.check(Service.ICE, "https://a.test", "`x`") is not None


def test_every_service_has_a_row() -> None:
    """Nothing gets a credential that the table does not know."""
    assert set(RECIPIENTS) == set(Service)


_ODD = st.sampled_from(
    ["\u3002", "\uff0e", "\uff61", "%", "%2e", "%23", "\\", "@", "#", "?", ":", "/", "//", ".",
     "..", "b\xfccher", "\u2488", "xn--", "\u200d", "\t", " ", "[", "]", "::1", "0x7f", "127.1",
     "evil.test", "localhost", "127.0.0.1", "www.enterice.com", ".vault.azure.net", "a"]
)  # fmt: skip
_HOST = re.compile(r"(?i)\A[a-z]+://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?(/[^\\#\s]*)?\Z")


@given(
    st.sampled_from(list(Service)),
    st.sampled_from(["https://", "http://", "HTTPS://", "https:", "//", ""]),
    st.lists(_ODD | st.text(max_size=4), max_size=8).map("".join),
)
def test_no_spelling_gets_past(service: Service, start: str, rest: str) -> None:
    """What passes is a plain address, whose host every reader finds at the same place."""
    import httpx

    address = start + rest
    if NOBODY.check(service, address, "`x`") is not None:
        return
    match = _HOST.match(address)
    endpoint = read_endpoint(address)

    assert match is not None
    assert endpoint is not None
    assert httpx.URL(address).host == endpoint.host == match[1].lower().strip("[]")
    assert NOBODY.names(service, endpoint)
