"""Read what stands behind the colon of a fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator.fault import Argument, Form, Throttle
from icesync.emulator.faultkinds import ROWS, Kind, Takes
from icesync.emulator.wording import VARIANTS
from icesync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["read_argument"]

_DURATION: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?(ms|s|)")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/(s|m)")
_RETRY: Final = re.compile(r"-?[0-9]{1,12}")
_URL: Final = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_LONGEST_MS: Final = 3_600_000
_MOST: Final = {Takes.MEBIBYTES: 64, Takes.KIBIBYTES: 4096, Takes.HEADS: 100_000}
_STATUSES: Final = (429, 503)


def read_argument(kind: Kind, text: str) -> Argument:
    """
    Return the argument of *kind* that *text* spells.

    Raises:
        UsageError: it spells none.

    """
    row = ROWS[kind]
    value = _READERS[row.takes](kind, text)
    if value is None:
        raise UsageError(
            f"`{kind}` takes {row.takes}, not `{_shown(text)}`", f"write {row.example}"
        )
    return None if value == Throttle() else value


def _status(_: Kind, text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) and 200 <= int(text) < 600 else None


def _duration(kind: Kind, text: str) -> int | None:
    """Return milliseconds; a bare number is seconds for ``late``, and unclear elsewhere."""
    match = _DURATION.fullmatch(text.lower())
    if match is None or (match[2] and match[3] == "ms"):
        return None
    if not match[3] and kind is not Kind.LATE:
        raise UsageError(f"`{kind}:{text}` has no unit", f"write {kind}:{text}ms or {kind}:{text}s")
    whole, part = int(match[1]), int((match[2] or "").ljust(3, "0"))
    wait_ms = whole if match[3] == "ms" else whole * 1000 + part
    return wait_ms if wait_ms <= _LONGEST_MS else None


def _bytes(_: Kind, text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _many(kind: Kind, text: str) -> int | None:
    most = _MOST[ROWS[kind].takes]
    return int(text) if _NUMBER.fullmatch(text) and 1 <= int(text) <= most else None


def _variant(kind: Kind, text: str) -> str:
    word = text.lower()
    if word not in VARIANTS:
        raise UsageError(f"`{kind}` knows no wording `{_shown(text)}`", _near(word, VARIANTS))
    return str(word)


def _url(_: Kind, text: str) -> str | None:
    return text if _URL.fullmatch(text) else None


def _throttle(kind: Kind, text: str) -> Throttle | None:
    throttle = Throttle()
    for part in text.split(","):
        name, _, value = (piece.strip().lower() for piece in part.partition("="))
        reader = _THROTTLE_PARTS.get(name)
        if reader is None:
            hint = _near(name, _THROTTLE_PARTS)
            raise UsageError(f"`{kind}` knows no `{_shown(name)}`", hint)
        changed = reader(throttle, value)
        if changed is None:
            return None
        throttle = changed
    return throttle


def _rate(throttle: Throttle, value: str) -> Throttle | None:
    match = _RATE.fullmatch(value)
    per_s = 60 if match and match[2] == "m" else 1
    return replace(throttle, rate=int(match[1]), per_s=per_s) if match else None


def _retry(throttle: Throttle, value: str) -> Throttle | None:
    return replace(throttle, retry_s=int(value)) if _RETRY.fullmatch(value) else None


def _form(throttle: Throttle, value: str) -> Throttle | None:
    return replace(throttle, form=Form(value)) if value in set(Form) else None


def _code(throttle: Throttle, value: str) -> Throttle | None:
    codes = {str(code): code for code in _STATUSES}
    return replace(throttle, status=codes[value]) if value in codes else None


_Reader: TypeAlias = Callable[[Kind, str], Argument]

_THROTTLE_PARTS: Final[Mapping[str, Callable[[Throttle, str], Throttle | None]]] = {
    "rate": _rate,
    "retry": _retry,
    "form": _form,
    "status": _code,
}
_READERS: Final[Mapping[Takes, _Reader]] = {
    Takes.STATUS: _status,
    Takes.DURATION: _duration,
    Takes.BYTES: _bytes,
    Takes.MEBIBYTES: _many,
    Takes.KIBIBYTES: _many,
    Takes.HEADS: _many,
    Takes.VARIANT: _variant,
    Takes.THROTTLE: _throttle,
    Takes.URL: _url,
}


def _near(word: str, known: Iterable[str]) -> str:
    names = [str(name) for name in known]
    near = get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(names)}"


def _shown(text: str) -> str:
    return ascii(text)[1:-1]
