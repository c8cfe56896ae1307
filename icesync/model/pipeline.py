"""
The pipeline around a run, as one value, and what is posted where its change is reviewed.

It is read once (:mod:`icesync.forge`); nothing else asks for a pipeline's variables.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.diagnostics import SourcePosition


class Forge(StrEnum):
    """Whose pipeline it is, as ``--ci`` names it."""

    NONE = "none"
    GITHUB = "github"
    GITLAB = "gitlab"

    @property
    def label(self) -> str:
        """The name as people write it."""
        return {Forge.GITHUB: "GitHub", Forge.GITLAB: "GitLab"}.get(self, "no pipeline")


@frozen
class Pipeline:
    """
    The pipeline that a run is part of; empty where there is none.

    *folder* is where the configuration lies in the repository, with ``/`` and
    without ``.``: empty at its root. *part* is what tells the run from others about the
    same folder: a configuration of another name, and what it is narrowed to. *files_url*
    is where GitHub or GitLab shows the files of this commit, with a slash at its end; empty
    where nobody knows. *run* is the number of the run, which rises within a project.

    *api_url* and *project* (OWNER/NAME on GitHub, an id or a path on GitLab) are where
    calls go; *number* is that of the pull request or merge request that the run is for,
    *review_url* its page. *foreign* says that the change comes from a fork, whose runs are
    given no token that writes; *unreviewed*, that nobody may have approved the change yet,
    on any CI system.
    """

    forge: Forge = Forge.NONE
    folder: str = ""
    commit: str = ""
    files_url: str = ""
    run_url: str = ""
    repository: str = ""
    branch: str = ""
    run: int | None = None
    api_url: str = ""
    project: str = ""
    number: int | None = None
    review_url: str = ""
    foreign: bool = False
    unreviewed: bool = False
    part: str = ""

    @property
    def key(self) -> str:
        """What tells this configuration, and this part of it, from others of the repository."""
        return f"{self.folder or '.'} {self.part}".rstrip()

    def path(self, file: str) -> str:
        """Return *file*, which is relative to the configuration, from the repository's root."""
        return f"{self.folder}/{file}" if self.folder else file

    def url_path(self, file: str) -> str:
        """Return :meth:`path` as it may stand in an address."""
        return quote(self.path(file), errors="replace")

    def link(self, position: SourcePosition) -> str:
        """Return the address of a line at the forge, or nothing where there is none."""
        if not self.files_url:
            return ""
        return f"{self.files_url}{self.url_path(position.file)}#L{position.line}"


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
    OLDER = "not posted: a newer run has already posted"


@frozen
class Posted:
    """The end of it; *url* is empty where there is nothing."""

    how: PostedHow
    url: str = ""
