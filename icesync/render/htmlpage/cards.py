"""The changes of a plan as cards, tones and rows; the words are those of the terminal."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from icesync.model.fields import BLOCKS
from icesync.model.plan import Action, Reason
from icesync.model.secret import SecretComparison
from icesync.render.groups import ChangeGroup, group_changes
from icesync.render.htmlpage.page_model import Block, Card, Rest, Row, Server
from icesync.render.htmlpage.status import Status
from icesync.render.plan import (
    SYMBOLS,
    old_record,
    removal_hint,
    rest_of,
    sentence_of,
    shown_secret,
    shown_value,
)
from icesync.render.state import age
from icesync.render.style import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from icesync.model.address import Address
    from icesync.model.plan import Plan, ResourceChange

_WORDS: Final = {
    Action.ADD: "to add",
    Action.UPDATE: "to update",
    Action.MOVE: "to move",
    Action.DISABLE: "to disable",
    Action.FORGET: "to forget",
    Action.RESEND: "to resend",
    Action.ORPHAN: "no longer in any file",
}

QUIET: Final = "no-op"


def action_tones(plan: Plan) -> list[Status]:
    """Return one tone for each action of *plan* that occurs, the unchanged last."""
    tones = [
        Status(action.value, SYMBOLS[action][0], word, plan.count(action))
        for action, word in _WORDS.items()
    ]
    tones.append(Status(QUIET, "", "unchanged", plan.count(Action.NO_OP)))
    return [tone for tone in tones if tone.count]


def card_of(change: ResourceChange) -> Card:
    """Return *change* in full."""
    symbol, _, sentence = SYMBOLS[change.action]
    tone = Status(change.action.value, symbol, change.action.value, 1)
    first = change.action is Action.ADD
    sent = change.action.sends
    return Card(
        id=str(change.address),
        kind=change.action.value,
        group=str(change.address.organization),
        tone=tone,
        title=str(change.address),
        sentence=sentence,
        name=change.name,
        place=change.position,
        reason=_reason(change),
        rows=tuple(_rows(change)) if sent and not first else (),
        blocks=tuple(_blocks(change)) if first else (),
        riding=rest_of(change) if sent and not first else "",
        hint=_hint(change),
    )


def cards_of(changes: Sequence[ResourceChange]) -> list[Card]:
    """Return *changes* as cards: one for all servers whose change is the same."""
    cards: list[Card] = []
    for group in group_changes(changes):
        if group.by_file or len(group.changes) == 1:
            cards += [card_of(change) for change in group.changes]
        else:
            cards.append(_group_card(group))
    return cards


def _group_card(group: ChangeGroup) -> Card:
    change = group.first
    card = card_of(change)
    organizations = {c.address.organization for c in group.changes}
    return replace(
        card,
        id=f"from-{change.address}",
        group=card.group if len(organizations) == 1 else "",
        title=counted(len(group.changes), "server"),
        name="",
        sentence=sentence_of(group).partition(" ")[2].partition(" ")[2],
        place=None,
        rows=tuple(replace(row, place=None) if row.secret else row for row in card.rows),
        riding=f"{card.riding} each" if card.riding else "",
        hint=removal_hint(group) if change.action is Action.ORPHAN else card.hint,
        servers=tuple(Server(str(c.address), c.name, "") for c in group.changes),
    )


def _reason(change: ResourceChange) -> str:
    told = change.reason in {None, Reason.NOT_IN_SNAPSHOT, Reason.NOT_IN_FILES}
    return "" if told else f"because {change.reason}"


def _hint(change: ResourceChange) -> str:
    if change.moved_from is not None:
        return old_record(change)
    if change.action is not Action.ORPHAN:
        return ""
    return removal_hint(ChangeGroup((change,)))


def _rows(change: ResourceChange) -> Iterator[Row]:
    for field in change.fields:
        before, after = shown_value(field.before), shown_value(field.after)
        yield Row(field.key, before, after, place=field.position)
    for secret in change.secrets:
        if secret.comparison is not SecretComparison.UNCHANGED:
            yield Row(secret.key, secret=shown_secret(secret), place=secret.position)


def _blocks(change: ResourceChange) -> Iterator[Block]:
    for name in ("", *BLOCKS):
        rows = [
            (_leaf(f.key), shown_value(f.after)) for f in change.fields if _block(f.key) == name
        ]
        rows += [(_leaf(s.key), "(sensitive)") for s in change.secrets if _block(s.key) == name]
        if rows:
            yield Block(name or "record", tuple(rows))


def _block(key: str) -> str:
    return key.rpartition(".")[0]


def _leaf(key: str) -> str:
    return key.rpartition(".")[2]


def rests_of(
    changes: Sequence[ResourceChange], acknowledged: Mapping[Address, str], now: datetime | None
) -> list[Rest]:
    """Return the servers of *changes*, one line each, by organization."""
    return [
        Rest(
            str(organization),
            tuple(
                Server(
                    str(c.address),
                    c.name,
                    age(acknowledged.get(c.address), now) if now is not None else "",
                )
                for c in group
            ),
        )
        for organization, group in groupby(changes, key=lambda c: c.address.organization)
    ]
