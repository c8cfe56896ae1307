"""
The request that the emulator reads, and the replies that ASP.NET and IIS write by themselves.

Texts and headers are those of Web API 2 as a remote caller sees them: details
of errors stay hidden (observed in its source; the vendor documents only
:func:`accepted` and :func:`invalid`).
"""

from __future__ import annotations

import html
import json
from dataclasses import field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DENIED: Final = "Authorization has been denied for this request."
"""What the framework's own filter says (observed)."""


@frozen
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


_PAGE_TITLES: Final = {
    403: "Forbidden: Access is denied.",
    404: "File or directory not found.",
    500: "Internal server error.",
    502: "Web server received an invalid response while acting as a gateway or proxy server.",
    503: "Service Unavailable",
}
"""What the pages of IIS are headed with (observed); other statuses have the words of HTTP."""

_PHRASES: Final = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""The words of RFC 2616, which IIS says; Python says those of RFC 9110 from 3.13 on."""

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
    return json_reply(encode({"Message": text}), status, **headers)


def accepted(text: str) -> Reply:
    """Return the documented success."""
    return message(200, text)


def invalid(keys: Iterable[str] = ()) -> Reply:
    """Return the documented failure; *keys* are the members that did not bind."""
    document: dict[str, object] = {"Message": "The request is invalid."}
    state = {key: ["An error has occurred."] for key in keys}
    return json_reply(encode(document | {"ModelState": state} if state else document), 400)


def unauthorized() -> Reply:
    """Return what the framework's own filter answers."""
    return message(401, DENIED)


def redirect(location: str, status: int = 302) -> Reply:
    """Return the page that sends a browser elsewhere."""
    headers = {"content-type": "text/html; charset=utf-8", "location": location}
    page = f'<h2>Object moved to <a href="{html.escape(location)}">here</a>.</h2>\n'
    return Reply(status, _APPLICATION | headers, page.encode())


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
    return _page(status, "Microsoft-IIS/8.5")


def kernel_page(status: int, title: str = "") -> Reply:
    """Return the page of HTTP.SYS, which not even the web server has seen the call behind."""
    return _page(status, "Microsoft-HTTPAPI/2.0", title, connection="close")


def phrase(status: int) -> str:
    """Return the words for *status*; there are none for every number."""
    try:
        return _PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _page(status: int, server: str, title: str = "", **headers: str) -> Reply:
    title = html.escape(f"{status} - {title or _PAGE_TITLES.get(status) or phrase(status)}")
    page = f"<!DOCTYPE html>\n<title>{title}</title>\n<h1>Server Error</h1>\n<h2>{title}</h2>\n"
    fixed = {"content-type": "text/html", "server": server}
    return Reply(status, fixed | headers, page.encode())


def encode(document: object) -> bytes:
    """Return *document* as the framework writes JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
