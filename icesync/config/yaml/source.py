"""A file as bytes, libyaml's parser over it, and our own words for what libyaml refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from yaml import YAMLError

from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.errors import ConfigMalformed

__all__ = ["MAX_BYTES", "Quoted", "SourceFile", "open_parser", "yaml_problem"]

MAX_BYTES: Final = 2 * 1024 * 1024
"""Largest file that is read; some 2,400 servers."""


class Quoted(str):
    """A scalar that was quoted or written as a block, and so is a text in every YAML."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: *path* relative to the configuration with forward slashes, *data* as read."""

    path: str
    data: bytes


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
            "PyYAML was installed without libyaml, which icesync reads with",
            "pip install --force-reinstall --no-cache-dir pyyaml",
        ) from None
    return CBaseLoader(data)


_OWN_WORDS: Final = (
    ("cannot start any token", "a character that cannot start a value", "quote the value"),
    (
        "mapping values are not allowed",
        "a colon where no key can stand",
        "quote a value that holds `: `, and check the indentation",
    ),
    ("could not find expected ':'", "a key without its colon", "write `key: value`"),
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
    (
        "did not find expected ',' or",
        "a bracket that is not closed, or a missing comma",
        "close the bracket, or quote the value",
    ),
    (
        "did not find expected <document start>",
        "something after the end of the document",
        "align the keys of one mapping; quote the whole value",
    ),
    ("unexpected end of stream", "a quote or bracket that is never closed", "close it"),
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


def yaml_problem(source: SourceFile, error: Exception) -> Diagnostic:
    """Return the finding for what the parser raised, in words that quote nothing."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line if mark else 0
    column = mark.column if mark else 0
    position = SourcePosition(source.path, line + 1, column + 1)
    lines = source.data.splitlines()
    text = lines[line] if line < len(lines) else b""
    if b"\t" in text[: len(text) - len(text.lstrip())]:
        return Diagnostic(
            "ICE006", "a tab in the indentation", position, "YAML indents with spaces only"
        )
    told = (getattr(error, "problem", ""), getattr(error, "context", ""))
    problem = " ".join(map(str, told)) if isinstance(error, YAMLError) else ""
    if "maximum nesting depth" in problem:
        return Diagnostic("ICE004", "nested too deep", position)
    for part, sentence, hint in _OWN_WORDS:
        if part in problem:
            return Diagnostic("ICE006", f"not valid YAML: {sentence}", position, hint)
    return Diagnostic("ICE006", "not valid YAML", position, "check the quotes and the indentation")
