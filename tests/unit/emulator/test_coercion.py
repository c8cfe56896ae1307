"""The table of what each wire type takes from each JSON value, row by row."""

from __future__ import annotations

import pytest

from icesync.emulator.coercion import CONVERTERS, DEFAULTS
from icesync.emulator.loosejson import read_json
from icesync.model.fields import WireType

ERROR = object()

TABLE = [
    # JSON literal          string            int     bool
    ('"587"', "587", 587, ERROR),
    ('"+587"', "+587", 587, ERROR),
    ('" -5 "', " -5 ", -5, ERROR),
    ('"5\\u00a0"', "5\xa0", ERROR, ERROR),
    ("587", "587", 587, True),
    ("-1", "-1", -1, True),
    ("0", "0", 0, False),
    ("0x1F", "0x1F", 31, True),
    ("0x0", "0x0", 0, False),
    ("010", "010", 8, True),
    ("089", "089", ERROR, ERROR),
    ("587.0", "587.0", ERROR, True),
    ("0.0", "0.0", ERROR, False),
    ("1e3", "1e3", ERROR, True),
    ("2147483647", "2147483647", 2147483647, True),
    ("2147483648", "2147483648", ERROR, True),
    ("-2147483648", "-2147483648", -2147483648, True),
    ("-2147483649", "-2147483649", ERROR, True),
    ('"2147483648"', "2147483648", ERROR, ERROR),
    ("9" * 5000, "9" * 5000, ERROR, True),
    ("true", "true", ERROR, True),
    ("false", "false", ERROR, False),
    ('"True"', "True", ERROR, True),
    ('" false "', " false ", ERROR, False),
    ('"1"', "1", 1, ERROR),
    ('"yes"', "yes", ERROR, ERROR),
    ('"0x1F"', "0x1F", ERROR, ERROR),
    ('"1e3"', "1e3", ERROR, ERROR),
    ('""', "", ERROR, ERROR),
    ("null", None, ERROR, ERROR),
    ("NaN", "NaN", ERROR, ERROR),
    ("-Infinity", "-Infinity", ERROR, ERROR),
    ("{}", ERROR, ERROR, ERROR),
    ("[]", ERROR, ERROR, ERROR),
]
CASES = [
    pytest.param(literal, wire_type, expected, id=f"{literal[:20]} as {wire_type}")
    for literal, *row in TABLE
    for wire_type, expected in zip(
        (WireType.STRING, WireType.NUMBER, WireType.BOOLEAN), row, strict=True
    )
]


def convert(literal: str, wire_type: WireType) -> object:
    """Return what *literal* becomes, or ``ERROR``."""
    try:
        return CONVERTERS[wire_type](read_json(literal))
    except ValueError:
        return ERROR


@pytest.mark.parametrize(("literal", "wire_type", "expected"), CASES)
def test_converts_as_the_table_says(literal: str, wire_type: WireType, expected: object) -> None:
    """A JSON literal becomes the value of the table, or does not bind."""
    value = convert(literal, wire_type)

    assert (value, type(value)) == (expected, type(expected))


def test_missing_members_have_the_defaults_of_dotnet() -> None:
    """What does not come is null, zero or false."""
    assert DEFAULTS == {WireType.STRING: None, WireType.NUMBER: 0, WireType.BOOLEAN: False}
