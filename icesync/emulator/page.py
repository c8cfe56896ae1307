"""The page of the emulator: one value in, one HTML text out, nothing loaded from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from icesync.emulator.history import Verdict
from icesync.emulator.pagecalls import GOOD, call_table
from icesync.emulator.pagefaults import fault_table
from icesync.emulator.pageservers import server_table
from icesync.emulator.stylesheet import STYLESHEET

if TYPE_CHECKING:
    from icesync.emulator.history import Call, Stats, StoredServer
    from icesync.emulator.player import Standing

__all__ = ["Overview", "render_page"]

_REFRESH_S: Final = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """
    What the page shows: the first servers by address, the last calls, newest first.

    *faults* are those in force, *choices* the switches of the profile that are
    not at their default.
    """

    base_url: str
    servers: tuple[StoredServer, ...]
    calls: tuple[Call, ...]
    stats: Stats
    faults: tuple[Standing, ...] = ()
    seed: int = 0
    choices: tuple[str, ...] = ()


def render_page(overview: Overview) -> str:
    """Return the whole page; every text that came from outside is escaped."""
    more = overview.stats.servers - len(overview.servers)
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
{_chips(overview)}<dl class="tiles">{_tiles(overview)}</dl>
<h2>Faults<small>{_said_of_faults(overview)}</small></h2>
<div class="card">{fault_table(overview.faults)}</div>
<h2>Email servers<small>{f"and {more:,} more" if more > 0 else "sorted by address"}</small></h2>
<div class="card">{server_table(overview.servers)}</div>
<h2>Calls<small>the last {len(overview.calls)}, newest first, times in UTC</small></h2>
<div class="card">{call_table(overview.calls)}</div>
<footer><span>As JSON:</span>
<a href="/_emulator/servers">servers</a> <a href="/_emulator/calls">calls</a>
<a href="/_emulator/stats">stats</a> <a href="/_emulator/faults">faults</a>
<a href="/_emulator/profile">profile</a>
<span>Start anew: <code>POST /_emulator/reset</code></span>
<span>This page renews itself every {_REFRESH_S} seconds.</span></footer>
</body>
</html>
"""


def _chips(overview: Overview) -> str:
    """Return the switches of the profile that somebody turned, or nothing."""
    if not overview.choices:
        return ""
    chips = "".join(f"<code>{escape(choice)}</code>" for choice in overview.choices)
    return f'<p class="chips"><span>Profile</span>{chips}</p>\n'


def _said_of_faults(overview: Overview) -> str:
    if not overview.faults:
        return "none in force"
    return f"seed {overview.seed}; timing adds up, of the others the first that fires wins"


def _tiles(overview: Overview) -> str:
    stats = overview.stats
    applied = sum(stats.outcomes.get(v, 0) for v in (Verdict.APPLIED, Verdict.APPLIED_LATE))
    others = sum(n for outcome, n in stats.outcomes.items() if outcome not in GOOD)
    struck = sum(standing.fired for standing in overview.faults)
    tiles = (
        ("email servers", stats.servers, ""),
        ("calls", stats.calls, ""),
        ("writes applied", applied, "good"),
        ("calls without effect", others, "bad"),
        ("faults fired", struck, "struck"),
    )
    return "".join(
        f'<div class="{tone if count else ""}"><dt>{name}</dt><dd>{count:,}</dd></div>'
        for name, count, tone in tiles
    )
