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
    from collections.abc import Sequence

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

    def visible(self) -> Line:
        """Return the line with the code points of what cannot be printed."""
        cells = [(visible(old), visible(new)) for old, new in self.cells]
        return Line(self.id, self.group, visible(self.name), cells)


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
        optimized=False,  # there is nothing constant to fold, and looking for it takes time
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
    cells = chain.from_iterable(line.cells for line in lines)
    if not "".join([*chain.from_iterable(cells), *(line.name for line in lines)]).isprintable():
        lines = [line.visible() for line in lines]
    tags = (
        '<tr id="',
        f'" data-kind="{kind}" data-group="',
        '"><th scope="row"><b>',
        '</b> <bdi class="name">',
        "</bdi></th>",
        "<td>",
        "<td><del>",
        "</del> ",
        "</td>",
        "</tr>\n",
    )
    rows = [
        f"\x01{line.id}\x02{line.group}\x03{line.id}\x04{line.name}\x05"
        + "".join(
            [f"\x07{old}\x08{new}\x09" if old else f"\x06{new}\x09" for old, new in line.cells]
        )
        + "\x0a"
        for line in lines
    ]
    return _marked_up("".join(rows), tags)


def _settings(rows: Sequence[tuple[str, str]]) -> Markup:
    """Return the settings of a block."""
    if not "".join(chain.from_iterable(rows)).isprintable():
        rows = [(visible(key), visible(value)) for key, value in rows]
    tags = "<div><dt><bdi>", "</bdi></dt><dd><bdi>", "</bdi></dd></div>\n"
    return _marked_up("".join([f"\x01{key}\x02{value}\x03" for key, value in rows]), tags)


def _marked_up(text: str, tags: Sequence[str]) -> Markup:
    """
    Return *text* escaped, and the tag that each control stands for: the first for the first.

    All is escaped at once: jinja would take four times as long. What is visible has no controls.
    """
    html = str(escape(text))
    for number, tag in enumerate(tags, start=1):
        html = html.replace(chr(number), tag)
    return Markup(html)  # noqa: S704 - escaped above


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
