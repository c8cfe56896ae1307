"""The name of one email server everywhere: ``ORG/SKILL``, for example ``59/663``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_ID: Final = 2**31 - 1
"""Largest id that the service can hold: it binds ids to a 32-bit integer (observed)."""

ADDRESS_GRAMMAR: Final = "([1-9][0-9]{0,9})/([1-9][0-9]{0,9})"
"""Organization and skill; the schemas print it too. An id may still be too large."""

_ADDRESS: Final = re.compile(ADDRESS_GRAMMAR)

ALL: Final = "all"
"""The pattern that means every server."""

_PATTERN: Final = re.compile(r"[0-9*?!\[\]-]+/[0-9*?!\[\]-]+", re.ASCII)


class Address(NamedTuple):
    """
    An organization and a skill of it; sorts by number, prints as ``59/663``.

    A named tuple, not a data class: addresses are dictionary keys on the hot
    path of a plan over 100,000 servers.
    """

    organization: int
    skill: int

    def __str__(self) -> str:
        return f"{self.organization}/{self.skill}"


def parse_address(text: str) -> Address | None:
    """Return the address that *text* spells, or None if it spells none."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    address = Address(int(match[1]), int(match[2]))
    return address if max(address) <= MAX_ID else None


def is_address_pattern(word: str) -> bool:
    """Return whether *word* is an address or a glob of addresses; any other is a path."""
    return word == ALL or _PATTERN.fullmatch(word) is not None
