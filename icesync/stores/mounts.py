"""What kind of file system a path is on, as far as Linux tells; elsewhere nobody knows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

__all__ = ["file_system_of", "is_shared"]

_MOUNTS: Final = Path("/proc/self/mountinfo")

_SHARED: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs"}
    | {f"fuse.{kind}" for kind in ("gcsfuse", "glusterfs", "rclone", "s3fs", "sshfs")}
)
"""Kinds where flock is emulated, or kept on one machine only (flock(2), nfs(5): local_lock)."""


def is_shared(kind: str) -> bool:
    """Return whether other machines may see a file system of *kind*, but not its locks."""
    return kind in _SHARED


def file_system_of(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of the file system that *path* is on, such as ``ext4``, or None."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    absolute = path.resolve()
    best, kind = -1, None
    for line in lines:
        before, _, after = line.partition(b" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = _unescape(fields[4])
        if absolute.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), after.split()[0].decode("ascii", "replace")
    return kind


def _unescape(text: bytes) -> str:
    r"""Return a path of mountinfo, where a blank is written ``\040``."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) % 256]), text))
