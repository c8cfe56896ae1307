"""Why a server, or one setting of it, is as it is: every layer, the wire, what is remembered."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import Address, Given, Move, Removal
    from icesync.model.fields import Field, Setting
    from icesync.model.snapshot import Entry


class AddressState(StrEnum):
    """What the files say about an address."""

    DEFINED = "defined"
    REMOVED = "removed"
    MOVED = "moved"
    """the record has another address now"""
    NOT_IN_FILES = "not-in-any-file"
    """only the snapshot knows it"""


@frozen
class FieldExplanation:
    """
    One setting of one server.

    *chain* holds what every layer gives, the effective value first; it is empty
    where no layer gives one. *members* is what a call would carry, by wire name;
    None stands for null, and for a secret. *known* is the value that was last
    acknowledged, for a secret the text of its reference.
    """

    field: Field
    chain: tuple[Given, ...]
    members: Mapping[str, Setting | None]
    known: Setting | None = None

    @property
    def given(self) -> Given | None:
        """The effective value, or None."""
        return self.chain[0] if self.chain else None


@frozen
class Explanation:
    """
    One server: its *fields* in the order of the table, and what the snapshot remembers.

    *position* is where the files name it, None where they do not. *move* leads
    here or away from here; it is *open* until ICE has the record at its new address.
    """

    address: Address
    standing: AddressState
    fields: tuple[FieldExplanation, ...]
    position: SourcePosition | None = None
    name: str = ""
    removal: Removal | None = None
    move: Move | None = None
    open: bool = False
    entry: Entry | None = None


@frozen
class TopicEntry:
    """One row of a page: a name that people meet, and its sentence."""

    name: str
    text: str


@frozen
class Topic:
    """A page of the reference."""

    name: str
    title: str
    entries: tuple[TopicEntry, ...]

    def only(self, name: str) -> Topic:
        """Return the page with nothing but the row *name*, or those below it: ``api.login``."""
        below = f"{name}."
        rows = (row for row in self.entries if row.name == name or row.name.startswith(below))
        return Topic(self.name, self.title, tuple(rows))
