"""
Secrets: a reference, a fingerprint, an answer to "did it change", a value that cannot print.

A reference is ``ref+SCHEME://PATH[?OPTION=VALUE][#/KEY]``, in one spelling each. Rules
and guards ask whether two references lead to one secret. So what can be
written in two ways is written in one: nothing stands behind a ``?`` or ``#``
that says nothing, a path has no empty, ``.`` or ``..`` step, an escape stands only
where it must (a blank, a control character, ``%``, ``?``, ``#``, a slash inside of a
step), options are in alphabetical order. Every other spelling is refused, with
the right one as a hint. What a scheme adds to that, its options and what its path
may hold, is for its provider to say.
"""

from __future__ import annotations

import re
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NoReturn

from icesync.frozen import NamedTuple, frozen
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from icesync.model.desired import Address

SCHEME_GRAMMAR: Final = "[a-z][a-z0-9]*"
_OPTION: Final = r"[a-z][a-z0-9-]*=[^\s#&=?]+"
REFERENCE_GRAMMAR: Final = (
    rf"ref\+({SCHEME_GRAMMAR})://(/?[^\s?#/]+(?:/[^\s?#/]+)*)"
    rf"(?:\?({_OPTION}(?:&{_OPTION})*))?(?:#((?:/[^\s/#]+)+))?"
)
"""Scheme, path, options and keys; the schemas print it too."""

MASKED: Final = "[*\u2022\u25cf\u2219\u00b7]{3,}"
"""What a form, a log or an export shows in the place of a secret."""

_LOOSE: Final = regex(rf"ref\+({SCHEME_GRAMMAR})://([^\s?#]*)(\?[^\s#]*)?(#\S*)?")
_STEP: Final = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_PLAIN: Final = regex(rf"ref\+({SCHEME_GRAMMAR})://(/?{_STEP}(?:/{_STEP})*)")
"""What most references are: of these characters none needs an escape."""
_ESCAPES: Final = regex(r"(?:%[0-9A-Fa-f]{2})+")
_HALF_ESCAPE: Final = regex(r"%(?![0-9A-Fa-f]{2})")
_STEPS_UP: Final = frozenset({"", ".", ".."})


class SecretRef(NamedTuple):
    """
    Where a secret is kept.

    A reference is not a secret: it is shown in plans and kept in the state.
    """

    text: str
    scheme: str
    path: str
    query: str = ""
    fragment: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def absolute(self) -> bool:
        """Whether the path starts with a slash."""
        return self.path.startswith("/")

    @property
    def steps(self) -> tuple[str, ...]:
        """The parts of the path between its slashes, without escapes."""
        return tuple(_decode(step) for step in self.path.removeprefix("/").split("/"))

    @property
    def options(self) -> Mapping[str, str]:
        """What stands behind the ``?``, without escapes."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return {name: _decode(value) for name, _, value in pairs}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys behind the ``#``, as in a JSON pointer, without escapes."""
        return tuple(_unescape_key(_decode(key)) for key in self.fragment.split("/")[1:])


class Misspelling(NamedTuple):
    """What is wrong with a text that starts as a reference does, and how to write it."""

    message: str
    spelling: str | None = None


def parse_secret_ref(text: str) -> SecretRef | None:
    """Return the reference that *text* spells, or None; any scheme will do."""
    found = read_secret_ref(text)
    return found if isinstance(found, SecretRef) else None


def read_secret_ref(text: str) -> SecretRef | Misspelling:
    """Return the reference that *text* spells, or what is wrong with its spelling."""
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return SecretRef(text, plain[1], plain[2])
    match = _LOOSE.fullmatch(text)
    if match is None or not match[2]:
        return Misspelling("is not a valid reference")
    scheme, path, query, fragment = match.groups(default="")
    spelled = (_spell_path(path), _spell_options(query[1:]), _spell_keys(fragment[1:]))
    right = None
    if None not in spelled:
        right = f"ref+{scheme}://{''.join(filter(None, spelled))}"
    if right == text:
        return SecretRef(text, scheme, path, query[1:], fragment[1:])
    steps = {_decode(step) for step in path.removeprefix("/").split("/")}
    slips = {
        "with nothing after its `?`": query == "?",
        "with nothing after its `#`": fragment == "#",
        "whose key does not start with a slash": fragment and not fragment.startswith("#/"),
        "whose path ends in a slash": path.endswith("/"),
        "with an empty, `.` or `..` step in its path": _STEPS_UP & steps,
        "with an empty key": fragment and "" in fragment[2:].split("/"),
        "whose options are not NAME=VALUE, each once, in the order of a-z": spelled[1] != query,
        "with needless or wrong escapes": True,
    }
    message = f"is a reference {next(slip for slip, found in slips.items() if found)}"
    return Misspelling(message, right if right and parse_secret_ref(right) else None)


def ask_for(names: Sequence[str]) -> str:
    """
    Return a line for bash or zsh that asks for the variables *names* and exports them.

    What is typed is not shown. It is one line: where several are pasted, the next one
    would be read as the answer.
    """
    if len(names) == 1:
        return f"read -rs {names[0]} && export {names[0]}"
    return (
        f"for n in {' '.join(names)}; do printf '%s: ' $n; IFS= read -rs $n; echo; export $n; done"
    )


