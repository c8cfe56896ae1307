"""
ICE as a function: a request goes in, a reply comes out, the storage remembers.

Pure but for the storage: no sockets, and time comes from a clock. In process
:meth:`Service.answer` is all there is. Who carries replies over a wire calls
:meth:`Service.begin`, does with the wire what the exchange says, and calls
:meth:`Service.end` when the reply leaves or the caller is gone, so that the
history knows which calls were in flight together. Everything under
``/_emulator/`` is administration, which the real service does not have.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Final

from icesync.emulator import aspnet
from icesync.emulator.actions import Actions, Asked, Decision, Tokens
from icesync.emulator.admin_api import AdminApi, is_admin
from icesync.emulator.faults import ChosenFaults, Fault, FaultInjector, Kind, fault_reply
from icesync.emulator.profile import Profile
from icesync.emulator.storage import Call, Storage, Verdict, canonical, timestamp
from icesync.frozen import frozen
from icesync.wire.reply import Reply
from icesync.wire.update import UPDATE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.emulator.aspnet import Request
    from icesync.model.desired import Address
    from icesync.ports import Clock

BASE_PATH: Final = "/ICEAPI"
"""Where the vendor's application lives (doc)."""

TOKEN_TTL_S: Final = 20 * 60
"""How long a token lives unless told otherwise; the vendor does not say (assumed)."""

_DEFAULT_PROFILE: Final = Profile()


@frozen
class Exchange:
    """
    One call that was decided: the reply, and what to do with the wire.

    The reply waits for *wait_s*; with a *fault* no reply leaves. *ticket* is 0
    where nobody needs to say when the call ended, because that was at once. With
    *late_s* the write is stored that long after the caller gave up.
    """

    reply: Reply
    ticket: int = 0
    wait_s: float = 0.0
    fault: Fault | None = None
    late_s: float | None = None


