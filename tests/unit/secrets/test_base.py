from __future__ import annotations

import pytest

from icesync.errors import SecretMissing
from icesync.secrets import SingleFlight


def test_a_failure_is_remembered_too() -> None:
    """What failed once is not tried again for the next server of the same run."""
    once: SingleFlight[str] = SingleFlight()
    made = []

    def fail() -> str:
        made.append(1)
        raise SecretMissing("nothing there")

    for _ in range(3):
        with pytest.raises(SecretMissing, match="nothing there"):
            once.get("key", fail)

    assert made == [1]


def test_keys_are_apart() -> None:
    """Each key has a result of its own."""
    once: SingleFlight[int] = SingleFlight()

    assert [once.get(key, lambda key=key: key) for key in (1, 2, 1)] == [1, 2, 1]
