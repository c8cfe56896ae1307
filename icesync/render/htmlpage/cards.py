"""
What the changes of a plan look like on a page: cards, and tables of many that are alike.

A few changes have a card each, with all that is sent. Of many of one kind a page of cards
would be too heavy to open and too long to read: they are tables, an organization each. What
the servers of a table have in common is told once; a column is something that differs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.errors import counted
from icesync.frozen import frozen
from icesync.model.fields import BLOCKS, FIELDS, Setting
from icesync.model.plan import Action, Reason, ResourceChange
from icesync.model.secret import SecretComparison
from icesync.regex import regex
from icesync.render.findings import ChangeGroup, group_changes
from icesync.render.htmlpage.page import Block, Card, Line, Row, Server, Status, Table
from icesync.render.plan import (
    SYMBOLS,
    old_record,
    removal_hint,
    rest_of,
    sentence_of,
    shown_secret,
    shown_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from icesync.model.desired import Address
    from icesync.model.pipeline import Pipeline

_MAX_CARDS: Final = 24
"""Of more changes of one kind those that are not alike are lines of tables."""

_MIN_LINES: Final = 3
"""Organizations with fewer lines share a table."""

_MAX_OPEN: Final = 100
"""Tables with more lines in all are folded."""

_SAME: Final = ("", "")

_SENSITIVE: Final = "(sensitive)"

_PLAIN: Final = regex(r"[\w .@+/-]*", re.ASCII)
"""A text in which a plan has nothing to escape, as most are."""


Columns: TypeAlias = dict[str, list[tuple[str, str]]]
"""Of each column what a server had, or nothing, and what it has."""


@frozen
class Ending:
    """What a change came to: *status* in its colours, what was said about it, how long it took."""

    status: Status
    detail: str = ""
    spent: str = ""


def plan_cards(changes: Sequence[ResourceChange], ci: Pipeline) -> list[Card]:
    """Return *changes* as cards: one for all servers whose change is the same."""
    cards: list[tuple[Address, Card]] = []
    alone: list[ResourceChange] = []
    for group in group_changes(changes):
        if group.by_file or len(group.changes) == 1:
            alone += group.changes
        else:
            cards.append((group.first.address, _group_card(group)))
    return _sorted([*cards, *_cards(alone, {}, ci)])


def outcome_cards(
    changes: Sequence[ResourceChange], endings: Mapping[Address, Ending], ci: Pipeline
) -> list[Card]:
    """Return *changes* as cards, each with its ending, if it has one."""
    return _sorted(_cards(changes, endings, ci))


def _sorted(cards: Iterable[tuple[Address, Card]]) -> list[Card]:
    return [card for _, card in sorted(cards, key=lambda pair: pair[0])]


def _cards(
    changes: Sequence[ResourceChange], endings: Mapping[Address, Ending], ci: Pipeline
) -> Iterator[tuple[Address, Card]]:
    """Yield *changes* as cards or, of a kind that has many, as tables; each with its address."""
    kinds: dict[str, list[ResourceChange]] = {}
    for change in changes:
        ending = endings.get(change.address)
        kind = ending.status.key if ending else change.action.value
        kinds.setdefault(kind, []).append(change)
    for alike in kinds.values():
        few = len(alike) <= _MAX_CARDS
        groups = [[change] for change in alike] if few else list(_tabled(alike))
        is_open = sum(map(len, groups)) <= _MAX_OPEN
        for group in groups:
            first = group[0]
            if len(group) == 1:
                yield first.address, card_of(first, endings.get(first.address))
            else:
                yield first.address, _table_card(group, endings, ci, is_open=is_open)


def _tabled(changes: Sequence[ResourceChange]) -> Iterator[list[ResourceChange]]:
    """Yield what shares a table: what happens for one reason in one organization."""
    tables: dict[object, list[ResourceChange]] = {}
    for change in changes:
        key = (change.action, change.reason, change.address.organization)
        tables.setdefault(key, []).append(change)
    small: dict[object, list[ResourceChange]] = {}
    for table in tables.values():
        if len(table) < _MIN_LINES:
            small.setdefault((table[0].action, table[0].reason), []).extend(table)
        else:
            yield table
    yield from small.values()


def _table_card(
    changes: Sequence[ResourceChange],
    endings: Mapping[Address, Ending],
    ci: Pipeline,
    *,
    is_open: bool,
) -> Card:
    """Return *changes*, which have action and reason in common, as one card with a table."""
    first = changes[0]
    ending = endings.get(first.address)
    blocks: tuple[Block, ...] = ()
    shown: Columns = {}
    if first.action is Action.ADD:
        blocks, shown = _first_sends(changes)
    elif first.action.sends:
        shown = _differences(changes)
    files = [change.file for change in changes]
    same_file = len(set(files)) == 1
    columns: Columns = {}
    if not same_file:
        columns["file"] = [("", ci.path(file)) for file in files]
    if first.moved_from is not None:
        columns["moved from"] = [("", str(change.moved_from)) for change in changes]
    columns |= shown
    if ending is not None:
        ended = [endings[change.address] for change in changes]
        columns["took"] = [("", each.spent) for each in ended]
        columns["answer"] = [("", each.detail) for each in ended]
    columns = {name: cells for name, cells in columns.items() if any(map(any, cells))}
    lines = [
        Line(str(c.address), str(c.address.organization), c.name, cells)
        for c, *cells in zip(changes, *columns.values(), strict=True)
    ]
    card = _outline_of(changes, ending)
    return replace(
        card,
        name=f"organization {card.group}" if card.group else "",
        file=files[0] if same_file else "",
        blocks=blocks,
        table=Table(tuple(columns), lines, is_open=is_open),
        riding=_riding_of(changes),
        hint=_hint_of(changes),
    )


def _riding_of(changes: Sequence[ResourceChange]) -> str:
    """Return what each of *changes* sends along unseen, where that is the same."""
    if changes[0].action is Action.ADD or not changes[0].action.sends:
        return ""
    texts = {rest_of(change) for change in changes}
    return f"{texts.pop()} each" if len(texts) == 1 and all(texts) else ""


def _hint_of(changes: Sequence[ResourceChange]) -> str:
    first = changes[0]
    if first.action is Action.NOT_IN_FILES:
        return removal_hint(ChangeGroup(tuple(changes)))
    return f"{first.address} {old_record(first)}" if first.moved_from else ""


def _first_sends(changes: Sequence[ResourceChange]) -> tuple[tuple[Block, ...], Columns]:
    """Return what records that are sent for the first time have in common, and what not."""
    settings = [change.after or {} for change in changes]
    secrets = [{secret.key for secret in change.secrets} for change in changes]
    given, secret_keys = set[str]().union(*settings), set[str]().union(*secrets)
    common: list[tuple[str, str]] = []
    own: Columns = {}
    for key in (field.key for field in FIELDS):
        if key in given:
            values = [each.get(key) for each in settings]
            if values.count(values[0]) < len(values):
                own[key] = _shown(values)
            else:
                common.append((key, shown_value(values[0])))
        elif key in secret_keys:
            texts = [_SENSITIVE if key in each else "" for each in secrets]
            if "" in texts:
                own[key] = [("", text) for text in texts]
            else:
                common.append((key, _SENSITIVE))
    return tuple(_blocks(common)), own


def _shown(values: Sequence[Setting | None]) -> list[tuple[str, str]]:
    """Return the cells of a column: *values* as a plan shows them, nothing where none is given."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values) and _PLAIN.fullmatch("".join(texts)):
        return [("", f'"{text}"') for text in texts]
    return [("", "" if value is None else shown_value(value)) for value in values]


