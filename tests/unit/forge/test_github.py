from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from icesync.errors import ForgeReadOnly, ForgeRefused, ForgeUnreachable
from icesync.forge.github import GitHub

if TYPE_CHECKING:
    from collections.abc import Callable

API = "https://api.github.test"
NEXT = '<https://api.github.test/repositories/1/issues/7/comments?page=2>; rel="next"'


def asker(**answers: Any) -> Callable[..., Any]:
    """Return what answers ``graphql`` and ``user`` so; an exception is raised."""

    def ask(_method: str, path: str, _document: object = None, *, rooted: bool = False) -> Any:
        name = path.rpartition("/")[2]
        assert rooted is (name == "graphql")
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def viewer(login: object) -> dict[str, Any]:
    """Return GraphQL's answer."""
    return {"data": {"viewer": {"login": login}}}


def by(login: str, **more: Any) -> dict[str, Any]:
    """Return a comment of *login*."""
    return {"id": 1, "user": {"login": login}, **more}


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("", None),
        (NEXT, "/repositories/1/issues/7/comments?page=2"),
        (f'<{API}/x?page=1>; rel="prev", {NEXT}', "/repositories/1/issues/7/comments?page=2"),
        (f'<{API}/x?page=1>; rel="prev", <{API}/x?page=9>; rel="last"', None),
        ("nonsense", None),
    ],
)
def test_next_page(link: str, path: str | None) -> None:
    """The next page is the one that ``Link`` calls so."""
    assert GitHub().next_page(API, "/x", {"link": link}) == path


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/x",
        "https://api.github.test.evil.test/x",
        "http://api.github.test/x",
        "/x",
    ],
)
def test_next_page_elsewhere(url: str) -> None:
    """The token follows no link out of the API."""
    with pytest.raises(ForgeRefused, match="outside"):
        GitHub().next_page(API, "/x", {"link": f'<{url}>; rel="next"'})


@pytest.mark.parametrize(
    ("me", "author", "ours"),
    [
        ("github-actions[bot]", "github-actions[bot]", True),
        ("github-actions[bot]", "github-actions", False),
        ("github-actions", "github-actions[bot]", True),
        ("Chris", "chris", True),
        ("chris", "eve", False),
        ("chris", "", False),
    ],
)
def test_author(me: str, author: str, ours: bool) -> None:
    """An app's name has ``[bot]`` behind it in one API and perhaps not in the other."""
    assert GitHub().account("", asker(graphql=viewer(me))).is_own(by(author)) is ours


def test_a_pull_request_is_no_issue() -> None:
    """GitHub lists pull requests among the issues."""
    mine = GitHub().account("", asker(graphql=viewer("chris"))).is_own

    assert mine(by("chris"))
    assert not mine(by("chris", pull_request={}))


@pytest.mark.parametrize("item", [{}, {"user": None}, {"user": "chris"}, {"user": {"login": None}}])
def test_author_that_is_not_there(item: dict[str, Any]) -> None:
    """A comment of a deleted account is nobody's."""
    assert not GitHub().account("", asker(graphql=viewer("chris"))).is_own(item)


@pytest.mark.parametrize(
    "refusal", [{}, {"errors": []}, None, viewer(None) | {"data": None}, ForgeRefused("404")]
)
def test_rest_says_who_where_graphql_does_not(refusal: Any) -> None:
    """A server without GraphQL is asked the old way."""
    mine = GitHub().account("", asker(graphql=refusal, user={"login": "chris"})).is_own

    assert mine(by("chris"))


@pytest.mark.parametrize("user", [ForgeReadOnly("403"), ForgeRefused("404"), [], {}, {"login": ""}])
def test_nobody_says_who(user: Any) -> None:
    """Without an account nothing can be told apart from what others wrote."""
    with pytest.raises(ForgeRefused, match="whose token it is"):
        GitHub().account("", asker(graphql=ForgeRefused("404"), user=user))


def test_outage_is_not_a_refusal() -> None:
    """A GraphQL that is down is tried again, not replaced."""
    with pytest.raises(ForgeUnreachable):
        GitHub().account("", asker(graphql=ForgeUnreachable("502")))


@pytest.mark.parametrize(("api_path", "path"), [("", "/graphql"), ("/api/v3", "/api/graphql")])
def test_where_graphql_is(api_path: str, path: str) -> None:
    """On a server of one's own it lies beside REST, not below it."""
    asked = []

    def ask(_method: str, asked_path: str, *_: object, **__: object) -> Any:
        asked.append(asked_path)
        return viewer("chris")

    GitHub().account(api_path, ask)

    assert asked == [path]
