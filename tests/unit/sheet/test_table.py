from __future__ import annotations

import pytest

from icesync.model.imported import Cell
from icesync.sheet.columns import find_column
from icesync.sheet.source import read_source
from icesync.sheet.table import letters, read_delimited

HEADER = ["Organisation", "Skill", "Name", "Email"]
ROWS = [["59", "1", 'Büro "A", oben; links', "a@example.org"], ["59", "2", "B", "b@example.org"]]


def csv(delimiter: str, end: str = "\r\n", quote: str = '"') -> str:
    """Return the table as a program writes it that quotes each cell."""
    rows = [[cell.replace('"', '""') for cell in row] for row in [HEADER, *ROWS]]
    lines = (delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)
    return end.join(lines) + end


DIALECTS = {
    "comma": csv(",").encode(),
    "semicolon of Excel in Europe": csv(";").encode("cp1252"),
    "UTF-8 with a byte order mark": csv(";").encode("utf-8-sig"),
    "Unicode text of Excel": csv("\t").encode("utf-16"),
    "UTF-16 without a mark": csv(",").encode("utf-16-le"),
    "sep= of Excel": b"sep=;\r\n" + csv(";").encode(),
    "Unix, bars": csv("|", "\n").encode(),
    "old Macintosh": csv(",", "\r").encode(),
    "title and blank lines above": ("Mailboxes 2026,,,\r\n\r\n" + csv(",")).encode(),
    "empty columns and rows at the end": csv(",").replace("\r\n", ",,,\r\n").encode()
    + b",,,,,,\r\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ("Organisation,Queue,Versand,,Posteingang,", ",,Server,Port,Server,Port"),
        (",,SMTP,,Abruf,", "Org,Queue,Server,Port,Server,Port"),
    ],
)
def test_groups_of_columns(groups: str, names: str) -> None:
    """A row of groups above the names says which protocol two columns of one name are for."""
    sheet = read_delimited(f"{groups}\n{names}\n59,1,a.example.org,587,b.example.org,993\n")
    keys = [column.keys for cell in sheet.header if (column := find_column(cell.name))]

    assert keys[2:] == [("smtp.host",), ("smtp.port",), ("incoming.host",), ("incoming.port",)]
    assert len(sheet.records) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialect(dialect: str) -> None:
    """Whatever program saved the table, its rows are the same."""
    sheet = read_source(DIALECTS[dialect])

    assert sheet.slips == ()
    assert [[cell.value for cell in record.cells] for record in sheet.records] == ROWS
    assert [cell.name for cell in sheet.records[0].cells] == HEADER


def test_row_is_that_of_the_spreadsheet_and_line_that_of_the_file() -> None:
    """A cell with a line break is one row of the sheet, and two lines of the file."""
    sheet = read_delimited('orgid,skillid\n"1,""2\n3",x\n\n4,y\n')

    assert [(r.row, r.line, r.cells[0].value) for r in sheet.records] == [
        (2, 2, '1,"2\n3'), (4, 5, "4"),
    ]  # fmt: skip


def test_typographic_quotes_are_quotes_where_the_header_has_them() -> None:
    """A word processor made them; elsewhere a cell in such quotes is told to be damaged."""
    sheet = read_delimited("“OrgId”;„Skill“;«User»\n“1”;„2“;«x»\n")

    assert [cell.value for cell in sheet.records[0].cells] == ["1", "2", "x"]


def test_short_rows_and_explanations() -> None:
    """Cells may be missing at the end; a row that begins with a hash and a blank is a comment."""
    sheet = read_delimited("orgid,skillid,email\n# a number,\n1\n#N/A,2\n")

    assert [r.cells for r in sheet.records] == [
        (Cell("orgid", "1", 3, 1),),
        (Cell("orgid", "#N/A", 4, 1), Cell("skillid", "2", 4, 2)),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("orgid,skillid\n1,2,3\n", (2, "row 2 has 3 columns, but the header has 2")),
        ("orgid,skillid,\n1,2,3\n", (1, "column C has values, but the header does not name it")),
        ("orgid,skillid\n", (1, "the table has a header, but no row below it")),
        (
            'orgid,skillid\n1,1\n"2\n',
            (3, "row 3 is not valid CSV: a quote that is not closed or not doubled"),
        ),
        ("59,663,Enabled,user,TLS,hunter2\n",
         (1, "no row names the columns: one for the organization, one for the skill")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(text: str, told: tuple[int, str]) -> None:
    """By row and line, and nothing that is told quotes a cell."""
    [slip] = read_delimited(text).slips

    assert (slip.line, slip.message) == told


def test_letters_of_columns() -> None:
    """As a spreadsheet program counts."""
    assert [letters(n) for n in (1, 26, 27, 52, 703)] == ["A", "Z", "AA", "AZ", "AAA"]
