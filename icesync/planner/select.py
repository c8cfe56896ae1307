"""
Which servers a command means: addresses, globs such as ``59/*``, or one of several shards.

Shards deal whole organizations out to several runs, evenly. The split follows from the
files only, so that all jobs of one commit agree without asking each other. Another commit
may deal them otherwise; the lock of each organization keeps two runs of different commits
apart.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from icesync.errors import UsageError
from icesync.frozen import frozen
from icesync.model.address import Address, parse_address
from icesync.model.glob import matches_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from icesync.model.desired import DesiredState, Move
    from icesync.model.plan import Selection
    from icesync.model.snapshot import Snapshot

ALL: Final = "all"
ASSUMED: Final = "assumed"
OLDER_THAN: Final = "older-than"

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""By so much the clocks of two machines may differ without anything being wrong."""

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


def matches(address: Address, patterns: Iterable[str]) -> bool:
    """Return whether one of *patterns* means *address*."""
    text = str(address)
    return any(pattern == ALL or matches_name(pattern, text) for pattern in patterns)


def is_selected(address: Address, selection: Selection) -> bool:
    """Return whether *selection* takes in *address*."""
    if selection.targets and not matches(address, selection.targets):
        return False
    return not matches(address, selection.excludes)


def is_move_selected(move: Move, selection: Selection) -> bool:
    """Return whether *selection* takes in *move*: its new address, and the old one not excluded."""
    return is_selected(move.address, selection) and not matches(move.source, selection.excludes)


def narrow(desired: DesiredState, selection: Selection) -> DesiredState:
    """Return the part of *desired* that *selection* takes in."""
    if not selection.targets and not selection.excludes:
        return desired
    servers = {a: s for a, s in desired.servers.items() if is_selected(a, selection)}
    return replace(desired, servers=servers)


def parse_age(text: str) -> timedelta:
    """
    Return the age that *text* spells: ``30d``, ``12h``, ``45m``.

    Raises:
        UsageError: it spells none.

    """
    match = re.fullmatch(r"([0-9]{1,6})([dhm])", text)
    if match is None:
        raise UsageError(f"{ascii(text)[1:-1]} is not an age", "ages look like 30d, 12h or 45m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def older_than(snapshot: Snapshot, age: timedelta, now: datetime) -> tuple[Address, ...]:
    """
    Return the servers that ICE did not confirm since *age* ago, or that are only assumed, sorted.

    An answer from the future is none to rely upon: some clock was wrong, and nobody
    knows how old it is.
    """
    edge, latest = _time_text(now, -age), _time_text(now, _CLOCKS_DIFFER)
    old = (
        a
        for a, e in snapshot.entries.items()
        if e.applied_at and not edge <= e.applied_at <= latest
    )
    return tuple(sorted([*old, *assumed(snapshot)]))


def from_the_future(snapshot: Snapshot, now: datetime) -> tuple[Address, ...]:
    """Return the servers whose answer is dated later than *now*, sorted: some clock was wrong."""
    latest = _time_text(now, _CLOCKS_DIFFER)
    entries = snapshot.entries.items()
    return tuple(sorted(a for a, e in entries if e.applied_at and e.applied_at > latest))


def _time_text(now: datetime, shift: timedelta) -> str:
    try:
        moment = now + shift
    except OverflowError:  # longer ago, or later, than there are years
        moment = datetime.min if shift < timedelta() else datetime.max  # noqa: DTZ901 - as text only
    return f"{moment.year:04}{moment.strftime('-%m-%dT%H:%M:%SZ')}"


def assumed(snapshot: Snapshot) -> tuple[Address, ...]:
    """Return the servers that ICE never acknowledged, but a person said are so, sorted."""
    return tuple(sorted(a for a, entry in snapshot.entries.items() if entry.assumed))


def expand_ages(patterns: Iterable[str], snapshot: Snapshot, now: datetime) -> tuple[str, ...]:
    """
    Return *patterns* with each ``older-than=AGE`` and ``assumed`` replaced by what they mean.

    Raises:
        UsageError: an age cannot be read.

    """
    expanded: list[str] = []
    for pattern in patterns:
        name, _, age = pattern.partition("=")
        if name == OLDER_THAN:
            expanded += [str(a) for a in older_than(snapshot, parse_age(age), now)]
        elif pattern == ASSUMED:
            expanded += [str(a) for a in assumed(snapshot)]
        else:
            expanded.append(pattern)
    return tuple(expanded)


def check_patterns(option: str, patterns: Iterable[str], known: Collection[Address]) -> None:
    """
    Demand that each pattern means at least one of the *known* addresses.

    Raises:
        UsageError: one means none; a slip would otherwise select nothing in silence.

    """
    for pattern in patterns:
        if any(matches(address, (pattern,)) for address in known):
            continue
        import difflib

        texts = [str(address) for address in known]
        near = difflib.get_close_matches(pattern, texts, n=3, cutoff=0.5)
        exact = parse_address(pattern)
        if exact and not near:
            near = [t for a, t in zip(known, texts, strict=True) if a.skill == exact.skill][:3]
        hint = f"did you mean {', '.join(near)}?" if near else "addresses look like 59/663 or 59/*"
        raise UsageError(f"{option} {ascii(pattern)[1:-1]} matches no server", hint)


MAX_SHARDS: Final = 1000

_GRAMMAR: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)


@frozen
class Shard:
    """The *number*-th of *total* shards, counted from 1."""

    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


def parse_shard(text: str) -> Shard:
    """
    Return the shard that *text* spells: ``2/5``.

    Raises:
        UsageError: it spells none.

    """
    match = _GRAMMAR.fullmatch(text)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(1, 0)
    if not shard.number <= shard.total <= MAX_SHARDS:
        raise UsageError(
            f"--shard {ascii(text)[1:-1]} is no shard",
            f"--shard 2/5   is the second of five; at most {MAX_SHARDS}",
        )
    return shard


def organizations(desired: DesiredState) -> dict[int, int]:
    """Return how many servers the files name of each organization, moved or removed ones too."""
    named = {*desired.servers, *desired.removals, *(m.source for m in desired.moves.values())}
    return dict(Counter(address.organization for address in named))


def deal(sizes: Mapping[int, int], shard: Shard) -> tuple[int, ...]:
    """
    Return the organizations of *shard*, sorted; *sizes* are the servers of each.

    The largest is dealt first, each to the shard that has least so far.
    """
    loads = [0] * shard.total
    mine = []
    for organization in sorted(sizes, key=lambda o: (-sizes[o], o)):
        chosen = min(range(shard.total), key=loads.__getitem__)
        # One that has no servers any more still takes its turn, and the lock of a part.
        loads[chosen] += max(1, sizes[organization])
        if chosen == shard.number - 1:
            mine.append(organization)
    return tuple(sorted(mine))


def half_moves(desired: DesiredState, scope: frozenset[int]) -> tuple[Move, ...]:
    """Return the moves of which one end is in the organizations of *scope* and one is not."""
    return tuple(
        move
        for _, move in sorted(desired.moves.items())
        if (move.source.organization in scope) != (move.address.organization in scope)
    )
