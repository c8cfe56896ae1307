from __future__ import annotations

import pytest

from icesync.model.imported import Cell
from icesync.wire.table import read_table


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_have_their_names_and_places(delimiter: str) -> None:
    """What parts the header parts the rows; an empty cell is no value."""
    text = "\ufeffOrgId, SkillId \r\n59,\r\n\r\n60,a\r\n".replace(",", delimiter)
    records, slips = read_table(text)

    assert slips == ()
    assert [r.cells for r in records] == [
        (Cell("OrgId", "59", 2, 1),),
        (Cell("OrgId", "60", 4, 1), Cell("SkillId", "a", 4, 2)),
    ]


def test_quoted_cell_may_hold_anything() -> None:
    """A password with commas, quotes and line breaks is one cell; the next row has its own line."""
    records, _ = read_table('orgid,skillid\n"1,""2\n3",x\n4,y\n')

    assert [(c.value, c.line) for r in records for c in r.cells] == [
        ('1,"2\n3', 2), ("x", 2), ("4", 4), ("y", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("orgid,skillid\n1\n", [(2, "1 column, and the header has 2")]),
        ("orgid,skillid\n1,2,3\n1,2\n", [(2, "3 columns, and the header has 2")]),
        ("orgid,skillid,\n1,2,3\n", [(1, "column 3 of the header has no name")]),
        (
            'orgid,skillid\n1,1\n"2\n',
            [(3, "not valid CSV: a quote that is not closed or not doubled")],
        ),
        (
            'orgid,skillid\n"2"x,1\n',
            [(2, "not valid CSV: a quote that is not closed or not doubled")],
        ),
    ],
)
def test_what_does_not_fit_is_told_by_line(text: str, told: list[tuple[int, str]]) -> None:
    """Nothing that is told quotes a cell."""
    assert [(slip.line, slip.message) for slip in read_table(text)[1]] == told


def test_rows_without_values_are_left_out() -> None:
    """Spreadsheets leave empty rows at the end."""
    assert read_table("orgid,skillid\n,\n , \n") == ((), ())


def test_table_without_a_header_is_not_repeated() -> None:
    """Its first line may hold passwords, which would look like odd names of columns."""
    records, [slip] = read_table("59,663,hunter2\n59,664,hunter3\n")

    assert records == ()
    assert slip.message == "the header has no column for the organization and the skill"
