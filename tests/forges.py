"""
GitHub and GitLab on loopback, as far as posting goes.

They page, know whose a token is, let some tokens only read, refuse long texts
and have bad days: as the REST APIs are documented to, over real sockets.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from urllib.parse import parse_qs, urlsplit

from rig import FarEnd

from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.emulator.aspnet import Request

__all__ = ["OURS", "READER", "STRANGER", "FakeForge", "FakeGitHub", "FakeGitLab", "Trouble"]

OURS: Final = "token-of-ours-5521"
READER: Final = "token-that-reads-7713"
STRANGER: Final = "token-of-a-stranger-1190"


@dataclass
class Trouble:
    """What a forge answers instead, *times* times, to calls by *method* (any, if empty)."""

    reply: Reply
    method: str = ""
    times: int = 1
    path: str = ""

    def meets(self, method: str, path: str) -> bool:
        """Return whether this call is in trouble, and count it."""
        if self.times and self.method in {"", method} and self.path in path:
            self.times -= 1
            return True
        return False


@dataclass
class Call:
    """One call as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class FakeForge:
    """
    One project with review 7 on a forge; *page_size* members to a page at most.

    *comments* and *issues* are as the API shows them, oldest first. *after* are
    replies that are sent although the call was carried out.
    """

    page_size: int = 2
    most_chars: int = 65_536
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    after: list[Trouble] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    port: int = 0

    text_field: ClassVar[str] = "body"

    def __enter__(self) -> Self:
        self._server = FarEnd(self.answer)
        self.port = self._server.port
        self._server.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.__exit__(*raised)

    @property
    def url(self) -> str:
        """The address of the API."""
        raise NotImplementedError

    @property
    def writes(self) -> list[str]:
        """The methods of the calls that were to change something."""
        return [c.method for c in self.calls if c.method != "GET" and "graphql" not in c.path]

    def say(self, text: str, token: str = OURS) -> dict[str, Any]:
        """Let the owner of *token* comment."""
        return self._add(self.comments, {"body": text}, token)

    def report(self, text: str, token: str = OURS) -> dict[str, Any]:
        """Let the owner of *token* open an issue."""
        return self._add(self.issues, {"title": "t", self.text_field: text}, token)

    def answer(self, request: Request) -> Reply:
        """Answer one call."""
        body = json.loads(request.body) if request.body else None
        self.calls.append(Call(request.method, request.path, request.headers, body))
        for trouble in self.troubles:
            if trouble.meets(request.method, request.path):
                return trouble.reply
        reply = self._carry_out(request, body)
        for trouble in self.after:
            if trouble.meets(request.method, request.path):
                return trouble.reply
        return reply

    def _carry_out(self, request: Request, body: Any) -> Reply:  # noqa: PLR0911 - a table of kinds
        parts = urlsplit(request.path)
        token = self._token(request.headers)
        if token not in {OURS, READER, STRANGER}:
            return self.refusal(401)
        known = self._who(request.method, parts.path, token)
        if known is not None:
            return known
        if request.method != "GET" and token == READER:
            return self.refusal(403)
        shelf = self._shelf(parts.path)
        if shelf is None:
            return self.refusal(404)
        members, number = shelf
        if request.method == "GET":
            return self._list(members, parts.path, parse_qs(parts.query))
        if request.method == "DELETE":
            kept = [m for m in members if number != m["id"]]
            found, members[:] = len(kept) < len(members), kept
            return Reply(204, {}, b"") if found else self.refusal(404)
        if any(len(str(value)) > self.most_chars for value in body.values()):
            return self.too_long()
        if number is None:
            return answer(201, self._add(members, body, token))
        found = [m for m in members if number in {m.get("number"), m.get("iid"), m["id"]}]
        return answer(200, self._change(found[0], body)) if found else self.refusal(404)

    def _list(
        self, members: list[dict[str, Any]], path: str, query: Mapping[str, list[str]]
    ) -> Reply:
        shown = [m for m in members if m.get("state") != "closed" and self._is_by(m, query)]
        size = min(int(query["per_page"][0]), self.page_size)
        page = int(query.get("page", ["1"])[0])
        more = len(shown) > page * size
        return answer(
            200, shown[(page - 1) * size : page * size], self.paging(path, page, more=more)
        )

    def _is_by(self, member: dict[str, Any], query: Mapping[str, list[str]]) -> bool:
        """Return whether *member* is by whom the list is asked for."""
        creator, author = query.get("creator"), query.get("author_id")
        by_login = creator is None or member["user"]["login"] == creator[0]
        return by_login and (author is None or str(member["author"]["id"]) == author[0])

    def _change(self, member: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        if body.pop("state_event", None) == "close":
            body["state"] = "closed"
        member.update(body)
        return member

    def _add(
        self, members: list[dict[str, Any]], body: dict[str, Any], token: str
    ) -> dict[str, Any]:
        member = {**body, **self.facts(len(members) + 1, token)}
        members.append(member)
        return member

    # What each forge does in its own way:

    def refusal(self, status: int) -> Reply:
        """Return the forge's words for *status*."""
        raise NotImplementedError

    def too_long(self) -> Reply:
        """Return the refusal of a long text."""
        raise NotImplementedError

    def rate_limit(self, wait_s: int) -> Reply:
        """Return what somebody in a hurry is told."""
        raise NotImplementedError

    def paging(self, path: str, page: int, *, more: bool) -> dict[str, str]:
        """Return the headers of one page."""
        raise NotImplementedError

    def facts(self, number: int, token: str) -> dict[str, Any]:
        """Return what the forge adds to a new post."""
        raise NotImplementedError

    def _token(self, headers: Mapping[str, str]) -> str:
        raise NotImplementedError

    def _who(self, method: str, path: str, token: str) -> Reply | None:
        raise NotImplementedError

    def _shelf(self, path: str) -> tuple[list[dict[str, Any]], int | None] | None:
        raise NotImplementedError


class FakeGitHub(FakeForge):
    """The repository ``acme/mail``; our token is a workflow's, and so is the reader's."""

    LOGINS: Final = {OURS: "github-actions[bot]", READER: "github-actions[bot]", STRANGER: "eve"}

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}"

    def refusal(self, status: int) -> Reply:
        """Return GitHub's words."""
        words = {
            401: "Bad credentials",
            403: "Resource not accessible by integration",
            404: "Not Found",
        }
        return answer(status, {"message": words[status], "status": str(status)})

    def too_long(self) -> Reply:
        """Return the refusal as it stands in the issues of tools that met it."""
        told = f"Body is too long (maximum is {self.most_chars} characters)"
        error = {"resource": "IssueComment", "code": "unprocessable", "message": told}
        return answer(422, {"message": "Validation Failed", "errors": [error]})

    def rate_limit(self, wait_s: int) -> Reply:
        """Return the secondary rate limit: a 403."""
        told = "You have exceeded a secondary rate limit. Please wait a few minutes."
        return answer(403, {"message": told}, {"retry-after": str(wait_s)})

    def paging(self, path: str, page: int, *, more: bool) -> dict[str, str]:
        """Return ``Link``, with addresses that name the repository by its number."""
        base = f"{self.url}{path.replace('/repos/acme/mail', '/repositories/1')}?per_page=100"
        links = [f'<{base}&page={page - 1}>; rel="prev"'] * (page > 1)
        links += [f'<{base}&page={page + 1}>; rel="next"', f'<{base}&page=99>; rel="last"'] * more
        return {"link": ", ".join(links)} if links else {}

    def facts(self, number: int, token: str) -> dict[str, Any]:
        """Return number, author and page."""
        page = f"https://github.com/acme/mail/pull/7#issuecomment-{number}"
        user = {"login": self.LOGINS[token], "type": "Bot" if token == OURS else "User"}
        return {"id": number, "number": number, "html_url": page, "user": user, "state": "open"}

    def _token(self, headers: Mapping[str, str]) -> str:
        return headers.get("authorization", "").removeprefix("Bearer ")

    def _who(self, method: str, path: str, token: str) -> Reply | None:
        if (method, path) == ("POST", "/graphql"):
            return answer(200, {"data": {"viewer": {"login": self.LOGINS[token]}}})
        return self.refusal(403) if path == "/user" else None

    def _shelf(self, path: str) -> tuple[list[dict[str, Any]], int | None] | None:
        rest = re.sub(r"^/(repos/acme/mail|repositories/1)/", "", path)
        if rest == "issues/7/comments":
            return self.comments, None
        if match := re.fullmatch(r"issues/comments/(\d+)", rest):
            return self.comments, int(match[1])
        if match := re.fullmatch(r"issues(?:/(\d+))?", rest):
            return self.issues, int(match[1]) if match[1] else None
        return None


