"""The page of the emulator: one value in, one HTML text out, nothing loaded from anywhere."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from icesync.emulator.storage import Call, Stats, StoredServer, Verdict
from icesync.frozen import frozen
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, INCOMING_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.emulator.faults import ActiveFault

_GOOD: Final = frozenset(
    {Verdict.APPLIED, Verdict.APPLIED_LATE, Verdict.LOGGED_IN, Verdict.LOGGED_OUT}
)
"""The verdicts of calls that had the effect that they asked for."""

_REFRESH_S: Final = 5


@frozen
class Overview:
    """
    What the page shows: the first servers by address, the last calls, newest first.

    *faults* are those in force, *choices* the switches of the profile that are
    not at their default; *token* is what its forms and commands carry.
    """

    base_url: str
    token: str
    servers: Sequence[StoredServer]
    calls: Sequence[Call]
    stats: Stats
    faults: Sequence[ActiveFault] = ()
    choices: Sequence[str] = ()


def render_page(overview: Overview) -> str:
    """Return the whole page; every text that came from outside is escaped."""
    return _template().render(
        page=overview,
        refresh_s=_REFRESH_S,
        more=max(overview.stats.servers - len(overview.servers), 0),
        tiles=list(_tiles(overview)),
        servers=[_server(server) for server in overview.servers],
        calls=[{"call": call, "good": call.outcome in _GOOD, "remarks": "; ".join(_remarks(call))}
               for call in overview.calls],
    )  # fmt: skip


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("icesync.emulator", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _tiles(overview: Overview) -> Iterator[tuple[str, int, str]]:
    """Yield what is counted, how many there are, and the colour of a number above 0."""
    outcomes = overview.stats.outcomes
    yield "email servers", overview.stats.servers, ""
    yield "calls", overview.stats.calls, ""
    applied = (Verdict.APPLIED, Verdict.APPLIED_LATE)
    yield "writes applied", sum(outcomes.get(verdict, 0) for verdict in applied), "good"
    yield "calls without effect", sum(n for o, n in outcomes.items() if o not in _GOOD), "bad"
    yield "faults fired", sum(active.fired for active in overview.faults), "struck"


def _server(server: StoredServer) -> dict[str, object]:
    """Return what the page says of one record, by names of the field table."""
    value = {key: server.document.get(field.wire[0]) for key, field in FIELDS_BY_KEY.items()
             if field.wire}  # fmt: skip
    pop3, imap = INCOMING_BLOCKS
    blocks = ("smtp", imap if value["incoming"] else pop3)
    return {
        "address": str(server.address),
        "value": value,
        "blocks": [
            {
                "name": block,
                **{leaf: value[f"{block}.{leaf}"] for leaf in ("host", "port", "username")},
            }
            for block in blocks
        ],
        "security": " + ".join(key.upper() for key in ("ssl", "tls") if value[key]),
        "secrets": [(field.block, bool(value[field.key])) for field in FIELDS if field.secret],
        "revision": server.revision,
        "updated_at": server.updated_at,
    }


def _remarks(call: Call) -> Iterator[str]:
    if call.ended_at is None:
        yield "in flight"
    if call.revision is not None:
        yield f"revision {call.revision}"
    elif call.fault and call.request:
        yield "nothing stored"
    if call.errors:
        yield f"does not fit: {', '.join(call.errors)}"
    if call.ignored:
        yield f"ignored: {', '.join(call.ignored)}"
    if call.conflicts:
        yield f"two values: {', '.join(call.conflicts)}"
