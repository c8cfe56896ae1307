"""
Isolation and the fixtures that every room may use.

What a fixture needs is imported inside of it: a unit test loads its unit.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscript import Certificates
    from rig import Ice, Repository

    from icesync.emulator.storage import Storage

pytest.register_assert_rewrite("rig")

GOLDEN: Final = Path(__file__).parent / "golden"

# How long a busy machine takes to draw an example, and how many it throws away, is no failure.
# In CI the examples are the same in each run; a new one is found where somebody can look at it.
_PATIENT: Final = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
settings.register_profile(
    "fast",
    deadline=None,
    max_examples=50,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=_PATIENT,
)
settings.register_profile(
    "thorough", deadline=None, max_examples=1000, suppress_health_check=_PATIENT
)
settings.load_profile("fast")

# As in the program. A search among the values of a whole suite takes long, and one in the
# middle of a test would close what an earlier run has left.
gc.set_threshold(100_000, 50, 1000)

_CLEARED: Final = (
    "ICE", "CI", "GITHUB", "GITLAB", "RUNNER", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "LINES", "SSL_CERT", "SSLKEYLOGFILE",
    "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE",
    "PYTHONUNBUFFERED", "BITBUCKET", "SYSTEM_PULLREQUEST", "CHANGE_ID", "CIRCLE_", "TRAVIS_",
    "BUILDKITE", "DRONE_", "APPVEYOR",
)  # fmt: skip
"""How the names of variables start that would change what icesync does."""

for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    # A run in the background of a shell ignores some signals, and programs inherit that: a
    # test that interrupts one would wait for ever. A handler is not inherited.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

# Hundreds of started programs would each compile icesync anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class NetworkRefusedError(RuntimeError):
    """A test reached for something that is not on this machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that rewrites expected files."""
    parser.addoption("--update-golden", action="store_true", help="rewrite expected files")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts programs, servers and browsers is slow."""
    for item in items:
        if {"functional", "torture", "security"} & set(item.path.parts):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """End what starts programs."""
    from starter import Starter

    Starter.stop()


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """No test depends on whose machine it runs on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.upper().startswith(_CLEARED):
                patch.delenv(name)
        patch.setenv("TERM", "xterm")
        patch.setenv("PYTHONUTF8", "1")
        yield


@pytest.fixture(autouse=True, scope="session")
def _few_authorities(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody out there is asked, so nobody needs to be trusted."""
    from starter import shorten_trust

    shorten_trust(str(tmp_path_factory.mktemp("trust")))


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """No test reaches for anything but this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", _without_names(socket.getaddrinfo))
        yield


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        inside = self.family == socket.AF_UNIX or _is_loopback(str(address[0]))
        if not inside:
            raise NetworkRefusedError(f"tests stay on this machine; this one wanted {address}")
        return connect(self, address)

    return guarded


def _without_names(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, *rest: Any, **named: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        if text not in {None, "", "localhost"} and not _is_number(text):
            raise NetworkRefusedError(f"tests stay on this machine; this one looked up {text}")
        return resolve(host, *rest, **named)

    return guarded


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/NAME``; ``--update-golden`` rewrites the file."""

    def compare(name: str, text: str) -> None:
        __tracebackhide__ = True
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        if not path.exists():
            pytest.fail(f"there is no golden/{name} yet: run with --update-golden and read it")
        assert text == path.read_bytes().decode()

    return compare


@pytest.fixture
def cli() -> Callable[..., Any]:
    """The program in this process: arguments, working directory, variables."""
    from rig import run_program

    return run_program


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one server, over the embedded emulator."""
    from rig import Repository

    return Repository(tmp_path / "repository")


@pytest.fixture
def archive() -> Iterator[Storage]:
    """The memory of an emulator."""
    from icesync.emulator.storage import Storage

    archive = Storage()
    yield archive
    archive.close()


@pytest.fixture
def ice(archive: Storage) -> Iterator[Ice]:
    """An emulated ICE on a free port, that accepts every login."""
    from background import BackgroundServer
    from rig import Ice

    from icesync.bootstrap import SystemClock
    from icesync.emulator.faults import FaultInjector
    from icesync.emulator.service import Service

    faults = FaultInjector()
    with BackgroundServer(Service(SystemClock(), archive, injector=faults)) as server:
        yield Ice(server.url, archive, faults)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and certificates in and out of order."""
    from mailscript import Certificates

    return Certificates(str(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no run in this process wait between its attempts."""
    from rig import HurriedClock

    monkeypatch.setattr("icesync.bootstrap.SystemClock", HurriedClock)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no secret store that fails be asked for twenty seconds."""
    monkeypatch.setattr("icesync.secrets.http.RETRY_FOR_S", 0.05)
    monkeypatch.setattr("icesync.secrets.http.FIRST_PAUSE_S", 0.01)


@pytest.fixture
def emulator_url(ice: Ice) -> str:
    """The address of :func:`ice`, for ``api.base_url``."""
    return ice.url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 on this machine, by moto."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_address(s3_server: str) -> str:
    """
    The address of an S3 with a bucket.

    Made for each test: wherever else moto is used in this process, it forgets all it held.
    """
    import boto3
    from distantstate import aim_at

    with pytest.MonkeyPatch.context() as patch:
        aim_at(s3_server, patch)
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=s3_server)
        client.create_bucket(Bucket="icesync-states")
    return s3_server
