"""What the tables of the page are made of."""

from __future__ import annotations

from html import escape
from typing import Final

__all__ = ["NONE", "render_pill", "render_table", "render_text", "render_time"]

NONE: Final = "&ndash;"


def render_table(
    columns: tuple[tuple[str, str], ...], rows: list[tuple[str, ...]], empty: str
) -> str:
    """Return a table of cells that are HTML already, or the text for an *empty* one."""
    if not rows:
        return f'<p class="empty">{empty}</p>'
    heads = "".join(f'<th class="{style}">{name}</th>' for name, style in columns)
    lines = (
        "".join(
            f'<td class="{style}">{cell}</td>'
            for cell, (_, style) in zip(cells, columns, strict=True)
        )
        for cells in rows
    )
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>"


def render_pill(text: str, tone: str) -> str:
    """Return a short word on a coloured ground."""
    return f'<span class="pill {tone}">{escape(text)}</span>'


def render_text(value: object) -> str:
    """Return a value escaped; nothing becomes a dash."""
    return NONE if value in {None, ""} else escape(str(value))


def render_time(stamp: str) -> str:
    """Return the time of day of a timestamp; its day shows when pointed at."""
    day, _, rest = stamp.partition("T")
    return f'<time datetime="{escape(stamp)}" title="{escape(day)}">{escape(rest[:8])}</time>'
