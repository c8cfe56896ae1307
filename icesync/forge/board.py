"""Comments and issues over REST: list, post, edit, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icesync.errors import ForgeUnreachable
from icesync.model.forge import Post

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.forge.client import ForgeClient
    from icesync.forge.dialect import ResourcePaths


class RestThread:
    """
    The posts of one *paths*.

    *review_url* is the page that comments stand on, for a forge whose replies do
    not name it.
    """

    def __init__(
        self, client: ForgeClient, paths: ResourcePaths, review_url: str | None = None
    ) -> None:
        self._client = client
        self._paths = paths
        self._review_url = review_url

    def posts(self) -> Iterator[Post]:
        """Yield what the token's own account posted, oldest first."""
        is_own = self._client.dialect.account(self._client.api_path, self._client.ask)
        for item in self._client.pages(f"{self._paths.path}?{self._paths.query}"):
            if isinstance(item, dict) and is_own(item):
                yield self._post(item)

    def post(self, text: str) -> Post:
        """Post *text*."""
        document = {**self._paths.fixed, self._paths.text_field: text}
        return self._post(self._client.ask("POST", self._paths.path, document))

    def edit(self, post: Post, text: str) -> Post:
        """Replace the text of *post*."""
        return self._change(post, {self._paths.text_field: text})

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
            raise ForgeUnreachable(f"{self._client.title} answered with something that is no post")
        url = item.get("html_url") or item.get("web_url")
        if not isinstance(url, str):
            url = f"{self._review_url}#note_{number}" if self._review_url else ""
        text = item.get(paths.text_field)
        return Post(number, text if isinstance(text, str) else "", url)
