"""
Rows of cells to a sheet: where the header is, which columns count, which rows are servers.

Beside it CSV, as spreadsheets and databases write it: parted by commas, semicolons, tabs
or bars, with a line ``sep=;`` or without. Nothing that is told quotes a cell: without a
header, the names of the columns would be values, passwords among them.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import chain, count, islice, repeat, zip_longest
from typing import TYPE_CHECKING, Final

from icesync.frozen import NamedTuple
from icesync.model.imported import Cell, Raw, Record, Sheet, Slip
from icesync.sheet.columns import Column, find_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_WITHIN: Final = 20
"""A title, a date or a logo may stand above the header, but not more rows of them."""
_SEPARATOR: Final = re.compile(r"\"?sep=([,;|\t])\"?\r?\n", re.IGNORECASE)
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_QUOTES: Final = {"\u201c": "\u201d\u201c", "\u201e": "\u201c\u201d", "\u00ab": "\u00bb",
                  "\u00bb": "\u00ab", "\u2018": "\u2019", "\u201a": "\u2018"}  # fmt: skip
EXPLANATION: Final = "# "
"""What a row begins with that explains the columns and is no server."""


class Row(NamedTuple):
    """One row: its number in a spreadsheet program, the line it starts on, its cells."""

    number: int
    line: int
    cells: Sequence[Raw]


def read_rows(rows: Iterable[Row], find: Callable[[str], Column | None] = find_column) -> Sheet:
    """
    Return the sheet that *rows* are; *find* says what the name of a column means.

    An empty cell is no value. Rows without any value are left out.
    """
    iterator = iter(rows)
    early = list(islice(iterator, _HEADER_WITHIN))
    at = next((n for n, row in enumerate(early) if _is_header(row.cells, find)), None)
    if at is None:
        message = "no row names the columns: one for the organization, one for the skill"
        hint = "run `icesync import --template csv` to print a table to fill in"
        return Sheet(slips=(Slip(early[0].line if early else 1, 1, message, hint),))
    named, names = _names(early, at, find)
    quoted = all(_unquoted(cell) != cell for cell in named.cells if isinstance(cell, str) and cell)
    header = tuple(Cell(name, None, named.line, n) for n, name in enumerate(names, start=1))
    records: list[Record] = []
    slips: list[Slip] = []
    nameless: set[int] = set()
    for row in (*early[early.index(named) + 1 :], *iterator):
        cells = _cells(row, names, quoted=quoted)
        if not cells or _explains(cells[0]):
            continue
        extra = [cell for cell in cells if not cell.name]
        if extra and extra[-1].column > len(header):
            message = (
                f"row {row.number} has {extra[-1].column} columns, but the header has {len(header)}"
            )
            slips.append(Slip(row.line, 1, message, "quote values that contain the delimiter"))
            continue
        nameless.update(cell.column for cell in extra)
        records.append(Record(cells, row.line, 1, row.number))
    for column in sorted(nameless):
        message = f"column {letters(column)} has values, but the header does not name it"
        slips.append(Slip(named.line, 1, message, "name the column, or clear its cells"))
    if not records and not slips:
        message = "the table has a header, but no row below it"
        slips.append(Slip(named.line, 1, message, "add a row for each server"))
    return Sheet(tuple(records), tuple(cell for cell in header if cell.name), tuple(slips))


def _names(
    early: Sequence[Row], at: int, find: Callable[[str], Column | None]
) -> tuple[Row, list[str]]:
    """
    Return the last row that names columns, and the names.

    Above it may stand a row of groups, such as SMTP and IMAP over two columns `Server` each.
    """
    rows = {row.number: row for row in early}
    named = early[at]
    below = rows.get(named.number + 1)
    if below is not None and _is_header(below.cells, find):
        filled = zip_longest(named.cells, below.cells, fillvalue=None)
        named = below if any(upper and not lower for upper, lower in filled) else named
    above = rows.get(named.number - 1)
    names = _texts(named)
    return named, names if above is None else _grouped(_texts(above), names, find)


def _texts(row: Row) -> list[str]:
    return [_unquoted(cell.strip()) if isinstance(cell, str) else "" for cell in row.cells]


def _grouped(
    groups: Sequence[str], names: Sequence[str], find: Callable[[str], Column | None]
) -> list[str]:
    """Return *names*; one that is there twice begins with its group, an empty one is the group."""
    counts = Counter(names)
    made: list[str] = []
    group = ""
    for over, name in zip_longest(groups, names, fillvalue=""):
        group = over or group
        column = find(f"{group} {name}") if name and counts[name] > 1 else None
        if column is not None and not column.bare:
            made.append(f"{group} {name}")
        else:
            made.append(name or (over if over and find(over) is not None else ""))
    return made


def letters(column: int) -> str:
    """Return the letters that a spreadsheet program shows for *column*: 1 is A, 27 is AA."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def read_delimited(text: str, find: Callable[[str], Column | None] = find_column) -> Sheet:
    """Return the sheet that the CSV *text* holds."""
    slips: list[Slip] = []
    declared = _SEPARATOR.match(text)
    body = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _delimiter(body, find)
    rows = _split(body, delimiter, slips, 2 if declared else 1)
    sheet = read_rows(rows, find)
    return Sheet(sheet.records, sheet.header, (*slips, *sheet.slips)) if slips else sheet


