"""The pipeline around a run, as a value: renderers link to it and never look for it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.diagnostics import SourcePosition

__all__ = ["Ci", "Forge"]


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
class Ci:
    """
    What the renderers may know of the pipeline.

    *folder* is where the configuration lies in the repository, with ``/`` and
    without ``.``: empty at its root. *files_url* is where GitHub or GitLab shows
    the files of this commit, with a slash at its end; empty where nobody knows.
    """

    forge: Forge = Forge.NONE
    folder: str = ""
    commit: str = ""
    files_url: str = ""
    run_url: str = ""
    repository: str = ""
    branch: str = ""

    @property
    def key(self) -> str:
        """What tells this configuration from others of the same repository."""
        return self.folder or "."

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
