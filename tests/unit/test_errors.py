from __future__ import annotations

import pytest

from icesync import errors
from icesync.errors import ConfigInvalid, IcesyncError, Interrupted, PolicyRefused

LEAVES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, IcesyncError)
]


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_every_error_has_a_documented_exit_code(error: type[IcesyncError]) -> None:
    """The table of exit codes knows each class's number."""
    assert error.exit_code in errors.EXIT_CODES


@pytest.mark.parametrize(
    "error",
    [e for e in LEAVES if e not in {IcesyncError, Interrupted}],
    ids=lambda error: error.__name__,
)
def test_no_error_exits_as_success_changes_or_bug(error: type[IcesyncError]) -> None:
    """0, 1 and 2 have meanings of their own."""
    assert error.exit_code > 2


def test_error_carries_its_hints() -> None:
    """The message stands alone; hints are the way out."""
    error = PolicyRefused("too much", "run `icesync apply --allow updates", "or less")

    assert (str(error), error.message) == ("too much", "too much")
    assert error.hints == ("run `icesync apply --allow updates", "or less")


def test_config_error_carries_its_findings() -> None:
    """A configuration error brings what was found, in order."""
    error = ConfigInvalid("2 errors", "fix them", diagnostics=["a", "b"])

    assert error.diagnostics == ("a", "b")


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_signal_decides_the_exit_code(number: int, code: int) -> None:
    """128 and the number of the signal, as a shell says it."""
    assert Interrupted("stopped", signal_number=number).exit_code == code
