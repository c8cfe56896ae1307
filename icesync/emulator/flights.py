"""The calls that are in flight, and the writes that will be stored when their callers are gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from icesync.emulator.history import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.emulator.archive import Archive
    from icesync.model.address import Address

__all__ = ["Flights"]


@dataclass(frozen=True, slots=True)
class _Flight:
    call_id: int
    address: Address | None
    late_s: float | None


class Flights:
    """
    Knows by a ticket each call that is not over; one thread at a time may use it.

    A ticket is good once, and for nothing after :meth:`forget`.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._tickets = count(1)
        self._open: dict[int, _Flight] = {}
        self._late: list[tuple[datetime, int]] = []

    def overlapping(self, address: Address | None) -> tuple[int, ...]:
        """Return the ids of the calls for *address* that are in flight now."""
        if address is None:
            return ()
        return tuple(f.call_id for f in self._open.values() if f.address == address)

    def open(self, call_id: int, address: Address | None, late_s: float | None) -> int:
        """Return the ticket of a call that has come; *late_s* delays its write from its end."""
        ticket = next(self._tickets)
        self._open[ticket] = _Flight(call_id, address, late_s)
        return ticket

    def close(self, ticket: int, now: datetime) -> None:
        """End the call with this ticket, if that is still to be done."""
        flight = self._open.pop(ticket, None)
        if flight is None:
            return
        self._archive.end(flight.call_id, timestamp(now))
        if flight.late_s is not None:
            self._late.append((now + timedelta(seconds=flight.late_s), flight.call_id))

    def settle(self, now: datetime) -> None:
        """Store the late writes that are due, in the order in which they became so."""
        due = sorted(entry for entry in self._late if entry[0] <= now)
        self._late = [entry for entry in self._late if entry[0] > now]
        for _, call_id in due:
            self._archive.store_late(call_id, timestamp(now))

    def forget(self) -> None:
        """Forget what is in flight and what would be stored late."""
        self._open.clear()
        self._late.clear()
