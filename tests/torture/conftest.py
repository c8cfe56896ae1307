"""What the torture tests share: one emulator and one nursery, for all of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from torture.arena import Emulator, Fleet, Nursery, Ordeal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


def environment() -> dict[str, str]:
    """Return the variables of every process here."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The program's emulator in a process of its own."""
    emulator = Emulator(tmp_path_factory.mktemp("emulator"), environment())
    yield emulator
    emulator.close()


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """What starts runs."""
    nursery = Nursery(tmp_path_factory.mktemp("nursery"), environment())
    yield nursery
    nursery.close()


@pytest.fixture
def ordeal(tmp_path: Path, emulator: Emulator, nursery: Nursery) -> Callable[..., Ordeal]:
    """Make an ordeal for a fleet of so many servers, sent so many at a time, from nothing."""

    def make(size: int, concurrency: int = 4) -> Ordeal:
        fleet = Fleet(tmp_path / "repository", emulator.url, size, concurrency)
        made = Ordeal(fleet, emulator, nursery)
        made.begin()
        return made

    return make


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Say a figure past the capture, so that a long run is not silent."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}", flush=True)  # noqa: T201 - figures of a long run

    return say
