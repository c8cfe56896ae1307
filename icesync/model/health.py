"""What the doctor finds."""

from __future__ import annotations

from enum import StrEnum

from icesync.frozen import frozen


class Health(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    """the next run fails"""


@frozen
class Finding:
    """One line of the doctor: what was looked at, how it is, and what to type."""

    name: str
    health: Health
    text: str
    hints: tuple[str, ...] = ()
