"""What differs between the REST APIs of two forges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.model.pipeline import Forge, Pipeline

Ask: TypeAlias = Callable[..., Any]
"""As :meth:`icesync.forge.client.ForgeClient.ask`."""


@frozen
class ResourcePaths:
    """
    Where one kind of posts stands, and how its fields are called.

    *path* lists and takes new ones, *query* narrows the list, *item_path* with
    ``{id}`` is one of them. *fixed* goes out with each new one, *closing* ends one.
    A list *by_author* can be asked for those of one account.
    """

    path: str
    query: str
    item_path: str
    id_field: str
    text_field: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    closing: Mapping[str, str] = field(default_factory=dict)
    by_author: bool = False


@frozen
class Account:
    """
    Whose a token is: *is_own* tells its posts, *queries* ask a list for them alone.

    Of several queries, each spells the account in another way.
    """

    is_own: Callable[[Mapping[str, Any]], bool]
    queries: tuple[str, ...]


class Dialect(Protocol):
    """How one forge is spoken to."""

    forge: Forge
    edit_method: str
    read_only_hint: str

    def headers(self, token: str) -> Mapping[str, str]:
        """Return the headers of a call as the owner of *token*."""
        ...

    def next_page(self, api_url: str, path: str, headers: Mapping[str, str]) -> str | None:
        """
        Return the path of the page after *path*, or None after the last.

        Raises:
            ForgeRefused: it is said to lie outside of *api_url*.

        """
        ...

    def account(self, api_path: str, ask: Ask) -> Account:
        """
        Return the account of the token.

        Raises:
            ForgeError: the forge does not say whose the token is.

        """
        ...

    def comments(self, place: Pipeline) -> ResourcePaths:
        """Return where the comments of the review at *place* stand; it has a number."""
        ...

    def issues(self, place: Pipeline, title: str) -> ResourcePaths:
        """Return where the open issues of the project stand; new ones are called *title*."""
        ...
