from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from reviews import UPKEEP

from icesync.model.desired import Address
from icesync.model.report import Maintenance
from icesync.render.plan import CANNOT_BE_READ
from icesync.render.style import Style
from icesync.render.text import addresses_in_line, left_of_token, render_maintenance


def test_nothing_to_look_after_is_nothing_to_read() -> None:
    """A schedule that has nothing to say only says what it cannot know."""
    assert render_maintenance(Maintenance(UPKEEP.now), Style()) == f"\nnote: {CANNOT_BE_READ}\n"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 seconds"),
        (59, "59 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_200, "2 hours"),
        (172_800, "2 days"),
    ],
)
def test_time_left(seconds: float, told: str) -> None:
    """What is left of a token is told in the largest unit that says something."""
    ends = UPKEEP.now + timedelta(seconds=seconds)

    assert left_of_token(replace(UPKEEP, token_ends=ends)) == told


def test_many_addresses() -> None:
    """Ten are named, the rest is counted."""
    many = [Address(59, skill) for skill in range(1, 13)]

    assert addresses_in_line(many).endswith("59/10 and 2 more")
    assert addresses_in_line(many[:2]) == "59/1, 59/2"
