"""
A plan for people.

Totals first; then what changes, with old and new value and the line that sets it,
equal changes of several servers once; the digest last. A plan that is longer than
a screen ends with its totals, where its reader ends up. A symbol never stands
without its word.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from icesync.errors import counted, listed
from icesync.model.desired import Move, Removal
from icesync.model.fields import BLOCKS, Setting
from icesync.model.plan import Action, FieldChange, Plan, Reason, ResourceChange
from icesync.model.report import Command, CommandResult
from icesync.model.secret import SecretComparison
from icesync.render.findings import (
    ChangeGroup,
    RefusalGroup,
    group_changes,
    group_refusals,
    is_full_record_shown,
)
from icesync.render.style import Style, columns, fold, quote, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.plan import Refusal, SecretChange

CANNOT_BE_READ: Final = "ICE has no read API: this compares the files with what it last confirmed"
_CAVEAT_AFTER: Final = timedelta(days=30)

_ALIGNED: Final = 60
"""Places line up behind values of up to so many columns."""

_NAMED_ENTRIES: Final = 5
_NAMED_KEYS: Final = 6

_PLAIN_REASONS: Final = frozenset({Reason.NOT_IN_SNAPSHOT, Reason.NOT_IN_FILES})
"""What the sentence of an action says by itself."""

_SCREEN: Final = 40
"""What is longer than so many lines has scrolled away when its end is read."""

SYMBOLS: Final = {
    Action.ADD: (Action.ADD.symbol, "green", "will be sent for the first time"),
    Action.UPDATE: (Action.UPDATE.symbol, "yellow", "will be updated"),
    Action.MOVE: (Action.MOVE.symbol, "blue", "will be sent to its new address"),
    Action.DISABLE: (Action.DISABLE.symbol, "red", "will be disabled"),
    Action.FORGET: (
        Action.FORGET.symbol,
        "magenta",
        "will be removed from the state; nothing is sent",
    ),
    Action.RESEND: (Action.RESEND.symbol, "cyan", "will be sent again"),
    Action.NOT_IN_FILES: (
        Action.NOT_IN_FILES.symbol,
        "dim",
        "is no longer in any file; left unchanged",
    ),
}

_COUNTED: Final = (
    (Action.ADD, "to add"),
    (Action.UPDATE, "to update"),
    (Action.MOVE, "to move"),
    (Action.DISABLE, "to disable"),
    (Action.FORGET, "to forget"),
    (Action.RESEND, "to resend"),
)


def render_plan(plan: Plan, digest: str, style: Style, *, every: bool = False) -> str:
    """Return *plan* as text; *digest* is its own. With *every*, each server stands alone."""
    parts = [plan_headline(plan, style), "\n"]
    shown = [change for change in plan.changes if change.action is not Action.NO_OP]
    groups = [ChangeGroup((change,)) for change in shown] if every else group_changes(shown)
    in_full = every or is_full_record_shown(shown)
    apart = True
    for group in groups:
        lines = [f"{line}\n" for line in _group_lines(group, style, in_full=in_full)]
        together = len(lines) == 1
        parts += lines if together and not apart else ["\n", *lines]
        apart = not together
    scrolled = sum(part.count("\n") for part in parts) > _SCREEN
    if scrolled:
        if len(groups) <= _SCREEN:
            parts.append(f"\n{style.paint('Changes:', 'bold')}\n")
            parts.extend(f"{line}\n" for line in _gist_lines(groups, style))
        parts.append(f"\n{plan_headline(plan, style)}\n")
    if plan.effective:
        parts.append(f"{'' if scrolled else chr(10)}Digest: {digest}\n")
    if not plan.complete:
        parts.append(style.paint(incomplete(plan), "yellow") + "\n")
    return fold("".join(parts), style.width)


def incomplete(plan: Plan) -> str:
    """Return why a plan that is not complete cannot be applied."""
    missed, secrets = _not_compared(plan)
    if plan.unanswered:
        return (
            f"Incomplete: the secret store failed for {counted(plan.unanswered, 'secret')}, "
            "so this plan may lack changes and cannot be applied."
        )
    if not missed:
        return "Incomplete: some secrets are not available, so this plan cannot be applied."
    words = "was" if missed == 1 else "were"
    return (
        f"Incomplete: {missed:,} of {counted(secrets, 'password')} {words} not compared, "
        "so this plan cannot be applied."
    )


def caveat(plan: Plan, confirmed: Iterable[str], now: datetime | None) -> str:
    """
    Return what a reader must know about where the plan's knowledge comes from, or nothing.

    It is said of the first plan, and when the oldest confirmation, of those of
    *confirmed*, is older than 30 days.
    """
    oldest = min(confirmed, default=None)
    if oldest is None:
        return f"{CANNOT_BE_READ}; nothing has been confirmed yet" if plan.lineage is None else ""
    then = datetime.fromisoformat(oldest)
    return CANNOT_BE_READ if now is not None and now - then > _CAVEAT_AFTER else ""


def caveat_of(result: CommandResult, now: datetime | None) -> str:
    """Return :func:`caveat` for a whole result; a check always says it."""
    if result.plan is None:
        return ""
    if result.command is Command.CHECK:
        return CANNOT_BE_READ
    return caveat(result.plan, [known.applied_at for known in result.assertions], now)


def totals(plan: Plan) -> str:
    """Return the counts of *plan* in one line, such as ``1 to add, 2 to update``."""
    counts = [f"{n:,} {text}" for action, text in _COUNTED if (n := plan.count(action))]
    rest = []
    if unchanged := plan.count(Action.NO_OP):
        unsure = sum(c.reason is Reason.ASSUMED for c in plan.changes if c.action is Action.NO_OP)
        rest.append(f"{unchanged:,} unchanged" + (f" ({unsure:,} unconfirmed)" if unsure else ""))
    if left := plan.count(Action.NOT_IN_FILES):
        rest.append(f"{left:,} no longer in any file")
    return "; ".join(part for part in (", ".join(counts), ", ".join(rest)) if part)


def plan_headline(plan: Plan, style: Style) -> str:
    """Return the totals of *plan* as its first line."""
    if plan.effective:
        return f"{style.paint('Plan:', 'bold')} {totals(plan)}."
    if not plan.changes:
        return "No servers selected."
    missed, secrets = _not_compared(plan)
    if missed:
        message = f"{missed:,} of {counted(secrets, 'password')} not compared"
        answer = style.paint(f"No changes in the settings, but {message}.", "bold", "yellow")
    elif not plan.complete:
        message = "No changes in the settings, but not every password was compared."
        answer = style.paint(message, "bold", "yellow")
    else:
        answer = style.paint("No changes.", "bold", "green")
    if (
        not missed
        and plan.complete
        and all(c.action is Action.NO_OP and c.reason is None for c in plan.changes)
    ):
        number = len(plan.changes)
        who = "The server matches" if number == 1 else f"All {number:,} servers match"
        return f"{answer} {who} what ICE last confirmed."
    return f"{answer} Nothing to send: {totals(plan)}."


def _not_compared(plan: Plan) -> tuple[int, int]:
    """Return how many passwords were not compared, and how many there are."""
    secrets = [s for change in plan.changes for s in change.secrets if s.reference]
    return sum(s.comparison is SecretComparison.NOT_COMPARED for s in secrets), len(secrets)


def _group_lines(group: ChangeGroup, style: Style, *, in_full: bool) -> Iterator[str]:
    """Yield what happens to the servers of *group*, once."""
    change = group.first
    if len(group.changes) == 1 and not group.by_file:
        yield from _change_lines(change, style, in_full=in_full)
        return
    symbol, colour, _ = SYMBOLS[change.action]
    head = f"{style.paint(symbol, colour, 'bold')} {style.paint(sentence_of(group), 'bold')}"
    names = listed([_title(change) for change in group.changes])
    if group.by_file:
        place = style.file(change.file)
        yield f"{head}: {names}  {style.paint(place, 'dim')}".rstrip()
        return
    yield f"{head}: {names}"
    yield from (f"    {style.paint(line, 'dim')}" for line in _reasons(change))
    if change.action is Action.NOT_IN_FILES:
        yield f"    {style.paint(removal_hint(group), 'dim')}"
    elif change.action.sends:
        yield from _differences(change, style, each=True)


def sentence_of(group: ChangeGroup) -> str:
    """Return what happens to the servers of *group*, such as ``60 servers will be updated``."""
    sentence = SYMBOLS[group.first.action][2]
    number = len(group.changes)
    if number > 1:
        sentence = sentence.replace("is no longer", "are no longer").replace("its new", "their new")
    return f"{counted(number, 'server')} {sentence}"


def removal_hint(group: ChangeGroup) -> str:
    """Return how servers end that are in no file any more."""
    first = group.first.address
    return (
        f"to remove one, add to a file of organization {first.organization}: `removed: "
        f"[{{skill: {first.skill}, action: disable}}]`"
    )


def _change_lines(change: ResourceChange, style: Style, *, in_full: bool) -> Iterator[str]:
    symbol, colour, sentence = SYMBOLS[change.action]
    head = f"{style.paint(symbol, colour, 'bold')} {style.paint(_title(change), 'bold')}"
    yield f"{head} {sentence}{_place(change.position, style)}"
    yield from (f"    {style.paint(line, 'dim')}" for line in _reasons(change))
    if change.action is Action.ADD:
        if in_full:
            yield from _whole_record(change, style)
    elif change.action.sends:
        yield from _differences(change, style)
    elif change.action is Action.NOT_IN_FILES and change.reason is not Reason.MOVE_NOT_SELECTED:
        yield f"    {style.paint(removal_hint(ChangeGroup((change,))), 'dim')}"


def _reasons(change: ResourceChange) -> Iterator[str]:
    """Yield why *change* is made, where that is not plain, and what becomes of an old record."""
    if change.reason is Reason.ASSUMED:
        yield change.reason
    elif change.reason and change.reason not in _PLAIN_REASONS:
        yield f"because {change.reason}"
    if change.moved_from is not None:
        yield old_record(change)


def old_record(change: ResourceChange) -> str:
    """Return what becomes of the record at the old address: a move sends nothing there."""
    source = change.moved_from
    assert source is not None
    if change.source_stays:
        return f"moved from {source}, which is disabled once ICE confirms the new record"
    return (
        f"moved from {source}: ICE keeps the record there; "
        f"`removed: [{{skill: {source.skill}, action: disable}}]` would stop it"
    )


def _title(change: ResourceChange) -> str:
    return f"{change.address} {quote(change.name)}" if change.name else str(change.address)


def _place(position: SourcePosition | None, style: Style) -> str:
    if position is None:
        return ""
    return "  " + style.paint(style.place(position), "dim")


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


def _differences(change: ResourceChange, style: Style, *, each: bool = False) -> Iterator[str]:
    odd = [s for s in change.secrets if s.comparison is not SecretComparison.UNCHANGED]
    rows = [(safe(f.key), *_transition(f, style), f.position) for f in change.fields]
    rows += [(safe(s.key), *_secret(s, style), None if each else s.position) for s in odd]
    keys = max((len(key) for key, *_ in rows), default=0)
    texts = min(max((length for _, _, length, _ in rows), default=0), _ALIGNED)
    for key, text, length, position in rows:
        gap = " " * max(texts - length, 0) if position else ""
        yield f"    {key:<{keys}}  {text}{gap}{_place(position, style)}"
    if rest := rest_of(change):
        yield f"    {style.paint(f'{rest} each' if each else rest, 'dim')}"


def rest_of(change: ResourceChange) -> str:
    """Return what is sent along unseen: a call always carries the whole record."""
    kept = len(change.after or {}) - sum(f.after is not None for f in change.fields)
    riding = [s.comparison for s in change.secrets if s.reference]
    unchanged = "unchanged " if riding.count(SecretComparison.UNCHANGED) == len(riding) else ""
    parts = [counted(kept, "unchanged setting")] if kept else []
    parts += [counted(len(riding), f"{unchanged}password")] if riding else []
    return f"also sends {' and '.join(parts)}" if parts else ""


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


def _gist_lines(groups: Sequence[ChangeGroup], style: Style) -> Iterator[str]:
    names = [listed([str(change.address) for change in group.changes]) for group in groups]
    width = max(map(len, names))
    words = max(len(group.first.action) for group in groups)
    for group, name in zip(groups, names, strict=True):
        symbol, colour, _ = SYMBOLS[group.first.action]
        mark = style.paint(symbol, colour, "bold")
        line = f"  {mark} {group.first.action:<{words}}  {name:<{width}}"
        gist = gist_of(group.first) if len(group.changes) == 1 or not group.by_file else ""
        yield f"{line}  {gist}".rstrip()


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
        return safe(listed(keys, _NAMED_KEYS))
    return quote(change.name) if change.name else ""


def render_refusals(refusals: Sequence[Refusal], style: Style, *, every: bool = False) -> str:
    """Return what is blocked and the flag that lets each through, equal refusals once."""
    if not refusals:
        return ""
    lines = [style.paint("Blocked until you allow it:", "yellow", "bold")]
    for group in group_refusals(refusals):
        flag = style.paint(f"--allow {group.allow}", "cyan")
        lines.append(f"  {style.sentence(refusal_sentence(group))}  {flag}")
        if every and len(group.refusals) > 1:
            lines += [f"    {refusal.address}" for refusal in group.refusals]
    return fold("\n".join(lines) + "\n", style.width)


def refusal_sentence(group: RefusalGroup) -> str:
    """Return what *group* says, with its rule, and of which servers."""
    names = [str(refusal.address) for refusal in group.refusals if refusal.address is not None]
    head = group.finding or group.rule
    if len(names) < 2:
        return f"{group.finding} {group.message}".lstrip()
    return f"{head}, {len(names):,} servers: {group.message} ({listed(names)})"


def describe_obsolete(entries: Sequence[Move | Removal], style: Style) -> str:
    """Return which *entries* of ``removed:`` and ``moved:`` the state knows nothing about."""
    named = [
        f"{entry.source if isinstance(entry, Move) else entry.address}"
        f" ({style.place(entry.position)})"
        for entry in entries
    ]
    return listed(named, _NAMED_ENTRIES)
