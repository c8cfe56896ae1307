"""
ICE as a function: a request goes in, a reply comes out, the archive remembers.

Pure but for the archive: no sockets, and time comes from a clock. In process
:meth:`Service.answer` is all there is. Who carries replies over a wire calls
:meth:`Service.begin`, does with the wire what the exchange says, and calls
:meth:`Service.end` when the reply leaves or the caller is gone, so that the
history knows which calls were in flight together. Everything under
``/_emulator/`` is inspection, which the real service does not have.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import replace
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from icesync.emulator import framework
from icesync.emulator.actions import Actions, Asked, Decision
from icesync.emulator.callrecord import write_call
from icesync.emulator.effects import spoken
from icesync.emulator.exchange import Exchange, WireBroken
from icesync.emulator.faultkinds import Kind
from icesync.emulator.flights import Flights
from icesync.emulator.history import Verdict
from icesync.emulator.inspection import Inspection, is_inspection
from icesync.emulator.player import FaultPlayer, Scene
from icesync.emulator.profile import Accept, Profile
from icesync.emulator.tokens import Tokens
from icesync.emulator.wirescript import WHOLE, drip_s
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.emulator.archive import Archive
    from icesync.emulator.fault import Fault
    from icesync.emulator.framework import Request
    from icesync.ports import Clock

__all__ = ["BASE_PATH", "TOKEN_TTL_S", "Service"]

BASE_PATH: Final = "/ICEAPI"
"""Where the vendor's application lives (doc)."""

TOKEN_TTL_S: Final = 20 * 60
"""How long a token lives unless told otherwise; the vendor does not say (assumed)."""

_USUAL_PROFILE: Final = Profile()


