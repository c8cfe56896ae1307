"""
The bodies of ``UpdateEmailServer`` in what people have kept of their calls.

JSON in any wrapping (a list, ``{"data": [...]}``, an export of PowerShell, the emulator's
listing), HAR files, Postman and Insomnia collections, command lines of curl, ``.http``
files and fences of Markdown. An object is a body if it names a skill or an
organization; whatever else is there is passed by.
"""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from icesync.errors import printable
from icesync.model.imported import Cell, Raw, Record, Sheet, Slip
from icesync.sheet.columns import find_column
from icesync.sheet.printed import looks_printed, read_printed

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALL: Final = "updateemailserver"
_CURL: Final = re.compile(r"(?:^|\n)[ \t]*(?:[$>] ?)?(?=curl(?:\.exe)?\s)")
_REQUEST: Final = re.compile(r"(?:^|\n)(?:POST|PUT)[ \t]+(\S+).*\n")
_FENCE: Final = re.compile(r"(?:^|\n)(`{3,}|~{3,})\w*[ \t]*\n(.*?)\n\1", re.DOTALL)
_MARKS: Final = ("curl", "POST", "PUT", "```", "~~~")
"""Without one of them there is no call: to look for calls in a large table takes a while."""
_COMMENT: Final = re.compile(r"(?:\s*(?://[^\n]*\n|/\*.*?\*/))*", re.DOTALL)
_DATA: Final = frozenset({"-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json"})
_ANSWERS: Final = frozenset({"response", "responses", "content"})
"""What came back is no call."""


def find_calls(text: str) -> Sheet | None:
    """Return the bodies in *text*, or None where it holds neither JSON nor a call."""
    comment = _COMMENT.match(text)
    start = comment.end() if comment else 0
    if looks_printed(text[start:]):
        blank = re.sub(r"[^\n]", " ", text[:start])
        return _read_json(blank + text[start:])
    if not any(mark in text for mark in _MARKS):
        return None
    for pieces in (_curl_bodies(text), _http_bodies(text), _fenced(text)):
        found = list(pieces)
        if found:
            return _read_pieces(found)
    return None


def _read_json(text: str) -> Sheet:
    records, slips = read_printed(text)
    finder = _Finder()
    bodies = tuple(body for record in records for body in finder.search(record))
    if not bodies and not slips and not finder.slips:
        message = "no object in the JSON names a skill or an organization"
        slips = (Slip(1, 1, message, "import the bodies of UpdateEmailServer calls"),)
    return Sheet(bodies, slips=(*slips, *finder.slips))


def _read_pieces(pieces: list[tuple[int, str | Slip]]) -> Sheet:
    """Return the sheet of texts that begin at given lines."""
    records: list[Record] = []
    slips: list[Slip] = []
    for line, piece in pieces:
        if isinstance(piece, Slip):
            slips.append(piece)
            continue
        sheet = _body(piece, line) if piece.strip() else Sheet()
        records += sheet.records
        slips += sheet.slips
    if not records and not slips:
        message = "the file contains no UpdateEmailServer call with a body"
        slips.append(Slip(1, 1, message, "import the bodies of the calls, as JSON"))
    return Sheet(tuple(records), slips=tuple(slips))


def _body(text: str, line: int) -> Sheet:
    """Return the sheet of one body, JSON or a form, which begins at *line*."""
    if looks_printed(text):
        return _read_json("\n" * (line - 1) + text)
    pairs = parse_qsl(text.strip(), keep_blank_values=True) if "=" in text else []
    cells = tuple(Cell(name, value, line, 1) for name, value in pairs)
    record = Record(cells, line, 1)
    if _is_body(record):
        return Sheet((record,))
    return Sheet(slips=(Slip(line, 1, "the body of the call is not JSON"),))


class _Finder:
    """Looks through what was read of JSON for bodies."""

    def __init__(self) -> None:
        self.slips: list[Slip] = []

    def search(self, value: Raw, place: tuple[int, int] = (1, 1)) -> Iterator[Record]:
        """Yield the bodies in *value*, which stands at *place*."""
        if isinstance(value, Record):
            if _is_body(value):
                yield _flat(value)
            elif not _is_other_call(value):
                for cell in value.cells:
                    yield from self._look_into(cell)
        elif isinstance(value, tuple):
            for item in value:
                yield from self.search(item, place)
        elif isinstance(value, str) and looks_printed(value) and _mentions_skill(value):
            yield from self._reread(_read_json(value), place)

    def _look_into(self, cell: Cell) -> Iterator[Record]:
        if cell.name.casefold() in _ANSWERS:
            return
        if cell.name == "servers" and isinstance(cell.value, tuple):
            for item in cell.value:
                if not isinstance(item, Record):
                    message = "`servers` must contain only objects"
                    self.slips.append(Slip(cell.line, cell.column, message, rule="ICE010"))
        if isinstance(cell.value, str) and "&" in cell.value and _mentions_skill(cell.value):
            yield from self._reread(_body(cell.value, 1), (cell.line, cell.column))
        else:
            yield from self.search(cell.value, (cell.line, cell.column))

    def _reread(self, sheet: Sheet, place: tuple[int, int]) -> Iterator[Record]:
        """Yield the bodies of a text inside the JSON; their place is that of the text."""
        self.slips += [slip._replace(line=place[0], column=place[1]) for slip in sheet.slips]
        for record in sheet.records:
            cells = (c._replace(line=place[0], column=place[1]) for c in record.cells)
            yield Record(tuple(cells), *place)


