"""Hold a run to the safety profile that the last apply recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.diagnostics import SourcePosition
from icesync.frozen import frozen
from icesync.model.options import value_of
from icesync.model.plan import SAFEGUARDS, Refusal
from icesync.model.project import Guard, LimitName, Project
from icesync.model.safety import common_globs, describe, loosened, tightened
from icesync.planner.policy import FIRST_ADDS
from icesync.ports import NarrowableProviders

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from icesync.model.safety import SafetyProfile
    from icesync.model.snapshot import Snapshot
    from icesync.ports import SecretProvider

_ALLOW_LISTS: Final = ("secrets.env_allow", "secrets.file_allow", "secrets.providers")


@frozen
class SafetyVerdict:
    """
    What came of comparing the safeguards with those of the last apply.

    *refusals* name what is looser, *notes* what else is worth knowing. *providers*
    open what both lists allow, and *guards* are those of both, as long as nobody
    allowed the looser ones: a probe must not log in where only the old ones hold it.
    """

    providers: Mapping[str, SecretProvider]
    guards: frozenset[Guard] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def check_safeguards(
    project: Project,
    snapshot: Snapshot,
    providers: Mapping[str, SecretProvider],
    allowed: Collection[str],
) -> SafetyVerdict:
    """Return how the safeguards of *project* stand to those that *snapshot* records."""
    if project.safety is None:
        return SafetyVerdict(providers, project.guards)
    if snapshot.safety is None:
        first = snapshot.lineage is None
        notes = _first(project.safety) if first else ()
        return SafetyVerdict(providers, project.guards, notes=notes)
    stricter = tightened(snapshot.safety, project.safety)
    notes = tuple(f"stricter than at the last apply: {d.sentence}" for d in stricter)
    looser = loosened(snapshot.safety, project.safety)
    if SAFEGUARDS in allowed:
        looser = ()
    guards = project.guards
    if looser:
        guards |= {guard for guard in Guard if guard in snapshot.safety.get("guards", ())}
    refusals = tuple(
        Refusal(
            SAFEGUARDS,
            f"{_place(project, d.path)}: {d.sentence}, looser than at the last apply",
            SAFEGUARDS,
        )
        for d in looser
    )
    if {d.path for d in looser} & set(_ALLOW_LISTS) and isinstance(providers, NarrowableProviders):
        lists = [
            tuple(common_globs(value_of(project, name), snapshot.safety.get(name, ())))
            for name in _ALLOW_LISTS
        ]
        narrowed = providers.narrowed(*lists)
        told = "secrets are looked up by the lists of the last apply until `--allow safeguards`"
        return SafetyVerdict(narrowed, guards, refusals, (*notes, told))
    return SafetyVerdict(providers, guards, refusals, notes)


def _first(profile: SafetyProfile) -> tuple[str, ...]:
    """Return what is said before there is a state that a change could be compared with."""
    import textwrap

    held = "; ".join(describe(profile))
    if profile.get("limits.adds") == [str(Project("", "").limits[LimitName.ADDS].count)]:
        held += f"; {FIRST_ADDS} adds into the empty state"
    told = "the first apply records these safeguards; to loosen one later, `--allow safeguards`:"
    return (
        "\n".join([told, *textwrap.wrap(held, 90, initial_indent="  ", subsequent_indent="  ")]),
    )


def _place(project: Project, path: str) -> str:
    place = project.positions.get(path, SourcePosition(project.config_file))
    return f"{place.file}:{place.line}"
