"""
The other direction of an update: from the members of a body to settings by dotted key.

Values stay texts here, in the spelling of the files: ``IsImap`` true is ``imap``,
``True`` is ``true``, ``enabled`` is ``Enabled``. Passwords are wrapped at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.model.fields import Field, Kind
from icesync.model.imported import Cell, Draft, Record, Text
from icesync.model.secret import SecretValue, parse_secret_ref
from icesync.wire.update import find_member, is_token, member_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["decode_records"]

_TAG: Final = "hmac"
"""The member under which the emulator shows a tag in place of a password."""


def decode_records(
    records: Iterable[Record], file: str
) -> tuple[tuple[Draft, ...], tuple[Diagnostic, ...]]:
    """
    Return a draft of each of *records*, and what is wrong with their members.

    The emulator's own listing is unwrapped. An unknown name is told once.
    """
    decoder = _Decoder(file)
    drafts = tuple(decoder.decode(body) for record in records for body in decoder.bodies(record))
    return drafts, tuple(decoder.problems)


class _Decoder:
    """Reads the records of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Diagnostic] = []
        self.unknown: set[str] = set()

    def bodies(self, record: Record) -> Iterator[Record]:
        """Yield the bodies in *record*: itself, or those that a listing of the emulator holds."""
        for cell in record.cells:
            if cell.name == "document" and isinstance(cell.value, Record):
                yield cell.value
                return
            if cell.name == "servers" and isinstance(cell.value, tuple):
                for item in cell.value:
                    if isinstance(item, Record):
                        yield from self.bodies(item)
                    else:
                        self._problem("ICE010", cell, "must hold objects only")
                return
        yield record

    def decode(self, record: Record) -> Draft:
        """Return what is known of one body, and note what does not fit."""
        draft = Draft(SourcePosition(self.file, record.line, record.column))
        given: dict[str, Cell] = {}
        for cell in record.cells:
            if is_token(cell.name):
                continue
            row = find_member(cell.name)
            if row is None:
                self._report_unknown(cell)
                continue
            first = given.setdefault(row.key, cell)
            if first is not cell and not _agree(row, first, cell):
                self._report_twice(cell, first)
            elif first is cell:
                self._take(draft, row, cell)
        return draft

    def _take(self, draft: Draft, row: Field, cell: Cell) -> None:
        value = cell.value
        if value == "":
            draft.emptied.add(row.key)
        if row.secret:
            self._take_secret(draft, row, cell)
        elif isinstance(value, str):
            if value:
                text = _spelled(row, cell.name, value)
                draft.texts[row.key] = Text(cell.name, text, self._position(cell))
        elif value is not None:
            self._problem("ICE010", cell, "must be a single value")

    def _take_secret(self, draft: Draft, row: Field, cell: Cell) -> None:
        value = cell.value
        if isinstance(value, str):
            if value:
                # Under its name on the wire it is a password, whatever it looks like.
                reference = parse_secret_ref(value) if _is_key(cell.name, row) else None
                if reference is None and _is_key(cell.name, row) and value.startswith("ref+"):
                    self._problem("ICE410", cell, "is a reference that cannot be read")
                    return
                draft.secrets[row.key] = reference or SecretValue(value)
        elif isinstance(value, Record) and [c.name for c in value.cells] == [_TAG]:
            draft.tagged.add(row.key)
        elif value is not None:
            self._problem("ICE010", cell, "must be a single value")

    def _report_unknown(self, cell: Cell) -> None:
        if cell.name not in self.unknown:
            self.unknown.add(cell.name)
            shown = ascii(cell.name[:60])[1:-1]
            hint = member_hint(cell.name)
            message = f"unknown member `{shown}`"
            self.problems.append(Diagnostic("ICE105", message, self._position(cell), hint))

    def _report_twice(self, cell: Cell, first: Cell) -> None:
        other = first.name if first.name != cell.name else f"line {first.line}"
        hint = "keep the one that is right"
        self._problem("ICE106", cell, f"is given twice, with another value under {other}", hint)

    def _problem(self, rule: str, cell: Cell, message: str, hint: str | None = None) -> None:
        told = f"`{cell.name}` {message}"
        self.problems.append(Diagnostic(rule, told, self._position(cell), hint))

    def _position(self, cell: Cell) -> SourcePosition:
        return SourcePosition(self.file, cell.line, cell.column)


def _agree(row: Field, first: Cell, second: Cell) -> bool:
    """Return whether a setting that came under two of its names says the same under both."""
    return first.name != second.name and not row.secret and first.value == second.value


def _is_key(name: str, row: Field) -> bool:
    """Return whether *name* is that of the files, and not one of the wire."""
    return name.strip().lower() == row.key


_CHOICES: Final = {
    Kind.FLAG: {"true": "true", "false": "false"},
    Kind.STATUS: {"enabled": "Enabled", "disabled": "Disabled"},
    Kind.INCOMING: {"imap": "imap", "pop3": "pop3"},
}
_IS_IMAP: Final = {"true": "imap", "false": "pop3"}


def _spelled(row: Field, name: str, text: str) -> str:
    """Return *text* as the files spell it, or as it is where it is none of the choices."""
    if row.kind is Kind.TEXT:
        return text
    bare = text.strip()
    choices = _CHOICES.get(row.kind, {})
    if row.kind is Kind.INCOMING and not _is_key(name, row):
        choices = _IS_IMAP
    return choices.get(bare.lower(), bare)
