"""One fault as a value: what happens, to which calls, how often; and its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from icesync.emulator.faultkinds import ROWS, Group, Kind, Row, Takes
from icesync.wire.update import UPDATE_PATH

__all__ = ["Argument", "Fault", "Form", "Selector", "Throttle"]

_USUAL_PATH: Final = UPDATE_PATH.rpartition("/")[2].lower()


class Form(StrEnum):
    """How ``Retry-After`` is written: seconds, or one of the three dates of HTTP."""

    SECONDS = "seconds"
    DATE = "date"
    RFC850 = "rfc850"
    ASCTIME = "asctime"


@dataclass(frozen=True, slots=True)
class Throttle:
    """
    *rate* calls in *per_s* seconds are let through, none without a rate.

    *retry_s* is what the caller is told to wait; below zero it lies in the past.
    """

    rate: int | None = None
    per_s: int = 1
    retry_s: int = 1
    form: Form = Form.SECONDS
    status: int = 429

    def __str__(self) -> str:
        """Return what differs from the default, as it stands behind ``throttle:``."""
        usual = Throttle()
        parts = (
            ("" if self.rate is None else f"rate={self.rate}/{'s' if self.per_s == 1 else 'm'}"),
            ("" if self.retry_s == usual.retry_s else f"retry={self.retry_s}"),
            ("" if self.form is usual.form else f"form={self.form}"),
            ("" if self.status == usual.status else f"status={self.status}"),
        )
        return ",".join(part for part in parts if part)


Argument: TypeAlias = int | str | Throttle | None
"""A status, milliseconds, bytes, MiB, a text or a throttle; None where the default will do."""


@dataclass(frozen=True, slots=True)
class Selector:
    """
    Which calls a fault looks at, and which of those it takes, counted from 1.

    *path* is part of the path, in lower case; without one, only the update is looked at.
    """

    nth: int | None = None
    after: int | None = None
    every: int | None = None
    org: int | None = None
    skill: int | None = None
    path: str | None = None

    def looks_at(self, route: str, org: int | None, skill: int | None) -> bool:
        """Return whether a call counts."""
        return (
            (self.path or _USUAL_PATH) in route
            and self.org in {None, org}
            and self.skill in {None, skill}
        )

    def takes(self, seen: int) -> bool:
        """Return whether the call that is the *seen* one is taken."""
        beyond = seen - (self.after or 0)
        return beyond > 0 and self.nth in {None, seen} and beyond % (self.every or 1) == 0

    def __str__(self) -> str:
        """Return the selectors as they stand behind the ``@``."""
        names = ("nth", "after", "every", "org", "skill", "path")
        given = ((name, getattr(self, name)) for name in names)
        return ",".join(f"{name}={value}" for name, value in given if value is not None)


@dataclass(frozen=True, slots=True)
class Fault:
    """
    What goes wrong, and when; ``str`` gives the text that parses to an equal value.

    *flipped* turns round whether the write is stored; *times* limits how often
    the fault fires, *chance* is in per cent, by the seed.
    """

    kind: Kind
    argument: Argument = None
    flipped: bool = False
    where: Selector = field(default_factory=Selector)
    times: int | None = None
    chance: int = 100

    @property
    def row(self) -> Row:
        """What the table says of the kind."""
        return ROWS[self.kind]

    @property
    def stores(self) -> bool:
        """Whether a write that is accepted is kept."""
        return self.row.stores is not False if not self.flipped else not self.row.stores

    @property
    def on_the_wire(self) -> bool:
        """Whether no whole reply leaves as it is."""
        return self.row.group is Group.WIRE

    @property
    def limit(self) -> int | None:
        """How often it fires at most: tokens end once, or no new login would ever help."""
        once = self.kind is Kind.TOKEN_EXPIRE
        return 1 if once and self.times is None else self.times

    def __str__(self) -> str:
        where = str(self.where)
        return "".join(
            (
                self._name(),
                f"@{where}" if where else "",
                "" if self.times is None else f" x{self.times}",
                "" if self.chance == 100 else f" %{self.chance}",
            )
        )

    def _name(self) -> str:
        """Return the kind with its prefix and its argument."""
        if self.flipped and self.kind is Kind.SILENT:
            return "lose"
        if self.flipped and self.kind is Kind.STATUS:
            return f"apply-then-{self.argument}"
        prefix = ("drop-then-" if self.row.stores else "apply-then-") if self.flipped else ""
        argument = "" if self.argument is None else f":{self._argument()}"
        return f"{prefix}{self.kind}{argument}"

    def _argument(self) -> str:
        if self.row.takes is not Takes.DURATION or not isinstance(self.argument, int):
            return str(self.argument)
        seconds, rest_ms = divmod(self.argument, 1000)
        return f"{self.argument}ms" if rest_ms or not seconds else f"{seconds}s"
