"""Where a change is reviewed: a forge, a place on it, and what stands there."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.model.ci import Forge

__all__ = ["Place", "Post", "Posted", "PostedHow"]


@frozen
class Place:
    """
    A project on a forge, and the pull request or merge request that a run is for.

    *project* is OWNER/NAME on GitHub, an id or a path on GitLab; *number* is
    None for a run that is for no review, *review_url* is its page where that is
    known. *foreign* says that the change comes from a fork, whose runs are given
    no token that writes.
    """

    forge: Forge
    api_url: str
    project: str
    number: int | None = None
    run_url: str | None = None
    review_url: str | None = None
    foreign: bool = False


@frozen
class Post:
    """One comment or issue, as it stands on the forge now."""

    id: int
    text: str
    url: str


class PostedHow(StrEnum):
    """What became of something that was to be posted."""

    NEW = "posted"
    EDITED = "updated"
    SAME = "unchanged"
    CLOSED = "closed"
    NOTHING = "nothing to post"
    OLDER = "not posted: a newer run has posted already"


@frozen
class Posted:
    """The end of it; *url* is empty where there is nothing."""

    how: PostedHow
    url: str = ""
