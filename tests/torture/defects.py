"""
Builds of the program with one known defect: a harness that does not notice them proves nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["DEFECTS", "plant"]


def _no_intent() -> None:
    """Outcomes are written down as they come, but nothing is before a call leaves."""
    from icesync.codec.journal import record_line
    from icesync.engine.recorder import Recorder
    from icesync.model.snapshot import CallEnded

    def begin_call(self: Any, change: Any) -> None:
        self._intend(change)

    def end_call(self: Any, change: Any, outcome: Any) -> None:
        self._journal.commit(record_line(self._intents[change.address], self._sealing))
        ended = CallEnded(change.address, outcome.kind, self._now())
        self._journal.append(record_line(ended, self._sealing))

    _replace(Recorder, begin_call=begin_call, end_call=end_call)


def _no_fsync() -> None:
    """Nothing is flushed to the disk."""
    os.fsync = os.fdatasync = lambda _descriptor: None


def _in_place() -> None:
    """The snapshot is written over itself."""
    from icesync.stores import local

    def replace_file(path: Path, data: bytes, _previous: bytes | None) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, data)
        os.fsync(descriptor)
        os.close(descriptor)

    _replace(local, replace_file=replace_file)


def _ack_before_reply() -> None:
    """A call counts as acknowledged when it leaves."""
    from icesync.codec.journal import record_line
    from icesync.engine.recorder import Recorder
    from icesync.model.report import OutcomeKind
    from icesync.model.snapshot import CallEnded

    honest = Recorder.begin_call

    def begin_call(self: Any, change: Any) -> None:
        honest(self, change)
        ended = CallEnded(change.address, OutcomeKind.APPLIED, self._now())
        self._journal.commit(record_line(ended, self._sealing))

    _replace(Recorder, begin_call=begin_call, end_call=lambda *_: None)


def _substring() -> None:
    """Every reply in which the word occurs is a success."""
    from icesync.client import gateway
    from icesync.model.report import Outcome, OutcomeKind

    honest = gateway.read_reply

    def read_reply(reply: Any, *rest: Any, **named: Any) -> Outcome:
        if b"success" in reply.body.lower():
            return Outcome(OutcomeKind.APPLIED, "")
        return honest(reply, *rest, **named)

    _replace(gateway, read_reply=read_reply)


def _stop_at_bad_record() -> None:
    """The journal counts up to the first line that is damaged."""
    from icesync.codec import journal

    honest = journal.decode_journal

    def decode_journal(data: bytes) -> Any:
        sound = b""
        for line in data.split(b"\n"):
            if journal._body(line) is None:
                break
            sound += line + b"\n"
        return honest(sound)

    _replace(journal, decode_journal=decode_journal)


def _same_serial() -> None:
    """The serial stays as it is when the snapshot changes."""
    from icesync.engine import state

    honest = state.encode_state

    def encode_state(snapshot: Any, *rest: Any) -> bytes:
        from dataclasses import replace

        return honest(replace(snapshot, serial=1), *rest)

    _replace(state, encode_state=encode_state)


def _no_lock() -> None:
    """Everybody gets the lock."""
    from icesync.stores import local

    _replace(local, _try_lock=lambda *_, **__: True)


def _deaf_waiter() -> None:
    """The flush that failed wakes nobody, and the others wait for its end."""
    from icesync.stores import journal

    honest = journal.LocalJournal._wake

    def wake(self: Any, batch: Any) -> None:
        if self._failure is None:
            honest(self, batch)

    _replace(journal.LocalJournal, _wake=wake)


def _two_at_once() -> None:
    """Each call is dispatched twice."""
    from collections import deque

    from icesync.engine.executor import Executor

    honest = Executor.__init__

    def begin(self: Any, *arguments: Any) -> None:
        honest(self, *arguments)
        self._calls = deque(change for change in self._calls for _ in (1, 2))

    _replace(Executor, __init__=begin)


def _blab(how: Callable[[bytes], None]) -> Callable[[], None]:
    """Return what plants a build that does *how* with the body of every update."""

    def plant_it() -> None:
        from icesync.client import gateway

        honest = gateway.encode_update

        def encode_update(*arguments: Any) -> bytes:
            body = honest(*arguments)
            how(body)
            return body

        _replace(gateway, encode_update=encode_update)

    return plant_it


def _say(body: bytes) -> None:
    os.write(2, body)


def _say_in_base64(body: bytes) -> None:
    import base64

    os.write(2, base64.b64encode(b"." + body))


def _keep(body: bytes) -> None:
    from pathlib import Path

    (Path.home() / "last.body").write_bytes(body)


def _crash(body: bytes) -> None:
    """Not a leak but bad luck: an error of the kind that quotes what it failed at."""
    error = UnicodeDecodeError("ascii", body, 0, 1, body.decode())
    error.add_note(body.decode())
    raise error from KeyError(body)


def _worker_dies() -> None:
    """
    Not a defect but bad luck: a worker dies while another is about to declare an intent.

    The end of the run is drawn out, so that the call of the other can still leave.
    """
    import time

    from icesync.client.gateway import IceGateway
    from icesync.engine.recorder import Recorder

    intend, send, save = Recorder._intend, IceGateway.send, Recorder._save

    def late_intend(self: Any, change: Any) -> Any:
        if change.address.skill == 3:
            time.sleep(0.3)
        return intend(self, change)

    def fatal_send(self: Any, update: Any) -> Any:
        if update.address.skill == 2:
            time.sleep(0.1)
            raise MemoryError
        return send(self, update)

    def slow_save(self: Any, **named: Any) -> None:
        time.sleep(0.4 if named.get("ended") else 0.0)
        save(self, **named)
        time.sleep(0.2)

    def slow_close(self: Any) -> None:
        time.sleep(0.5)
        close(self)

    from icesync.stores.journal import LocalJournal

    close = LocalJournal.close
    _replace(Recorder, _intend=late_intend, _save=slow_save)
    _replace(LocalJournal, close=slow_close)
    _replace(IceGateway, send=fatal_send)


def _replace(place: Any, **things: Any) -> None:
    for name, thing in things.items():
        if not hasattr(place, name):
            raise AttributeError(f"{place} has no {name}: the defect is out of date")
        setattr(place, name, thing)


DEFECTS: Final[dict[str, Callable[[], None]]] = {
    "no-intent": _no_intent,
    "no-fsync": _no_fsync,
    "in-place": _in_place,
    "ack-before-reply": _ack_before_reply,
    "substring": _substring,
    "stop-at-bad-record": _stop_at_bad_record,
    "same-serial": _same_serial,
    "no-lock": _no_lock,
    "deaf-waiter": _deaf_waiter,
    "two-at-once": _two_at_once,
    "worker-dies": _worker_dies,
    "blab-plain": _blab(_say),
    "blab-base64": _blab(_say_in_base64),
    "blab-file": _blab(_keep),
    "quoting-crash": _blab(_crash),
}


def plant(name: str) -> None:
    """Make this process a build with the defect *name*."""
    DEFECTS[name]()
