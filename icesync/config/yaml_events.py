"""
libyaml's events as plain data, and what is said where libyaml gives up.

libyaml says where it gave up; where something was left open, or a line has no colon, that
is a line further down, or the end of the file. What it refuses is said in our own words and
where the slip is. No text of the file is quoted.

PyYAML takes as long to load as a hundred servers to plan, so only what needs it imports this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from yaml import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.tokens import (
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    ScalarToken,
)

from icesync.config.yaml_document import (
    MAX_NODES,
    MAX_QUICK_DEPTH,
    Quoted,
    UnusualError,
    decode,
    find_unprintable,
    name_character,
)
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.errors import ConfigMalformed
from icesync.frozen import NamedTuple
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.config.yaml_document import Node, SourceFile


def open_parser(data: bytes) -> Any:
    """
    Return libyaml's parser over *data*, with ``get_event()``.

    Raises:
        ConfigMalformed: PyYAML was built without libyaml.

    """
    try:
        from yaml import CBaseLoader
    except ImportError:
        raise ConfigMalformed(
            "PyYAML is installed without libyaml, which icesync needs",
            "pip install --force-reinstall --no-cache-dir pyyaml",
        ) from None
    return CBaseLoader(data)


class TooManyError(Exception):
    """The document has too many nodes; line and column are those of the first one too many."""


def read_events(data: bytes) -> Node:  # noqa: C901, PLR0912, PLR0915 - kept flat for its speed
    """Return the data of an ordinary document; *data* was checked by :func:`check_text`."""
    next_event = open_parser(data).get_event
    root: list[Node] = []
    stack: list[tuple[Node, str | None]] = []
    current: Node = root
    key: str | None = None
    nodes = 0
    while True:
        event = next_event()
        kind = type(event)
        if kind is ScalarEvent:
            value = event.value
            if event.tag is not None or event.anchor is not None:
                raise UnusualError
            if not (value.isascii() and value.isprintable()) and find_unprintable(value):
                raise UnusualError
            nodes += 1
            if type(current) is dict and key is None:
                if value in current or value == "<<":
                    raise UnusualError
                key = value
                continue
            if event.style:
                value = Quoted(value)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            current, key = stack.pop()
            continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.tag is not None or event.anchor is not None or len(stack) > MAX_QUICK_DEPTH:
                raise UnusualError
            if type(current) is dict and key is None:
                raise UnusualError
            value = {} if kind is MappingStartEvent else []
            nodes += 1
        elif kind is StreamEndEvent:
            break
        elif kind is AliasEvent or (kind is DocumentStartEvent and root):
            raise UnusualError
        else:
            continue
        if nodes > MAX_NODES:
            raise TooManyError(event.start_mark.line + 1, event.start_mark.column + 1)
        if type(current) is dict:
            current[key] = value
            key = None
        else:
            current.append(value)
        if kind is not ScalarEvent:
            stack.append((current, key))
            current, key = value, None
    if not root:
        raise UnusualError
    return root[0]


_OWN_WORDS: Final = (
    ("cannot start any token", "a character that cannot start a value", "quote the value"),
    (
        "mapping values are not allowed",
        "an unexpected colon",
        "quote values that contain `: `, and check the indentation",
    ),
    (
        "did not find expected key",
        "the indentation does not match the lines above",
        "align the keys of one mapping; quote values that start with a special character",
    ),
    (
        "did not find expected '-'",
        "the indentation does not match the list above",
        "align the dashes of one list",
    ),
    ("did not find expected ',' or", "a missing comma", "separate the entries with `, `"),
    (
        "did not find expected node content",
        "a value is missing before this",
        "add the value, or remove the comma",
    ),
    (
        "did not find expected <document start>",
        "unexpected text after the end of the document",
        "align the keys of one mapping; quote the whole value",
    ),
    (
        "unknown escape",
        "an unknown escape sequence",
        "use `\\\\` for a backslash, or single quotes",
    ),
    ("tag", "an unknown tag", "remove the `!`, or quote the value"),
    ("alias", "a `*` or `&` that is not an alias", "quote the value"),
    ("anchor", "a `*` or `&` that is not an alias", "quote the value"),
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
        return Diagnostic("ICE006", "invalid YAML", SourcePosition(source.path, 1, 1), hint)
    parts = (getattr(error, "problem", ""), getattr(error, "context", ""))
    problem = " ".join(map(str, parts))
    if "maximum nesting depth" in problem:
        position = SourcePosition(source.path, mark.line + 1, mark.column + 1)
        return Diagnostic("ICE004", "nested too deeply", position)
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
        hint = "use spaces"
        return _Slip(mark.line, mark.column, "invalid YAML: a tab instead of a space", hint)
    slip = _left_open(source.data, lines, problem, mark, context)
    if slip is None and "mapping values" in problem:
        slip = _without_blank(lines, mark.line)
        slip = slip or _without_colon(lines, _aligned_above(lines, mark.line))
    if slip is None and "could not find expected ':'" in problem and context is not None:
        slip = _without_colon(lines, context.line)
    if slip is not None:
        return slip._replace(message=f"invalid YAML: {slip.message}")
    if "did not find expected key" in problem and code.strip(" -"):
        message = "invalid YAML: unexpected text after a value"
        return _Slip(mark.line, mark.column, message, "quote the whole value")
    for part, sentence, hint in _OWN_WORDS:
        if part in problem:
            return _Slip(mark.line, mark.column, f"invalid YAML: {sentence}", hint)
    hint = "check the quotes and the indentation"
    return _Slip(mark.line, mark.column, "invalid YAML", hint)


def _left_open(
    data: bytes, lines: Sequence[str], problem: str, mark: Any, context: Any
) -> _Slip | None:
    """Return the quote or bracket that was open on an earlier line when libyaml gave up."""
    at_end = "while scanning a quoted scalar" in problem and "end of stream" in problem
    brackets, quoted = _scan(data, context if at_end else mark)
    if quoted is not None:
        place, end = quoted
        message = f"an unclosed quote (the next one is in line {end + 1})"
        return _Slip(*place, message, "close it on the same line")
    if at_end:
        return _Slip(context.line, context.column, "an unclosed quote", "close it")
    open_ = [place for place in brackets if place[0] < mark.line]
    if not open_ or _is_closed_below(lines, open_[-1], mark.line):
        return None
    ends = "at the end" if mark.line >= len(lines) - 1 else f"in line {mark.line + 1}"
    message = f"an unclosed bracket, still open {ends}"
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


_KEY: Final = regex(r"(?:[^\s'\"#][^'\"#]*|'[^']*'|\"[^\"]*\"):(?:\s|$)")
_TIGHT: Final = regex(r"[\w.-]+\s*:(?=\S)")
_DASH: Final = regex(r"-[\w'\"]")
_INVISIBLE: Final = regex(r"[^\S \t\n]")


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
    hint = "use `- skill: 663`"
    return _Slip(_line_above(lines, number), column, "no space after the dash", hint)


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
        return _Slip(number, where, f"{name} instead of a space", "replace it with a space")
    if _KEY.match(code):
        return None
    if _TIGHT.match(code):
        return _Slip(number, column, "no space after the colon", "use `key: value`")
    return _Slip(number, column, "a key without a colon", "use `key: value`")
