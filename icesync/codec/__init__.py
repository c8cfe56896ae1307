"""
Bytes and values: the state, the saved plan, fingerprints. Pure; "now" is a parameter.

What all of them share is here: one spelling of JSON for digests, and one for files.
"""

from __future__ import annotations

import hashlib
import json
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any, Final

from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CI_COMMAND: Final = regex(r"#(?=#\[|#vso\[)")

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(document: object) -> str:
    """Return *document* with sorted keys, without blanks, in ASCII."""
    return _ENCODER.encode(document)


def digest(text: str) -> str:
    """Return ``sha256:…`` of *text*."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class Series:
    """A list of a document whose items are made anew each time they are written, one by one."""

    def __init__(self, make: Callable[[], Iterable[object]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        return iter(self._make())


def canonical_digest(document: object) -> str:
    """Return :func:`digest` of what :func:`canonical` returns; *document* may hold series."""
    hashed = hashlib.sha256()
    for part in _parts(document, None):
        hashed.update(part.encode())
    return f"sha256:{hashed.hexdigest()}"


def pretty(document: object) -> str:
    """Return *document* with sorted keys, indented by 2, in ASCII, with a final newline."""
    return _for_logs(_indented(document)) + "\n"


def stream(document: object) -> Iterator[str]:
    """Yield the parts of what :func:`pretty` returns; *document* may hold series."""
    for part in _parts(document, "\n"):
        yield _for_logs(part)
    yield "\n"


def _parts(node: Any, line: str | None) -> Iterator[str]:
    """Yield *node*, an item of a series at a time; a *line* is its indent, None for none."""
    deeper = None if line is None else f"{line}  "
    inner, colon, end = (deeper or "", ":" if line is None else ": ", line or "")
    if isinstance(node, Series):
        before = "["
        for item in node:
            text = canonical(item) if line is None else _indented(item, inner)
            yield f"{before}{inner}{text}"
            before = ","
        yield "[]" if before == "[" else f"{end}]"
    elif isinstance(node, dict) and node:
        before = "{"
        for key, value in sorted(node.items()):
            yield f"{before}{inner}{quoted(key)}{colon}"
            yield from _parts(value, deeper)
            before = ","
        yield f"{end}}}"
    else:
        yield canonical(node) if line is None else _indented(node, line)


def _indented(node: Any, line: str = "\n") -> str:
    """Return what ``json.dumps`` makes of *node* in half of its time; a *line* is its indent."""
    if type(node) is str:
        return quoted(node)
    if type(node) is int:
        return str(node)
    if node is None or node is True or node is False:
        return _WORDS[node]
    inner = f"{line}  "
    if isinstance(node, dict) and node:
        pairs = [f"{inner}{quoted(k)}: {_indented(v, inner)}" for k, v in sorted(node.items())]
        return f"{{{','.join(pairs)}{line}}}"
    if isinstance(node, list | tuple) and node:
        return f"[{','.join([inner + _indented(item, inner) for item in node])}{line}]"
    return canonical(node)


_WORDS: Final = {None: "null", True: "true", False: "false"}


def one_line(document: object) -> str:
    """Return *document* in a line, its members in their order, in ASCII, with a final newline."""
    return _for_logs(json.dumps(document, allow_nan=False)) + "\n"


def _for_logs(text: str) -> str:
    """Return JSON that says the same, without ``##[``: CI runners obey that in any line."""
    return _CI_COMMAND.sub(r"\\u0023", text) if "##" in text else text


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """
    Return the object of *pairs*, for ``json.loads(object_pairs_hook=…)``.

    Raises:
        ValueError: a key stands twice; `json` would keep the last in silence.

    """
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is given twice")
    return document