class Service:
    """
    The emulated service; safe to use from several threads.

    *base_path* stands before every documented path. With *users*, a mapping of
    names to passwords, a login must name one of them; without, any name and any
    password are good as long as neither is empty. The organization is never
    checked, but must be given. Tokens live for *token_ttl_s* seconds. *profile*
    settles what the vendor leaves open, *player* holds the faults.
    """

    def __init__(
        self,
        clock: Clock,
        archive: Archive,
        *,
        base_path: str = BASE_PATH,
        users: Mapping[str, str] | None = None,
        token_ttl_s: int = TOKEN_TTL_S,
        profile: Profile = _USUAL_PROFILE,
        player: FaultPlayer | None = None,
    ) -> None:
        self.base_path = base_path
        self._clock = clock
        self._archive = archive
        self._player = player or FaultPlayer()
        self._negotiates = profile.accept is Accept.HONOURED
        self._tokens = Tokens(archive, token_ttl_s)
        self._actions = Actions(archive, self._tokens, profile, base_path, users)
        self._flights = Flights(archive)
        self._inspection = Inspection(
            archive, self._player, self._tokens, self._flights, profile, base_path
        )
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """
        Return the reply to *request*; every call to ICE is in the history afterwards.

        Faults of timing are waited for on the clock.

        Raises:
            WireBroken: a wire fault was chosen, of which no reply can be told here.

        """
        exchange = self.begin_early(request) or self.begin(request)
        fault = exchange.fault
        dripping = fault is not None and fault.kind is Kind.DRIP
        wait_s = exchange.wait_s
        if fault is not None and dripping:
            wait_s += drip_s(fault) * len(exchange.reply.body)
        if wait_s:
            self._clock.sleep(wait_s)
        self.end(exchange)
        if fault is None or fault.kind in WHOLE:
            return exchange.reply
        raise WireBroken(fault)

    def begin_early(self, request: Request) -> Exchange | None:
        """Return how a call ends whose body shall not be read, or None to go on."""
        if not self._player.strikes_early or is_inspection(request):
            return None
        with self._lock:
            now = self._clock.now()
            picked = self._player.pick_early(Scene(request.route), now)
            if picked is None:
                return None
            decision = Decision(framework.broken(), Verdict.DROPPED)
            with suppress(sqlite3.Error):
                self._archive.record(write_call(Asked(request), decision, picked, now))
        return Exchange(decision.reply, fault=picked.main)

    def begin(self, request: Request) -> Exchange:
        """Decide *request*, which was read whole, and remember it."""
        with self._lock:
            now = self._clock.now()
            try:
                self._flights.settle(now)
                if is_inspection(request):
                    exchange = Exchange(self._inspection.answer(request, now))
                else:
                    exchange = self._exchange(request, now)
            except sqlite3.Error:
                exchange = Exchange(framework.broken())
        return _dated(exchange, now)

    def end(self, exchange: Exchange) -> None:
        """Remember that the call is over: its reply leaves now, or the caller is gone."""
        if exchange.ticket:
            with self._lock, suppress(sqlite3.Error):
                self._flights.close(exchange.ticket, self._clock.now())

    def settle(self) -> None:
        """Store the late writes that are due; whoever asks anything does that too."""
        with self._lock, suppress(sqlite3.Error):
            self._flights.settle(self._clock.now())

    def _exchange(self, request: Request, now: datetime) -> Exchange:
        """Decide one call, keep what it came to, and say what becomes of the wire."""
        asked = self._actions.understand(request)
        address = asked.address
        picked = self._player.pick(Scene(request.route, *(address or (None, None))), now)
        fault = picked.main
        decision = self._decide(asked, fault, now)
        late_s = _late_s(fault, decision)
        decision = _faulted(decision, request, fault, now)
        wired = fault if fault is not None and fault.on_the_wire else None
        lasting = bool(picked.wait_ms or wired)
        overlaps = self._flights.overlapping(address)
        call = write_call(asked, decision, picked, now, overlaps, ended=not lasting)
        stored = decision.verdict is Verdict.APPLIED
        call_id = self._archive.record(call, store=stored, moved_from=decision.moved_from)
        if decision.ends is not None:
            self._tokens.revoke(decision.ends)
        ticket = self._flights.open(call_id, address, late_s) if lasting else 0
        return Exchange(decision.reply, ticket, picked.wait_ms / 1000, wired, late_s)

    def _decide(self, asked: Asked, fault: Fault | None, now: datetime) -> Decision:
        """Return what the call comes to, behind what a fault does to tokens."""
        kind = None if fault is None else fault.kind
        if kind is Kind.TOKEN_EXPIRE:
            self._tokens.expire(now)
        decision = self._actions.decide(asked, now, refuse_token=kind is Kind.TOKEN_REFUSE)
        if self._negotiates and framework.wants_xml(asked.request):
            return replace(decision, reply=framework.in_xml(decision.reply))
        return decision


def _late_s(fault: Fault | None, decision: Decision) -> float | None:
    """Return how long after its end an accepted write is stored, or None if that is not late."""
    late = fault is not None and fault.kind is Kind.LATE and decision.verdict is Verdict.APPLIED
    return int(str(fault.argument)) / 1000 if fault is not None and late else None


def _faulted(decision: Decision, request: Request, fault: Fault | None, now: datetime) -> Decision:
    """Return *decision* as the fault leaves it: with another reply, and perhaps without effect."""
    if fault is None:
        return decision
    decision = replace(decision, reply=spoken(fault, decision.reply, request, now))
    drops = not fault.stores or fault.kind is Kind.LATE
    return replace(decision, verdict=Verdict.DROPPED, ends=None) if drops else decision


def _dated(exchange: Exchange, now: datetime) -> Exchange:
    """Return *exchange* with the ``Date`` of its reply."""
    reply = exchange.reply
    headers = {**reply.headers, "date": _http_date(now.replace(microsecond=0))}
    dated = Reply(reply.status, headers, reply.body)
    return Exchange(dated, exchange.ticket, exchange.wait_s, exchange.fault, exchange.late_s)


@lru_cache(maxsize=1)
def _http_date(second: datetime) -> str:
    return format_datetime(second, usegmt=True)
