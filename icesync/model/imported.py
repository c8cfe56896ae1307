"""Email servers as they come from elsewhere: records as they were read, servers as they fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.diagnostics import SourcePosition
    from icesync.model.address import Address
    from icesync.model.fields import Setting
    from icesync.model.secret import SecretRef, SecretValue

__all__ = ["Cell", "Draft", "ImportedServer", "Raw", "Record", "Text"]

Raw: TypeAlias = "str | SecretValue | Record | tuple[Raw, ...] | None"
"""A value as it was read: the text of a scalar, a password, an object, a list; None for nothing."""


class Cell(NamedTuple):
    """One member of an object, or one cell of a table, with its place; lines count from 1."""

    name: str
    value: Raw
    line: int
    column: int


class Record(NamedTuple):
    """One object, or one row of a table, and where it starts."""

    cells: tuple[Cell, ...]
    line: int
    column: int


class Text(NamedTuple):
    """What one setting was given as: the member's name, its text, its place."""

    name: str
    text: str
    position: SourcePosition


@dataclass(slots=True)
class Draft:
    """
    A record whose members are known, its values not looked at yet.

    *texts* and *secrets* go by dotted key; *tagged* are the passwords that came
    as tags of the emulator, from which nothing can be got back; *emptied* what was
    given as an empty text.
    """

    position: SourcePosition
    texts: dict[str, Text] = field(default_factory=dict)
    secrets: dict[str, SecretRef | SecretValue] = field(default_factory=dict)
    tagged: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)


@frozen
class ImportedServer:
    """
    One server as it will stand in a file; its passwords stand beside their references.

    *values* holds the passwords that came along, by dotted key. *guessed* says
    that ``active`` was not given and follows ``status``.
    """

    address: Address
    settings: Mapping[str, Setting]
    secrets: Mapping[str, SecretRef]
    values: Mapping[str, SecretValue]
    position: SourcePosition
    name: str = ""
    guessed: bool = False