def _is_body(record: Record) -> bool:
    for cell in record.cells:
        if isinstance(cell.value, str):
            column = find_column(cell.name)
            keys = column.keys if column is not None else ()
            if keys == ("skill",) or (keys == ("organization",) and len(record.cells) > 2):
                return True
    return _names_servers(record)


def _names_servers(record: Record) -> bool:
    """Return whether *record* has settings and no address: a body that lost it."""
    known = [find_column(cell.name) for cell in record.cells]
    return sum(column is not None and column.exact for column in known) > 2


def _is_other_call(record: Record) -> bool:
    """Return whether *record* is a request to something else."""
    for cell in record.cells:
        if cell.name.casefold() == "url":
            shown = str(cell.value).casefold()
            return "http" in shown and _CALL not in shown
    return False


def _flat(record: Record) -> Record:
    """Return *record* with the members of its blocks under dotted names."""
    cells: list[Cell] = []
    for cell in record.cells:
        block = cell.name.casefold()
        nested = cell.value if isinstance(cell.value, Record) else None
        if nested is not None and block in {"smtp", "pop3", "imap", "spoofing"}:
            cells += (inner._replace(name=f"{block}.{inner.name}") for inner in nested.cells)
        else:
            cells.append(cell)
    return Record(tuple(cells), record.line, record.column)


def _mentions_skill(text: str) -> bool:
    return "skill" in text.casefold()


def _curl_bodies(text: str) -> Iterator[tuple[int, str | Slip]]:
    """Yield the line and the body of each command of curl that calls UpdateEmailServer."""
    starts = [match.end() for match in _CURL.finditer(text)]
    for start, end in pairwise([*starts, len(text)]):
        line = text.count("\n", 0, start) + 1
        command = text[start:end]
        if "^\n" in command.replace("\r", "") or '^"' in command:
            message = "the command line is for Windows (cmd)"
            yield (
                line,
                Slip(line, 1, message, "copy it again as cURL (bash), or save the body alone"),
            )
            continue
        try:
            words = _words(command)
        except ValueError:
            yield line, Slip(line, 1, "the command line of curl has a quote that is not closed")
            continue
        if not any(_CALL in word.casefold() for word in words):
            yield line, ""
            continue
        for option, value in pairwise(words):
            name, _, joined = option.partition("=")
            given = value if option in _DATA else joined if name in _DATA and joined else None
            if given is None and re.fullmatch(r"-d.+", option, re.DOTALL):
                given = option[2:]
            if given is not None and given.startswith("@"):
                message = f"the body of the call is in the file {printable(given[1:])}"
                yield line, Slip(line, 1, message, "import that file")
            elif given is not None:
                yield line, given


def _words(command: str) -> list[str]:
    """
    Return the words of a *command* for a shell; it ends where its lines do.

    Raises:
        ValueError: a quote is not closed.

    """
    joined = re.sub(r"\\\r?\n", " ", command)
    spelled = re.sub(r"\$'((?:[^'\\]|\\.)*)'", _dollar_quoted, joined, flags=re.DOTALL)
    lexer = shlex.shlex(spelled, posix=True, punctuation_chars=";|&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = []
    for word in lexer:
        if word and not word.strip(";|&\n"):
            break
        words.append(word)
    return words


_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f",
                   "v": "\v"}  # fmt: skip


def _dollar_quoted(match: re.Match[str]) -> str:
    """Return ``$'...'`` of bash in single quotes."""

    def plain(escape: re.Match[str]) -> str:
        code, octal, other = escape[1], escape[2], escape[3]
        if code:
            return chr(int(code[1:], 16))
        return chr(int(octal, 8)) if octal else _ESCAPES.get(other, other)

    pattern = r"\\(?:([xuU][0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))"
    return shlex.quote(re.sub(pattern, plain, match[1], flags=re.DOTALL))


def _http_bodies(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the body of each request of an ``.http`` file or a raw request."""
    plain = text.replace("\r\n", "\n")
    for match in _REQUEST.finditer(plain):
        following = _REQUEST.search(plain, match.end() - 1)
        end = following.start() if following else len(plain)
        section = re.split(r"\n###", plain[match.end() : end])[0]
        head, _, body = section.partition("\n\n")
        if section.startswith("\n"):
            head, body = "", section[1:]
        line = plain.count("\n", 0, match.end()) + head.count("\n") + 3
        yield (line if head else line - 1), body if _CALL in match[1].casefold() else ""


def _fenced(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each fence that holds JSON."""
    plain = text.replace("\r\n", "\n")
    for match in _FENCE.finditer(plain):
        if looks_printed(match[2]):
            yield plain.count("\n", 0, match.start(2)) + 1, match[2]
