"""
The request that the emulator reads, and the replies that ASP.NET and IIS write by themselves.

Texts and headers are those of Web API 2 as a remote caller sees them: details
of errors stay hidden (observed in its source; the vendor documents only
:func:`accepted` and :func:`invalid`).
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Request",
    "accepted",
    "broken",
    "iis_page",
    "invalid",
    "json_reply",
    "message",
    "not_found",
    "unsupported",
    "wrong_verb",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: *path* with its query, header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"

    @property
    def route(self) -> str:
        """The path without its query, in lower case: routes ignore it."""
        return self.path.partition("?")[0].lower()

    @property
    def url(self) -> str:
        """The address as the caller wrote it."""
        return f"{self.scheme}://{self.headers.get('host', 'localhost')}{self.path}"


_APPLICATION: Final = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "expires": "-1",
    "server": "Microsoft-IIS/8.5",
    "x-aspnet-version": "4.0.30319",
    "x-powered-by": "ASP.NET",
}


def json_reply(body: bytes, status: int = 200, **headers: str) -> Reply:
    """Return *body* with the headers of the application, and *headers*."""
    return Reply(status, _APPLICATION | headers, body)


def message(status: int, text: str, **headers: str) -> Reply:
    """Return the object with one ``Message`` that most replies are."""
    return json_reply(_json({"Message": text}), status, **headers)


def accepted(text: str) -> Reply:
    """Return the documented success."""
    return message(200, text)


def invalid(keys: Iterable[str] = ()) -> Reply:
    """Return the documented failure; *keys* are the members that did not bind."""
    document: dict[str, object] = {"Message": "The request is invalid."}
    state = {key: ["An error has occurred."] for key in keys}
    return json_reply(_json(document | {"ModelState": state} if state else document), 400)


def broken() -> Reply:
    """Return what an unhandled exception in an action looks like."""
    return message(500, "An error has occurred.")


def not_found(url: str) -> Reply:
    """Return the 404 of the application; IIS has its own for other paths."""
    return message(404, f"No HTTP resource was found that matches the request URI '{url}'.")


def wrong_verb(method: str) -> Reply:
    """Return the refusal of any verb but POST."""
    text = f"The requested resource does not support http method '{method}'."
    return message(405, text, allow="POST")


def unsupported(media_type: str) -> Reply:
    """Return the refusal of a body whose type has no reader; an empty one was not given."""
    if media_type:
        text = f"The request entity's media type '{media_type}' is not supported for this resource."
    else:
        text = (
            "The request contains an entity body but no Content-Type header. The inferred media "
            "type 'application/octet-stream' is not supported for this resource."
        )
    return message(415, text)


def iis_page(status: int) -> Reply:
    """Return the page of the web server itself, for calls that the application never sees."""
    title = html.escape(f"{status} - {HTTPStatus(status).phrase}")
    page = f"<!DOCTYPE html>\n<title>{title}</title>\n<h2>{title}</h2>\n"
    headers = {"content-type": "text/html", "server": "Microsoft-IIS/8.5"}
    return Reply(status, headers, page.encode())


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
