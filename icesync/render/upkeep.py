"""What a schedule looks after, for people: what waits, what is old, when the token ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.render.state import age
from icesync.render.style import Style, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.model.address import Address
    from icesync.model.review import Upkeep

__all__ = ["addresses_in_line", "facts_of", "left_of_token", "render_upkeep"]

_NAMED: Final = 10


def render_upkeep(upkeep: Upkeep, style: Style) -> str:
    """Return a line for each fact that a schedule looks after."""
    facts = [(name, told) for name, told in facts_of(upkeep)]
    width = max((len(name) for name, _ in facts), default=0) + 1
    lines = [f"  {style.paint(f'{name}:', 'dim'):<{width}}  {told}" for name, told in facts]
    return "\n".join(["", style.paint("Upkeep:", "bold"), *lines]) + "\n" if facts else ""


def facts_of(upkeep: Upkeep) -> Iterator[tuple[str, str]]:
    """Yield name and sentence of each fact that there is; safe text, without addresses' links."""
    if upkeep.uncertain:
        yield "outcome unknown", addresses_in_line(upkeep.uncertain)
    if upkeep.orphans:
        yield "orphaned", addresses_in_line(upkeep.orphans)
    if upkeep.max_age is not None and upkeep.stale:
        yield f"older than {safe(upkeep.max_age)}", addresses_in_line(upkeep.stale)
    if upkeep.oldest:
        told = ", ".join(f"{a.address} {age(a.applied_at, upkeep.now)}" for a in upkeep.oldest)
        yield "oldest answers", told
    if upkeep.token_ends is not None:
        ends = upkeep.token_ends.strftime("%Y-%m-%d %H:%M:%SZ")
        yield "token", f"ends at {ends}, in {left_of_token(upkeep)}"
    if upkeep.said_no:
        yield (
            "mail servers said no",
            _first([f"{one.address} {one.protocol} {one.kind}" for one in upkeep.said_no]),
        )
    for one in upkeep.ending:
        place, days = safe(f"{one.host}:{one.port}"), (one.not_after - upkeep.now).days
        yield "certificate", f"{place} ends in {days} days, {addresses_in_line(one.addresses)}"


def addresses_in_line(addresses: Sequence[Address]) -> str:
    """Return the first ten of *addresses*, and how many more there are."""
    return _first([str(address) for address in addresses])


def _first(told: Sequence[str]) -> str:
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more


def left_of_token(upkeep: Upkeep) -> str:
    """Return how long the token still lasts, in the largest unit that says something."""
    assert upkeep.token_ends is not None
    seconds = max((upkeep.token_ends - upkeep.now).total_seconds(), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}s"
    return f"{seconds:.0f} seconds"
