"""
Every state in which a power cut may leave the journal, built one by one.

Between two flushes a disk may have taken any of the sectors that were written,
in any order. What was flushed must be there afterwards; the rest may be there
or not, but must never make the whole unreadable.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from torture.arena import seeded

from icesync.codec.journal import decode_journal, encode_head, record_line
from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.report import OutcomeKind
from icesync.model.snapshot import CallEnded, Intent, JournalHead, Record, plan_call
from icesync.stores.journal import LocalJournals

if TYPE_CHECKING:
    import random
    from pathlib import Path

_SECTOR: Final = 512
_WORKERS: Final = 4
_HEAD: Final = JournalHead("run", "lineage", 0, None, "https://ice.example")


class _Disk:
    """Takes down what is written to the journal, and what is flushed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[int, bytes] | None] = []
        self._pwrite, self._fdatasync = os.pwrite, os.fdatasync
        patch.setattr(os, "pwrite", self.pwrite)
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, self.flush)

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        self.steps.append((offset, bytes(data)))
        return self._pwrite(descriptor, data, offset)

    def flush(self, descriptor: int) -> None:
        time.sleep(0.003)  # so that records gather
        self._fdatasync(descriptor)
        self.steps.append(None)


def written(folder: Path, patch: pytest.MonkeyPatch, calls: int) -> list[tuple[int, bytes] | None]:
    """Return the writes (offset and data) and the flushes (None) of a run with so many calls."""
    with patch.context() as context:
        disk = _Disk(context)
        journal = LocalJournals(folder / "state.json").begin(encode_head(_HEAD), calls * 3_072)
        skills = iter(range(1, calls + 1))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    skill = next(skills, None)
                if skill is None:
                    return
                address = Address(59, skill)
                record = Record({"smtp.host": f"{skill:03}" * 400}, {})
                entry = plan_call(record, "sha256:1", "2026-01-01T00:00:00Z")
                journal.commit(record_line(Intent(address, Action.UPDATE, entry)))
                ended = CallEnded(address, OutcomeKind.APPLIED, "2026-01-01T00:00:00Z")
                journal.append(record_line(ended))

        workers = [threading.Thread(target=work) for _ in range(_WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        journal.close()
    return disk.steps


def crash_states(
    flushed: bytes, writes: list[tuple[int, bytes]], chance: random.Random, most: int
) -> list[bytes]:
    """Return what the file may hold when any of the sectors of *writes* are there, or not."""
    whole = bytearray(flushed)
    for offset, data in writes:
        whole.extend(bytes(max(0, offset + len(data) - len(whole))))
        whole[offset : offset + len(data)] = data
    first = min(offset for offset, _ in writes) // _SECTOR
    sectors = range(first, len(whole) // _SECTOR + 1)
    choices: Any = itertools.product((False, True), repeat=len(sectors))
    if 2 ** len(sectors) > most:
        choices = ([chance.random() < 0.5 for _ in sectors] for _ in range(most))
    states = []
    for choice in choices:
        state = bytearray(flushed.ljust(len(whole), b"\0"))
        for sector, taken in zip(sectors, choice, strict=True):
            if taken:
                place = slice(sector * _SECTOR, (sector + 1) * _SECTOR)
                state[place] = whole[place]
        states.append(bytes(state))
    return states


def survey(folder: Path, patch: pytest.MonkeyPatch, calls: int, most: int) -> int:
    """Read the journal in every crash state; return how many there were."""
    flushed = b""
    pending: list[tuple[int, bytes]] = []
    seen = 0
    for step in written(folder, patch, calls):
        if step is not None:
            pending.append(step)
            continue
        durable = decode_journal(flushed) if flushed else None
        for state in crash_states(flushed, pending, seeded(1), most) if pending else ():
            found = decode_journal(state)
            if durable is not None:
                assert found is not None
                assert found.records[: len(durable.records)] == durable.records
            seen += 1
        for offset, data in pending:
            flushed = flushed[:offset].ljust(offset, b"\0") + data
        pending.clear()
    return seen


def test_every_state_after_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever sectors of the last flush are missing, the journal is read, and lacks nothing."""
    assert survey(tmp_path, monkeypatch, 12, 256) > 200


@pytest.mark.torture
def test_every_state_of_a_longer_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for more records, with up to 2^12 states at each flush."""
    assert survey(tmp_path, monkeypatch, 40, 4096) > 5000
