"""
Deciding what should happen. Pure: no clock, no files, no network, no secret.

Here is which servers a command means: addresses, globs such as ``59/*``, or one of several
shards. Shards deal whole organizations out to several runs, evenly. The split follows from the
files only, so that all jobs of one commit agree without asking each other. Another commit
may deal them otherwise; the lock of each organization keeps two runs of different commits
apart.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import UsageError, either, listed, printable
from icesync.frozen import frozen
from icesync.model.desired import ALL, Address, Move, Removal, is_address_pattern, parse_address
from icesync.model.glob import matches_name
from icesync.model.snapshot import utc_text
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from icesync.model.desired import DesiredState
    from icesync.model.plan import Selection
    from icesync.model.snapshot import Snapshot

UNCONFIRMED: Final = "unconfirmed"
OLDER_THAN: Final = "older-than"

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""By so much the clocks of two machines may differ without anything being wrong."""

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


@frozen
class Choice:
    """
    The servers that words of a command line choose, and the files that they stand in.

    *patterns* are the words that are addresses; *targets* has besides them every
    server of a file that was named. *files* are those that were named, and those of
    the servers that were.
    """

    patterns: tuple[str, ...]
    targets: tuple[str, ...]
    files: frozenset[str]


def choose(words: Iterable[str], files: Collection[str], desired: DesiredState) -> Choice:
    """
    Return what *words* choose: addresses, globs of them, and paths of files and folders.

    Paths are relative to the configuration, and *files* are those that were read. A file
    chooses the servers in it, and of its defaults those that have them.

    Raises:
        UsageError: at a path is none of *files*.

    """
    patterns: list[str] = []
    named: set[str] = set()
    for word in words:
        if is_address_pattern(word):
            patterns.append(word)
            continue
        below = "" if word == "." else f"{word}/"
        found = {file for file in files if f"{file}/".startswith(below)}
        if not found:
            raise UsageError(*_no_file(word, files))
        named |= found
    chosen = {a for a, server in desired.servers.items() if server.origin.files() & named}
    entries: tuple[Move | Removal, ...] = (*desired.removals.values(), *desired.moves.values())
    chosen |= {entry.address for entry in entries if entry.position.file in named}
    homes = {
        server.origin.position().file
        for address, server in desired.servers.items()
        if matches(address, patterns)
    }
    targets = dict.fromkeys([*patterns, *(str(address) for address in sorted(chosen))])
    return Choice(tuple(patterns), tuple(targets), frozenset(named | homes))


def _no_file(path: str, files: Collection[str]) -> tuple[str, str]:
    """Return what is wrong with *path*, where no file of the configuration is, and the way out."""
    shown = printable(path)
    if path.startswith("/") or ".." in path.split("/"):
        message = f"{shown} is outside the configuration's folder"
        return message, "use `-C DIR` for the folder of another configuration"
    if path.isdecimal():
        return f"{shown} is neither a file nor an address", f"use '{shown}/*' for its servers"
    import difflib

    message = f"no file of the configuration is at {shown}"
    near = difflib.get_close_matches(path, files, n=1, cutoff=0.8)
    if near:
        return message, f"did you mean {near[0]}?"
    return message, "`files:` in icesync.yaml says which files belong to it"


def changed_servers(before: DesiredState, after: DesiredState) -> frozenset[Address]:
    """Return the servers that *after* wants otherwise than *before*, or only one of both wants."""
    addresses = before.servers.keys() | after.servers.keys()
    changed = {a for a in addresses if _wanted(before, a) != _wanted(after, a)}
    pairs: tuple[tuple[Mapping[Address, Move | Removal], Mapping[Address, Move | Removal]], ...]
    pairs = ((before.removals, after.removals), (before.moves, after.moves))
    for old, new in pairs:
        changed |= {a for a in old.keys() | new.keys() if _entry(old, a) != _entry(new, a)}
    return frozenset(changed)


def _wanted(desired: DesiredState, address: Address) -> tuple[Any, ...] | None:
    server = desired.servers.get(address)
    if server is None:
        return None
    return server.whole, dict(server.settings), dict(server.secrets), dict(server.local)


def _entry(entries: Mapping[Address, Move | Removal], address: Address) -> object:
    match entries.get(address):
        case Move(source=source):
            return source
        case Removal(action=action):
            return action
        case _:
            return None


def matches(address: Address, patterns: Iterable[str]) -> bool:
    """Return whether one of *patterns* means *address*."""
    text = str(address)
    exact, globs = _split(tuple(patterns))
    return text in exact or any(glob == ALL or matches_name(glob, text) for glob in globs)


@lru_cache(maxsize=8)
def _split(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the addresses in *patterns*, of which a folder may have thousands, and the globs."""
    exact = frozenset(pattern for pattern in patterns if parse_address(pattern) is not None)
    return exact, tuple(pattern for pattern in patterns if pattern not in exact)


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


def only(selection: Selection, targets: tuple[str, ...]) -> Selection:
    """Return *selection* narrowed to *targets*; none at all would mean everything."""
    if targets:
        return replace(selection, targets=targets)
    return replace(selection, targets=(), excludes=(ALL,))


def parse_age(text: str) -> timedelta:
    """
    Return the age that *text* spells: ``30d``, ``12h``, ``45m``.

    Raises:
        UsageError: it spells none.

    """
    match = re.fullmatch(r"([0-9]{1,6})([dhm])", text)
    if match is None:
        raise UsageError(f"invalid age {printable(text)}", "use 30d, 12h or 45m")
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
    return utc_text(moment)


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
        elif pattern == UNCONFIRMED:
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
        gap = "" if option.endswith(":") else " "
        named = f"{option}{gap}{printable(pattern)}".strip()
        near = _near(pattern, known)
        if near:
            raise UsageError(f"no server matches {named}", f"did you mean {either(near)}?")
        some = listed([str(organization) for organization in sorted({a[0] for a in known})], 9)
        hint = f"the organizations are {some}" if some else "there is no server yet"
        raise UsageError(f"no server matches {named}", hint)


def _near(pattern: str, known: Iterable[Address]) -> list[str]:
    """Return up to three addresses that *pattern* may be a slip of: one of its parts is theirs."""
    import difflib

    exact = parse_address(pattern)
    if pattern.isdecimal() and any(str(a.organization) == pattern for a in known):
        return [f"'{pattern}/*'"]
    if exact is None:
        return difflib.get_close_matches(pattern, map(str, known), n=3, cutoff=0.5)
    here = {str(a.skill): str(a) for a in known if a.organization == exact.organization}
    near = difflib.get_close_matches(str(exact.skill), here, n=3, cutoff=0.5)
    same = [str(a) for a in known if a.skill == exact.skill]
    return [here[skill] for skill in near] or (same or list(here.values()))[:3]


MAX_SHARDS: Final = 1000

_GRAMMAR: Final = regex(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)


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
            f"invalid --shard {printable(text)}",
            f"use --shard 2/5 for the second of five; at most {MAX_SHARDS}",
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
