"""Choose the reader of a body by its media type, as the framework's formatters are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from icesync.emulator.loosejson import Members, read_json

if TYPE_CHECKING:
    from icesync.emulator.framework import Request

__all__ = ["MediaTypeRefused", "read_members"]

_JSON: Final = frozenset({"application/json", "text/json"})
_FORM: Final = "application/x-www-form-urlencoded"
_ENCODINGS: Final = {"utf-16": "utf-16", "unicode": "utf-16"}


class MediaTypeRefused(Exception):
    """No reader takes this *media_type*, which is empty where none was given."""

    def __init__(self, media_type: str) -> None:
        super().__init__(media_type)
        self.media_type = media_type


def read_members(request: Request) -> Members | None:
    """
    Return the members of the body, or None where the framework sees no model at all.

    JSON and forms are read; the framework's XML reader is left out.

    Raises:
        MediaTypeRefused: there is a body, of a type that is not read.
        ValueError: the body is not what its type says.

    """
    if not request.body:
        return None
    media_type, encoding = _content_type(request.headers.get("content-type", ""))
    if media_type not in _JSON and media_type != _FORM:
        raise MediaTypeRefused(media_type)
    text = request.body.decode(encoding).removeprefix("\ufeff")
    if media_type == _FORM:
        return Members(parse_qsl(text, keep_blank_values=True))
    document = read_json(text) if text.strip() else None
    if document is not None and not isinstance(document, Members):
        raise ValueError("the body holds no object")
    return document


def _content_type(header: str) -> tuple[str, str]:
    """Return the media type and the encoding; an unknown charset means UTF-8 (observed)."""
    media_type, *parameters = (part.strip().lower() for part in header.split(";"))
    pairs = dict(part.partition("=")[::2] for part in parameters)
    return media_type, _ENCODINGS.get(pairs.get("charset", "").strip('"'), "utf-8")