def _differences(changes: Sequence[ResourceChange]) -> Columns:
    """Return old and new of each setting and secret that differs, empty where it does not."""
    columns: Columns = {}
    for number, change in enumerate(changes):
        for row in _rows(change, placed=False):
            cells = columns.setdefault(row.key, [_SAME] * len(changes))
            cells[number] = (row.before, row.secret or row.after)
    order = {field.key: number for number, field in enumerate(FIELDS)}
    return dict(sorted(columns.items(), key=lambda column: order.get(column[0], 0)))


def card_of(change: ResourceChange, ending: Ending | None = None) -> Card:
    """Return *change* in full, with its *ending*."""
    first = change.action is Action.ADD
    sent = change.action.sends
    return replace(
        _outline(change, ending),
        name=change.name,
        place=change.position,
        rows=tuple(_rows(change)) if sent and not first else (),
        blocks=tuple(_blocks(_record(change))) if first else (),
        riding=rest_of(change) if sent and not first else "",
        hint=_hint(change),
        detail=ending.detail if ending else "",
        spent=ending.spent if ending else "",
    )


def _outline(change: ResourceChange, ending: Ending | None) -> Card:
    symbol, _, sentence = SYMBOLS[change.action]
    reason = _reason(change)
    if ending:  # what will be done is done, or is not
        sentence, reason = reason, ""
    return Card(
        id=str(change.address),
        kind=ending.status.key if ending else change.action.value,
        group=str(change.address.organization),
        tone=Status(change.action.value, symbol, change.action.value, 1),
        title=str(change.address),
        sentence=sentence,
        reason=reason,
        outcome=ending.status if ending else None,
    )


