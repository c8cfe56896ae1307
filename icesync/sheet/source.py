"""
Bytes to a sheet: what kind of file it is, in which encoding, and who reads it.

A file that cannot be imported is told by what it is, with the way to what can.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.model.imported import Sheet, Slip
from icesync.sheet.calls import find_calls
from icesync.sheet.columns import Column, find_column
from icesync.sheet.table import read_delimited
from icesync.sheet.workbook import read_workbook

if TYPE_CHECKING:
    from collections.abc import Callable

_ACCEPTED: Final = "import .xlsx, CSV with a header, or request bodies as JSON"
_SAVE: Final = "open it in a spreadsheet program and save it as .xlsx or as CSV UTF-8"
_KINDS: Final = (
    (b"PK\\x03\\x04.{0,80}opendocument\\.spreadsheet", "is an OpenDocument spreadsheet", _SAVE),
    (b"PK\\x03\\x04", "is an archive, not a workbook", _ACCEPTED),
    (b"%PDF-", "is a PDF", "import the sheet that it was made from"),
    (b"\\x1f\\x8b|BZh|\\xfd7zXZ|7z\\xbc\\xaf", "is compressed", "unpack it first"),
    (b"\\{\\\\rtf", "is a document of a word processor", _ACCEPTED),
)
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PROTECTED: Final = "EncryptedPackage".encode("utf-16-le")
_TEXTS: Final = (
    (re.compile(r"\s*<(!doctype html|html|table)\b", re.IGNORECASE), "is an HTML page",
     "open the page in a spreadsheet program and save it as CSV UTF-8"),
    (re.compile(r"\s*<(\?xml|[a-z][\w:.-]*[ >/])", re.IGNORECASE), "is XML", _ACCEPTED),
    (re.compile(r"(?:#.*\n|\s|---\n)*(?:version: *1\b|organization: *\d|servers:|defaults:)"),
     "is YAML, as server files are", "put it where `files:` of icesync.yaml finds it"),
)  # fmt: skip
_POWERSHELL: Final = re.compile(
    r"\b(?:invoke-(?:restmethod|webrequest)|irm|iwr)\b.*-body\b", re.IGNORECASE | re.DOTALL
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def read_source(
    data: bytes, wanted: str = "", find: Callable[[str], Column | None] = find_column
) -> Sheet:
    """
    Return what the file *data* holds; *wanted* is the sheet of a workbook.

    Raises:
        ConfigMalformed: it is a workbook, and openpyxl is not installed.

    """
    if data.startswith(b"PK\x03\x04") and b"xl/" in data:
        return read_workbook(data, wanted, find)
    refused = _other_kind(data)
    if refused is not None:
        return refused
    text, notes = _decode(data)
    if text is None:
        return _refused("the file has an unknown encoding", "save it as UTF-8", "ICE002")
    if "\0" in text:
        return _refused("the file is not text", _ACCEPTED)
    sheet = _read_text(text, find)
    return replace(sheet, notes=(*notes, *sheet.notes)) if notes else sheet


def _other_kind(data: bytes) -> Sheet | None:
    """Return what is told of bytes that are no text."""
    if not data.strip():
        return _refused("the file is empty", _ACCEPTED, "ICE007")
    if data.startswith(_OLE):
        if _PROTECTED in data:
            return _refused("the workbook is protected by a password", "save it without one")
        return _refused("the file is a workbook of an old Excel (.xls)", _SAVE)
    for pattern, what, hint in _KINDS:
        if re.match(pattern, data, re.DOTALL):
            return _refused(f"the file {what}", hint)
    return None


def _read_text(text: str, find: Callable[[str], Column | None]) -> Sheet:
    called = find_calls(text)
    if called is not None:
        return called
    for pattern, what, hint in _TEXTS:
        if pattern.match(text):
            return _refused(f"the file {what}", hint)
    # The pattern alone takes a twentieth of the import of a large table.
    if "-body" in text.lower() and _POWERSHELL.search(text):
        return _refused("the file is a PowerShell command", "save the body alone, as JSON")
    return read_delimited(text, find)


def _decode(data: bytes) -> tuple[str | None, tuple[str, ...]]:
    """Return *data* as text, and what was guessed to read it."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _attempt(data.removeprefix(mark) if encoding == "utf-8" else data, encoding), ()
    # Every other byte of Western text in UTF-16 is zero.
    for encoding, zeros in (("utf-16-le", data[1:200:2]), ("utf-16-be", data[0:200:2])):
        if zeros and zeros.count(0) > len(zeros) * 0.7:
            return _attempt(data, encoding), ("read as UTF-16",)
    text = _attempt(data, "utf-8")
    if text is None:
        message = "not UTF-8, so read as Windows-1252: check the accented letters"
        return _attempt(data, "cp1252"), (message,)
    return text, ()


def _attempt(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


def _refused(message: str, hint: str, rule: str = "ICE016") -> Sheet:
    return Sheet(slips=(Slip(1, 1, message, hint, rule),))
