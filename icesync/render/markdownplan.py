"""A plan as Markdown, in four degrees of detail."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from icesync.codec.plan import plan_digest
from icesync.model.plan import Action
from icesync.model.secret import SecretComparison
from icesync.render.markdown_escape import cell, code, fence, link, prose
from icesync.render.plan import (
    CANNOT_BE_READ,
    SYMBOLS,
    changed_keys,
    old_record,
    rest_of,
    shown_secret,
    shown_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.ci import Ci
    from icesync.model.plan import Plan, Refusal, ResourceChange

__all__ = ["Detail", "plan_part", "source"]


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


def plan_part(plan: Plan, refusals: Sequence[Refusal], ci: Ci, detail: Detail) -> str:
    """Return *plan*: what needs a second look, the changes, the digest."""
    parts = [_refusals(refusals, detail)]
    shown = [change for change in plan.changes if change.action is not Action.NO_OP]
    if shown and detail is Detail.FULL:
        parts.append(_folded("".join(_server(change, ci) for change in shown)))
    elif shown and detail is Detail.NAMES:
        parts.append("\n" + "".join(f"- {_names(change)}\n" for change in shown))
    elif shown and detail is Detail.ROWS:
        parts.append("\n| server | action | changes |\n| --- | --- | --- |\n")
        parts.extend(_row(change) for change in shown)
    if not plan.complete:
        parts.append("\nIncomplete: some secrets were not looked at; apply refuses this plan.\n")
    if plan.effective:
        parts.append(f"\nDigest: {code(plan_digest(plan))}\n")
    parts.append(f"\n<sub>{CANNOT_BE_READ}.</sub>\n")
    return "".join(parts)


def source(position: SourcePosition, ci: Ci) -> str:
    """Return the place of a line, linked to the commit where the forge is known."""
    return link(f"{ci.path(position.file)}:{position.line}", ci.link(position))


def _refusals(refusals: Sequence[Refusal], detail: Detail) -> str:
    if not refusals:
        return ""
    if detail is Detail.COUNTS:
        return f"\n{len(refusals)} changes need a second look, apply refuses them otherwise.\n"
    lines = [f"- {prose(r.message)} {code(f'--allow {r.allow}')}\n" for r in refusals]
    return "\nNeeds a second look, apply refuses it otherwise:\n\n" + "".join(lines)


def _folded(text: str) -> str:
    if text.count("\n") <= _LONG:
        return text
    return f"\n<details><summary>All changes</summary>\n{text}\n</details>\n"


def _server(change: ResourceChange, ci: Ci) -> str:
    _, _, sentence = SYMBOLS[change.action]
    place = f" · {source(change.position, ci)}" if change.position else ""
    head = f"\n**{code(str(change.address))}**{_name(change)} {sentence}{place}\n"
    head += _because(change)
    lines = list(_lines(change))
    block = "\n" + fence(lines, "diff") if lines else ""
    return head + block + _places(change, ci)


def _name(change: ResourceChange) -> str:
    return f" {code(change.name)}" if change.name else ""


def _because(change: ResourceChange) -> str:
    if change.moved_from is not None:
        message = old_record(change)
    elif change.action is Action.ORPHAN:
        message = f"list skill {change.address.skill} under `removed:` to disable or forget it"
    elif change.reason and change.action is not Action.ADD:
        message = f"because {change.reason}"
    else:
        return ""
    return f"{prose(message)}\n"


def _lines(change: ResourceChange) -> Iterator[str]:
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
    if change.action.sends and change.action is not Action.ADD:
        yield f"  {rest_of(change)}"


def _places(change: ResourceChange, ci: Ci) -> str:
    """Return where each new value stands; of a first send, the server's own line is enough."""
    if change.action is Action.ADD:
        return ""
    odd = [s for s in change.secrets if s.comparison is not SecretComparison.UNCHANGED]
    placed = [(f.key, f.position) for f in change.fields] + [(s.key, s.position) for s in odd]
    message = " · ".join(f"{code(key)} {source(place, ci)}" for key, place in placed if place)
    return f"\n{message}\n" if message else ""


def _names(change: ResourceChange) -> str:
    keys = changed_keys(change)
    message = f": {', '.join(map(code, keys))}" if keys and change.action is Action.UPDATE else ""
    return f"**{code(str(change.address))}**{_name(change)} {change.action}{message}"


def _row(change: ResourceChange) -> str:
    return f"| {cell(str(change.address))} | {change.action} | {len(changed_keys(change))} |\n"
