from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attacker import Attacker, Job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.emulator.storage import Storage


@pytest.fixture
def attacker(tmp_path: Path) -> Iterator[Attacker]:
    """Whoever proposes the pull request, listening."""
    with Attacker(tmp_path) as attacker:
        yield attacker


@pytest.fixture
def job(tmp_path: Path, attacker: Attacker, archive: Storage) -> Iterator[Job]:
    """A job over a repository that was applied once."""
    with Job(tmp_path, attacker, archive) as job:
        result = job.run("apply", "--auto-approve")
        assert result.code == 0, result
        assert job.stolen == []
        yield job
