from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.stores import file_system_of, is_shared

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = """\
22 1 0:20 / / rw,relatime - ext4 /dev/root rw
23 22 0:21 / {folder}/net\\040share rw - nfs4 server:/x rw
24 22 0:22 / {folder}/other rw - tmpfs tmpfs rw
not a line of mountinfo
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A table of mounts below a scratch folder."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.format(folder=tmp_path))
    return table


@pytest.mark.parametrize(
    ("inside", "kind"),
    [("net share/a/state.json", "nfs4"), ("other/state.json", "tmpfs"), ("state.json", "ext4")],
)
def test_the_deepest_mount_decides(tmp_path: Path, mounts: Path, inside: str, kind: str) -> None:
    """A path is on the file system whose mount point is nearest above it."""
    assert file_system_of(tmp_path / inside, mounts) == kind


def test_where_the_system_does_not_tell_nobody_knows(tmp_path: Path) -> None:
    """Without a table of mounts there is no answer, and no warning."""
    assert file_system_of(tmp_path, tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("kind", "shared"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False)]
)
def test_only_shared_file_systems_are_named(kind: str, shared: bool) -> None:
    """A lock is trusted where one kernel keeps it."""
    assert is_shared(kind) is shared
