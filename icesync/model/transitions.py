"""
How the entry of one server goes from one status to the next.

Everything that makes or changes the status of an entry is in this file: the
table of what may follow on what, and one function for each event. The states
are those of :class:`~icesync.model.snapshot.EntryStatus`, and None: no entry.

A call begins (the entry is pending), and ends in one of four ways: ICE confirms the
record, or confirms that it is disabled, so that the entry ends; ICE refuses it, and the
entry is again what it was; or nobody knows, and the entry is in doubt. The live run
and the recovery from a journal use the same functions.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from icesync.model.snapshot import UNRECORDED_WIRE, Entry, EntryStatus, MovedFrom, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Address
    from icesync.model.fields import Setting
    from icesync.model.project import WireOptions
    from icesync.model.snapshot import SecretRecord


class Event(Enum):
    """What can happen to an entry."""

    BEGIN = auto()
    """a call is about to leave"""

    CONFIRM = auto()
    """ICE answered "Success" """

    DOUBT = auto()
    """the call, or the run, ended without an answer that can be trusted"""

    ASSUME = auto()
    """a person says that ICE holds this record"""

    RENAME = auto()
    """a person says that ICE holds it under another address"""

    FOLLOW = auto()
    """`moved:` sends it to a new address: the old entry is the history of the new one"""

    DISAGREE = auto()
    """two copies of the state say different things"""


_APPLIED, _ASSUMED = EntryStatus.APPLIED, EntryStatus.ASSUMED
_PENDING, _UNCERTAIN = EntryStatus.PENDING, EntryStatus.UNCERTAIN

TRANSITIONS: Final[Mapping[Event, Mapping[EntryStatus | None, EntryStatus]]] = {
    Event.BEGIN: dict.fromkeys((None, *EntryStatus), _PENDING),
    Event.CONFIRM: {_PENDING: _APPLIED},
    Event.DOUBT: {_PENDING: _UNCERTAIN},
    Event.ASSUME: {None: _ASSUMED},
    # ICE keeps records by address: what it confirmed there says nothing about here.
    Event.RENAME: {
        _APPLIED: _ASSUMED,
        _ASSUMED: _ASSUMED,
        _PENDING: _PENDING,
        _UNCERTAIN: _UNCERTAIN,
    },
    # Nothing was sent to the new address yet, so no call of its own is open.
    Event.FOLLOW: {
        _APPLIED: _APPLIED,
        _ASSUMED: _ASSUMED,
        _PENDING: _APPLIED,
        _UNCERTAIN: _APPLIED,
    },
    Event.DISAGREE: dict.fromkeys(EntryStatus, _UNCERTAIN),
}
"""
The status after an event, by the status before it; what is not listed cannot happen.

A refusal has no row: the entry is what it was before the call began. Nor has the
end of an entry, which leaves none.
"""


def after(event: Event, status: EntryStatus | None) -> EntryStatus:
    """
    Return the status that *event* leads to from *status*.

    Raises:
        ValueError: the table knows no such transition.

    """
    try:
        return TRANSITIONS[event][status]
    except KeyError:
        raise ValueError(f"{event.name} cannot follow on {status}") from None


def plan_call(
    record: Record,
    intent: str,
    attempted_at: str,
    revision: str | None = None,
    wire: WireOptions = UNRECORDED_WIRE,
) -> Entry:
    """Return the entry of a call that is about to bring *record*, as the journal keeps it."""
    return Entry(
        after(Event.BEGIN, None),
        record.settings,
        record.secrets,
        revision=revision,
        intent=intent,
        attempted_at=attempted_at,
        wire=wire,
    )


def begin(before: Entry | None, call: Entry) -> Entry:
    """Return the entry while *call* is open: what was known, and what may be there instead."""
    status = after(Event.BEGIN, before.status if before else None)
    return replace(
        before or Entry(status),
        status=status,
        intent=call.intent,
        attempted_at=call.attempted_at,
        attempt=Record(call.settings, call.secrets),
        announced_over=None,
        digest="",
    )


def announce(before: Entry | None, call: Entry, prior: str | None) -> Entry:
    """Return the entry while *call* is not made yet, but may be any moment from now on."""
    return replace(begin(before, call), announced_over=prior or "")


def confirm(call: Entry, at: str, moved_from: MovedFrom | None = None) -> Entry:
    """Return the entry of a record that ICE confirmed; *call* is what brought it."""
    status = after(Event.CONFIRM, call.status)
    return Entry(
        status,
        call.settings,
        call.secrets,
        at,
        call.revision,
        moved_from=moved_from,
        wire=call.wire,
    )


def doubt(before: Entry | None, call: Entry) -> Entry:
    """Return the entry after *call* ended without a known outcome."""
    opened = begin(before, call)
    return replace(opened, status=after(Event.DOUBT, opened.status))


def assume(
    settings: Mapping[str, Setting],
    secrets: Mapping[str, SecretRecord],
    wire: WireOptions = UNRECORDED_WIRE,
) -> Entry:
    """Return the entry of a record that a person says is in ICE."""
    return Entry(after(Event.ASSUME, None), settings, secrets, wire=wire)


def rename(entry: Entry, source: Address) -> Entry:
    """Return *entry*, which was known as *source*, under the name that a person gave it."""
    return replace(
        entry,
        status=after(Event.RENAME, entry.status),
        bound_to=entry.bound_to or source,
        applied_at=None,
        moved_from=None,
        announced_over=None,
        digest="",
    )


def follow(entry: Entry, source: Address, attempt: Entry | None, digest: str) -> Entry:
    """
    Return the history that a plan compares a moved server with.

    *entry* is that of the old address *source*; *attempt* the one that an earlier
    call to the new address left open; *digest* stands for both. Where nothing was
    ever confirmed at the old address, there is no history but the address.
    """
    if attempt is None:
        opened: Mapping[str, object] = {"intent": None, "attempted_at": None, "attempt": None}
        status = after(Event.FOLLOW, entry.status)
    else:
        opened = {
            "intent": attempt.intent,
            "attempted_at": attempt.attempted_at,
            "attempt": attempt.attempt,
        }
        status = attempt.status
    return replace(
        entry,
        status=status,
        bound_to=entry.bound_to or source,
        moved_from=None,
        announced_over=None,
        digest=digest,
        **opened,  # type: ignore[arg-type]
    )


def disagree(ours: Entry | None, theirs: Entry | None) -> Entry:
    """Return the entry of a server about which two copies differ: what was confirmed last."""
    known = [entry for entry in (ours, theirs) if entry is not None]
    last = max(known, key=lambda entry: (entry.applied_at or "", entry.digest))
    attempt = last.attempt or next((e.attempt for e in known if e.attempt is not None), None)
    status = after(Event.DISAGREE, last.status)
    return replace(last, status=status, attempt=attempt, announced_over=None, digest="")
