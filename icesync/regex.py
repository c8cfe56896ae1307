"""
``regex(text)``: a regular expression that is compiled when it is first used.

``re.compile`` takes a tenth of a millisecond and more. A run loads eighty patterns and
matches with twenty of them: the others are for what is wrong, and for other commands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, AnyStr, cast

if TYPE_CHECKING:
    from re import Pattern


def regex(text: AnyStr, flags: int = 0) -> Pattern[AnyStr]:
    """Return what ``re.compile`` does, as far as its methods and attributes go."""
    return cast("Pattern[AnyStr]", _Uncompiled(text, flags))


class _Uncompiled:
    """Compiles when a method is asked for, and has that method itself from then on."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found
