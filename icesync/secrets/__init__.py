"""
Openers of secret references: one provider a scheme.

Here is what they share: a text becomes a secret, a slow look-up is made once, an extra is
optional.

The clouds' stores have more in common, a value with a version: :class:`VersionedProvider`.

Keys of a reference follow a ``#`` as in a JSON pointer: ``#/smtp/password``, in a list
numbers from 0 on; in a key ``~1`` stands for a slash and ``~0`` for a tilde. Keys are
named in messages, values never.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from icesync.errors import SecretMissing
from icesync.model.secret import SecretMetadata, SecretRef, SecretValue
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

_NAMED_KEYS: Final = 12
_INDEX: Final = regex(r"0|[1-9][0-9]{0,8}", re.ASCII)
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
    import json

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
        f"`{reference}`: no key `{key}`; available: {shown or 'nothing'}{more}",
        *(f"did you mean `{name}`?" for name in near),
    )


T = TypeVar("T")


def make_secret(text: str, what: str) -> SecretValue:
    """
    Return *text* as a secret, unaltered.

    Raises:
        SecretMissing: *what* is empty, or no request body could carry it.

    """
    if not text:
        raise SecretMissing(f"{what} is empty")
    # how Python spells bytes that are not UTF-8, and half of a pair in JSON; the error of an
    # attempt to encode them would carry the text
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise SecretMissing(f"{what} is not UTF-8")
    return SecretValue(text)


def without_final_newline(text: str) -> str:
    """Return *text* without the one line break that editors, ``echo`` and programs add."""
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def file_identity(path: Path) -> str:
    """Return what a file is called by its system, or its path where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return str(path)
    return f"{found.st_dev}:{found.st_ino}"


def file_metadata(path: Path) -> SecretMetadata:
    """Return when the file *path* was last written; nothing where that cannot be told."""
    try:
        changed = path.stat().st_mtime
    except (OSError, ValueError):
        return SecretMetadata()
    return SecretMetadata(changed_at=datetime.fromtimestamp(changed, UTC))


def secret_in(reference: SecretRef, content: bytes) -> SecretValue:
    """
    Return *content* as a secret; with a key in *reference*, the string that it leads to in JSON.

    Raises:
        SecretMissing: it is empty, is not JSON although there is a key, or has no such key.

    """
    if not reference.fragment:
        return make_secret(content.decode("utf-8", "surrogateescape"), f"`{reference}`")
    try:
        tree = parse_json(content)
    except ValueError:
        tree = None
    if tree is None:
        raise SecretMissing(f"`{reference}`: the value is not JSON, so it has no keys")
    return make_secret(pick(reference, tree), f"`{reference}`")


def need(module: str, extra: str, reference: SecretRef) -> Any:
    """
    Return *module*, which comes with ``icesync[extra]``.

    Raises:
        SecretMissing: it is not installed; the hint is what installs it.

    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SecretMissing(
            f"`{reference}` needs the extra `{extra}`, which is not installed",
            f"pip install 'icesync[{extra}]'",
        ) from None


class _Call(Generic[T]):
    """One call and what came of it; *reference* is who asked first."""

    def __init__(self, reference: SecretRef | None) -> None:
        self.reference = reference
        self.turn = Lock()
        self.ended = False
        self.results: list[T] = []
        self.error: BaseException | None = None


class SingleFlight(Generic[T]):
    """Results by key, failures too: five hundred servers ask, one decryption is made."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: dict[Hashable, _Call[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T], reference: SecretRef | None = None) -> T:
        """
        Return what *make* returned for *key*; who comes second waits for who came first.

        A failure is told of *reference*, whoever met it first.

        Raises:
            BaseException: what *make* raised.

        """
        with self._lock:
            call = self._calls.setdefault(key, _Call(reference))
        with call.turn:
            if not call.ended:
                try:
                    call.results.append(make())
                except BaseException as error:  # noqa: BLE001 - whoever comes later gets it, too
                    call.error = error
                call.ended = True
        if call.error is None:
            return call.results[0]
        failure, first = call.error, call.reference
        if isinstance(failure, SecretMissing) and first and reference and first != reference:
            hints = (hint.replace(first.text, reference.text) for hint in failure.hints)
            message = failure.message.replace(f"`{first}`", f"`{reference}`")
            raise type(failure)(message, *hints)
        raise failure


class VersionedProvider(ABC):
    """Opens the references of *scheme*; what one cloud does is in :meth:`read_now`."""

    remote = True

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self._reads: SingleFlight[tuple[bytes, SecretMetadata]] = SingleFlight()

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the value, or the string at the key of a value in JSON.

        Raises:
            SecretMissing: the extra is not installed, or the cloud did not give it.

        """
        content, _ = self._read(reference)
        return secret_in(reference, content)

    def metadata(self, reference: SecretRef) -> SecretMetadata:
        """Return the version that was read, and when it was made where the cloud says so."""
        return self._read(reference)[1]

    @abstractmethod
    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        """
        Ask for the value behind *reference*, and for what is known of it.

        Raises:
            SecretMissing: it was not given.

        """

    def _read(self, reference: SecretRef) -> tuple[bytes, SecretMetadata]:
        where = (reference.path, reference.query)
        return self._reads.get(where, lambda: self.read_now(reference), reference)
