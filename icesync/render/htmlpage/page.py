"""From the values of a page to its text: jinja2, everything escaped, style and script inside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from icesync.render.style import visible

if TYPE_CHECKING:
    from icesync.diagnostics import SourcePosition
    from icesync.render.formats import RenderContext
    from icesync.render.htmlpage.page_model import Sheet


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
    environment.filters["web"] = _is_web
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


def _link(place: SourcePosition, view: RenderContext) -> str:
    """Return where *place* can be looked at, or nothing; no address but one of the web."""
    url = view.ci.link(place)
    return url if _is_web(url) else ""


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))
