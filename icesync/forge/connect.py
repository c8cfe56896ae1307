"""
From a pipeline and a token to what can be posted on.

The token comes from the environment only, so it is in no process list.
"""

from __future__ import annotations

import re
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from icesync.errors import AccessError, ForgeReadOnly, ForgeRefused, ForgeUnreachable, UsageError
from icesync.forge.client import MAX_REPLY_BYTES, ForgeClient
from icesync.forge.github import GitHub
from icesync.forge.gitlab import GitLab
from icesync.frozen import frozen
from icesync.model.pipeline import Forge, Pipeline, Post
from icesync.model.secret import SecretValue
from icesync.net import (
    ClientOptions,
    bundle_problem,
    is_confidential,
    job_options,
    open_client,
    trust_store,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.forge.dialect import Account, Dialect, ResourcePaths
    from icesync.ports import Clock


class RestThread:
    """
    The posts of one *paths*.

    *review_url* is the page that comments stand on, for a forge whose replies do
    not name it.
    """

    def __init__(self, client: ForgeClient, paths: ResourcePaths, review_url: str = "") -> None:
        self._client = client
        self._paths = paths
        self._review_url = review_url

    def posts(self) -> Iterator[Post]:
        """Yield what the token's own account posted, oldest first."""
        account = self._client.dialect.account(self._client.api_path, self._client.ask)
        first, *others = account.queries if self._paths.by_author else ("",)
        for item in self._list(account, first) or self._of_others(account, others):
            yield self._post(item)

    def _of_others(self, account: Account, queries: list[str]) -> list[dict[str, Any]]:
        """Return the posts under the other spellings of an account; there may be no such one."""
        found = []
        for query in queries:
            with suppress(ForgeRefused):
                found += self._list(account, query)
        return found

    def _list(self, account: Account, query: str) -> list[dict[str, Any]]:
        whole = "&".join(filter(None, (self._paths.query, query)))
        items = self._client.pages(f"{self._paths.path}?{whole}")
        return [item for item in items if isinstance(item, dict) and account.is_own(item)]

    def post(self, text: str) -> Post:
        """Post *text*."""
        document = {**self._paths.fixed, self._paths.text_field: text}
        return self._post(self._client.ask("POST", self._paths.path, document))

    def edit(self, post: Post, text: str) -> Post:
        """Replace the text of *post*."""
        return self._change(post, {self._paths.text_field: text})

    def remove(self, post: Post) -> None:
        """Delete the comment *post*, or close the issue."""
        if self._paths.closing:
            self.close(post)
        else:
            self._client.ask("DELETE", self._paths.item_path.format(id=post.id))

    def close(self, post: Post) -> None:
        """Close the issue *post*."""
        self._change(post, dict(self._paths.closing))

    def _change(self, post: Post, document: dict[str, str]) -> Post:
        path = self._paths.item_path.format(id=post.id)
        return self._post(self._client.ask(self._client.dialect.edit_method, path, document))

    def _post(self, item: Any) -> Post:
        """Return the post that *item* describes."""
        paths = self._paths
        number = item.get(paths.id_field) if isinstance(item, dict) else None
        if not isinstance(number, int):
            raise ForgeUnreachable(f"{self._client.title} sent an invalid post")
        url = item.get("html_url") or item.get("web_url")
        if not isinstance(url, str):
            url = f"{self._review_url}#note_{number}" if self._review_url else ""
        text = item.get(paths.text_field)
        return Post(number, text if isinstance(text, str) else "", url)


_ADDRESS: Final = re.compile(r"[a-z]+://[^\s@?#\x00-\x20\x7f-\U0010ffff]+")
_PROJECT: Final = {
    Forge.GITHUB: re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"),
    Forge.GITLAB: re.compile(r"[0-9]+|[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+"),
}


def with_target(
    pipeline: Pipeline, *, api_url: str | None, project: str | None, number: int | None
) -> Pipeline:
    """
    Return *pipeline* with what is given here, which counts more, as a place to post on.

    Raises:
        UsageError: it is in no pipeline, or no call may be made there: it would get a token.

    """
    if pipeline.forge is Forge.NONE:
        raise UsageError(
            "not running in GitHub Actions or GitLab CI",
            "use --forge github --project OWNER/NAME --number 7",
        )
    place = replace(
        pipeline,
        api_url=(api_url or pipeline.api_url).rstrip("/"),
        project=project or pipeline.project,
        number=pipeline.number if number is None else number,
    )
    if not _ADDRESS.fullmatch(place.api_url):
        raise UsageError("the URL of the API is invalid", "--api-url https://…")
    if not is_confidential(place.api_url):
        raise UsageError(
            f"{place.api_url} must be https: the call carries a token", "--api-url https://…"
        )
    if not _PROJECT[place.forge].fullmatch(place.project):
        form = "OWNER/NAME" if place.forge is Forge.GITHUB else "ID or GROUP/NAME"
        message = f"invalid project `{place.project}`" if place.project else "no project is given"
        raise UsageError(f"{message} on {place.forge.label}", f"--project {form}")
    return place


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
    place: Pipeline, environ: Mapping[str, str], call: CallOptions, title: str | None = None
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
        raise UsageError(f"`--ca-file` cannot be used: {bundle_problem(error)}") from None
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
    Forge.GITHUB: "add `env: {GITHUB_TOKEN: ${{ github.token }}}` to the step",
    Forge.GITLAB: "set ICESYNC_GITLAB_TOKEN, a masked CI/CD variable, to a project access "
    "token with the scope `api`; CI_JOB_TOKEN cannot write comments",
}


def find_token(place: Pipeline, environ: Mapping[str, str]) -> SecretValue:
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
                f"the token in {name} contains a space, a line break or another invalid character",
                f"set {name} again, without quotes and line breaks",
            )
    message = f"no token for {place.forge.label}: {' and '.join(names)} are not set"
    raise (ForgeReadOnly if place.foreign else AccessError)(message, _HINTS[place.forge])
