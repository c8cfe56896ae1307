"""
From a tree of maps to the one string that a reference's keys lead to.

Keys follow a ``#`` as in a JSON pointer: ``#/smtp/password``, in a list numbers
from 0 on; in a key ``~1`` stands for a slash and ``~0`` for a tilde. Keys are
named in messages, values never.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.secret import SecretRef

_NAMED_KEYS: Final = 12
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
"""One spelling a number: `01` is not an index."""

_KINDS: Final = {bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


def pick(reference: SecretRef, tree: object) -> str:
    """
    Return the string in *tree* that the keys of *reference* lead to.

    Raises:
        SecretMissing: a key is not there, or leads to something else than a string.

    """
    node = tree
    for key in reference.keys:
        if isinstance(node, list) and _INDEX.fullmatch(key) and int(key) < len(node):
            node = node[int(key)]
            continue
        if not isinstance(node, dict):
            raise SecretMissing(f"`{reference}`: {_kind(node)} has no key `{key}`")
        if key not in node:
            raise _no_such_key(reference, key, node)
        node = node[key]
    if isinstance(node, str):
        return node
    hints = ("quote it",) if isinstance(node, int | float) else ()
    raise SecretMissing(f"`{reference}` is {_kind(node)} where a string is needed", *hints)


def parse_json(content: bytes) -> object:
    """
    Return the JSON in *content*.

    Raises:
        ValueError: it is none, or gives a key twice; the message quotes no value.

    """
    place = "it is too deep"
    try:
        return json.loads(content.decode(), object_pairs_hook=_unique)
    except UnicodeDecodeError:
        place = "it is not UTF-8"
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
    except RecursionError:
        pass
    # Out here: the error that was caught holds the text.
    raise ValueError(place if place.startswith("it is not") else f"not valid JSON: {place}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return *pairs* as a mapping; which of two equal keys is meant cannot be known."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key `{double}` is given twice")
    return found


def _kind(node: object) -> str:
    if isinstance(node, dict):
        return "a map"
    return _KINDS.get(type(node), "a string" if isinstance(node, str) else "a list")


def _no_such_key(reference: SecretRef, key: str, node: Mapping[str, object]) -> SecretMissing:
    from difflib import get_close_matches

    names = sorted(map(str, node))
    shown = ", ".join(f"`{name}`" for name in names[:_NAMED_KEYS])
    more = f" and {len(names) - _NAMED_KEYS} more" if len(names) > _NAMED_KEYS else ""
    near = get_close_matches(key, names, n=1)
    return SecretMissing(
        f"`{reference}`: there is no key `{key}`; there is {shown or 'nothing'}{more}",
        *(f"did you mean `{name}`?" for name in near),
    )
