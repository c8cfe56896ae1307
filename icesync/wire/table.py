"""Read a table of servers: CSV with a header, as a spreadsheet exports it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from icesync.model.imported import Cell, Record
from icesync.wire.printed import Slip
from icesync.wire.update import find_member

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["read_table"]

_ADDRESS_KEYS: Final = frozenset({"organization", "skill"})
_DELIMITERS: Final = (",", ";", "\t")


def read_table(text: str) -> tuple[tuple[Record, ...], tuple[Slip, ...]]:
    """
    Return the rows of *text* below its header, and what could not be read.

    Columns are parted by what the header has most of: commas, semicolons or
    tabs. An empty cell is no value. Rows without any value are left out.
    """
    slips: list[Slip] = []
    rows = _rows(text.removeprefix("\ufeff"), slips)
    _, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    known = (find_member(name) for name in names)
    if missing := _ADDRESS_KEYS - {field.key for field in known if field is not None}:
        # Without a header, the names of the columns would be values, passwords among them.
        told = f"the header has no column for the {' and the '.join(sorted(missing))}"
        return (), (*slips, Slip(1, 1, told, "the first line names the columns: OrgId,SkillId,…"))
    slips += [
        Slip(1, 1, f"column {number} of the header has no name")
        for number, name in enumerate(names, start=1)
        if not name
    ]
    records = []
    for line, row in rows:
        if len(row) != len(names):
            told = f"{_counted(len(row))}, and the header has {len(names)}"
            slips.append(Slip(line, 1, told, "quote a value that holds the delimiter"))
            continue
        pairs = enumerate(zip(names, row, strict=True), start=1)
        cells = tuple(Cell(name, value, line, n) for n, (name, value) in pairs if value.strip())
        if cells:
            records.append(Record(cells, line, 1))
    return tuple(records), tuple(slips)


def _rows(text: str, slips: list[Slip]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield each row that is not empty with the line it starts on."""
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # The module's own text may quote the line.
            slips.append(Slip(line, 1, "not valid CSV: a quote that is not closed or not doubled"))
            return
        if row:
            yield line, row
        line = reader.line_num + 1


def _counted(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"
