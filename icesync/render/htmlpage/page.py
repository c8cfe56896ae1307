"""What a page is made of, as values, and its text: jinja2, all escaped, style and script inside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from icesync.diagnostics import SourcePosition
from icesync.frozen import NamedTuple, frozen
from icesync.render.style import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from icesync.render import RenderContext
    from icesync.render.htmlpage.charts import AgeRow, Bar, OrganizationMap, Timeline


@frozen
class Status:
    """
    One kind of thing on a page, and how many there are.

    *key* names its colours in the style sheet; the words say the same, for
    those who see no colours.
    """

    key: str
    symbol: str
    word: str
    count: int


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


class Line(NamedTuple):
    """One server of a table; each of *cells* is what was there, or nothing, and what is."""

    id: str
    group: str
    name: str
    cells: Sequence[tuple[str, str]]


@frozen
class Table:
    """Servers that differ in *columns* only; folded unless *is_open*."""

    columns: Sequence[str]
    lines: Sequence[Line]
    is_open: bool


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

    *servers* are those that it happens to, where there are several, *table* those
    that differ in a few settings; *file* is where all of them stand.
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
    table: Table | None = None
    file: str = ""


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


def render_sheet(sheet: Sheet) -> str:
    """Return the whole page; whatever came from outside is text in it."""
    page: str = _environment().get_template("page.html").render(sheet=sheet)
    return page


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("icesync.render.htmlpage"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    style, script = _source(environment, "page.css"), _source(environment, "page.js")
    environment.globals.update(style=Markup(style), script=Markup(script))  # noqa: S704 - ours
    environment.globals["policy"] = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    environment.filters["link"] = _link
    environment.filters["rows"] = _rows
    environment.filters["settings"] = _settings
    environment.filters["first_line"] = SourcePosition
    environment.filters["web"] = _is_web
    environment.filters["prose"] = _prose
    return environment


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    """Return the source expression that lets exactly *text* stand in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _finalize(value: object) -> object:
    """Show what cannot be seen; escaping comes after it, and what is markup already stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _rows(lines: Sequence[Line], kind: str) -> Markup:
    """Return the rows of a table."""
    shown = _escaped(
        part
        for line in lines
        for part in (line.id, kind, line.group, line.name, *chain.from_iterable(line.cells))
    )
    return Markup("".join(_row(shown, len(line.cells)) for line in lines))  # noqa: S704 - escaped


def _row(shown: Iterator[str], cells: int) -> str:
    """Return a row made of the next texts of *shown*."""
    id_, kind, group, name = next(shown), next(shown), next(shown), next(shown)
    both = ((next(shown), next(shown)) for _ in range(cells))
    told = "".join(f"<td><del>{o}</del> {n}</td>" if o else f"<td>{n}</td>" for o, n in both)
    return (
        f'<tr id="{id_}" data-kind="{kind}" data-group="{group}"><th scope="row"><b>{id_}</b> '
        f'<bdi class="name">{name}</bdi></th>{told}</tr>\n'
    )


def _settings(rows: Sequence[tuple[str, str]]) -> Markup:
    """Return the settings of a block."""
    shown = _escaped(chain.from_iterable(rows))
    pairs = zip(shown, shown, strict=True)
    row = "<div><dt><bdi>{}</bdi></dt><dd><bdi>{}</bdi></dd></div>\n"
    return Markup("".join(row.format(key, value) for key, value in pairs))  # noqa: S704 - escaped


def _escaped(texts: Iterable[str]) -> Iterator[str]:
    """Yield *texts* visible and escaped, all at once: jinja would take four times as long."""
    parts = list(texts)
    joined = "\n".join(parts)
    if joined.count("\n") >= len(parts) or not joined.replace("\n", "").isprintable():
        joined = "\n".join(map(visible, parts))
    return iter(str(escape(joined)).split("\n"))


def _link(place: SourcePosition, view: RenderContext) -> str:
    """Return where *place* can be looked at, or nothing; no address but one of the web."""
    url = view.ci.link(place)
    return url if _is_web(url) else ""


def _prose(text: str) -> Markup:
    """Return the sentence *text* with what stands in backticks as code."""
    parts = visible(text).split("`")
    if len(parts) % 2 == 0:  # one of them closes nothing
        return escape(visible(text))
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if n % 2 else part for n, part in enumerate(parts))


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))