class WireBroken(Exception):
    """
    A fault that answers nothing was played in process: the caller gets no reply.

    Whether the write was stored is in the history, not here: a client could not
    know either. A bridge turns it into its own error for a broken connection.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"the emulator broke the wire: {fault}")
        self.fault = fault


class Service:
    """
    The emulated service; safe to use from several threads.

    *base_path* stands before every documented path. With *users*, a mapping of
    names to passwords, a login must name one of them; without, any name and any
    password are good as long as neither is empty. The organization is never
    checked, but must be given. Tokens live for *token_ttl_s* seconds. *profile*
    settles what the vendor leaves open, *injector* holds the faults; every call
    is answered *latency_ms* later.
    """

    def __init__(
        self,
        clock: Clock,
        storage: Storage,
        *,
        base_path: str = BASE_PATH,
        users: Mapping[str, str] | None = None,
        token_ttl_s: int = TOKEN_TTL_S,
        profile: Profile = _DEFAULT_PROFILE,
        injector: FaultInjector | None = None,
        latency_ms: int = 0,
    ) -> None:
        self.base_path = base_path
        self._clock = clock
        self._storage = storage
        self._injector = injector or FaultInjector()
        self._latency_ms = latency_ms
        self._tokens = Tokens(storage, token_ttl_s)
        self._actions = Actions(storage, self._tokens, profile, base_path, users)
        self._in_flight = _InFlight(storage)
        self._admin = AdminApi(
            storage, self._injector, self._tokens, profile, base_path, self._in_flight.forget
        )
        self._update_route = f"{base_path}{UPDATE_PATH}".lower()
        self._lock = threading.Lock()

    @property
    def admin_token(self) -> str:
        """What a request must carry that changes something under ``/_emulator/``."""
        return self._admin.token

    def answer(self, request: Request) -> Reply:
        """
        Return the reply to *request*; every call to ICE is in the history afterwards.

        Latencies are waited for on the clock.

        Raises:
            WireBroken: a fault was chosen that answers nothing.

        """
        exchange = self.begin(request)
        if exchange.wait_s:
            self._clock.sleep(exchange.wait_s)
        self.end(exchange)
        if exchange.fault is not None:
            raise WireBroken(exchange.fault)
        return exchange.reply

    def begin(self, request: Request) -> Exchange:
        """Decide *request*, which was read whole, and remember it."""
        with self._lock:
            now = self._clock.now()
            try:
                self._in_flight.settle(now)
                if is_admin(request):
                    exchange = Exchange(self._admin.answer(request, now))
                else:
                    exchange = self._exchange(request, now)
            except sqlite3.Error:
                exchange = Exchange(aspnet.broken())
        return _dated(exchange, now)

    def end(self, exchange: Exchange) -> None:
        """Remember that the call is over: its reply leaves now, or the caller is gone."""
        if exchange.ticket:
            with self._lock, suppress(sqlite3.Error):
                self._in_flight.close(exchange.ticket, self._clock.now())

    def settle(self) -> None:
        """Store the late writes that are due; whoever asks anything does that too."""
        with self._lock, suppress(sqlite3.Error):
            self._in_flight.settle(self._clock.now())

    def _exchange(self, request: Request, now: datetime) -> Exchange:
        """Decide one call, keep what it came to, and say what becomes of the wire."""
        asked = self._actions.understand(request)
        address = asked.address
        chosen = ChosenFaults()
        if request.route == self._update_route:
            chosen = self._injector.choose(address.skill if address else None, now)
        fault = chosen.main
        decision = self._decide(asked, fault, now)
        applied = decision.verdict is Verdict.APPLIED
        late_s = _late_s(fault) if applied else None
        if fault is not None:
            verdict = Verdict.DROPPED if late_s is not None else decision.verdict
            reply = fault_reply(fault, decision.reply, request)
            decision = replace(decision, reply=reply, verdict=verdict)
        unanswered = fault if fault is not None and fault.is_silent else None
        wait_ms = chosen.wait_ms + self._latency_ms
        lasting = bool(wait_ms or unanswered)
        call = _call(asked, decision, chosen, now, self._in_flight.overlapping(address))
        call = replace(call, ended_at=None if lasting else call.at)
        call_id = self._storage.record(call, store=applied and late_s is None)
        if decision.ends is not None:
            self._tokens.revoke(decision.ends)
        ticket = self._in_flight.open(call_id, address, late_s) if lasting else 0
        return Exchange(decision.reply, ticket, wait_ms / 1000, unanswered, late_s)

    def _decide(self, asked: Asked, fault: Fault | None, now: datetime) -> Decision:
        """Return what the call comes to; one that a fault drops has no effect at all."""
        decision = self._actions.decide(asked, now)
        if fault is None or fault.stores:
            return decision
        return Decision(decision.reply, Verdict.DROPPED, decision.bound or asked.bound)


def _late_s(fault: Fault | None) -> float | None:
    """Return how long after the caller gave up the write is stored, if that is what happens."""
    late = fault is not None and fault.kind is Kind.LATE and isinstance(fault.argument, int)
    return int(str(fault.argument)) / 1000 if late and fault else None


def _call(
    asked: Asked,
    decision: Decision,
    chosen: ChosenFaults,
    now: datetime,
    overlaps: tuple[int, ...],
) -> Call:
    """Return what the history keeps of a call that came *now*: no query, no headers, no token."""
    bound, address = decision.bound, asked.address
    unanswered = chosen.main is not None and chosen.main.is_silent
    return Call(
        at=timestamp(now),
        method=asked.request.method,
        path=asked.request.path.partition("?")[0],
        status=0 if unanswered else decision.reply.status,
        outcome=decision.verdict,
        org=address and address.organization,
        skill=address and address.skill,
        request=canonical(bound.values) if bound else None,
        errors=bound.errors if bound else (),
        ignored=bound.ignored if bound else (),
        conflicts=bound.conflicts if bound else (),
        fault=str(chosen) or None,
        overlaps=overlaps,
    )


@frozen
class _Flight:
    call_id: int
    address: Address | None
    late_s: float | None


class _InFlight:
    """
    Knows by a ticket each call that is not over; one thread at a time may use it.

    A ticket is good once, and for nothing after :meth:`forget`.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
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
        self._storage.end(flight.call_id, timestamp(now))
        if flight.late_s is not None:
            self._late.append((now + timedelta(seconds=flight.late_s), flight.call_id))

    def settle(self, now: datetime) -> None:
        """Store the late writes that are due, in the order in which they became so."""
        due = sorted(entry for entry in self._late if entry[0] <= now)
        self._late = [entry for entry in self._late if entry[0] > now]
        for _, call_id in due:
            self._storage.store_late(call_id, timestamp(now))

    def forget(self) -> None:
        """Forget what is in flight and what would be stored late."""
        self._open.clear()
        self._late.clear()


def _dated(exchange: Exchange, now: datetime) -> Exchange:
    """Return *exchange* with the ``Date`` of its reply."""
    reply = exchange.reply
    headers = {**reply.headers, "date": _http_date(now.replace(microsecond=0))}
    return replace(exchange, reply=Reply(reply.status, headers, reply.body))


@lru_cache(maxsize=1)
def _http_date(second: datetime) -> str:
    return format_datetime(second, usegmt=True)
