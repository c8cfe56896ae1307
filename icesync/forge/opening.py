"""From a place and a token to what can be posted on."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from icesync.errors import UsageError
from icesync.forge.board import RestBoard
from icesync.forge.client import MAX_REPLY_BYTES, ForgeClient
from icesync.forge.github import GitHub
from icesync.forge.gitlab import GitLab
from icesync.forge.token import find_token
from icesync.model.ci import Forge
from icesync.net import ClientOptions, open_client, trust_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.forge.dialect import Dialect
    from icesync.model.forge import Place
    from icesync.ports import Clock

__all__ = ["Line", "open_board"]

_DIALECTS: Final[Mapping[Forge, Dialect]] = {Forge.GITHUB: GitHub(), Forge.GITLAB: GitLab()}
_CALL_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """How calls are made; none begins after the moment *ends_s* of *clock*."""

    user_agent: str
    clock: Clock
    ends_s: float
    ca_file: str | None = None


@contextmanager
def open_board(
    place: Place, environ: Mapping[str, str], line: Line, title: str | None = None
) -> Iterator[RestBoard]:
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
        trust = trust_store(line.ca_file) if line.ca_file else None
    except OSError as error:
        told = error.strerror or "no certificate in it"
        raise UsageError(f"`--ca-file` cannot be used: {told}") from None
    parts = urlsplit(place.api_url)
    options = ClientOptions(
        f"{parts.scheme}://{parts.netloc}",
        _CALL_S,
        line.user_agent,
        trust=trust,
        max_reply_bytes=MAX_REPLY_BYTES,
    )
    with closing(open_client(options)) as client:
        speaker = ForgeClient(client, place, dialect, token, line.clock, line.ends_s)
        if title is None:
            yield RestBoard(speaker, dialect.comments(place), place.review_url)
        else:
            yield RestBoard(speaker, dialect.issues(place, title))
