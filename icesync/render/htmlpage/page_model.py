"""What a page is made of, as values; the templates know nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.render.formats import RenderContext
    from icesync.render.htmlpage.fleet_map import AgeRow, Bar, OrganizationMap
    from icesync.render.htmlpage.status import Status
    from icesync.render.htmlpage.timeline import Timeline


@frozen
class Item:
    """One point of an alert; *anchor* is the id of what it is about."""

    text: str
    place: SourcePosition | None = None
    anchor: str | None = None
    label: str = ""
    command: str = ""
    hint: str = ""


class Fact(NamedTuple):
    """One thing at the top of a page; *url* is empty where it leads nowhere."""

    label: str
    value: str
    url: str = ""


@frozen
class Alert:
    """Something at the top that must not be overlooked."""

    tone: str
    title: str
    items: Sequence[Item]


@frozen
class Row:
    """One setting of a card: old and new, or for a secret how it compares."""

    key: str
    before: str = ""
    after: str = ""
    secret: str = ""
    place: SourcePosition | None = None


@frozen
class Block:
    """The settings of one protocol of a first send."""

    title: str
    rows: Sequence[tuple[str, str]]


@frozen
class Server:
    """One server, in a line."""

    id: str
    name: str
    age: str


@frozen
class Card:
    """
    One thing in full; *kind* and *group* are what the filter goes by.

    *servers* are those that it happens to, where there are several.
    """

    id: str
    kind: str
    group: str
    tone: Status
    title: str
    sentence: str
    name: str = ""
    place: SourcePosition | None = None
    reason: str = ""
    rows: Sequence[Row] = ()
    blocks: Sequence[Block] = ()
    riding: str = ""
    outcome: Status | None = None
    detail: str = ""
    spent: str = ""
    hint: str = ""
    servers: Sequence[Server] = ()


@frozen
class Rest:
    """The unchanged servers of one organization."""

    group: str
    servers: Sequence[Server]


@frozen
class Sheet:
    """
    A page.

    *tones* are the kinds to filter by, in the order of the legend; *groups* the
    organizations or files, *group_word* what they are called. *probes* are
    what mail servers answered, where the page is about something else.
    """

    view: RenderContext
    kind: str
    headline: str
    subtitle: str
    facts: Sequence[Fact]
    alerts: Sequence[Alert]
    tones: Sequence[Status]
    bar: Sequence[Bar]
    groups: Sequence[str]
    group_word: str
    cards_title: str
    cards: Sequence[Card]
    nothing: str
    probes: Sequence[Card] = ()
    rest: Sequence[Rest] = ()
    tiles: Sequence[OrganizationMap] = ()
    folded: str = ""
    ages: Sequence[AgeRow] = ()
    timeline: Timeline | None = None
    notes: Sequence[str] = ()
    digest: str = ""
