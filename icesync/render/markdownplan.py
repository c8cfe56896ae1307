"""A plan as Markdown, in four degrees of detail."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from icesync.codec.plan import plan_digest
from icesync.model.plan import Action
from icesync.model.secret import SecretComparison
from icesync.render.groups import (
    ChangeGroup,
    group_changes,
    group_refusals,
    is_full_record_shown,
    listed,
)
from icesync.render.markdown_escape import cell, code, fence, link, prose
from icesync.render.plan import (
    SYMBOLS,
    changed_keys,
    incomplete,
    old_record,
    refusal_sentence,
    removal_hint,
    rest_of,
    sentence_of,
    shown_secret,
    shown_value,
)
from icesync.render.style import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.ci import Ci
    from icesync.model.plan import Plan, Refusal, ResourceChange


class Detail(IntEnum):
    """How much is told: each degree is shorter than the one before."""

    FULL = 0
    NAMES = 1
    """the names of changed settings"""
    ROWS = 2
    """a row for each server"""
    COUNTS = 3


_LONG: Final = 120
"""So many lines of difference are folded, so that a thread stays readable."""


def plan_part(
    plan: Plan, refusals: Sequence[Refusal], ci: Ci, detail: Detail, caveat: str = ""
) -> str:
    """Return *plan*: what is blocked, the changes, the digest, and a *caveat* if there is one."""
    parts = [_refusals(refusals, detail)]
    shown = [change for change in plan.changes if change.action is not Action.NO_OP]
    groups = group_changes(shown)
    if shown and detail is Detail.FULL:
        in_full = is_full_record_shown(shown)
        parts.append(_folded("".join(_group(group, ci, in_full=in_full) for group in groups)))
    elif shown and detail is Detail.NAMES:
        parts.append("\n" + "".join(f"- {_names(group)}\n" for group in groups))
    elif shown and detail is Detail.ROWS:
        parts.append("\n| server | action | changes |\n| --- | --- | --- |\n")
        parts.extend(_row(group) for group in groups)
    if not plan.complete:
        parts.append(f"\n{incomplete(plan)}\n")
    if plan.effective:
        parts.append(f"\nDigest: {code(plan_digest(plan))}\n")
    if caveat:
        parts.append(f"\n<sub>{caveat}.</sub>\n")
    return "".join(parts)


def source(position: SourcePosition, ci: Ci) -> str:
    """Return the place of a line, linked to the commit where the forge is known."""
    return link(f"{ci.path(position.file)}:{position.line}", ci.link(position))


def _refusals(refusals: Sequence[Refusal], detail: Detail) -> str:
    if not refusals:
        return ""
    groups = group_refusals(refusals)
    if detail is Detail.COUNTS:
        return f"\n{counted(len(groups), 'change')} blocked until you allow it.\n"
    lines = [f"- {prose(refusal_sentence(g))} {code(f'--allow {g.allow}')}\n" for g in groups]
    return "\nBlocked until you allow it:\n\n" + "".join(lines)


def _folded(text: str) -> str:
    if text.count("\n") <= _LONG:
        return text
    return f"\n<details><summary>All changes</summary>\n{text}\n</details>\n"


def _group(group: ChangeGroup, ci: Ci, *, in_full: bool) -> str:
    """Return what happens to the servers of *group*, once."""
    change = group.first
    if len(group.changes) == 1 and not group.by_file:
        head = f"\n**{code(str(change.address))}**{_name(change)} {SYMBOLS[change.action][2]}"
        head += f" · {source(change.position, ci)}\n" if change.position else "\n"
        if change.action is Action.ADD and not in_full:
            return head
        return head + _because(change) + _difference(change) + _places(change, ci)
    names = listed([f"{code(str(c.address))}{_name(c)}" for c in group.changes])
    head = f"\n**{sentence_of(group)}:** {names}"
    if group.by_file:
        return f"{head}{f' · {code(change.position.file)}' if change.position else ''}\n"
    return f"{head}\n{_because(change)}{_difference(change, each=True)}{_places(change, ci)}"


def _difference(change: ResourceChange, *, each: bool = False) -> str:
    lines = list(_lines(change, each=each))
    return "\n" + fence(lines, "diff") if lines else ""


def _name(change: ResourceChange) -> str:
    return f" {code(change.name)}" if change.name else ""


def _because(change: ResourceChange) -> str:
    if change.moved_from is not None:
        message = old_record(change)
    elif change.action is Action.ORPHAN:
        message = removal_hint(ChangeGroup((change,)))
    elif change.reason and change.action is not Action.ADD:
        message = f"because {change.reason}"
    else:
        return ""
    return f"{prose(message)}\n"


def _lines(change: ResourceChange, *, each: bool = False) -> Iterator[str]:
    """Yield the lines of a diff: ``-`` and ``+`` for settings, ``!`` for secrets."""
    for field in change.fields:
        if field.before is not None:
            yield f"- {field.key}: {shown_value(field.before)}"
        if field.after is not None:
            yield f"+ {field.key}: {shown_value(field.after)}"
    for secret in change.secrets:
        if change.action is Action.ADD:
            yield f"+ {secret.key}: (sensitive)"
        elif secret.comparison is not SecretComparison.UNCHANGED:
            yield f"! {secret.key}: {shown_secret(secret)}"
    if change.action.sends and change.action is not Action.ADD and (rest := rest_of(change)):
        yield f"  {rest} each" if each else f"  {rest}"


def _places(change: ResourceChange, ci: Ci) -> str:
    """Return where each new value stands; of a first send, the server's own line is enough."""
    if change.action is Action.ADD:
        return ""
    odd = [s for s in change.secrets if s.comparison is not SecretComparison.UNCHANGED]
    placed = [(f.key, f.position) for f in change.fields] + [(s.key, s.position) for s in odd]
    message = " · ".join(f"{code(key)} {source(place, ci)}" for key, place in placed if place)
    return f"\n{message}\n" if message else ""


def _names(group: ChangeGroup) -> str:
    change = group.first
    keys = changed_keys(change)
    message = f": {', '.join(map(code, keys))}" if keys and change.action is Action.UPDATE else ""
    if len(group.changes) == 1:
        return f"**{code(str(change.address))}**{_name(change)} {change.action}{message}"
    names = listed([code(str(c.address)) for c in group.changes])
    return f"**{counted(len(group.changes), 'server')}** ({names}) {change.action}{message}"


def _row(group: ChangeGroup) -> str:
    change = group.first
    name = cell(str(change.address))
    if len(group.changes) > 1:
        name = f"{name} and {len(group.changes) - 1:,} more"
    return f"| {name} | {change.action} | {len(changed_keys(change))} |\n"
