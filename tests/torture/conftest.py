"""What the torture tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from torture.arena import Fleet, Ordeal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rig import Ice


@pytest.fixture
def ordeal(tmp_path: Path, ice: Ice) -> Callable[..., Ordeal]:
    """Make an ordeal for a fleet of so many servers, sent so many at a time, from nothing."""

    def make(size: int, concurrency: int = 4) -> Ordeal:
        made = Ordeal(Fleet(tmp_path / "repository", ice.url, size, concurrency), ice)
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