def _delimiter(text: str, find: Callable[[str], Column | None]) -> str:
    """Return what parts the columns: with it, most names of the first rows are known."""

    def known(delimiter: str) -> int:
        rows = islice(_split(text, delimiter, [], 1), _HEADER_WITHIN)
        return max((_known(row.cells, find) for row in rows), default=0)

    first = text.partition("\n")[0]
    return max(_DELIMITERS, key=lambda delimiter: (known(delimiter), first.count(delimiter)))


def _split(text: str, delimiter: str, slips: list[Slip], line: int) -> Iterator[Row]:
    """Yield each row that is not empty."""
    lines = (match[0] for match in _LINE.finditer(text))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number, start = 0, line
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # The module's own text may quote the line.
            message = f"row {number} is not valid CSV: a quote that is not closed or not doubled"
            slips.append(Slip(line, 1, message))
            return
        if row:
            yield Row(number, line, row)
        line = start + reader.line_num


def _is_header(cells: Sequence[Raw], find: Callable[[str], Column | None]) -> bool:
    """Return whether *cells* are names of columns: not numbers and addresses, as servers have."""
    if any(isinstance(cell, str) and (cell.strip().isdecimal() or "@" in cell) for cell in cells):
        return False
    keys = {key for column in _columns(cells, find) for key in column.keys}
    return len(keys) > 1 and ("skill" in keys or _known(cells, find) > 2)


def _known(cells: Sequence[Raw], find: Callable[[str], Column | None]) -> int:
    return sum(1 for _ in _columns(cells, find))


def _columns(cells: Sequence[Raw], find: Callable[[str], Column | None]) -> Iterator[Column]:
    for cell in cells:
        column = find(_unquoted(cell.strip())) if isinstance(cell, str) and cell.strip() else None
        if column is not None:
            yield column


def _cells(row: Row, names: Sequence[str], *, quoted: bool) -> tuple[Cell, ...]:
    """Return the cells of *row* that hold something, under the *names* of the header."""
    line, cells = row.line, row.cells
    named = zip(chain(names, repeat("", len(cells) - len(names))), cells, count(1), strict=False)
    held = [
        Cell(name, _unquoted(value) if quoted and type(value) is str else value, line, n)
        for name, value, n in named
        if value is not None and (not isinstance(value, str) or value.strip())
    ]
    return tuple(held)


def _explains(cell: Cell) -> bool:
    return isinstance(cell.value, str) and cell.value.startswith(EXPLANATION)


def _unquoted(text: str) -> str:
    """Return *text* without the typographic quotes around it."""
    ends = _QUOTES.get(text[:1], "")
    return text[1:-1] if len(text) > 1 and ends and text[-1] in ends else text
