from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import SALES, SUPPORT, desired, plan
from reviews import UPKEEP

from icesync.model.desired import Address
from icesync.model.report import Maintenance
from icesync.render.plan import CANNOT_BE_READ
from icesync.render.style import Style
from icesync.render.text import (
    addresses_in_line,
    check_verdict,
    left_of_token,
    render_maintenance,
)


def test_nothing_to_look_after_is_nothing_to_read() -> None:
    """A schedule that has nothing to say only says what it cannot know."""
    assert render_maintenance(Maintenance(UPKEEP.now), Style()) == f"\nnote: {CANNOT_BE_READ}\n"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-300_000_000, "expired at 20.*, 9 years ago"),
        (-5, "expired at 20.*, 5 seconds ago"),
        (0, "expired at 20.*, 0 seconds ago"),
        (59, "expires at 20.*, in 59 seconds"),
        (119, "expires at 20.*, in 119 seconds"),
        (120, "expires at 20.*, in 2 minutes"),
        (7_200, "expires at 20.*, in 2 hours"),
        (172_800, "expires at 20.*, in 2 days"),
    ],
)
def test_time_left(seconds: float, told: str) -> None:
    """When a token expires or expired is told in the largest unit that says something."""
    ends = UPKEEP.now + timedelta(seconds=seconds)

    assert re.fullmatch(told, left_of_token(replace(UPKEEP, token_ends=ends)))


def test_many_addresses() -> None:
    """Ten are named, the rest is counted."""
    many = [Address(59, skill) for skill in range(1, 13)]

    assert addresses_in_line(many).endswith("59/10 and 2 more")
    assert addresses_in_line(many[:2]) == "59/1 and 59/2"


@pytest.mark.parametrize(
    ("maintenance", "code", "told"),
    [
        (Maintenance(UPKEEP.now), 0, "check: nothing needs attention (exit 0)"),
        (
            Maintenance(UPKEEP.now, not_in_any_file=(SALES, SUPPORT)),
            2,
            "check: 2 servers are in no file (exit 2)",
        ),
        (
            Maintenance(UPKEEP.now, max_age="30d", out_of_date=(SALES,)),
            2,
            "check: 1 confirmation is older than 30d (exit 2)",
        ),
        (
            Maintenance(UPKEEP.now, uncertain=(SALES,)),
            2,
            "check: 1 call without a known outcome (exit 2)",
        ),
    ],
    ids=["nothing", "in no file", "old", "unknown"],
)
def test_a_check_ends_with_its_verdict(maintenance: Maintenance, code: int, told: str) -> None:
    """The last line says what needs attention, and the exit code that says the same."""
    assert check_verdict(plan(desired()), maintenance, code) == told
