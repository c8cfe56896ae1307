"""
Lock documents of remote stores, in the words of Terraform's, and how long to wait for one.

All seven of its keys are always there: GitLab refuses a document that lacks one.
The process number is an eighth, which other readers ignore.
"""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import StateLocked
from icesync.model.snapshot import LockInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.ports import Clock


_KEYS: Final = {
    "id": "ID",
    "operation": "Operation",
    "info": "Info",
    "who": "Who",
    "version": "Version",
    "created": "Created",
}
_MAX_WAIT_S: Final = 16.0


def named_lock(operation: str, created: str) -> LockInfo:
    """Return an owner for a lock that is held for a moment only."""
    return LockInfo(str(uuid.uuid4()), operation, "icesync", os.getpid(), created)


def write_lock(owner: LockInfo) -> bytes:
    """Return *owner* as a lock document."""
    document = {key: getattr(owner, name) for name, key in _KEYS.items()}
    return json.dumps({**document, "Path": "", "Pid": owner.pid}).encode()


def read_lock(data: bytes) -> LockInfo:
    """
    Return the owner that *data* names.

    What it does not say is empty, and so is all of a document that cannot be
    read: a lock is held even where nobody says by whom.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    document: dict[str, Any] = found if isinstance(found, dict) else {}
    texts = {name: _text(document.get(key)) for name, key in _KEYS.items()}
    pid = document.get("Pid")
    return LockInfo(pid=pid if type(pid) is int else 0, **texts)


def wait_for_lock(
    try_lock: Callable[[], LockInfo | None], place: str, timeout_s: float, clock: Clock
) -> None:
    """
    Return when *try_lock* has the lock of *place*: it returns who has it instead, or None.

    Tries again after 1 s, then after twice as long each time, up to 16 s.

    Raises:
        StateLocked: somebody else held it for *timeout_s*; the message says who.

    """
    deadline = clock.monotonic() + timeout_s
    wait_s = 1.0
    while (holder := try_lock()) is not None:
        rest_s = deadline - clock.monotonic()
        if rest_s <= 0:
            raise _locked(place, holder)
        clock.sleep(min(wait_s, rest_s))
        wait_s = min(wait_s * 2, _MAX_WAIT_S)


def _locked(place: str, holder: LockInfo) -> StateLocked:
    link = f": {holder.info}" if holder.info else ""
    held = f" by {holder.who} since {holder.created}{link}" if holder.who else "; holder unknown"
    forced = f"if that run is dead for certain: icesync state unlock --force {holder.id}"
    return StateLocked(
        f"the state at {place} is locked{held}",
        "pass `--lock-timeout 5m` to wait for it",
        *([forced] if holder.id else []),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
