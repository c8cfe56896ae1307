"""GitLab's REST API (version 4), as far as posting needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from icesync.errors import ForgeRefused
from icesync.forge.dialect import Account, Ask, ResourcePaths
from icesync.model.pipeline import Forge, Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping


class GitLab:
    """Comments are notes there; the job's own ``CI_JOB_TOKEN`` may only read them."""

    forge = Forge.GITLAB
    edit_method = "PUT"
    read_only_hint = "the token needs the scope `api` and the role Reporter"

    def headers(self, token: str) -> Mapping[str, str]:
        """Return the header that takes personal, project and group access tokens."""
        return {"PRIVATE-TOKEN": token}

    def next_page(self, api_url: str, path: str, headers: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """Return *path* with the number of the next page, which is empty on the last."""
        number = headers.get("x-next-page", "")
        if not re.fullmatch(r"[0-9]{1,9}", number):
            return None
        return f"{re.sub(r'&page=[0-9]+$', '', path)}&page={number}"

    def account(self, api_path: str, ask: Ask) -> Account:  # noqa: ARG002
        """Ask who we are; a project access token has a user of its own."""
        user = ask("GET", "/user")
        me = user.get("id") if isinstance(user, dict) else None
        if not isinstance(me, int):
            raise ForgeRefused("GitLab does not tell whose token it is")

        def is_own(item: Mapping[str, Any]) -> bool:
            author = item.get("author")
            return isinstance(author, dict) and author.get("id") == me and not item.get("system")

        return Account(is_own, (f"author_id={me}",))

    def comments(self, place: Pipeline) -> ResourcePaths:
        """Return the notes of a merge request."""
        path = f"{_project(place)}/merge_requests/{place.number}/notes"
        order = "sort=asc&order_by=created_at&per_page=100"
        return ResourcePaths(path, order, f"{path}/{{id}}", "id", "body")

    def issues(self, place: Pipeline, title: str) -> ResourcePaths:
        """Return the open issues."""
        path = f"{_project(place)}/issues"
        return ResourcePaths(
            path,
            "state=opened&sort=asc&order_by=created_at&per_page=100",
            f"{path}/{{id}}",
            "iid",
            "description",
            {"title": title},
            {"state_event": "close"},
            by_author=True,
        )


def _project(place: Pipeline) -> str:
    return f"/projects/{quote(place.project, safe='')}"
