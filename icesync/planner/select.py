"""Which servers a command means: addresses, or globs such as ``59/*``."""

from __future__ import annotations

import difflib
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from icesync.errors import UsageError
from icesync.model.address import Address, parse_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from icesync.model.desired import DesiredState
    from icesync.model.plan import Selection

__all__ = ["ALL", "check_patterns", "is_selected", "matches", "narrow"]

ALL: Final = "all"


def matches(address: Address, patterns: Iterable[str]) -> bool:
    """Return whether one of *patterns* means *address*."""
    text = str(address)
    return any(pattern == ALL or fnmatchcase(text, pattern) for pattern in patterns)


def is_selected(address: Address, selection: Selection) -> bool:
    """Return whether *selection* takes in *address*."""
    if selection.targets and not matches(address, selection.targets):
        return False
    return not matches(address, selection.excludes)


def narrow(desired: DesiredState, selection: Selection) -> DesiredState:
    """Return the part of *desired* that *selection* takes in."""
    if not selection.targets and not selection.excludes:
        return desired
    servers = {a: s for a, s in desired.servers.items() if is_selected(a, selection)}
    return replace(desired, servers=servers)


def check_patterns(option: str, patterns: Iterable[str], known: Collection[Address]) -> None:
    """
    Demand that each pattern means at least one of the *known* addresses.

    Raises:
        UsageError: one means none; a slip would otherwise select nothing in silence.

    """
    for pattern in patterns:
        if any(matches(address, (pattern,)) for address in known):
            continue
        texts = [str(address) for address in known]
        near = difflib.get_close_matches(pattern, texts, n=3, cutoff=0.5)
        exact = parse_address(pattern)
        if exact and not near:
            near = [t for a, t in zip(known, texts, strict=True) if a.skill == exact.skill][:3]
        hint = f"did you mean {', '.join(near)}?" if near else "addresses look like 59/663 or 59/*"
        raise UsageError(f"{option} {ascii(pattern)[1:-1]} matches no server", hint)
