"""What the files ask for, by address (``59/663``), with the place of every effective value."""

from __future__ import annotations

import re
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from icesync.frozen import NamedTuple, frozen
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.diagnostics import SourcePosition
    from icesync.model.fields import Setting
    from icesync.model.secret import SecretRef

MAX_ID: Final = 2**31 - 1
"""Largest id that the service can hold: it binds ids to a 32-bit integer (observed)."""

ADDRESS_GRAMMAR: Final = "([1-9][0-9]{0,9})/([1-9][0-9]{0,9})"
"""Organization and skill; the schemas print it too. An id may still be too large."""

_ADDRESS: Final = regex(ADDRESS_GRAMMAR)

ALL: Final = "all"
"""The pattern that means every server."""

_PATTERN: Final = regex(r"[0-9*?!\[\]-]+/[0-9*?!\[\]-]+", re.ASCII)


class Address(NamedTuple):
    """
    An organization and a skill of it; sorts by number, prints as ``59/663``.

    A named tuple, not a data class: addresses are dictionary keys on the hot
    path of a plan over 100,000 servers.
    """

    organization: int
    skill: int

    def __str__(self) -> str:
        return f"{self.organization}/{self.skill}"


def parse_address(text: str) -> Address | None:
    """Return the address that *text* spells, or None if it spells none."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    address = Address(int(match[1]), int(match[2]))
    return address if max(address) <= MAX_ID else None


def is_address_pattern(word: str) -> bool:
    """Return whether *word* is an address or a glob of addresses; any other is a path."""
    return word == ALL or _PATTERN.fullmatch(word) is not None


class LayerKind(StrEnum):
    """Where a value stands; the first one that gives it wins."""

    TOP = "top of the file"
    SERVER = "server"
    FILE = "defaults of the file"
    FOLDER = "defaults of a folder"
    PRESET = "preset"


class Given(NamedTuple):
    """A value as one layer gives it."""

    layer: LayerKind
    value: Setting | SecretRef
    position: SourcePosition


class Origin(Protocol):
    """Knows which line of which file gave each effective value of one server."""

    @property
    def file(self) -> str:
        """The file that defines the server."""
        ...

    def position(self, key: str = "") -> SourcePosition:
        """Return the place of *key*'s effective value; of the server itself without a key."""
        ...

    def files(self) -> frozenset[str]:
        """Return the files that this server is made of: its own, and those with its defaults."""
        ...

    def chain(self, key: str) -> tuple[Given, ...]:
        """Return what every layer gives for *key*, the effective value first."""
        ...


_NO_PRESETS: Final[Mapping[str, str]] = {}


@frozen
class DesiredServer:
    """
    One email server as the files want it, defaults merged.

    *settings* holds the typed values that are present, by dotted key; *secrets*
    the references, by dotted key. Absent means "not given": how that is sent is
    a setting of the wire (``api.wire.absent``). *presets* names the provider whose
    preset governs a block, by block; what it filled is in *settings*. A server of
    which something could not be read is not *whole*: it is here to be looked at. *sealed*
    are the keys of settings whose values sops encrypted, and nobody opened.
    *local* is never sent nor remembered: what icesync itself goes by, such as the
    mode of a probe.
    """

    address: Address
    settings: Mapping[str, Setting]
    secrets: Mapping[str, SecretRef]
    origin: Origin
    name: str = ""
    presets: Mapping[str, str] = field(default_factory=lambda: _NO_PRESETS)
    whole: bool = True
    local: Mapping[str, Setting] = field(default_factory=dict)
    sealed: frozenset[str] = frozenset()


class RemovalAction(StrEnum):
    """How the files end a server."""

    DISABLE = "disable"
    FORGET = "forget"


@frozen
class Removal:
    """An entry of ``removed:``, the only way to end a server."""

    address: Address
    action: RemovalAction
    position: SourcePosition


@frozen
class Move:
    """An entry of ``moved:``: the record of *source* has the name *address* now."""

    address: Address
    source: Address
    position: SourcePosition


@frozen
class DesiredState:
    """All servers, removals and moves (by new address); order of files does not matter."""

    servers: Mapping[Address, DesiredServer]
    removals: Mapping[Address, Removal] = field(default_factory=dict)
    moves: Mapping[Address, Move] = field(default_factory=dict)
