"""
What a string, an integer and a boolean of .NET take from each JSON value (all observed).

Three converters, one for each wire type: they return the bound value or raise
``ValueError``. A text keeps the literal of a number; an integer takes numbers,
hexadecimal and octal ones too, and texts that spell one; a boolean takes any
number, and texts that spell true or false. Null fits a text only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator.loosejson import Number
from icesync.model.fields import WireType

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONVERTERS", "DEFAULTS", "Converter"]

Converter: TypeAlias = Callable[[object], str | int | bool | None]
"""From a JSON value to the bound one, or ``ValueError``."""

_BLANKS: Final = " \t\n\v\f\r"
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_INT32: Final = range(-(2**31), 2**31)
_BOOLEANS: Final = {"true": True, "false": False}
_NO_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})


def _to_text(raw: object) -> str | None:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if raw is None or isinstance(raw, str):
        return None if raw is None else str(raw)
    raise ValueError("an object or an array is no text")


def _to_integer(raw: object) -> int:
    if isinstance(raw, Number):
        value = _in_base(raw)
        return _int32(_decimal(raw) if value is None else value)
    if isinstance(raw, str):
        return _int32(_decimal(raw.strip(_BLANKS)))
    raise ValueError("not a number")


def _to_boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, Number) and raw not in _NO_NUMBERS:
        value = _in_base(raw)
        return float(raw) != 0 if value is None else value != 0
    word = raw.strip(_BLANKS + "\0").lower() if isinstance(raw, str) else ""
    if word not in _BOOLEANS:
        raise ValueError("not a boolean")
    return _BOOLEANS[word]


def _decimal(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("not a valid integer")
    return int(text)


def _int32(value: int) -> int:
    if value not in _INT32:
        raise ValueError("too large or small for an Int32")
    return value


def _in_base(literal: Number) -> int | None:
    """Return the value of a hexadecimal or octal literal, or None for a decimal one."""
    if literal[:2].lower() == "0x":
        return int(literal, 16)
    if len(literal) > 1 and literal[0] == "0" and literal.isdigit():
        return int(literal, 8)
    return None


CONVERTERS: Final[Mapping[WireType, Converter]] = {
    WireType.STRING: _to_text,
    WireType.NUMBER: _to_integer,
    WireType.BOOLEAN: _to_boolean,
}
"""The converter of each wire type."""

DEFAULTS: Final[Mapping[WireType, str | int | bool | None]] = {
    WireType.STRING: None,
    WireType.NUMBER: 0,
    WireType.BOOLEAN: False,
}
"""What .NET gives a member that did not come, without an error (observed)."""
