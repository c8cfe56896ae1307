"""Email servers as they come from elsewhere: records as they were read, servers as they fit."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from icesync.frozen import NamedTuple, frozen, mutable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import Address
    from icesync.model.fields import Setting
    from icesync.model.secret import SecretRef, SecretValue

Raw: TypeAlias = "str | Broken | Record | tuple[Raw, ...] | None"
"""A value as it was read: the text of a scalar, an object, a list; None for nothing."""


class NumberCell(str):
    """A number of a workbook: leading zeros and digits behind the fifteenth are lost already."""

    __slots__ = ()


class Broken(NamedTuple):
    """A cell that holds no value as it stands, such as a formula; *why* ends a sentence."""

    why: str
    hint: str


class Cell(NamedTuple):
    """One member of an object, or one cell of a table; lines and columns count from 1."""

    name: str
    value: Raw
    line: int
    column: int


class Record(NamedTuple):
    """
    One object, or one row of a table, and where it starts.

    *row* is the number that a spreadsheet program shows; 0 for an object.
    """

    cells: tuple[Cell, ...]
    line: int
    column: int
    row: int = 0


class Slip(NamedTuple):
    """Something that cannot be read, and where; lines and columns count from 1."""

    line: int
    column: int
    message: str
    hint: str | None = None
    rule: str = "ICE016"


@frozen
class Sheet:
    """
    What one file holds: *records*, the *header* of a table, and what cannot be read.

    *notes* say what was guessed to read it.
    """

    records: tuple[Record, ...] = ()
    header: tuple[Cell, ...] = ()
    slips: tuple[Slip, ...] = ()
    notes: tuple[str, ...] = ()


@mutable
class Draft:
    """
    A record whose values were read; what did not fit was told.

    *settings* and *secrets* go by dotted key, *presets* too. *tagged* are the passwords
    that came as tags of the emulator, from which nothing can be got back; *emptied* what
    was given as an empty text.
    """

    position: SourcePosition
    row: int = 0
    settings: dict[str, Setting] = field(default_factory=dict)
    presets: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, SecretRef | SecretValue] = field(default_factory=dict)
    tagged: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)
    unfit: set[str] = field(default_factory=set)
    """keys whose value was told not to fit"""
    filled: frozenset[int] = frozenset()
    """the columns of a table that have a value"""


@frozen
class ImportedServer:
    """
    One server as it will stand in a file; its passwords stand beside their references.

    *given* is what the file will say, presets included; *settings* what that comes to
    with defaults and presets. *values* holds the passwords that came along, by dotted
    key. *guessed* says that ``active`` was not given and follows ``status``.
    """

    address: Address
    given: Mapping[str, Setting]
    settings: Mapping[str, Setting]
    secrets: Mapping[str, SecretRef]
    values: Mapping[str, SecretValue]
    position: SourcePosition
    name: str = ""
    guessed: bool = False
