"""Which organizations a run is about, and so whose snapshots it opens and locks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from icesync.errors import UsageError
from icesync.planner.select import ALL

if TYPE_CHECKING:
    from collections.abc import Collection

    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.model.desired import DesiredState
    from icesync.model.plan import Selection
    from icesync.planner.shards import Shard

__all__ = ["Scope", "Scoped", "one_organization", "scoped", "whole"]

_TARGET: Final = re.compile(r"([1-9][0-9]{0,9})/.*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the command line narrows a run to: a shard of the fleet, or organizations by name."""

    shard: Shard | None = None
    organizations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scoped:
    """
    A context with the snapshots that a run is about, and its selection.

    *option_name* is the option that a pattern without a server is blamed on; None
    where the patterns were made here, so that none is a slip.
    """

    context: Context
    selection: Selection
    option_name: str | None = "--target"


def scoped(context: Context, selection: Selection, scope: Scope, console: Console) -> Scoped:
    """
    Return *context* and *selection* narrowed to *scope*.

    Raises:
        ConfigError: the files are wrong, as a plan would say.
        UsageError: the flags do not go together, or a move has one end outside.

    """
    _check(context, selection, scope)
    per = context.project.state.per is not None
    if not per:
        if not scope.organizations:
            return Scoped(context, selection)
        targets = tuple(f"{o}/*" for o in sorted(set(scope.organizations)))
        return Scoped(context, replace(selection, targets=targets), "--organization")
    desired, sizes = _fleet(context)
    if scope == Scope():
        return Scoped(context.within(_meant(selection, desired, sizes)), selection)
    chosen = _choose(scope, sizes, console)
    _refuse_half_moves(desired, frozenset(chosen))
    # No target at all would mean everything: a shard without an organization excludes it.
    narrowed = (
        replace(selection, targets=tuple(f"{o}/*" for o in chosen))
        if chosen
        else replace(selection, excludes=(ALL,))
    )
    return Scoped(context.within(chosen), narrowed, None)


def whole(context: Context) -> Context:
    """Return *context* with the snapshots of all organizations."""
    if context.project.state.per is None:
        return context
    return context.within(_fleet(context)[1])


def one_organization(context: Context, organization: int | None) -> Context:
    """
    Return *context* with the one snapshot of *organization*.

    Where it must be said and is not, the store of *context* refuses each use.

    Raises:
        UsageError: it must not be said, since all have one snapshot.

    """
    if context.project.state.per is None and organization is not None:
        raise UsageError(
            "all organizations have one snapshot here, so --organization names none",
            "leave it out",
        )
    return context if organization is None else context.of(organization)


def _check(context: Context, selection: Selection, scope: Scope) -> None:
    named = "--shard" if scope.shard else "--organization"
    if scope != Scope() and selection.targets:
        raise UsageError(
            f"{named} and --target both say which servers", "--target '59/*' alone, or the other"
        )
    if scope.shard and scope.organizations:
        raise UsageError("--shard and --organization both say which servers", "give one of them")
    if scope.shard and context.project.state.per is None:
        raise UsageError(
            "--shard needs a snapshot for each organization: one lock would let one shard run",
            "state: {per: organization, path: state/{organization}.json}   in icesync.yaml",
        )


def _fleet(context: Context) -> tuple[DesiredState, dict[int, int]]:
    """Return what the files want, and how many servers each organization has, also a kept one."""
    from icesync.bootstrap.partitions import kept_organizations
    from icesync.engine.validate import validate
    from icesync.planner.shards import organizations

    desired = validate(context.project, context.providers).require()
    kept = dict.fromkeys(kept_organizations(context.project), 0)
    return desired, {**kept, **organizations(desired)}


def _choose(scope: Scope, sizes: dict[int, int], console: Console) -> tuple[int, ...]:
    if scope.shard is None:
        unknown = sorted(set(scope.organizations) - sizes.keys())
        if unknown:
            raise UsageError(
                f"--organization {unknown[0]}: neither files nor snapshots know it",
                "icesync validate   reads all files",
            )
        return tuple(sorted(set(scope.organizations)))
    from icesync.planner.shards import deal

    chosen = deal(sizes, scope.shard)
    told = f"{len(chosen)} of {len(sizes)} organizations"
    console.talk(
        f"note: shard {scope.shard}: {told if chosen else 'no organization is left, nothing to do'}"
    )
    return chosen


def _refuse_half_moves(desired: DesiredState, chosen: frozenset[int]) -> None:
    from icesync.planner.shards import half_moves

    half = half_moves(desired, chosen)
    if half:
        move = half[0]
        raise UsageError(
            f"{move.source} moves to {move.address} ({move.position}), and both organizations "
            "must be in one run",
            "run once without --shard and --organization, then remove the entry of `moved:`",
        )


def _meant(selection: Selection, desired: DesiredState, known: Collection[int]) -> frozenset[int]:
    """Return the organizations that *selection* can mean, and those from which it moves."""
    if ALL in selection.excludes:
        return frozenset()
    matches = [_TARGET.fullmatch(target) for target in selection.targets]
    if not matches or not all(matches):
        return frozenset(known)
    named = {int(match[1]) for match in matches if match}
    named |= {m.source.organization for m in desired.moves.values() if m.address[0] in named}
    return frozenset(named & set(known))
