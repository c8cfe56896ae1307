"""The page of the emulator: one value in, one HTML text out, nothing loaded from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from icesync.emulator.history import Verdict
from icesync.emulator.stylesheet import STYLESHEET
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, INCOMING_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icesync.emulator.history import Call, Stats, StoredServer

__all__ = ["Overview", "render_page"]

_REFRESH_S: Final = 5
_DOTS: Final = "•" * 4
_NONE: Final = "&ndash;"
_GOOD: Final = frozenset({Verdict.APPLIED, Verdict.LOGGED_IN, Verdict.LOGGED_OUT})
_SERVER_COLUMNS: Final = (
    ("Server", ""), ("Status", ""), ("Sends by", ""), ("Collects by", ""), ("Security", ""),
    ("Passwords", ""), ("Revision", "number"), ("Last write", ""),
)  # fmt: skip
_CALL_COLUMNS: Final = (
    ("Call", "number"), ("When", ""), ("Request", "path"), ("Server", ""), ("Outcome", ""),
    ("HTTP", "number"), ("Remarks", "note"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows: the first servers by address, the last calls, newest first."""

    base_url: str
    servers: tuple[StoredServer, ...]
    calls: tuple[Call, ...]
    stats: Stats


def render_page(overview: Overview) -> str:
    """Return the whole page; every text that came from outside is escaped."""
    stats = overview.stats
    more = stats.servers - len(overview.servers)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta http-equiv="refresh" content="{_REFRESH_S}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ICE emulator</title>
<style>{STYLESHEET}</style>
</head>
<body>
<header>
<div><h1>ICE emulator</h1>
<p>The documented calls of the email API, on this machine. Nothing here reaches the real
service; passwords are kept as keyed digests only.</p></div>
<code class="address">base_url: {escape(overview.base_url)}</code>
</header>
<dl class="tiles">{_tiles(stats)}</dl>
<h2>Email servers<small>{f"and {more:,} more" if more > 0 else "sorted by address"}</small></h2>
<div class="card">{_servers(overview.servers)}</div>
<h2>Calls<small>the last {len(overview.calls)}, newest first, times in UTC</small></h2>
<div class="card">{_calls(overview.calls)}</div>
<footer><span>As JSON:</span>
<a href="/_emulator/servers">servers</a> <a href="/_emulator/calls">calls</a>
<a href="/_emulator/stats">stats</a>
<span>Start anew: <code>POST /_emulator/reset</code></span>
<span>This page renews itself every {_REFRESH_S} seconds.</span></footer>
</body>
</html>
"""


def _tiles(stats: Stats) -> str:
    applied = stats.outcomes.get(Verdict.APPLIED, 0)
    refused = sum(n for outcome, n in stats.outcomes.items() if outcome not in _GOOD)
    tiles = (
        ("email servers", stats.servers, ""),
        ("calls", stats.calls, ""),
        ("writes applied", applied, "good" if applied else ""),
        ("calls refused", refused, "bad" if refused else ""),
    )
    return "".join(
        f'<div class="{tone}"><dt>{name}</dt><dd>{count:,}</dd></div>'
        for name, count, tone in tiles
    )


def _servers(servers: Iterable[StoredServer]) -> str:
    rows = [_server_cells(server) for server in servers]
    return _table(_SERVER_COLUMNS, rows, "No email server yet: run <code>icesync apply</code>.")


def _calls(calls: Iterable[Call]) -> str:
    return _table(_CALL_COLUMNS, [_call_cells(call) for call in calls], "No call yet.")


def _table(columns: tuple[tuple[str, str], ...], rows: list[tuple[str, ...]], empty: str) -> str:
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


def _server_cells(server: StoredServer) -> tuple[str, ...]:
    organization, skill = server.address
    name = f"{organization}/{skill}"
    pop3, imap = INCOMING_BLOCKS
    incoming = imap if _value(server, "incoming") else pop3
    return (
        f'<a href="/_emulator/servers/{name}"><b>{name}</b></a>',
        _status(server),
        _mail_block(server, "smtp"),
        _mail_block(server, incoming),
        _security(server),
        _secrets(server),
        str(server.revision),
        _time(server.updated_at),
    )


def _status(server: StoredServer) -> str:
    status = _value(server, "status")
    inactive = "" if _value(server, "active") else "<small>not active</small>"
    tone = "good" if status == "Enabled" and not inactive else ""
    return f'<span class="pill {tone}">{_text(status)}</span>{inactive}'


def _mail_block(server: StoredServer, block: str) -> str:
    host, port, user = (
        _text(_value(server, f"{block}.{leaf}")) for leaf in ("host", "port", "username")
    )
    return (
        f'<span class="cut">{host}:{port}</span>'
        f'<small class="cut">{block.upper()} as {user}</small>'
    )


def _security(server: StoredServer) -> str:
    modes = " + ".join(key.upper() for key in ("ssl", "tls") if _value(server, key))
    spoofed = _value(server, "spoofing.enabled")
    sender = _text(_value(server, "spoofing.address"))
    spoofing = f'<small class="cut">sends as {sender}</small>' if spoofed else ""
    return (modes or "in the clear") + spoofing


def _secrets(server: StoredServer) -> str:
    secrets = (
        f"<div>{_DOTS if _value(server, field.key) else _NONE}<small>{field.block}</small></div>"
        for field in FIELDS
        if field.secret
    )
    return f'<div class="secrets">{"".join(secrets)}</div>'


def _call_cells(call: Call) -> tuple[str, ...]:
    tone = "good" if call.outcome in _GOOD else "bad"
    request = f"{escape(call.method)} {escape(call.path)}"
    return (
        str(call.id),
        _time(call.at),
        f'<span class="mono" title="{request}">{request}</span>',
        "" if call.org is None else f"{call.org}/{call.skill}",
        f'<span class="pill {tone}">{escape(call.outcome)}</span>',
        str(call.status),
        escape("; ".join(_remarks(call))),
    )


def _remarks(call: Call) -> Iterator[str]:
    if call.revision is not None:
        yield f"revision {call.revision}"
    if call.errors:
        yield f"does not fit: {', '.join(call.errors)}"
    if call.ignored:
        yield f"ignored: {', '.join(call.ignored)}"
    if call.conflicts:
        yield f"two values: {', '.join(call.conflicts)}"


def _value(server: StoredServer, key: str) -> object:
    """Return the stored value of a setting, looked up by the field table."""
    return server.document.get(FIELDS_BY_KEY[key].wire[0])


def _text(value: object) -> str:
    return _NONE if value in {None, ""} else escape(str(value))


def _time(stamp: str) -> str:
    day, _, rest = stamp.partition("T")
    return f'<time datetime="{escape(stamp)}" title="{escape(day)}">{escape(rest[:8])}</time>'
