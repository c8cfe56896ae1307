"""Which servers a run is about, and so whose states it opens and locks."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from icesync.engine.choice import choose_servers
from icesync.engine.secret_resolution import SecretsMode
from icesync.engine.validate import check_files
from icesync.errors import UsageError
from icesync.frozen import frozen
from icesync.model.address import ALL
from icesync.model.plan import Selection
from icesync.planner.select import only

if TYPE_CHECKING:
    from collections.abc import Collection

    from icesync.engine.session import Session
    from icesync.engine.validate import Validation
    from icesync.model.desired import DesiredState
    from icesync.planner.select import Shard
    from icesync.ports import StateStore

_TARGET: Final = re.compile(r"([1-9][0-9]{0,9})/.*", re.ASCII)


@frozen
class Scope:
    """
    What a run is narrowed to: patterns of addresses, organizations by name, or a shard.

    Or *words*: addresses, globs, and paths of files or folders, relative to the
    configuration. With *since*, a git ref, only what differs from it.
    """

    selection: Selection = field(default_factory=Selection)
    organizations: tuple[int, ...] = ()
    shard: Shard | None = None
    words: tuple[str, ...] = ()
    since: str | None = None


@frozen
class Fleet:
    """
    The files as they were read, once, and the part of them that a run is about.

    *store* holds the states of that part. *named* are the patterns that the command
    line spells, each with its option: one that means no server is a slip. *note*
    says what a shard or a git ref came to.
    """

    validation: Validation
    store: StateStore
    selection: Selection
    named: tuple[tuple[str, tuple[str, ...]], ...] = ()
    note: str | None = None


def parse_scope(
    selection: Selection,
    organizations: tuple[int, ...] = (),
    shard: str | None = None,
) -> Scope:
    """
    Return the scope that the texts of a command line spell.

    Raises:
        UsageError: *shard* spells none.

    """
    if shard is None:
        return Scope(selection, organizations)
    from icesync.planner.select import parse_shard

    return Scope(selection, organizations, parse_shard(shard))


def read_fleet(
    session: Session,
    scope: Scope,
    *,
    strict: bool = False,
    secrets: SecretsMode = SecretsMode.SKIP,
) -> Fleet:
    """
    Read and check all files, and narrow them to *scope*.

    Raises:
        ConfigError: the files are wrong.
        UsageError: the parts of *scope* do not go together, or a move has one end outside.

    """
    _check(session, scope)
    validation = check_files(session.project, session.providers, strict=strict, secrets=secrets)
    desired, selection = validation.require(), scope.selection
    named = [("--target", selection.targets), ("--exclude", selection.excludes)]
    note = None
    if scope.words or scope.since is not None:
        choice, note = choose_servers(session, validation, scope.words, scope.since)
        if not choice.targets and scope.since is None:
            named_files = ", ".join(sorted(choice.files))
            raise UsageError(f"no server is in {named_files}", "icesync validate   checks it")
        selection = only(selection, choice.targets)
        named[0] = ("", choice.patterns)
    if session.project.state.per is None:
        if scope.organizations:
            targets = tuple(f"{o}/*" for o in sorted(set(scope.organizations)))
            selection = replace(selection, targets=targets)
            named[0] = ("--organization", targets)
        return Fleet(validation, session.stores.single(), selection, tuple(named), note)
    sizes = _sizes(session, desired)
    if scope.shard is None and not scope.organizations:
        store = session.stores.joined(_organizations_of(selection, desired, sizes), sizes)
        return Fleet(validation, store, selection, tuple(named), note)
    chosen, note = _choose(scope, sizes)
    _refuse_half_moves(desired, frozenset(chosen))
    narrowed = only(selection, tuple(f"{o}/*" for o in chosen))
    return Fleet(validation, session.stores.joined(chosen, sizes), narrowed, note=note)


def all_organizations(session: Session) -> StateStore:
    """
    Return the store over the states of all organizations.

    Raises:
        ConfigError: the files, which name the organizations, are wrong.

    """
    if session.project.state.per is None:
        return session.stores.single()
    return session.stores.joined(organizations_of(session))


def organizations_of(session: Session) -> tuple[int, ...]:
    """
    Return the organizations that files or states on the disk name, sorted.

    Raises:
        ConfigError: the files are wrong.

    """
    # A state is found by the organizations in the files, those that are sealed, too.
    auto = SecretsMode.AUTO
    desired = check_files(session.project, session.providers, secrets=auto).require()
    return tuple(sorted(_sizes(session, desired)))


def _check(session: Session, scope: Scope) -> None:
    ways = {
        "--shard": scope.shard,
        "--organization": scope.organizations,
        "--target": scope.selection.targets,
        "FILE or ADDR": scope.words,
        "--since": scope.since,
    }
    given = [name for name, value in ways.items() if value]
    if len(given) > 1 and given != ["FILE or ADDR", "--since"]:
        raise UsageError(f"{given[0]} and {given[1]} both say which servers", "give one of them")
    if scope.shard and session.project.state.per is None:
        raise UsageError(
            "--shard needs a state for each organization: one lock would let one shard run",
            "state: {per: organization, path: state/{organization}.json}   in icesync.yaml",
        )


def _sizes(session: Session, desired: DesiredState) -> dict[int, int]:
    """Return how many servers each organization has, also one of which only the state is left."""
    from icesync.planner.select import organizations

    return {**dict.fromkeys(session.stores.kept(), 0), **organizations(desired)}


def _choose(scope: Scope, sizes: dict[int, int]) -> tuple[tuple[int, ...], str | None]:
    if scope.shard is None:
        unknown = sorted(set(scope.organizations) - sizes.keys())
        if unknown:
            raise UsageError(
                f"--organization {unknown[0]}: neither files nor states know it",
                "icesync validate   reads all files",
            )
        return tuple(sorted(set(scope.organizations))), None
    from icesync.planner.select import deal

    chosen = deal(sizes, scope.shard)
    count = f"{len(chosen)} of {len(sizes)} organizations"
    note = f"shard {scope.shard}: {count if chosen else 'no organization is left, nothing to do'}"
    return chosen, note


def _refuse_half_moves(desired: DesiredState, chosen: frozenset[int]) -> None:
    from icesync.planner.select import half_moves

    half = half_moves(desired, chosen)
    if half:
        move = half[0]
        raise UsageError(
            f"{move.source} moves to {move.address} ({move.position}), and both organizations "
            "must be in one run",
            "run once without --shard and --organization, then remove the entry of `moved:`",
        )


def _organizations_of(
    selection: Selection, desired: DesiredState, known: Collection[int]
) -> frozenset[int]:
    """Return the organizations that *selection* can mean, and those from which it moves."""
    if ALL in selection.excludes:
        return frozenset()
    matches = [_TARGET.fullmatch(target) for target in selection.targets]
    if not matches or not all(matches):
        return frozenset(known)
    named = {int(match[1]) for match in matches if match}
    named |= {m.source.organization for m in desired.moves.values() if m.address[0] in named}
    return frozenset(named & set(known))
