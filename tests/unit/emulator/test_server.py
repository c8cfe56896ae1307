"""Where the emulator may listen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.server import serve
from icesync.errors import UsageError

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org"])  # noqa: S104
def test_other_hosts_need_permission(host: str, caller: Caller) -> None:
    """An emulator that others could reach is refused, with the way out."""
    with pytest.raises(UsageError, match="other machines") as refusal:
        asyncio.run(serve(caller.service, host, 0, ready=print))

    assert "--insecure-bind" in refusal.value.hints[0]
