"""Stores of every kind, each with a far end of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from distant import listening
from distantstate import FakeGitLab, FakeStateServer, aim_at
from fakes import FakeClock, FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icesync.ports import StateStore


def _remote(server: FakeStateServer, stack: ExitStack, preset: str | None) -> StateStore:
    from icesync.model.project import Backend, StateSettings
    from icesync.net import ClientOptions, trust_store
    from icesync.stores.gitlab import http_endpoint
    from icesync.stores.httpcalls import state_clients
    from icesync.stores.httpstore import HttpStore

    address = stack.enter_context(listening(server.answer))
    if preset:
        state = StateSettings(Backend.HTTP, preset=preset, name="mail", project="team/ice")
        environ = {"CI_API_V4_URL": address, "CI_JOB_TOKEN": "job-token"}
    else:
        state = StateSettings(
            Backend.HTTP, address=f"{address}/state?team=a", lock_address=f"{address}/lock"
        )
        environ = {"ICESYNC_STATE_USERNAME": "icesync", "ICESYNC_STATE_PASSWORD": "letmein"}
    options = ClientOptions("", 5, "icesync/test", trust=trust_store())
    return HttpStore(http_endpoint(state, environ), state_clients(options), FakeClock())


@pytest.fixture
def stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], StateStore]]:
    """What makes an empty store of a kind."""
    with ExitStack() as stack:

        def make(kind: str) -> StateStore:
            if kind == "fake":
                return FakeStore()
            if kind == "local":
                from icesync.stores.local import LocalStore

                return LocalStore(tmp_path / "icesync.state.json", FakeClock())
            if kind == "http":
                return _remote(FakeStateServer(), stack, None)
            if kind == "gitlab":
                return _remote(FakeGitLab(), stack, "gitlab")
            return _bucket(request.getfixturevalue("s3_address"), monkeypatch)

        yield make


def _bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    from icesync.stores.objectstore import ObjectStore, open_bucket

    aim_at(address, monkeypatch)
    url = f"s3://icesync-states/{os.urandom(8).hex()}/mail.json"
    return ObjectStore(open_bucket(url, os.environ), url, FakeClock())