def spell_path(steps: Iterable[str]) -> str:
    """Return *steps* as the path of a reference, with the escapes that it needs."""
    return "/".join(_encode(step, "/") for step in steps)


_DEEPEST: Final = 64
"""So many keys lead to more than people nest; each further one would cost all before it."""


class SecretIdentity(NamedTuple):
    """
    What a reference leads to, whatever its spelling: a document, and the keys that lead into it.

    Without keys it is the whole document, and with it each secret inside.
    """

    document: str
    fragment: str = ""

    @property
    def wholes(self) -> tuple[SecretIdentity, ...]:
        """What this is a part of: each mapping around it, the document last."""
        if not self.fragment:
            return ()
        steps = self.fragment.split("/", _DEEPEST)
        inner = ("/".join(steps[:depth]) for depth in range(len(steps) - 1, 0, -1))
        return tuple(SecretIdentity(self.document, fragment) for fragment in inner)


def identity_by_spelling(reference: SecretRef) -> SecretIdentity:
    """
    Return what *reference* leads to, for a scheme of which no more is known.

    Another version is the same secret at another time.
    """
    options = sorted((n, v) for n, v in reference.options.items() if n != "version")
    query = "&".join(f"{name}={value}" for name, value in options)
    document = f"{reference.scheme}://{reference.path}?{query}"
    return SecretIdentity(document, reference.fragment)


def _spell_path(path: str) -> str | None:
    root, steps = ("/" if path.startswith("/") else ""), list[str]()
    for step in map(_decode, path.split("/")):
        if step == "..":
            if not steps:
                return None
            steps.pop()
        elif step not in _STEPS_UP:
            steps.append(step)
    if not steps or not all(map(_is_text, steps)):
        return None
    return root + spell_path(steps)


def _spell_options(query: str) -> str | None:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    values = {name: _decode(value) for name, _, value in pairs}
    if len(values) < len(pairs) or not all(v and _is_text(v) for v in values.values()):
        return None
    spelled = [f"{name}={_encode(value, '&=')}" for name, value in sorted(values.items())]
    if not all(re.fullmatch(_OPTION, each) for each in spelled):
        return None
    return f"?{'&'.join(spelled)}" if spelled else ""


def _spell_keys(fragment: str) -> str | None:
    keys = [_unescape_key(_decode(key)) for key in fragment.split("/") if key]
    if not all(map(_is_text, keys)):
        return None
    escaped = (_encode(key.replace("~", "~0").replace("/", "~1"), "") for key in keys)
    return "#" + "".join(f"/{key}" for key in escaped) if keys else ""


def _unescape_key(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")


def _decode(text: str) -> str:
    """Return *text* without escapes; bytes that are not UTF-8 become what no text holds."""
    return _ESCAPES.sub(
        lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape"),
        text,
    )


def _encode(text: str, more: str) -> str:
    """Return *text* with the escapes that it needs; *more* are characters that need one, too."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode())
        if character in "%?#"
        or character in more
        or not character.isprintable()
        or character == " "
        else character
        for character in text
    )


def _is_text(text: str) -> bool:
    """Return whether *text* is UTF-8 without control characters."""
    return not any(c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff" for c in text)


class Fingerprint(NamedTuple):
    """A salt and a keyed digest of a secret with it, 16 bytes each (``codec/fingerprint``)."""

    salt: bytes
    value: bytes


class SecretMetadata(NamedTuple):
    """What a provider knows about a secret besides its value: a version, when it was written."""

    version: str | None = None
    changed_at: datetime | None = None


class SecretComparison(StrEnum):
    """What is known about a secret since it was last sent."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOT_COMPARED = "not compared"


@frozen
class SecretFindings:
    """
    How the secrets of a fleet compare: *default* for all but those listed in *exceptions*.

    A fleet in which nothing rotated lists nothing, so it costs nothing.
    """

    default: SecretComparison = SecretComparison.UNCHANGED
    exceptions: Mapping[Address, Mapping[str, SecretComparison]] = field(default_factory=dict)

    def of(self, address: Address, key: str) -> SecretComparison:
        """Return how the secret *key* of *address* compares."""
        return self.exceptions.get(address, {}).get(key, self.default)


@frozen
class SecretStatus:
    """
    What a look at one reference came to.

    *problem* is the reason why it leads nowhere, None where it leads to a
    secret; *hints* show the way out. *used_by* names what refers to it: servers
    with their setting, or settings of the configuration.
    """

    reference: SecretRef
    used_by: tuple[str, ...]
    problem: str | None = None
    hints: tuple[str, ...] = ()
    metadata: SecretMetadata = field(default_factory=SecretMetadata)


class SecretValue:
    """
    A secret in memory: it cannot print, compare, hash, copy or pickle itself.

    It opens by :meth:`reveal`, which only the wire encoder, the fingerprint
    codec and an adapter's own login may call; a test walks the tree for it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> NoReturn:
        self._refuse("compared")

    def __hash__(self) -> NoReturn:  # noqa: PLE0309 - it never returns
        self._refuse("hashed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self._refuse("pickled or copied")

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise TypeError(f"a secret cannot be {what}")
