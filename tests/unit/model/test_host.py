from __future__ import annotations

import pytest

from icesync.model.host import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host: str) -> None:
    """Only this machine reaches these."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "localhost.example.test", "127.0.0.1.x"])
def test_not_loopback(host: str) -> None:
    """A name that merely looks local is not."""
    assert not is_loopback(host)
