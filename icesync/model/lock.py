"""Who holds the lock of a snapshot; information only, the kernel or the server decides."""

from __future__ import annotations

from icesync.frozen import frozen

__all__ = ["LockInfo"]


@frozen
class LockInfo:
    """
    The holder of a lock, in the words of Terraform's lock documents.

    *id* is random, *who* is ``user@host``, *created* UTC, *info* a link to the
    run or what else helps to find its owner.
    """

    id: str
    operation: str
    who: str
    pid: int
    created: str
    info: str = ""
    version: str = ""
