"""
Faults on request: ``KIND[:ARGUMENT][@SELECTOR,…] [xN]``, and which of them strikes a call.

A write that a fault strikes is dropped, unless ``apply-then-`` stands before its
kind; ``drop-then-`` says the default in so many words. The same faults strike the
same calls each time: nothing is left to chance. Each fault counts the updates that it
looks at. Latencies add up; of the others the first that is listed wins.
"""

from __future__ import annotations

import re
from dataclasses import field
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator import aspnet
from icesync.errors import UsageError, printable
from icesync.frozen import NamedTuple, frozen, mutable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from icesync.emulator.aspnet import Request
    from icesync.wire.reply import Reply

GRAMMAR: Final = "KIND[:ARGUMENT][@SELECTOR,…] [xN], such as status:503@nth=3 x2"


class Kind(StrEnum):
    """The faults by name."""

    STATUS = "status"
    THROTTLE = "throttle"
    LATENCY = "latency"
    LATE = "late"
    RESET = "reset"
    SILENT = "silent"


class _Row(NamedTuple):
    """One kind: what happens, a right example, what it takes, whether a write can be dropped."""

    meaning: str
    example: str
    takes: str = "nothing"
    drops: bool = True


_TIME: Final = "a time such as 40ms or 2s"
_ROWS: Final = {
    Kind.STATUS: _Row("answer with this status", "status:503", "an HTTP status from 200 to 599"),
    Kind.THROTTLE: _Row(
        "answer 429 with Retry-After, always or above a rate",
        "throttle:rate=10/s,retry=2",
        "rate=N/s and retry=SECONDS, separated by a comma",
    ),
    Kind.LATENCY: _Row("store at once, answer later", "latency:40ms", _TIME, drops=False),
    Kind.LATE: _Row(
        "never answer; store this long after the caller gave up", "late:5s", _TIME, drops=False
    ),
    Kind.RESET: _Row("read the request, then reset the connection", "reset@skill=663 x2"),
    Kind.SILENT: _Row("read the request and never answer", "silent"),
}
_UNSPOKEN: Final = frozenset({Kind.LATE, Kind.RESET, Kind.SILENT})
_NEEDS_ARGUMENT: Final = frozenset({Kind.STATUS, Kind.LATENCY, Kind.LATE})


@frozen
class Throttle:
    """
    *rate* calls in *per_s* seconds are let through, none without a rate.

    *retry_s* is how long the caller is told to wait.
    """

    rate: int | None = None
    per_s: int = 1
    retry_s: int = 1

    def __str__(self) -> str:
        """Return what differs from the default, as it stands behind ``throttle:``."""
        rate = "" if self.rate is None else f"rate={self.rate}/{'s' if self.per_s == 1 else 'm'}"
        retry = "" if self.retry_s == 1 else f"retry={self.retry_s}"
        return ",".join(part for part in (rate, retry) if part)


Argument: TypeAlias = int | Throttle | None
"""A status, milliseconds or a throttle."""


@frozen
class Selector:
    """Which updates a fault looks at, and which of those it takes, counted from 1."""

    nth: int | None = None
    every: int | None = None
    skill: int | None = None

    def looks_at(self, skill: int | None) -> bool:
        """Return whether an update of *skill* counts."""
        return self.skill in {None, skill}

    def takes(self, seen: int) -> bool:
        """Return whether the update that is the *seen* one is taken."""
        return self.nth in {None, seen} and seen % (self.every or 1) == 0

    def __str__(self) -> str:
        """Return the selectors as they stand behind the ``@``."""
        given = ((name, getattr(self, name)) for name in _SELECTORS)
        return ",".join(f"{name}={value}" for name, value in given if value is not None)


_SELECTORS: Final = ("nth", "every", "skill")


@frozen
class Fault:
    """
    What goes wrong, and when; ``str`` gives the text that parses to an equal value.

    *applied* says that the write is stored nevertheless; *times* limits how often
    the fault fires.
    """

    kind: Kind
    argument: Argument = None
    applied: bool = False
    where: Selector = field(default_factory=Selector)
    times: int | None = None

    @property
    def meaning(self) -> str:
        """What happens, in a few words."""
        return _ROWS[self.kind].meaning

    @property
    def stores(self) -> bool:
        """Whether a write that is accepted is kept."""
        return self.applied or not self.drops

    @property
    def drops(self) -> bool:
        """Whether the kind can drop a write."""
        return _ROWS[self.kind].drops

    @property
    def is_silent(self) -> bool:
        """Whether no reply leaves."""
        return self.kind in _UNSPOKEN

    def __str__(self) -> str:
        where = str(self.where)
        name = self.kind if self.argument is None else f"{self.kind}:{self._argument()}"
        if self.applied:
            name = f"apply-then-{name.removeprefix('status:')}"
        parts = (
            name,
            f"@{where}" if where else "",
            "" if self.times is None else f" x{self.times}",
        )
        return "".join(parts)

    def _argument(self) -> str:
        if self.kind is Kind.STATUS or not isinstance(self.argument, int):
            return str(self.argument)
        seconds, rest_ms = divmod(self.argument, 1000)
        return f"{self.argument}ms" if rest_ms or not seconds else f"{seconds}s"


