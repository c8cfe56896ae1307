from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from icesync.errors import ConfigMalformed
from icesync.model.imported import Broken, NumberCell
from icesync.sheet.source import read_source
from icesync.sheet.workbook import write_workbook

if TYPE_CHECKING:
    from collections.abc import Callable

openpyxl: Any = pytest.importorskip("openpyxl", reason="needs the extra `excel`")


def workbook(*rows: list[Any], change: Callable[[Any, Any], object] | None = None) -> bytes:
    """Return a workbook with *rows* in its first sheet, after a *change* of book and sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book, book.active)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


HEADER = ["Organisation", "Skill", "User"]


def test_cells_are_read_by_their_kind() -> None:
    """Texts, numbers and flags as they are shown; a number is marked, for texts it is a loss."""
    sheet = read_source(workbook(HEADER, ["59", 1.0, "0012"], [59, 2, 12], [True, 0.5, "=a"]))
    values = [[cell.value for cell in record.cells] for record in sheet.records]

    assert values[0] == ["59", "1", "0012"]
    assert values[1] == ["59", "2", "12"]
    assert isinstance(values[1][2], NumberCell)
    assert not isinstance(values[0][2], NumberCell)
    assert values[2][:2] == ["true", "0.5"]


@pytest.mark.parametrize(
    ("cell", "why"),
    [("=A1+1", "is a formula: its value is not in the cell"),
     (date(2026, 1, 2), "is a date in the workbook")],
)  # fmt: skip
def test_cell_without_a_value(cell: object, why: str) -> None:
    """What the person typed is not in it any more."""
    [record] = read_source(workbook(HEADER, [59, 1, cell])).records
    value = record.cells[2].value

    assert isinstance(value, Broken)
    assert value.why == why


def test_table_may_stand_anywhere() -> None:
    """Title rows, merged or not, and empty columns before it; rows count as the program shows."""

    def shift(_: Any, sheet: Any) -> None:
        sheet.insert_rows(1, 3)
        sheet.insert_cols(1, 2)
        sheet["A1"] = "Mailboxes"
        sheet.merge_cells("A1:D1")

    [record] = read_source(workbook(HEADER, ["59", "1", "u"], change=shift)).records

    assert (record.row, [cell.column for cell in record.cells]) == (5, [3, 4, 5])


def hide(_: Any, sheet: Any) -> None:
    """Hide the second row, as a filter does."""
    sheet.row_dimensions[2].hidden = True


def test_hidden_rows_count_and_are_told() -> None:
    """A filter that was left on is no reason to lose servers."""
    sheet = read_source(workbook(HEADER, ["59", "1", "u"], change=hide))

    assert len(sheet.records) == 1
    assert sheet.notes == ("1 hidden row of the workbook counts, too",)


def test_hidden_columns_count_and_are_told() -> None:
    """A column that somebody hid is often that of the passwords."""

    def cover(_: Any, sheet: Any) -> None:
        sheet.column_dimensions.group("B", "C", hidden=True)

    sheet = read_source(workbook(HEADER, ["59", "1", "u"], change=cover))

    assert sheet.notes == ("2 hidden columns count, too: `Skill` and `User`",)


def test_two_rows_of_names() -> None:
    """A name that is there twice begins with its group; a name over both rows is one."""

    def merge(_: Any, sheet: Any) -> None:
        for area in ("A1:A2", "B1:B2", "C1:D1", "E1:F1"):
            sheet.merge_cells(area)

    rows = [
        ["Organisation", "Queue", "SMTP", None, "IMAP", None],
        [None, None, "Server", "Port", "Server", "Port"],
        ["59", "1", "smtp.example.org", "587", "imap.example.org", "993"],
    ]
    sheet = read_source(workbook(*rows, change=merge))
    [record] = sheet.records

    assert sheet.slips == ()
    assert [cell.name for cell in record.cells] == [
        "Organisation", "Queue", "SMTP Server", "SMTP Port", "IMAP Server", "IMAP Port",
    ]  # fmt: skip
    assert record.row == 3


def second(book: Any, _: Any) -> None:
    """Add a sheet that holds something."""
    book.create_sheet("Old one").append(["x"])


REFUSED: dict[str, tuple[bytes, str]] = {
    "several sheets": (workbook(HEADER, change=second),
                       "the workbook has 2 sheets: Sheet, Old one"),
    "merged": (workbook(HEADER, ["59", "1", "u"], change=lambda _, s: s.merge_cells("A2:A3")),
               "cells are merged (A2:A3): only the first of them has a value"),
    "empty": (workbook(), "the workbook is empty"),
    "broken": (workbook(HEADER)[:2000], "the workbook is broken: it cannot be opened"),
    "no header": (workbook(["59", "1", "hunter2"]),
                  "no row names the columns: one for the organization, one for the skill"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_workbook_that_cannot_be_imported(kind: str) -> None:
    """In one sentence, with the way out."""
    data, told = REFUSED[kind]
    [slip] = read_source(data).slips

    assert slip.message == told
    assert slip.hint


def test_sheet_by_name() -> None:
    """Whatever else is in the workbook; case does not count."""
    data = workbook(HEADER, ["59", "1", "u"], change=second)

    assert len(read_source(data, "sheet").records) == 1
    assert read_source(data, "nope").slips[0].hint == "it has: Sheet, Old one"


def test_without_openpyxl(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the line that installs it, or the way without."""

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr("icesync.sheet.workbook.import_module", missing)
    with pytest.raises(ConfigMalformed, match="not installed") as caught:
        read_source(workbook(HEADER))

    told = "run `pip install 'icesync[excel]'`, or save the sheet as CSV UTF-8"
    assert caught.value.hints == (told,)


def test_bomb_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook may unpack to a thousand times its size."""
    monkeypatch.setattr("icesync.sheet.workbook._MAX_BYTES", 100)
    [slip] = read_source(workbook(HEADER)).slips

    assert slip.message == "the workbook is too large to be opened"


def test_new_workbook_is_read_back() -> None:
    """Every cell of it is formatted as text, so a program keeps what is typed."""
    data = write_workbook([HEADER, ["# a number", "", ""], ["059", "1", "u"]], "Mailboxes")
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active

    assert [c.value for c in read_source(data).records[0].cells] == ["059", "1", "u"]
    assert {cell.number_format for row in sheet["A1:C400"] for cell in row} == {"@"}