def _outline_of(changes: Sequence[ResourceChange], ending: Ending | None = None) -> Card:
    """Return what a card of several *changes* says above them."""
    card = _outline(changes[0], ending)
    organizations = {c.address.organization for c in changes}
    return replace(
        card,
        id=f"from-{card.id}",
        group=card.group if len(organizations) == 1 else "",
        title=counted(len(changes), "server"),
        sentence=card.sentence
        if ending
        else sentence_of(ChangeGroup(tuple(changes))).partition(" ")[2].partition(" ")[2],
    )


def _group_card(group: ChangeGroup) -> Card:
    card = card_of(group.first)
    return replace(
        _outline_of(group.changes),
        rows=tuple(replace(row, place=None) if row.secret else row for row in card.rows),
        blocks=card.blocks,
        riding=f"{card.riding} each" if card.riding else "",
        hint=removal_hint(group) if group.first.action is Action.NOT_IN_FILES else card.hint,
        servers=tuple(Server(str(c.address), c.name, "") for c in group.changes),
    )


def _reason(change: ResourceChange) -> str:
    evident = change.reason in {None, Reason.NOT_IN_SNAPSHOT, Reason.NOT_IN_FILES}
    return "" if evident else f"because {change.reason}"


def _hint(change: ResourceChange) -> str:
    if change.moved_from is not None:
        return old_record(change)
    if change.action is not Action.NOT_IN_FILES:
        return ""
    return removal_hint(ChangeGroup((change,)))


def _rows(change: ResourceChange, *, placed: bool = True) -> Iterator[Row]:
    for field in change.fields:
        before, after = shown_value(field.before), shown_value(field.after)
        yield Row(field.key, before, after, place=field.position if placed else None)
    for secret in change.secrets:
        if secret.comparison is not SecretComparison.UNCHANGED:
            place = secret.position if placed else None
            yield Row(secret.key, secret=shown_secret(secret), place=place)


def _record(change: ResourceChange) -> Iterator[tuple[str, str]]:
    """Yield all that is sent, by key."""
    yield from ((field.key, shown_value(field.after)) for field in change.fields)
    yield from ((secret.key, _SENSITIVE) for secret in change.secrets)


def _blocks(record: Iterable[tuple[str, str]]) -> Iterator[Block]:
    blocks: dict[str, list[tuple[str, str]]] = {name: [] for name in ("", *BLOCKS)}
    for key, text in record:
        block, _, leaf = key.rpartition(".")
        blocks.setdefault(block, []).append((leaf, text))
    yield from (Block(name or "record", rows) for name, rows in blocks.items() if rows)
