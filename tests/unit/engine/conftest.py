"""An apply over fakes: store, gateway, clock and what is to be done, in one place."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from builders import BASE_URL, KEY, plan
from fakes import FakeClock, FakeGateway, FakeProgress, FakeStore

from icesync.codec.state import decode_state, encode_state
from icesync.engine.apply import carry_out
from icesync.engine.executor import ApplyOptions, StopRequest
from icesync.engine.recorder import Recorder, Stamp
from icesync.engine.state import fold, load
from icesync.errors import StateNotSaved
from icesync.model.secret import SecretFindings, SecretValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.model.desired import Address, DesiredState
    from icesync.model.plan import Selection
    from icesync.model.report import Report
    from icesync.model.snapshot import Entry, Snapshot
    from icesync.ports import JournalLine

RETRY_FOR_S = 20


class FakeJournals:
    """A journal in memory: *data* is what is kept, None where there is none."""

    def __init__(self, data: bytes | None = None) -> None:
        self.data = data
        self.durable = 0
        self.closed = False
        self.full = False
        self._lock = threading.Lock()

    def read(self) -> bytes | None:
        """Return what was left behind."""
        return self.data

    def begin(self, head: bytes, reserve_bytes: int) -> FakeJournals:
        """Start with *head*."""
        assert reserve_bytes > 0
        self.data = head
        return self

    def append(self, line: JournalLine) -> None:
        """Take the record of *line*."""
        if self.full:
            raise StateNotSaved("the fake journal is full")
        assert self.data is not None
        with self._lock:
            number = self.data.count(b"\n")
            self.data += line(number, number - 1)

    def commit(self, line: JournalLine) -> None:
        """Take the record of *line* and make all durable."""
        self.append(line)
        assert self.data is not None
        self.durable = len(self.data)

    def close(self) -> None:
        """End."""
        self.closed = True

    def drop(self) -> None:
        """Remove it."""
        self.data = None


class Stage:
    """
    One apply: from *before*, which the store holds, to *wanted*.

    Secrets are worth what follows ``ref+fake://``, with ``canary-`` before it. A
    run that hangs is halted after a while, so that its test fails.
    """

    def __init__(
        self,
        wanted: DesiredState,
        before: Snapshot | None = None,
        gateway: FakeGateway | None = None,
        *,
        run: ApplyOptions | None = None,
        selection: Selection | None = None,
        key: FingerprintKey | None = KEY,
        store: FakeStore | None = None,
    ) -> None:
        self.wanted = wanted
        self.gateway = gateway or FakeGateway()
        self.run = run or ApplyOptions(concurrency=1, rate_per_s=1000)
        self.selection = selection
        self.key = key
        self.store = store or FakeStore()
        if before is not None:
            self.store.data = encode_state(before, "0.1.0")
        self.clock = FakeClock()
        self.progress = FakeProgress()
        self.halt = StopRequest()
        self.values: dict[str, SecretValue] = {
            reference.text: SecretValue(f"canary-{reference.path}")
            for server in wanted.servers.values()
            for reference in server.secrets.values()
        }

    def open_gateway(self) -> FakeGateway:
        """Return the one gateway of all workers."""
        return self.gateway

    @property
    def snapshot(self) -> Snapshot:
        """What is stored now."""
        assert self.store.data is not None
        return decode_state(self.store.data)

    @property
    def entries(self) -> Mapping[Address, Entry]:
        """The entries that are stored now."""
        return self.snapshot.entries

    def apply(self) -> Report:
        """Plan and apply."""
        stored = fold(load(self.store, BASE_URL), self.key)
        made = plan(self.wanted, stored.snapshot, SecretFindings(), self.selection)
        stamp = Stamp("0.1.0", "0123456789abcdef")
        recorder = Recorder(self.store, stored, self.clock, stamp, self.values, self.key)
        guard = threading.Timer(RETRY_FOR_S, self.halt.request, (15, 0.0))
        guard.start()
        try:
            return carry_out(
                made,
                self.values,
                recorder,
                self.open_gateway,
                self.clock,
                self.run,
                self.progress,
                self.halt,
            )
        finally:
            guard.cancel()
            guard.join()
