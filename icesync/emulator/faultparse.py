"""
Read a fault: ``KIND[:ARGUMENT][@SELECTOR,…] [xN] [%P]``.

Blanks before ``x`` and ``%`` may be left out. ``lose`` is ``apply-then-silent``
and ``apply-then-500`` is the status 500 behind a stored write.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from icesync.emulator.fault import Fault, Selector
from icesync.emulator.faultargument import read_argument
from icesync.emulator.faultkinds import ROWS, Kind, Takes
from icesync.errors import UsageError

if TYPE_CHECKING:
    from icesync.emulator.fault import Argument

__all__ = ["parse_fault"]

_GRAMMAR: Final = "KIND[:ARGUMENT][@SELECTOR,…] [xN] [%P], such as status:503@nth=3 x2"
_SPEC: Final = re.compile(
    r"(?P<kind>[^:@%\s]+?)"
    r"(?::(?P<argument>[^@%]*?))?"
    r"(?:\s*@(?P<where>[^%]*?))?"
    r"(?:\s*x(?P<times>[0-9]{1,9}))?"
    r"(?:\s*%\s*(?P<chance>[0-9]{1,9}))?"
)
_APPLY: Final = "apply-then-"
_DROP: Final = "drop-then-"
_COUNTS: Final = ("nth", "after", "every", "org", "skill")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_PATH: Final = re.compile(r"[a-z/._-]+")


def parse_fault(text: str) -> Fault:
    """
    Return the fault that *text* spells.

    Raises:
        UsageError: it spells none; one sentence says why, a hint what to write.

    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"not a fault: `{_shown(text)}`", f"write {_GRAMMAR}")
    kind, flipped, status = _read_kind(match["kind"].lower())
    given = match["argument"] if status is None else status
    if status is not None and match["argument"] is not None:
        raise UsageError(f"`{_shown(match['kind'])}` names its status already", "apply-then-500")
    where = Selector() if match["where"] is None else _read_selector(match["where"])
    _check_early(kind, where)
    return Fault(
        kind,
        _argument(kind, given),
        flipped,
        where,
        _limit(match["times"]),
        _chance(match["chance"]),
    )


def _read_kind(word: str) -> tuple[Kind, bool, str | None]:
    """Return the kind, whether its prefix turns storing round, and a status in its name."""
    if word == "lose":
        return Kind.SILENT, True, None
    if word.startswith(_APPLY) and word.removeprefix(_APPLY).isdecimal():
        return Kind.STATUS, True, word.removeprefix(_APPLY)
    for prefix, stores in ((_APPLY, False), (_DROP, True)):
        if word.startswith(prefix):
            kind = _known(word.removeprefix(prefix))
            if ROWS[kind].stores is not stores:
                raise UsageError(f"`{prefix}` means nothing before `{kind}`", f"write {kind}")
            return kind, True, None
    return _known(word), False, None


def _known(word: str) -> Kind:
    try:
        return Kind(word)
    except ValueError:
        names = [*Kind, "lose"]
        near = get_close_matches(word, names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(names)}"
        raise UsageError(f"no such fault: `{_shown(word)}`", hint) from None


def _argument(kind: Kind, text: str | None) -> Argument:
    row = ROWS[kind]
    if text is None:
        if row.needs:
            raise UsageError(f"`{kind}` needs {row.takes}", f"write {row.example}")
        return None
    if row.takes is Takes.NOTHING:
        raise UsageError(f"`{kind}` takes nothing behind a colon", f"write {kind}")
    return read_argument(kind, text.strip())


def _read_selector(text: str) -> Selector:
    counts: dict[str, int] = {}
    path: str | None = None
    for part in text.split(","):
        name, _, value = (piece.strip().lower() for piece in part.partition("="))
        if name in counts or (name == "path" and path is not None):
            raise UsageError(f"`{name}` is given twice in `@{_shown(text)}`", "give it once")
        if name in _COUNTS:
            counts[name] = _count(name, value)
        elif name == "path":
            path = _read_path(value)
        else:
            raise UsageError(f"no such selector: `{_shown(name)}`", _near_selector(name))
    if "nth" in counts and counts.keys() & {"after", "every"}:
        raise UsageError("`nth` names one call, so `after` and `every` mean nothing beside it",
                         "use after=N, every=N or both, or nth=N alone")  # fmt: skip
    return Selector(
        counts.get("nth"), counts.get("after"), counts.get("every"),
        counts.get("org"), counts.get("skill"), path,
    )  # fmt: skip


def _count(name: str, value: str) -> int:
    if not _NUMBER.fullmatch(value) or int(value) < 1:
        raise UsageError(
            f"`{name}` takes a whole number from 1, not `{_shown(value)}`", f"write {name}=3"
        )
    return int(value)


def _read_path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise UsageError(
            f"`path` takes a part of a path without digits, not `{_shown(value)}`",
            "path=Login hits the login, path=/ every call",
        )
    return value


def _near_selector(name: str) -> str:
    known = (*_COUNTS, "path")
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(known)}"


def _check_early(kind: Kind, where: Selector) -> None:
    if kind is Kind.RESET_EARLY and (where.org, where.skill) != (None, None):
        raise UsageError(
            f"`{kind}` strikes before the body is read, so it cannot choose by org or skill",
            "use reset, or choose by nth, after, every or path",
        )


def _limit(text: str | None) -> int | None:
    if text is not None and int(text) < 1:
        raise UsageError(f"a fault with `x{text}` would never fire", "write x1 for once")
    return None if text is None else int(text)


def _chance(text: str | None) -> int:
    chance = 100 if text is None else int(text)
    if not 1 <= chance <= 100:
        raise UsageError(
            f"a chance is a whole number of per cent from 1 to 100, not `{chance}`", "write %50"
        )
    return chance


def _shown(text: str) -> str:
    return ascii(text)[1:-1]
