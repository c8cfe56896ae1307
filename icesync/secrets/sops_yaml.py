"""
YAML as sops writes it: values of several lines, and scalars that know whether they are texts.

What icesync asks of its own files, one line of printable text, a key of age or a
password with a line break would break. The bounds are the same in spirit: no
aliases, no tags, a depth that ends, no key twice.
"""

from __future__ import annotations

import re
from typing import Any, Final

from yaml import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from icesync.config.values import surprise
from icesync.config.yaml.source import open_parser

_MAX_DEPTH: Final = 64
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})


def read_yaml(content: bytes) -> Any:
    """
    Return the one document in *content* as maps, lists and texts.

    A plain scalar that is a number, a flag or null to some reader of YAML is 0 or
    None here, so that nobody takes it for a text.

    Raises:
        ValueError: it is none; the message quotes nothing.

    """
    try:
        return _build(open_parser(content))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        problem = f"line {mark.line + 1}: not valid YAML" if mark else "not valid YAML"
    except ReaderError:
        problem = "it is not UTF-8"
    raise ValueError(problem)


def _build(parser: Any) -> Any:
    """Return the tree that the events of *parser* describe."""
    stack: list[tuple[Any, str | None]] = []
    documents = 0
    root: Any = None
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        line = event.start_mark.line + 1
        documents += isinstance(event, DocumentStartEvent)
        if documents > 1:
            raise ValueError(f"line {line}: a second document")
        if isinstance(event, AliasEvent) or getattr(event, "tag", None):
            raise ValueError(f"line {line}: an alias or a tag")
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            node = _node(event)
            if stack and isinstance(stack[-1][0], dict) and stack[-1][1] is None:
                parent = stack.pop()[0]
                if not isinstance(event, ScalarEvent) or event.value in parent:
                    raise ValueError(f"line {line}: a key that is given twice, or is not a text")
                stack.append((parent, event.value))
                continue
            root = _attach(stack, node, root)
            if not isinstance(event, ScalarEvent):
                stack.append((node, None))
                if len(stack) > _MAX_DEPTH:
                    raise ValueError(f"line {line}: it is nested too deeply")
        elif stack and type(event).__name__ in {"MappingEndEvent", "SequenceEndEvent"}:
            stack.pop()
    return root


def _node(event: Any) -> Any:
    if isinstance(event, MappingStartEvent):
        return {}
    if isinstance(event, SequenceStartEvent):
        return []
    text, plain = event.value, not event.style
    if plain and text in _NOTHING:
        return None
    return 0 if plain and (surprise(text) or _NUMBER.fullmatch(text)) else text


def _attach(stack: list[tuple[Any, str | None]], node: Any, root: Any) -> Any:
    """Put *node* where the innermost open collection waits for it; return the root."""
    if not stack:
        return node
    parent, key = stack.pop()
    if isinstance(parent, dict):
        parent[key] = node
    else:
        parent.append(node)
    stack.append((parent, None))
    return root