class FakeGitLab(FakeForge):
    """The project 42; our token is that of a project's bot."""

    IDS: Final = {OURS: 501, READER: 501, STRANGER: 7}

    text_field: ClassVar[str] = "description"

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}/api/v4"

    def refusal(self, status: int) -> Reply:
        """Return GitLab's words."""
        words = {401: "401 Unauthorized", 403: "403 Forbidden", 404: "404 Not found"}
        return answer(status, {"message": words[status]})

    def too_long(self) -> Reply:
        """Return the refusal of a long note."""
        told = {"note": [f"is too long (maximum is {self.most_chars} characters)"]}
        return answer(400, {"message": told})

    def rate_limit(self, wait_s: int) -> Reply:
        """Return the rate limit: a 429 that is not JSON."""
        return Reply(429, {"retry-after": str(wait_s)}, b"Retry later\n")

    def paging(self, path: str, page: int, *, more: bool) -> dict[str, str]:  # noqa: ARG002
        """Return the headers of offset pages; the last one's is empty."""
        return {"x-page": str(page), "x-next-page": str(page + 1) if more else ""}

    def facts(self, number: int, token: str) -> dict[str, Any]:
        """Return number and author; notes have no page of their own."""
        author = {"id": self.IDS[token], "username": "project_42_bot"}
        return {"id": number, "iid": number, "author": author, "system": False, "state": "opened"}

    def _token(self, headers: Mapping[str, str]) -> str:
        return headers.get("private-token", "")

    def _who(self, method: str, path: str, token: str) -> Reply | None:
        asked = (method, path) == ("GET", "/api/v4/user")
        return answer(200, {"id": self.IDS[token], "username": "bot"}) if asked else None

    def _shelf(self, path: str) -> tuple[list[dict[str, Any]], int | None] | None:
        match = re.fullmatch(
            r"/api/v4/projects/(?:42|acme%2Fmail)/(merge_requests/7/notes|issues)(?:/(\d+))?", path
        )
        if match is None:
            return None
        members = self.issues if match[1] == "issues" else self.comments
        return members, int(match[2]) if match[2] else None


def answer(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply of JSON."""
    return Reply(
        status,
        {"content-type": "application/json", **(headers or {})},
        json.dumps(document).encode(),
    )