_SPEC: Final = re.compile(
    r"(?P<prefix>apply-then-|drop-then-)?(?P<kind>[^:@\s]+?)"
    r"(?::(?P<argument>[^@]*?))?"
    r"(?:\s*@(?P<where>[^\s]*?))?"
    r"(?:\s*x(?P<times>[0-9]{1,9}))?",
    re.IGNORECASE,
)
_DURATION: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?(ms|s)")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/(s|m)")
_MAX_MS: Final = 3_600_000


def parse_fault(text: str) -> Fault:
    """
    Return the fault that *text* spells.

    Raises:
        UsageError: it spells none; one sentence says why, a hint what to write.

    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"invalid fault `{printable(text)}`", f"use {GRAMMAR}")
    prefix, word = (match["prefix"] or "").lower(), match["kind"].lower()
    given = match["argument"]
    if word.isdecimal() and given is None:
        word, given = Kind.STATUS, word
    kind = _known(word)
    if prefix and not _ROWS[kind].drops:
        raise UsageError(f"`{prefix}` means nothing before `{kind}`", f"use {kind}")
    where = Selector() if match["where"] is None else _read_selector(match["where"])
    times = None if match["times"] is None else int(match["times"])
    if times is not None and times < 1:
        raise UsageError(f"a fault with `x{times}` would never fire", "use x1 for once")
    return Fault(kind, _read_argument(kind, given), prefix == "apply-then-", where, times)


def _known(word: str) -> Kind:
    try:
        return Kind(word)
    except ValueError:
        raise UsageError(f"unknown fault `{printable(word)}`", near(word, Kind)) from None


def _read_argument(kind: Kind, text: str | None) -> Argument:
    row = _ROWS[kind]
    if text is None:
        if kind in _NEEDS_ARGUMENT:
            raise UsageError(f"`{kind}` needs {row.takes}", f"use {row.example}")
        return None
    value: Argument = None
    match kind:
        case Kind.STATUS:
            value = int(text) if _NUMBER.fullmatch(text) and 200 <= int(text) < 600 else None
        case Kind.LATENCY | Kind.LATE:
            value = _read_duration(text.strip().lower())
        case Kind.THROTTLE:
            value = _read_throttle(text.lower())
        case _:
            raise UsageError(f"`{kind}` takes no argument", f"use {kind}")
    if value is None:
        raise UsageError(
            f"`{kind}` takes {row.takes}, not `{printable(text)}`", f"use {row.example}"
        )
    return None if value == Throttle() else value


def _read_duration(text: str) -> int | None:
    """Return milliseconds, an hour at most."""
    match = _DURATION.fullmatch(text)
    if match is None or (match[2] and match[3] == "ms"):
        return None
    whole, part = int(match[1]), int((match[2] or "").ljust(3, "0"))
    wait_ms = whole if match[3] == "ms" else whole * 1000 + part
    return wait_ms if wait_ms <= _MAX_MS else None


def _read_throttle(text: str) -> Throttle | None:
    rate, per_s, retry_s = None, 1, 1
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name == "rate" and (match := _RATE.fullmatch(value)):
            rate, per_s = int(match[1]), 60 if match[2] == "m" else 1
        elif name == "retry" and _NUMBER.fullmatch(value):
            retry_s = int(value)
        else:
            return None
    return Throttle(rate, per_s, retry_s)


def _read_selector(text: str) -> Selector:
    counts: dict[str, int] = {}
    for part in text.lower().split(","):
        name, _, value = part.partition("=")
        if name in counts:
            raise UsageError(f"`{name}` is given twice in `@{printable(text)}`", "give it once")
        if name not in _SELECTORS:
            raise UsageError(f"unknown selector `{printable(name)}`", near(name, _SELECTORS))
        if not _NUMBER.fullmatch(value) or int(value) < 1:
            raise UsageError(
                f"`{name}` takes a whole number from 1, not `{printable(value)}`", f"use {name}=3"
            )
        counts[name] = int(value)
    if {"nth", "every"} <= counts.keys():
        raise UsageError("`nth` and `every` cannot be combined", "use one of them")
    return Selector(**counts)


def near(word: str, known: Iterable[str]) -> str:
    """Return a hint: the one of *known* that was meant by *word*, or all of them."""
    names = [str(name) for name in known]
    found = get_close_matches(word, names, n=1)
    return f"did you mean `{found[0]}`?" if found else f"one of: {', '.join(names)}"


_EMPTY: Final = frozenset({204, 205, 304})
_LOGIN_PAGE: Final = "/ICEAPI/Login.aspx"


@frozen
class ChosenFaults:
    """The faults of one call in the order of the list: *wait_ms* of them all, and the main one."""

    fired: tuple[Fault, ...] = ()
    wait_ms: int = 0
    main: Fault | None = None

    def __str__(self) -> str:
        """Return all of them as one text for the history."""
        return " + ".join(str(fault) for fault in self.fired)


@mutable
class ActiveFault:
    """One fault in force: its number, how many updates it looked at and how often it fired."""

    number: int
    fault: Fault
    seen: int = 0
    fired: int = 0
    level: float | None = None
    """how many more calls a throttle lets through now"""
    filled_at: datetime | None = None

    def wants(self, skill: int | None, now: datetime) -> bool:
        """Count the call, and return whether the fault would fire at it."""
        if not self.fault.where.looks_at(skill):
            return False
        self.seen += 1
        if not self.fault.where.takes(self.seen):
            return False
        if self.fault.times is not None and self.fired >= self.fault.times:
            return False
        return not self._lets_through(now)

    def _lets_through(self, now: datetime) -> bool:
        """Return whether a throttle's rate has room for one more call."""
        throttle = self.fault.argument
        if not isinstance(throttle, Throttle) or throttle.rate is None:
            return False
        full = float(throttle.rate)
        past_s = 0.0 if self.filled_at is None else (now - self.filled_at).total_seconds()
        level = full if self.level is None else self.level
        level = min(full, level + max(past_s, 0.0) * full / throttle.per_s)
        self.filled_at = now
        self.level = level - 1 if level >= 1 else level
        return level >= 1


