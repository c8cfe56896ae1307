"""Excel workbooks, by openpyxl: one sheet of one as rows, and a new one to fill in."""

from __future__ import annotations

import io
import warnings
import zipfile
from dataclasses import replace
from datetime import date, time, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import ConfigMalformed, listed, printable
from icesync.model.imported import Broken, NumberCell, Raw, Sheet, Slip
from icesync.sheet.table import Row, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icesync.sheet.columns import Column

_MAX_BYTES: Final = 256 * 1024 * 1024
"""A workbook that unpacks to more is not opened: a few kilobytes can hold gigabytes."""
_INSTALL: Final = "run `pip install 'icesync[excel]'`, or save the sheet as CSV UTF-8"
_SAVE: Final = "open it in a spreadsheet program and save it as .xlsx or as CSV UTF-8"
_RETYPE: Final = "format the column as text, then type the value again"
_DATED: Final = Broken("is a date in the workbook", _RETYPE)
_COMPUTED: Final = Broken(
    "is a formula: its value is not in the cell", "copy it, then paste special: values only"
)


def read_workbook(data: bytes, wanted: str, find: Callable[[str], Column | None]) -> Sheet:
    """
    Return the sheet *wanted* of the workbook *data*, or the only one that holds something.

    Raises:
        ConfigMalformed: openpyxl is not installed.

    """
    book = _open(data, _openpyxl().load_workbook)
    chosen = book if isinstance(book, Sheet) else _choose(book, wanted)
    return chosen if isinstance(chosen, Sheet) else _read(chosen, find)


def _open(data: bytes, load: Callable[..., Any]) -> Any:
    """Return the workbook *data*, or a Sheet that says why it cannot be opened."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(member.file_size for member in packed.infolist()) > _MAX_BYTES:
                return _refused("the workbook is too large to be opened", "save it as CSV UTF-8")
        with warnings.catch_warnings(action="ignore"):  # of what it does not keep when it saves
            return load(io.BytesIO(data), data_only=False)
    except Exception:  # noqa: BLE001 - a broken workbook raises KeyError, ValueError, XML errors ...
        return _refused("the workbook is broken: it cannot be opened", _SAVE)


def _choose(book: Any, wanted: str) -> Any:
    """Return the sheet *wanted* of *book*, or a Sheet that says why there is none."""
    sheets = [sheet for sheet in book.worksheets if wanted or _holds_something(sheet)]
    names = ", ".join(sheet.title for sheet in sheets)
    if wanted:
        sheets = [sheet for sheet in sheets if sheet.title.casefold() == wanted.casefold()]
        if not sheets:
            return _refused(f"the workbook has no sheet {printable(wanted)}", f"it has: {names}")
    if not sheets:
        return _refused("the workbook is empty", "fill in a sheet")
    if len(sheets) > 1:
        hint = f"choose one: --sheet {_quoted(sheets[0].title)}"
        return _refused(f"the workbook has {len(sheets)} sheets: {names}", hint)
    return sheets[0]


def _read(sheet: Any, find: Callable[[str], Column | None]) -> Sheet:
    found = read_rows(_rows(sheet), find)
    top = found.header[0].line if found.header else 1
    merged = [str(area) for area in sheet.merged_cells.ranges if _loses_values(area, top)]
    if merged:
        message = f"cells are merged ({min(merged)}): only the first of them has a value"
        return _refused(message, "unmerge them and fill in each cell, then save")
    rows = sheet.row_dimensions
    hidden = sum(rows[record.row].hidden for record in found.records if record.row in rows)
    notes: list[str] = []
    if hidden:
        counts = "row of the workbook counts" if hidden == 1 else "rows of the workbook count"
        notes.append(f"{hidden} hidden {counts}, too")
    areas = [a for a in sheet.column_dimensions.values() if a.hidden and a.min and a.max]
    names = [
        f"`{printable(cell.name)}`"
        for cell in found.header
        if any(area.min <= cell.column <= area.max for area in areas)
    ]
    if names:
        columns = "column counts" if len(names) == 1 else "columns count"
        notes.append(f"{len(names)} hidden {columns}, too: {listed(names)}")
    return replace(found, notes=tuple(notes)) if notes else found


def _loses_values(area: Any, top: int) -> bool:
    """Return whether a merged *area* leaves names or values away; *top* is the row of names."""
    return bool(area.max_row > top or (area.max_row == top and area.max_col > area.min_col))


def write_workbook(rows: Sequence[Sequence[str]], title: str) -> bytes:
    """
    Return a workbook with *rows*, the first of them as header; every cell is formatted as text.

    Raises:
        ConfigMalformed: openpyxl is not installed.

    """
    openpyxl = _openpyxl()
    styles = import_module("openpyxl.styles")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    sheet.freeze_panes = "A2"
    for number in range(1, len(rows[0]) + 1):
        letter = openpyxl.utils.get_column_letter(number)
        sheet.column_dimensions[letter].width = 22
        sheet.column_dimensions[letter].number_format = "@"
    for n, row in enumerate(rows, start=1):
        for m, text in enumerate(row, start=1):
            cell = sheet.cell(n, m, text)
            cell.number_format = "@"
            cell.font = styles.Font(bold=n == 1, italic=n == 2)
            cell.alignment = styles.Alignment(wrap_text=n == 2, vertical="top")
    for n in range(len(rows) + 1, 500):
        for m in range(1, len(rows[0]) + 1):
            sheet.cell(n, m).number_format = "@"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _openpyxl() -> Any:
    try:
        return import_module("openpyxl")
    except ImportError:
        raise ConfigMalformed(
            "Excel workbooks need openpyxl, which is not installed", _INSTALL
        ) from None


def _refused(message: str, hint: str) -> Sheet:
    return Sheet(slips=(Slip(1, 1, message, hint),))


def _holds_something(sheet: Any) -> bool:
    return sheet.sheet_state == "visible" and any(
        cell.value is not None for row in sheet.iter_rows() for cell in row
    )


def _rows(sheet: Any) -> Iterator[Row]:
    for number, cells in enumerate(sheet.iter_rows(), start=sheet.min_row):
        first = [None] * (sheet.min_column - 1)
        yield Row(number, number, [*first, *(_value(cell) for cell in cells)])


def _value(cell: Any) -> Raw:
    value = cell.value
    if value is None or (type(value) is str and cell.data_type != "f"):
        return value
    if cell.data_type == "f":
        return _COMPUTED
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time | timedelta):
        return _DATED
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        value = int(value)
    return NumberCell(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
