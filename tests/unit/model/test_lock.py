from __future__ import annotations

from icesync.model.snapshot import LockInfo


def test_owner_of_a_lock_may_have_no_link() -> None:
    """A run on somebody's machine has no page that shows it."""
    owner = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z")

    assert (owner.info, owner.version) == ("", "")
