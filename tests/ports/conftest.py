"""Stores of every kind, each with a far end of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from distant import listening
from distantstate import (
    FakeGitLab,
    FakeGoogleStorage,
    FakeStateServer,
    aim_at,
    aim_at_google,
)
from fakes import FakeClock, FakeStore
from realservers import aim_at_azure, azurite_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icesync.ports import StateStore


def _remote(server: FakeStateServer, stack: ExitStack, preset: str | None) -> StateStore:
    from icesync.model.project import Backend, StateSettings
    from icesync.net import ClientOptions, trust_store
    from icesync.stores.gitlab import http_endpoint
    from icesync.stores.httpcalls import StateServer
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
    return HttpStore(http_endpoint(state, environ), StateServer(options), FakeClock())


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The address of an Azure Blob Storage with a container."""
    with azurite_server() as address:
        yield address


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
            if kind in {"http", "gitlab"}:
                preset = "gitlab" if kind == "gitlab" else None
                return _remote(FakeGitLab() if preset else FakeStateServer(), stack, preset)
            if kind == "gs":
                return _google(tmp_path, stack, monkeypatch)
            aim, address = BUCKETS[kind]
            aim(request.getfixturevalue(address), monkeypatch)
            return _bucket(kind)

        yield make


BUCKETS = {"s3": (aim_at, "s3_address"), "az": (aim_at_azure, "azurite")}
"""What aims at a bucket's server, and the fixture that starts it."""


def _bucket(scheme: str, clock: FakeClock | None = None) -> StateStore:
    from icesync.stores.objectstore import ObjectStore, open_bucket

    url = f"{scheme}://icesync-states/{os.urandom(8).hex()}/mail.json"
    return ObjectStore(open_bucket(url, os.environ), url, clock or FakeClock())


def _google(folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    clock = FakeClock()
    google = FakeGoogleStorage(clock.monotonic)
    aim_at_google(stack.enter_context(listening(google.answer)), folder, monkeypatch)
    return _bucket("gs", clock)
