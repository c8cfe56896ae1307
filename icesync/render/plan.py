"""
A plan for people.

Totals first; then each server that changes, with old and new value and the line
that says so; then the list of addresses once more, where a reader of a long
plan ends up; the digest last. A symbol never stands without its word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.desired import Move
from icesync.model.fields import BLOCKS
from icesync.model.plan import Action, FieldChange, Plan, Reason, ResourceChange
from icesync.model.secret import SecretComparison
from icesync.render.style import Style, columns, fold, quote, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import Removal
    from icesync.model.fields import Setting
    from icesync.model.plan import Refusal, SecretChange

__all__ = [
    "CANNOT_BE_READ",
    "SYMBOLS",
    "changed_keys",
    "gist_of",
    "headline",
    "old_record",
    "render_plan",
    "render_refusals",
    "rest_of",
    "shown_secret",
    "shown_value",
    "spent_told",
    "totals",
]

CANNOT_BE_READ: Final = (
    "ICE cannot be asked what it holds: this compares the files with what it last acknowledged"
)

_ALIGNED: Final = 60
"""Places line up behind values of up to so many columns."""

_NAMED_ENTRIES: Final = 5

SYMBOLS: Final = {
    Action.ADD: (Action.ADD.symbol, "green", "will be sent for the first time"),
    Action.UPDATE: (Action.UPDATE.symbol, "yellow", "will be updated"),
    Action.MOVE: (Action.MOVE.symbol, "blue", "will be sent to its new address"),
    Action.DISABLE: (Action.DISABLE.symbol, "red", "will be disabled"),
    Action.FORGET: (Action.FORGET.symbol, "magenta", "will be forgotten, nothing is sent"),
    Action.RESEND: (Action.RESEND.symbol, "cyan", "will be sent again"),
    Action.ORPHAN: (Action.ORPHAN.symbol, "dim", "is an orphan, not touched"),
}

_COUNTED: Final = (
    (Action.ADD, "to add"),
    (Action.UPDATE, "to update"),
    (Action.MOVE, "to move"),
    (Action.DISABLE, "to disable"),
    (Action.FORGET, "to forget"),
    (Action.RESEND, "to resend"),
)


def render_plan(plan: Plan, digest: str, style: Style) -> str:
    """Return *plan* as text; *digest* is its plan digest."""
    parts = [headline(plan, style), "\n"]
    shown = [change for change in plan.changes if change.action is not Action.NO_OP]
    for change in shown:
        parts.append("\n")
        parts.extend(f"{line}\n" for line in _change_lines(change, style))
    if len(shown) > 1:
        parts.append(f"\n{style.paint('Changes:', 'bold')}\n")
        parts.extend(f"{line}\n" for line in _address_lines(shown, style))
        parts.append(f"\n{headline(plan, style)}\n")
    if plan.effective:
        parts.append(f"{'' if len(shown) > 1 else chr(10)}Digest: {digest}\n")
    if not plan.complete:
        text = "Incomplete: some secrets were not looked at; apply refuses this plan."
        parts.append(style.paint(text, "yellow") + "\n")
    return fold("".join(parts), style.width)


def totals(plan: Plan) -> str:
    """Return the counts of *plan* in one line, such as ``1 to add, 2 to update``."""
    counts = [f"{n} {text}" for action, text in _COUNTED if (n := plan.count(action))]
    rest = []
    if unchanged := plan.count(Action.NO_OP):
        message = sum(c.reason is Reason.ASSUMED for c in plan.changes if c.action is Action.NO_OP)
        rest.append(f"{unchanged} unchanged" + (f" ({message} only assumed)" if message else ""))
    if orphans := plan.count(Action.ORPHAN):
        rest.append(f"{orphans} orphaned")
    return "; ".join(part for part in (", ".join(counts), ", ".join(rest)) if part)


def headline(plan: Plan, style: Style) -> str:
    """Return the totals of *plan* as its first line."""
    if plan.effective:
        return f"{style.paint('Plan:', 'bold')} {totals(plan)}."
    answer = style.paint("No changes.", "bold", "green")
    known = totals(plan) or "no servers"
    return f"{answer} Nothing to send: {known}."


def _change_lines(change: ResourceChange, style: Style) -> Iterator[str]:
    symbol, colour, sentence = SYMBOLS[change.action]
    head = f"{style.paint(symbol, colour, 'bold')} {style.paint(_title(change), 'bold')}"
    yield f"{head} {sentence}{_place(change.position, style)}"
    unknown = change.reason is Reason.LAST_WRITE_UNCERTAIN
    if change.action is Action.ORPHAN and unknown:
        text = "the outcome of its last call is unknown, and no file says what to send again"
        yield f"    {style.paint(text, 'yellow')}"
    elif change.reason is Reason.ASSUMED:
        yield f"    {style.paint(change.reason, 'dim')}"
    elif change.reason and change.reason is not Reason.NOT_IN_SNAPSHOT:
        yield f"    {style.paint(f'because {change.reason}', 'dim')}"
    if change.moved_from is not None:
        yield f"    {style.paint(old_record(change), 'dim')}"
    if change.action is Action.ADD:
        yield from _whole_record(change, style)
    elif change.action.sends:
        yield from _differences(change, style)
    elif change.action is Action.ORPHAN and change.reason is not Reason.MOVE_NOT_SELECTED:
        text = f"list skill {change.address.skill} under `removed:` to disable or forget it"
        yield f"    {style.paint(text, 'dim')}"


def old_record(change: ResourceChange) -> str:
    """Return what becomes of the record at the old address: a move sends nothing there."""
    source = change.moved_from
    assert source is not None
    if change.source_stays:
        return f"moved from {source}, which is disabled once ICE has the new record"
    return (
        f"moved from {source}: ICE keeps the record there; "
        f"`removed: [{{skill: {source.skill}, action: disable}}]` would stop it"
    )


def _title(change: ResourceChange) -> str:
    return f"{change.address} {quote(change.name)}" if change.name else str(change.address)


def _place(position: SourcePosition | None, style: Style) -> str:
    if position is None:
        return ""
    return "  " + style.paint(f"{safe(position.file)}:{position.line}", "dim")


def _whole_record(change: ResourceChange, style: Style) -> Iterator[str]:
    """Yield a first send, a line a block: everything is new."""
    for block in ("", *BLOCKS):
        parts = [
            f"{_leaf(f.key)} = {shown_value(f.after)}"
            for f in change.fields
            if _block(f.key) == block
        ]
        parts += [f"{_leaf(s.key)} = (sensitive)" for s in change.secrets if _block(s.key) == block]
        if parts:
            label = f"{block}: " if block else ""
            first, *rest = _wrap(parts, style.width - 4, len(label))
            yield f"    {style.paint(label, 'bold')}{first}"
            yield from (f"      {line}" for line in rest)


def _wrap(parts: Sequence[str], width: int, used: int) -> list[str]:
    """Return *parts*, joined by commas, in lines of *width* columns; 0 or less is no limit."""
    lines = [""]
    for number, part in enumerate(parts, start=1):
        text = part if number == len(parts) else f"{part}, "
        if lines[-1] and 0 < width < used + len(lines[-1]) + len(text):
            lines[-1] = lines[-1].rstrip()
            lines.append("")
            used = 2
        lines[-1] += text
    return lines


def _differences(change: ResourceChange, style: Style) -> Iterator[str]:
    odd = [s for s in change.secrets if s.comparison is not SecretComparison.UNCHANGED]
    rows = [(safe(f.key), *_transition(f, style), f.position) for f in change.fields]
    rows += [(safe(s.key), *_secret(s, style), s.position) for s in odd]
    keys = max((len(key) for key, *_ in rows), default=0)
    texts = min(max((length for _, _, length, _ in rows), default=0), _ALIGNED)
    for key, text, length, position in rows:
        gap = " " * max(texts - length, 0) if position else ""
        yield f"    {key:<{keys}}  {text}{gap}{_place(position, style)}"
    yield f"    {style.paint(rest_of(change), 'dim')}"


def rest_of(change: ResourceChange) -> str:
    """Return what rides along unseen: the call always carries the whole record."""
    kept = len(change.after or {}) - sum(f.after is not None for f in change.fields)
    riding = [s.comparison for s in change.secrets if s.reference]
    message = ", ".join(f"{n} {c}" for c in SecretComparison if (n := riding.count(c)))
    settings, secrets = _count(kept, "setting"), _count(len(riding), "secret")
    return f"{settings} unchanged and sent again, {secrets} on the wire" + (
        f" ({message})" if message else ""
    )


def _transition(field: FieldChange, style: Style) -> tuple[str, int]:
    """Return old and new value, painted, and how wide they are unpainted."""
    before, after = shown_value(field.before), shown_value(field.after)
    painted = f"{style.paint(before, 'red')} -> {style.paint(after, 'green')}"
    return painted, columns(f"{before} -> {after}")


def _secret(secret: SecretChange, style: Style) -> tuple[str, int]:
    colour = "yellow" if secret.comparison is SecretComparison.CHANGED else "dim"
    message = shown_secret(secret)
    return style.paint(message, colour), len(message)


def shown_secret(secret: SecretChange) -> str:
    """Return what may be said about *secret*: how it compares."""
    return f"(sensitive, {secret.comparison})" if secret.reference else "(sensitive, taken back)"


def shown_value(value: Setting | None) -> str:
    """Return *value* as a plan shows it: safe, texts in quotes."""
    if value is None:
        return "(not given)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, str) else safe(str(value))


def _block(key: str) -> str:
    return key.rpartition(".")[0]


def _leaf(key: str) -> str:
    return safe(key.rpartition(".")[2])


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _address_lines(changes: Sequence[ResourceChange], style: Style) -> Iterator[str]:
    width = max(len(str(change.address)) for change in changes)
    words = max(len(change.action) for change in changes)
    for change in changes:
        symbol, colour, _ = SYMBOLS[change.action]
        mark = style.paint(symbol, colour, "bold")
        line = f"  {mark} {change.action:<{words}}  {change.address!s:<{width}}"
        yield f"{line}  {gist_of(change)}".rstrip()


def changed_keys(change: ResourceChange) -> list[str]:
    """Return the names of the settings and secrets that differ."""
    secrets = [s.key for s in change.secrets if s.comparison is SecretComparison.CHANGED]
    return [f.key for f in change.fields] + secrets


def gist_of(change: ResourceChange) -> str:
    """Return what changes in a few words: the names of the fields, or the server's name."""
    if change.moved_from is not None:
        return f"from {change.moved_from}"
    if change.action is Action.UPDATE:
        keys = changed_keys(change)
        more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
        return safe(", ".join(keys[:6])) + more
    return quote(change.name) if change.name else ""


def render_refusals(refusals: Sequence[Refusal], style: Style) -> str:
    """Return what apply would refuse and the flag that lets each through."""
    if not refusals:
        return ""
    lines = [style.paint("Needs a second look, apply refuses it otherwise:", "yellow", "bold")]
    for refusal in refusals:
        message = safe(f"{refusal.finding} {refusal.message}".lstrip())
        lines.append(f"  {message}  {style.paint(f'--allow {refusal.allow}', 'cyan')}")
    return fold("\n".join(lines) + "\n", style.width)


def spent_told(entries: Sequence[Move | Removal]) -> str:
    """Return which *entries* of ``removed:`` and ``moved:`` the snapshot knows nothing about."""
    message = [
        f"{entry.source if isinstance(entry, Move) else entry.address}"
        f" ({safe(entry.position.file)}:{entry.position.line})"
        for entry in entries[:_NAMED_ENTRIES]
    ]
    more = f" and {len(entries) - len(message)} more" if len(entries) > len(message) else ""
    return f"{', '.join(message)}{more}: the snapshot does not know what these entries name"
