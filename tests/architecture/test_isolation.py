"""The suite keeps to itself: no network, nobody's variables, expected files only on request."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rig import Ice


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_no_network(call: str) -> None:
    """Who reaches for another machine is told that tests do not."""
    with socket.socket() as wire, pytest.raises(RuntimeError, match="stay on this machine"):
        getattr(wire, call)(("192.0.2.1", 443))


def test_no_names() -> None:
    """Looking up a name would leave this machine as well."""
    with pytest.raises(RuntimeError, match="looked up www"):
        socket.create_connection(("www.enterice.com", 443), timeout=1)


def test_loopback_is_open(ice: Ice) -> None:
    """The emulator can be reached."""
    host, _, port = ice.url.removeprefix("http://").partition("/")[0].partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        peer = wire.getpeername()

    assert peer == ("127.0.0.1", int(port))


def test_clean_environment() -> None:
    """What a developer or a pipeline has set does not reach a test."""
    odd = ("ICE", "CI", "GITHUB", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "HTTPS_PROXY")

    assert [name for name in os.environ if name.startswith(odd)] == []


def test_golden_compares(golden: Callable[[str, str], None], pytestconfig: pytest.Config) -> None:
    """An expected file that is not there is asked for, not made in silence."""
    if pytestconfig.getoption("--update-golden"):
        pytest.skip("this run writes expected files")
    with pytest.raises(pytest.fail.Exception, match="run with --update-golden"):
        golden("no-such-file.txt", "text")
