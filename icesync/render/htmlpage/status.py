"""Kinds of things on a page, each with a colour, a symbol and words."""

from __future__ import annotations

from icesync.frozen import frozen

__all__ = ["Status"]


@frozen
class Status:
    """
    One kind of thing on a page, and how many there are.

    *key* names its colours in the style sheet; the words say the same, for
    those who see no colours.
    """

    key: str
    symbol: str
    word: str
    count: int
