"""
What libyaml refuses, in our own words and where the slip is; no text of the file is quoted.

libyaml says where it gave up. Where something was left open, or a line has no colon, that
is a line further down, or the end of the file: the slip is where the open thing began.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from yaml import YAMLError
from yaml.tokens import (
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    ScalarToken,
)

from icesync.config.yaml.source import decode, open_parser
from icesync.config.yaml.text_checks import name_character
from icesync.diagnostics import Diagnostic, SourcePosition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.config.yaml.source import SourceFile

_OWN_WORDS: Final = (
    ("cannot start any token", "a character that cannot start a value", "quote the value"),
    (
        "mapping values are not allowed",
        "a colon where no key can stand",
        "quote a value that holds `: `, and check the indentation",
    ),
    (
        "did not find expected key",
        "the indentation does not fit the lines above",
        "align the keys of one mapping; quote values that start with a special character",
    ),
    (
        "did not find expected '-'",
        "the indentation does not fit the list above",
        "align the dashes of one list",
    ),
    ("did not find expected ',' or", "a missing comma", "separate the entries by `, `"),
    (
        "did not find expected node content",
        "a value is missing before this",
        "write the value, or remove the comma",
    ),
    (
        "did not find expected <document start>",
        "something after the end of the document",
        "align the keys of one mapping; quote the whole value",
    ),
    (
        "unknown escape",
        "an escape that YAML does not know",
        "write a backslash as `\\\\`, or use single quotes",
    ),
    ("tag", "a tag that YAML does not know", "remove the `!`, or quote the value"),
    ("alias", "a `*` or `&` that is no alias", "quote the value"),
    ("anchor", "a `*` or `&` that is no alias", "quote the value"),
)
"""Part of libyaml's text, what we say, the hint; PyYAML's own text may quote the line."""


class _Slip(NamedTuple):
    """A place from 0, what is wrong there, and how to mend it."""

    line: int
    column: int
    message: str
    hint: str


def yaml_problem(source: SourceFile, error: Exception) -> Diagnostic:
    """Return the finding for what the parser raised, in words that quote nothing."""
    mark = getattr(error, "problem_mark", None)
    if not isinstance(error, YAMLError) or mark is None:
        hint = "check the quotes and the indentation"
        return Diagnostic("ICE006", "not valid YAML", SourcePosition(source.path, 1, 1), hint)
    told = (getattr(error, "problem", ""), getattr(error, "context", ""))
    problem = " ".join(map(str, told))
    if "maximum nesting depth" in problem:
        position = SourcePosition(source.path, mark.line + 1, mark.column + 1)
        return Diagnostic("ICE004", "nested too deep", position)
    slip = _find_slip(source, problem, mark, getattr(error, "context_mark", None))
    position = SourcePosition(source.path, slip.line + 1, slip.column + 1)
    return Diagnostic("ICE006", slip.message, position, slip.hint)


def _find_slip(source: SourceFile, problem: str, mark: Any, context: Any) -> _Slip:
    lines = decode(source.data).split("\n")
    code = lines[mark.line][: mark.column] if mark.line < len(lines) else ""
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "YAML indents with spaces only"
        return _Slip(mark.line, mark.column, "a tab in the indentation", hint)
    if line[mark.column : mark.column + 1] == "\t":
        hint = "separate by blanks"
        return _Slip(mark.line, mark.column, "not valid YAML: a tab where a blank belongs", hint)
    slip = _left_open(source.data, lines, problem, mark, context)
    if slip is None and "mapping values" in problem:
        slip = _without_blank(lines, mark.line)
        slip = slip or _without_colon(lines, _aligned_above(lines, mark.line))
    if slip is None and "could not find expected ':'" in problem and context is not None:
        slip = _without_colon(lines, context.line)
    if slip is not None:
        return slip._replace(message=f"not valid YAML: {slip.message}")
    if "did not find expected key" in problem and code.strip(" -"):
        message = "not valid YAML: something behind the end of a value"
        return _Slip(mark.line, mark.column, message, "quote the whole value")
    for part, sentence, hint in _OWN_WORDS:
        if part in problem:
            return _Slip(mark.line, mark.column, f"not valid YAML: {sentence}", hint)
    hint = "check the quotes and the indentation"
    return _Slip(mark.line, mark.column, "not valid YAML", hint)


def _left_open(
    data: bytes, lines: Sequence[str], problem: str, mark: Any, context: Any
) -> _Slip | None:
    """Return the quote or bracket that was open on an earlier line when libyaml gave up."""
    at_end = "while scanning a quoted scalar" in problem and "end of stream" in problem
    brackets, quoted = _scan(data, context if at_end else mark)
    if quoted is not None:
        place, end = quoted
        message = f"a quote that is closed only in line {end + 1}"
        return _Slip(*place, message, "close it on its line")
    if at_end:
        return _Slip(context.line, context.column, "a quote that is never closed", "close it")
    open_ = [place for place in brackets if place[0] < mark.line]
    if not open_ or _is_closed_below(lines, open_[-1], mark.line):
        return None
    ends = "at the end" if mark.line >= len(lines) - 1 else f"in line {mark.line + 1}"
    message = f"a bracket that is never closed, and still open {ends}"
    return _Slip(*open_[-1], message, "close it, or quote the value")


def _scan(
    data: bytes, mark: Any
) -> tuple[list[tuple[int, int]], tuple[tuple[int, int], int] | None]:
    """Return the brackets open at *mark*, and a quoted text that ends on its line from above."""
    parser = open_parser(data)
    brackets: list[tuple[int, int]] = []
    quoted = None
    try:
        while (token := parser.get_token()) is not None:
            start, end = token.start_mark, token.end_mark
            if start.index > mark.index:
                break
            if isinstance(token, FlowMappingStartToken | FlowSequenceStartToken):
                brackets.append((start.line, start.column))
            elif isinstance(token, FlowMappingEndToken | FlowSequenceEndToken):
                del brackets[-1:]
            elif isinstance(token, ScalarToken) and token.style in {"'", '"'}:
                spans = start.line < end.line == mark.line
                quoted = ((start.line, start.column), end.line) if spans else None
    except YAMLError:
        pass
    return brackets, quoted


def _is_closed_below(lines: Sequence[str], place: tuple[int, int], line: int) -> bool:
    """Return whether a line from *line* on begins with the bracket that closes *place*."""
    closing = {"{": "}", "[": "]"}[lines[place[0]][place[1]]]
    indent = len(lines[place[0]]) - len(lines[place[0]].lstrip())
    for below in lines[line:]:
        text = below.lstrip()
        if text.startswith(closing):
            return True
        if text and len(below) - len(text) < indent:
            return False
    return False


_KEY: Final = re.compile(r"(?:[^\s'\"#][^'\"#]*|'[^']*'|\"[^\"]*\"):(?:\s|$)")
_TIGHT: Final = re.compile(r"[\w.-]+\s*:(?=\S)")
_DASH: Final = re.compile(r"-[\w'\"]")
_INVISIBLE: Final = re.compile(r"[^\S \t\n]")


def _line_above(lines: Sequence[str], number: int) -> int:
    """Return the next line with code above the line *number*, or -1."""
    above = number - 1
    while above >= 0 and (not lines[above].strip() or lines[above].lstrip().startswith("#")):
        above -= 1
    return above


def _aligned_above(lines: Sequence[str], number: int) -> int:
    """Return the next line with code above, if it is indented as the line *number* is, or -1."""
    above = _line_above(lines, number)
    return above if above >= 0 and _column(lines[above]) == _column(lines[number]) else -1


def _without_blank(lines: Sequence[str], number: int) -> _Slip | None:
    """Return the dash without a blank behind it that made the line above no item."""
    above = lines[_line_above(lines, number)].lstrip()
    if number == 0 or not _DASH.match(above):
        return None
    column = lines[_line_above(lines, number)].index("-")
    hint = "write `- skill: 663`"
    return _Slip(_line_above(lines, number), column, "no blank behind the dash", hint)


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(" -"))


def _without_colon(lines: Sequence[str], number: int) -> _Slip | None:
    """Return what keeps the line *number* from being a key and its value."""
    if number < 0:
        return None
    column = _column(lines[number])
    code = lines[number][column:].partition(" #")[0]
    invisible = _INVISIBLE.search(code)
    if invisible and ":" in code:
        name = name_character(invisible[0])
        where = column + invisible.start()
        return _Slip(number, where, f"{name} instead of a blank", "replace it by a blank")
    if _KEY.match(code):
        return None
    if _TIGHT.match(code):
        return _Slip(number, column, "no blank behind the colon", "write `key: value`")
    return _Slip(number, column, "a key without its colon", "write `key: value`")
