from __future__ import annotations

from typing import Any

import pytest

from icesync.errors import ForgeRefused
from icesync.forge.gitlab import GitLab
from icesync.model.pipeline import Forge, Pipeline

PATH = "/projects/42/merge_requests/7/notes?per_page=100"


@pytest.mark.parametrize(
    ("path", "number", "following"),
    [
        (PATH, "2", f"{PATH}&page=2"),
        (f"{PATH}&page=2", "3", f"{PATH}&page=3"),
        (f"{PATH}&page=2", "", None),
        (PATH, "2&x=y", None),
    ],
)
def test_next_page(path: str, number: str, following: str | None) -> None:
    """The number of the next page is a header, empty on the last page."""
    assert GitLab().next_page("", path, {"x-next-page": number}) == following


@pytest.mark.parametrize("user", [None, [], {}, {"id": "501"}])
def test_nobody_says_who(user: Any) -> None:
    """Without an account nothing can be told apart from what others wrote."""
    with pytest.raises(ForgeRefused, match="whose token it is"):
        GitLab().account("", lambda *_: user)


@pytest.mark.parametrize(
    ("item", "ours"),
    [
        ({"author": {"id": 501}}, True),
        ({"author": {"id": 501}, "system": True}, False),
        ({"author": {"id": 7}}, False),
        ({"author": None}, False),
        ({}, False),
    ],
)
def test_author(item: dict[str, Any], ours: bool) -> None:
    """What GitLab itself notes in somebody's name was not written by them."""
    assert GitLab().account("", lambda *_: {"id": 501}).is_own(item) is ours


def test_path_of_a_project() -> None:
    """A project may be named by its path, as one word of the address."""
    place = Pipeline(Forge.GITLAB, project="acme/team/mail", number=7)

    assert GitLab().comments(place).path == "/projects/acme%2Fteam%2Fmail/merge_requests/7/notes"
