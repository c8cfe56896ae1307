"""What a schedule looks after, for people: what waits, what is old, when the token ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.render.plan import CANNOT_BE_READ
from icesync.render.state import age
from icesync.render.style import Style, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.model.address import Address
    from icesync.model.command_result import Maintenance

_NAMED: Final = 10


def render_maintenance(maintenance: Maintenance, style: Style) -> str:
    """Return a line for each fact that a schedule looks after."""
    facts = [(name, message) for name, message in facts_of(maintenance)]
    width = max((len(name) for name, _ in facts), default=0) + 1
    lines = [f"  {style.paint(f'{name}:', 'dim'):<{width}}  {message}" for name, message in facts]
    head = ["", style.paint("Maintenance:", "bold"), *lines, ""] if facts else [""]
    return "\n".join([*head, f"note: {CANNOT_BE_READ}"]) + "\n"


def facts_of(maintenance: Maintenance) -> Iterator[tuple[str, str]]:
    """Yield name and sentence of each fact that there is; safe text, without addresses' links."""
    if maintenance.uncertain:
        yield "outcome unknown", addresses_in_line(maintenance.uncertain)
    if maintenance.orphans:
        yield "in no file", addresses_in_line(maintenance.orphans)
    if maintenance.max_age is not None and maintenance.stale:
        yield f"older than {safe(maintenance.max_age)}", addresses_in_line(maintenance.stale)
    if maintenance.oldest:
        message = ", ".join(
            f"{a.address} {age(a.applied_at, maintenance.now)}" for a in maintenance.oldest
        )
        yield "oldest confirmations", message
    if maintenance.token_ends is not None:
        ends = maintenance.token_ends.strftime("%Y-%m-%d %H:%M:%SZ")
        yield "token", f"ends at {ends}, in {left_of_token(maintenance)}"
    if maintenance.failed_logins:
        yield (
            "rejected logins",
            _first(
                [f"{one.address} {one.protocol} {one.kind}" for one in maintenance.failed_logins]
            ),
        )
    for one in maintenance.ending:
        place, days = safe(f"{one.host}:{one.port}"), (one.not_after - maintenance.now).days
        yield "certificate", f"{place} ends in {days} days, {addresses_in_line(one.addresses)}"


def addresses_in_line(addresses: Sequence[Address]) -> str:
    """Return the first ten of *addresses*, and how many more there are."""
    return _first([str(address) for address in addresses])


def _first(message: Sequence[str]) -> str:
    more = f" and {len(message) - _NAMED} more" if len(message) > _NAMED else ""
    return ", ".join(message[:_NAMED]) + more


def left_of_token(maintenance: Maintenance) -> str:
    """Return how long the token still lasts, in the largest unit that says something."""
    assert maintenance.token_ends is not None
    seconds = max((maintenance.token_ends - maintenance.now).total_seconds(), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}s"
    return f"{seconds:.0f} seconds"
