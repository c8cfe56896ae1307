"""
From a place and a token to what can be posted on.

The token comes from the environment only, so it is in no process list.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from icesync.errors import AccessError, ForgeReadOnly, UsageError
from icesync.forge.board import RestThread
from icesync.forge.client import MAX_REPLY_BYTES, ForgeClient
from icesync.forge.github import GitHub
from icesync.forge.gitlab import GitLab
from icesync.frozen import frozen
from icesync.model.ci import Forge
from icesync.model.secret import SecretValue
from icesync.net import ClientOptions, job_options, open_client, trust_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.forge.dialect import Dialect
    from icesync.model.forge import Place
    from icesync.ports import Clock

_DIALECTS: Final[Mapping[Forge, Dialect]] = {Forge.GITHUB: GitHub(), Forge.GITLAB: GitLab()}
_CALL_S: Final = 15.0


@frozen
class CallOptions:
    """How calls are made; none begins after the moment *deadline_s* of *clock*."""

    user_agent: str
    clock: Clock
    deadline_s: float
    ca_file: str | None = None


@contextmanager
def open_thread(
    place: Place, environ: Mapping[str, str], call: CallOptions, title: str | None = None
) -> Iterator[RestThread]:
    """
    Give the comments of the review at *place*, or with *title* the project's open issues.

    Raises:
        AccessError: there is no token in *environ*, or it is none.
        ForgeReadOnly: there is none, in the pipeline of a fork.
        UsageError: the file of the authority is no good.

    """
    token = find_token(place, environ)
    dialect = _DIALECTS[place.forge]
    try:
        trust = trust_store(call.ca_file) if call.ca_file else None
    except OSError as error:
        problem = error.strerror or "no certificate in it"
        raise UsageError(f"`--ca-file` cannot be used: {problem}") from None
    parts = urlsplit(place.api_url)
    options = ClientOptions(
        f"{parts.scheme}://{parts.netloc}",
        _CALL_S,
        call.user_agent,
        trust=trust,
        max_reply_bytes=MAX_REPLY_BYTES,
    )
    options = job_options(options, options.base_url, environ)
    with closing(open_client(options)) as client:
        speaker = ForgeClient(client, place, dialect, token, call.clock, call.deadline_s)
        if title is None:
            yield RestThread(speaker, dialect.comments(place), place.review_url)
        else:
            yield RestThread(speaker, dialect.issues(place, title))


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
                f"set {name} again, without quotes and without a line break behind it",
            )
    message = f"no token for {place.forge.label}: {' and '.join(names)} are not set"
    raise (ForgeReadOnly if place.foreign else AccessError)(message, _HINTS[place.forge])
