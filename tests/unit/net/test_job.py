"""The network as the job describes it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from icesync.errors import ConfigInvalid
from icesync.net import ClientOptions, RawReply, job_bundle, job_options, job_trust, read_pause
from icesync.net.client import Backoff, ConcurrencyLimit
from icesync.net.job import job_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

PEM = Path(certifi.where()).read_text()
FIRST = PEM[: PEM.index("-----END CERTIFICATE-----") + 26]
PROXY_URL = "http://proxy.test:3128"
PROXY = {"HTTPS_PROXY": PROXY_URL}


@pytest.mark.parametrize(
    ("address", "environ", "proxy"),
    [
        ("https://vault.test/v1", PROXY, "http://proxy.test:3128"),
        ("https://vault.test/v1", {"https_proxy": "proxy.test:3128"}, "http://proxy.test:3128"),
        ("https://vault.test/v1", {**PROXY, "NO_PROXY": "other.test"}, "http://proxy.test:3128"),
        ("https://vault.test/v1", {**PROXY, "NO_PROXY": "a.test, .test"}, None),
        ("https://vault.test/v1", {**PROXY, "no_proxy": "vault.test:443"}, None),
        ("https://vault.test/v1", {**PROXY, "NO_PROXY": "*"}, None),
        ("https://myvault.test/v1", {**PROXY, "NO_PROXY": "vault.test"}, "http://proxy.test:3128"),
        ("https://vault.test:8200/v1", {**PROXY, "NO_PROXY": "vault.test:8200"}, None),
        ("https://vault.test/v1", {**PROXY, "NO_PROXY": "vault.test:8200"}, PROXY_URL),
        ("https://a.vault.test./v1", {**PROXY, "NO_PROXY": "*.vault.test"}, None),
        ("https://10.1.2.3:8200", {**PROXY, "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3:8200", {**PROXY, "NO_PROXY": "10.0.0.0/8"}, PROXY_URL),
        ("https://10.1.2.3", {**PROXY, "NO_PROXY": "10.1.2.3"}, None),
        ("https://[fd00::7]:8200", {**PROXY, "NO_PROXY": "fd00::/8"}, None),
        ("https://[fd00::7]:8200", {**PROXY, "NO_PROXY": "[fd00::7]:8200"}, None),
        ("https://[fd00::7]", {**PROXY, "NO_PROXY": "fd00::7"}, None),
        ("https://VAULT.test", {**PROXY, "NO_PROXY": "localhost  Vault.Test"}, None),
        ("https://vault.test", {**PROXY, "NO_PROXY": ", ,"}, PROXY_URL),
        ("https://vault.test", {**PROXY, "NO_PROXY": "10.0.0.0/99 [x"}, PROXY_URL),
        ("https://127.0.0.1:8200", PROXY, None),
        ("http://localhost:8200", PROXY, None),
        ("https://vault.test/v1", {"HTTP_PROXY": "http://proxy.test"}, None),
        ("https://vault.test/v1", {}, None),
    ],
)
def test_the_proxy_of_the_job(address: str, environ: dict[str, str], proxy: str | None) -> None:
    """Obeyed where the job sets it; this machine, plain HTTP and NO_PROXY go without."""
    assert job_proxy(address, environ) == proxy


@pytest.mark.parametrize("proxy", ["socks5://proxy.test:1080", "http://", "http://a:b:c", "://"])
def test_a_proxy_that_is_none_is_told(proxy: str) -> None:
    """One sentence with the variable, and no traceback."""
    with pytest.raises(ConfigInvalid, match="the variable HTTPS_PROXY is not the URL of"):
        job_proxy("https://vault.test", {"HTTPS_PROXY": proxy})


@pytest.mark.parametrize(
    "name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "ICESYNC_CA_FILE", "CI_SERVER_TLS_CA_FILE"]
)
def test_certificates_of_the_job(
    tmp_path: Path, certificate: Callable[[str], Path], name: str
) -> None:
    """A file that the job names is trusted; one that cannot be read is told with its variable."""
    authority = certificate("DNS:vault.test")

    assert job_trust({name: str(authority)}).cert_store_stats()["x509"] > 0
    with pytest.raises(ConfigInvalid, match=f"the variable {name} names cannot be used"):
        job_trust({name: str(tmp_path / "none.pem")})


def test_what_a_call_says_itself_stays() -> None:
    """The configuration's own proxy counts before the job's."""
    options = ClientOptions("https://ice.test", 1, "test", proxy="http://own.test:1")

    assert job_options(options, "https://ice.test", PROXY).proxy == "http://own.test:1"


def test_one_schedule_for_everything_that_is_asked_again() -> None:
    """Twice as long each time, as long as a far end asks for, within the budget."""
    now = [0.0]
    backoff = Backoff(lambda: now[0], 60)
    pauses = []
    while (pause_s := backoff.pause(5 if len(pauses) == 1 else None)) is not None:
        pauses.append(pause_s)
        now[0] += pause_s

    assert pauses == [1, 5, 4, 8, 16]


@pytest.mark.parametrize(("asked_s", "pause"), [(60, 60), (61, None), (3, 3)])
def test_who_asks_for_the_whole_budget_is_given_it(asked_s: float, pause: float | None) -> None:
    """A server that throttles for a minute is waited for, however late in the budget it says so."""
    now = [0.0]
    backoff = Backoff(lambda: now[0], 60)
    now[0] = 1.5

    assert backoff.pause(asked_s) == pause


NOW = datetime(2026, 1, 1, tzinfo=UTC)
IN_90_S = f"{NOW.timestamp() + 90:.0f}"


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (503, {"retry-after": "7"}, 7),
        (429, {"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30),
        (429, {"retry-after": "Wed, 31 Dec 2025 23:59:30 GMT"}, 0),
        (429, {"retry-after": "soon", "x-ratelimit-reset": IN_90_S}, 90),
        (429, {"ratelimit-reset": "12"}, 12),
        (429, {"x-rate-limit-reset": "12.75"}, 12),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": IN_90_S}, 90),
        (403, {"x-ratelimit-remaining": "9", "x-ratelimit-reset": IN_90_S}, None),
        (503, {"x-ratelimit-reset": IN_90_S}, None),
        (429, {"x-ratelimit-reset": "5"}, 5),
        (429, {"x-ratelimit-reset": "1"}, 1),
        (429, {"x-ratelimit-reset": "-1"}, None),
        (429, {"x-ratelimit-reset": "999999999999"}, 86_400),
        (429, {}, None),
        (503, {}, None),
    ],
)
def test_how_long_a_far_end_asks_to_wait(
    status: int, headers: dict[str, str], pause: float | None
) -> None:
    """In whichever header it says so: seconds, a date, or the moment of a full budget."""
    assert read_pause(RawReply(status, headers), NOW) == pause


def test_libraries_get_the_certificates_of_the_job(tmp_path: Path) -> None:
    """One file, as boto3, requests and obstore take it: what replaces, and what is added."""
    own, other = tmp_path / "own.pem", tmp_path / "other.pem"
    own.write_text(FIRST)
    other.write_text(FIRST)

    assert job_bundle({}) is None
    assert job_bundle({"REQUESTS_CA_BUNDLE": str(own)}) == str(own)
    both = job_bundle({"SSL_CERT_FILE": str(own), "CI_SERVER_TLS_CA_FILE": str(other)})
    assert Path(both or "").read_text().count("BEGIN CERTIFICATE") == 2
    public = job_bundle({"ICESYNC_CA_FILE": str(own)})
    known = Path(certifi.where()).read_text().count("BEGIN")
    assert Path(public or "").read_text().count("BEGIN") == known + 1


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    """The variable is named, whoever would have used the file."""
    (tmp_path / "empty.pem").touch()

    with pytest.raises(ConfigInvalid, match=r"ICESYNC_CA_FILE names .* no certificate$"):
        job_bundle({"ICESYNC_CA_FILE": str(tmp_path / "empty.pem")})


def most_at_once(pace: ConcurrencyLimit, workers: int, expected: int) -> int:
    """Return how many of *workers* had a turn at once; they hold it until *expected* have one."""
    busy, seen, turn, enough = [0], [0], threading.Lock(), threading.Event()

    def work() -> None:
        with pace.turn(), pace.turn():
            with turn:
                busy[0] += 1
                seen[0] = max(seen[0], busy[0])
                if busy[0] == expected:
                    enough.set()
            enough.wait(10)
            time.sleep(0.01)  # for one too many
            with turn:
                busy[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen[0]


def test_a_far_end_that_throttles_is_asked_by_fewer() -> None:
    """Half as many at once each time, one at least, and slowly more again."""
    pace = ConcurrencyLimit(8)

    assert most_at_once(pace, 12, 8) == 8
    for _ in range(9):
        pace.narrow()
    assert most_at_once(pace, 2, 1) == 1
    assert 2 <= most_at_once(pace, 12, 2) <= 5
