"""The token to post with: from the environment only, so it is in no process list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.errors import AccessError, ForgeReadOnly
from icesync.model.ci import Forge
from icesync.model.secret import SecretValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.forge import Place

__all__ = ["find_token"]

_VARIABLES: Final = {
    Forge.GITHUB: ("ICESYNC_GITHUB_TOKEN", "GITHUB_TOKEN"),
    Forge.GITLAB: ("ICESYNC_GITLAB_TOKEN", "GITLAB_TOKEN"),
}
"""The first that is set counts. CI_JOB_TOKEN is not among them: it cannot write."""

_HINTS: Final = {
    Forge.GITHUB: "env: {GITHUB_TOKEN: ${{ github.token }}}   gives it to the step",
    Forge.GITLAB: "a project access token with the scope `api`, as the masked CI/CD variable "
    "ICESYNC_GITLAB_TOKEN; CI_JOB_TOKEN cannot write",
}


def find_token(place: Place, environ: Mapping[str, str]) -> SecretValue:
    """
    Return the token for *place*.

    Raises:
        AccessError: none is set, or it holds what no token does and no header may.
        ForgeReadOnly: none is set, in the pipeline of a fork, which is given none.

    """
    names = _VARIABLES[place.forge]
    for name in names:
        text = environ.get(name, "")
        if text and text.isascii() and text.isprintable() and " " not in text:
            return SecretValue(text)
        if text:
            raise AccessError(
                f"the token in {name} holds a space, a line break or another odd character",
                f"set {name} anew, without quotes and without a line break behind it",
            )
    told = f"no token for {place.forge.label}: {' and '.join(names)} are not set"
    raise (ForgeReadOnly if place.foreign else AccessError)(told, _HINTS[place.forge])
