"""GitHub's REST API (version 2022-11-28), as far as posting needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from icesync.errors import ForgeReadOnly, ForgeRefused
from icesync.forge.dialect import Account, Ask, ResourcePaths
from icesync.model.pipeline import Forge, Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEXT: Final = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')
_BOT: Final = "[bot]"


class GitHub:
    """Comments are those of the issue that every pull request is, too."""

    forge = Forge.GITHUB
    edit_method = "PATCH"
    read_only_hint = (
        "give the job `permissions: {pull-requests: write}`, and `issues: write` for issues"
    )

    def headers(self, token: str) -> Mapping[str, str]:
        """Return the headers that GitHub asks for."""
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def next_page(self, api_url: str, path: str, headers: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """Return where ``Link`` leads, if that is still the API: the token goes there."""
        match = _NEXT.search(headers.get("link", ""))
        if match is None:
            return None
        if not match[1].startswith(f"{api_url}/"):
            raise ForgeRefused("GitHub sent a next page outside its API")
        return match[1].removeprefix(api_url)

    def account(self, api_path: str, ask: Ask) -> Account:
        """
        Ask GraphQL who we are: the token of a workflow may not ask ``/user``.

        REST writes ``[bot]`` behind the name of an app, GraphQL does not always.
        """
        login = _login(f"{api_path.removesuffix('/v3')}/graphql", ask)
        me = login.lower()

        def is_own(item: Mapping[str, Any]) -> bool:
            user = item.get("user")
            author = str(user.get("login", "")).lower() if isinstance(user, dict) else ""
            return author in {me, f"{me}{_BOT}"} and "pull_request" not in item

        names = (login,) if login.endswith(_BOT) else (login, f"{login}{_BOT}")
        return Account(is_own, tuple(f"creator={quote(name)}" for name in names))

    def comments(self, place: Pipeline) -> ResourcePaths:
        """Return the comments of a pull request."""
        repository = f"/repos/{place.project}"
        return ResourcePaths(
            f"{repository}/issues/{place.number}/comments",
            "per_page=100",
            f"{repository}/issues/comments/{{id}}",
            "id",
            "body",
        )

    def issues(self, place: Pipeline, title: str) -> ResourcePaths:
        """Return the open issues; pull requests are in the list as well."""
        path = f"/repos/{place.project}/issues"
        return ResourcePaths(
            path,
            "state=open&sort=created&direction=asc&per_page=100",
            f"{path}/{{id}}",
            "number",
            "body",
            {"title": title},
            {"state": "closed"},
            by_author=True,
        )


def _login(graphql_path: str, ask: Ask) -> str:
    try:
        answer = ask("POST", graphql_path, {"query": "{viewer{login}}"}, rooted=True)
        login = answer["data"]["viewer"]["login"]
    except (ForgeReadOnly, ForgeRefused, TypeError, KeyError):
        login = _login_by_rest(ask)
    if not isinstance(login, str) or not login:
        raise ForgeRefused("GitHub does not tell whose token it is")
    return login


def _login_by_rest(ask: Ask) -> object:
    try:
        user = ask("GET", "/user")
    except (ForgeReadOnly, ForgeRefused) as error:
        raise ForgeRefused(f"GitHub does not tell whose token it is: {error.message}") from None
    return user.get("login") if isinstance(user, dict) else None