class FaultInjector:
    """Holds the faults in force; one thread at a time may use it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._last = 0
        self._active: list[ActiveFault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Put *fault* behind those in force and return its number."""
        self._last += 1
        self._active.append(ActiveFault(self._last, fault))
        return self._last

    def remove(self, number: int) -> bool:
        """Take the fault with this *number* away; return whether there was one."""
        kept = [active for active in self._active if active.number != number]
        found = len(kept) < len(self._active)
        self._active = kept
        return found

    def clear(self) -> None:
        """Take all faults away."""
        self._active.clear()

    def restart(self) -> None:
        """Let all faults count from nothing, as if no call had come."""
        self._active = [ActiveFault(active.number, active.fault) for active in self._active]

    @property
    def active(self) -> tuple[ActiveFault, ...]:
        """The faults in force, in their order."""
        return tuple(self._active)

    def choose(self, skill: int | None, now: datetime) -> ChosenFaults:
        """Return what happens to an update of *skill*."""
        fired: list[Fault] = []
        main: Fault | None = None
        wait_ms = 0
        for active in self._active:
            if not active.wants(skill, now):
                continue
            fault = active.fault
            if fault.kind is not Kind.LATENCY:
                if main is not None:
                    continue
                main = fault
            elif isinstance(fault.argument, int):
                wait_ms += fault.argument
            active.fired += 1
            fired.append(fault)
        return ChosenFaults(tuple(fired), wait_ms, main)


def fault_reply(fault: Fault, reply: Reply, request: Request) -> Reply:
    """Return what the caller gets instead of *reply*; faults that answer nothing leave it alone."""
    if fault.kind is Kind.THROTTLE:
        throttle = fault.argument if isinstance(fault.argument, Throttle) else Throttle()
        wait = {"retry-after": str(throttle.retry_s)}
        return aspnet.message(429, aspnet.phrase(429), **wait)
    if fault.kind is not Kind.STATUS or not isinstance(fault.argument, int):
        return reply
    return _status_reply(fault.argument, request)


def _status_reply(status: int, request: Request) -> Reply:
    """Return the reply that the application has for this status, or a plain one."""
    special = {
        400: aspnet.invalid(),
        401: aspnet.unauthorized(),
        404: aspnet.not_found(request.url),
        405: aspnet.wrong_verb(request.method),
        415: aspnet.unsupported("application/json"),
        500: aspnet.broken(),
    }
    if status in special:
        return special[status]
    if status in _EMPTY:
        return aspnet.json_reply(b"", status)
    if 300 <= status < 400:
        return aspnet.redirect(_LOGIN_PAGE, status)
    return aspnet.message(status, aspnet.phrase(status))
