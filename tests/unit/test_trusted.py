"""The configuration that a job trusts: a file outside, or a git ref."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from icesync.bootstrap.git import read_trusted
from icesync.errors import ConfigInvalid

if TYPE_CHECKING:
    from pathlib import Path

BASE = b"version: 1\nguards: [tls-off]\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository whose branch `main` has a configuration, and a changed one checked out."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "icesync.yaml").write_bytes(BASE)
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "base"],
        ["checkout", "-q", "-b", "change"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "icesync.yaml").write_bytes(b"version: 1\nguards: []\n")
    return root


@pytest.mark.parametrize("ref", ["main", "HEAD", "main^{commit}", "HEAD~0"])
def test_ref_gives_what_was_committed(repository: Path, ref: str) -> None:
    """Not what lies in the folder."""
    assert read_trusted(repository / "icesync.yaml", ref, os.environ).data == BASE


def test_file_cannot_stand_in_for_a_branch(repository: Path) -> None:
    """A pull request that adds a file by the name of the ref gains nothing."""
    (repository / "main").write_bytes(b"version: 1\nguards: []\n")

    assert read_trusted(repository / "icesync.yaml", "main", os.environ).data == BASE


def test_new_name_of_the_file_does_not_shed_the_old_one(repository: Path) -> None:
    """Renaming the file is no way out of its safeguards."""
    (repository / "icesync.yaml").rename(repository / "icesync.yml")

    assert read_trusted(repository / "icesync.yml", "main", os.environ).data == BASE


def test_branch_without_a_configuration_means_the_defaults(repository: Path) -> None:
    """The first pull request is held to what holds where nothing is said."""
    folder = repository / "mail"
    folder.mkdir()

    assert read_trusted(folder / "icesync.yaml", "main", os.environ).data == b"version: 1\n"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("missing", "missing is not a commit"),
        ("origin/main", "origin/main is not a commit"),
        ("--output=x", "not a file or git ref"),
        ("main..change", "not a file or git ref"),
        ("a b", "not a file or git ref"),
        ("main:icesync.txt", "not a file or git ref"),
        ("icesync.yaml", "is inside the repository"),
    ],
)
def test_what_cannot_be_trusted(
    repository: Path, monkeypatch: pytest.MonkeyPatch, named: str, told: str
) -> None:
    """What leads nowhere, or into the very checkout, ends the run."""
    monkeypatch.chdir(repository)

    with pytest.raises(ConfigInvalid, match=told):
        read_trusted(repository / "icesync.yaml", named, os.environ)


def test_file_outside_is_read(repository: Path, tmp_path: Path) -> None:
    """A job can bring its own."""
    (tmp_path / "trusted.yaml").write_bytes(BASE)

    named = str(tmp_path / "trusted.yaml")

    assert read_trusted(repository / "icesync.yaml", named, os.environ).data == BASE
