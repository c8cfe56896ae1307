"""
Secrets from files: ``ref+file://PATH`` or ``ref+file://PATH#/key/…``.

Without a key the secret is the whole text but one final line break, which
editors and ``echo`` add. With keys it is the string that they lead to in a
JSON or YAML file; in a key, ``~1`` stands for a slash and ``~0`` for a tilde.

No message holds a value or a piece of a file. Errors whose cause carries such
text are raised after it was let go, since ``from None`` only hides a cause.
"""

from __future__ import annotations

import json
import os
import stat
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretMissing
from icesync.secrets.allowlist import is_allowed
from icesync.secrets.value import make_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from icesync.model.secret import SecretRef, SecretValue

__all__ = ["MAX_FILE_BYTES", "FileProvider"]

MAX_FILE_BYTES: Final = 1_048_576

_NAMED_KEYS: Final = 12
_KINDS: Final = {bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


class FileProvider:
    """
    Opens ``file`` references below *root*, as far as the globs of *allow* go.

    *parse* reads YAML: it takes the content and the path of a file, and returns
    nested mappings whose scalars are strings, or raises ValueError with a
    message that quotes nothing. Each file is read once in a provider's life.
    """

    def __init__(
        self, root: Path, allow: tuple[str, ...], parse: Callable[[bytes, str], object]
    ) -> None:
        self.scheme = "file"
        self._root = root.resolve()
        self._allow = allow
        self._parse = parse
        self._contents: dict[Path, bytes] = {}
        self._trees: dict[Path, object] = {}

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the text of the file, or the string at the key.

        Raises:
            SecretMissing: not allowed, not there, not readable as described, or empty.

        """
        if reference.query:
            raise SecretMissing(f"`{reference}` takes a path and a key only")
        path = self._resolve(reference)
        if reference.fragment:
            return make_secret(self._find(reference, path), f"`{reference}`")
        text = _decode(self._content(reference, path))
        if text is None:
            raise SecretMissing(f"`{reference}` is not UTF-8")
        return make_secret(_without_final_newline(text), f"`{reference}`")

    def _resolve(self, reference: SecretRef) -> Path:
        try:
            real = (self._root / reference.path).resolve()
        except (OSError, RuntimeError, ValueError):  # a loop of links; a NUL
            raise SecretMissing(f"`{reference}` is not a path that leads to a file") from None
        if is_allowed(real, self._root, self._allow):
            return real
        leads_to = "" if real == self._root / reference.path else f", which leads to `{real}`,"
        raise SecretMissing(
            f"`{reference}`{leads_to} is not allowed: files must match {', '.join(self._allow)}"
            ", outside of `.git` and `/proc`",
            "move the file, or widen `secrets.file_allow` in icesync.yaml",
        )

    def _content(self, reference: SecretRef, path: Path) -> bytes:
        if path not in self._contents:
            try:
                self._contents[path] = _read(reference, path)
            except FileNotFoundError:
                raise SecretMissing(f"`{reference}`: there is no file `{path}`") from None
            except OSError as error:
                raise SecretMissing(f"`{reference}` cannot be read: {error.strerror}") from error
        return self._contents[path]

    def _tree(self, reference: SecretRef, path: Path) -> object:
        if path not in self._trees:
            content = self._content(reference, path)
            try:
                self._trees[path] = self._parse_as_named(content, path)
                problem = ""
            except ValueError as error:
                problem = str(error)
            if problem:
                raise SecretMissing(f"`{reference}` cannot be read: {problem}")
        return self._trees[path]

    def _parse_as_named(self, content: bytes, path: Path) -> object:
        match path.suffix.lower():
            case ".json":
                return _parse_json(content)
            case ".yaml" | ".yml":
                return self._parse(content, str(path))
            case _:
                raise ValueError("a key needs a file named .json, .yaml or .yml")

    def _find(self, reference: SecretRef, path: Path) -> str:
        """Return the string that the keys of *reference* lead to."""
        first, *keys = (_unescape(key) for key in reference.fragment.split("/"))
        if first:
            raise SecretMissing(
                f"`{reference}`: a key starts with a slash",
                f"{reference.text.partition('#')[0]}#/{reference.fragment}",
            )
        node = self._tree(reference, path)
        for key in keys:
            if not isinstance(node, dict):
                raise SecretMissing(f"`{reference}`: {_kind(node)} has no key `{key}`")
            if key not in node:
                raise _no_such_key(reference, key, node)
            node = node[key]
        if isinstance(node, str):
            return node
        hints = ("quote it",) if isinstance(node, int | float) else ()
        raise SecretMissing(f"`{reference}` is {_kind(node)} where a string is needed", *hints)


def _read(reference: SecretRef, path: Path) -> bytes:
    """Return the content of *path*; never waits for a pipe, never follows a link any more."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SecretMissing(f"`{reference}` is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise SecretMissing(f"`{reference}` is larger than {MAX_FILE_BYTES} bytes")
    return content


def _decode(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _without_final_newline(text: str) -> str:
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def _parse_json(content: bytes) -> object:
    text = _decode(content)
    if text is None:
        raise ValueError("it is not UTF-8")
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
    except RecursionError:
        place = "it is too deep"
    raise ValueError(f"not valid JSON: {place}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return *pairs* as a mapping; which of two equal keys is meant cannot be known."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key `{double}` is given twice")
    return found


def _unescape(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")


def _kind(node: object) -> str:
    if isinstance(node, dict):
        return "a map"
    return _KINDS.get(type(node), "a string" if isinstance(node, str) else "a list")


def _no_such_key(reference: SecretRef, key: str, node: Mapping[str, object]) -> SecretMissing:
    names = sorted(map(str, node))
    shown = ", ".join(f"`{name}`" for name in names[:_NAMED_KEYS])
    more = f" and {len(names) - _NAMED_KEYS} more" if len(names) > _NAMED_KEYS else ""
    near = get_close_matches(key, names, n=1)
    return SecretMissing(
        f"`{reference}`: there is no key `{key}`; there is {shown or 'nothing'}{more}",
        *(f"did you mean `{name}`?" for name in near),
    )
