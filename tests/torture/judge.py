"""
An independent opinion on what icesync remembers, against what ICE saw.

It reads snapshot and journal with code of its own, so that a mistake in
icesync's reader cannot hide one in its writer. The rules carry the numbers of
the invariants that the program promises (I1 to I10).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Call", "Judge", "Memory", "Violation", "recall"]

MEMBERS: Final = {
    "status": "Status", "active": "IsActive", "ssl": "IsSSL", "tls": "IsTLS",
    "smtp.host": "SMTPServerAddress", "smtp.port": "SMTPPort", "smtp.username": "SMTPUserName",
    "smtp.mailbox": "SMTPMailbox", "smtp.poll_rate": "SMTPPollrate",
    "imap.host": "ImapServerAddress", "imap.port": "ImapPort", "imap.username": "ImapUserName",
    "imap.mailbox": "ImapMailbox", "imap.poll_rate": "ImapPollrate",
}  # fmt: skip
"""The settings that are compared, and what they are called on the wire (doc:table)."""

_SUM_LENGTH: Final = 16
_SHOWN: Final = 5


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True, slots=True)
class Call:
    """One update as ICE saw it; *stored* says that it had effect, *ended* when it was over."""

    number: int
    address: str
    members: Mapping[str, Any]
    stored: bool
    ended: str | None
    overlaps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Belief:
    """What is remembered of one server: a sure value, or that it is not sure."""

    certain: bool
    members: Mapping[str, str]
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Snapshot and journal as they stand; *records* and *verdicts* count those of the journal."""

    beliefs: Mapping[str, Belief] = field(default_factory=dict)
    serial: int = 0
    lineage: str | None = None
    journal: bool = False
    merged: bool = False
    records: int = 0
    verdicts: int = 0
    data: bytes | None = None

    @property
    def uncertain(self) -> set[str]:
        """The addresses of which ICE's answer is not known."""
        return {address for address, belief in self.beliefs.items() if not belief.certain}


def recall(state: Path) -> Memory:
    """Return what the snapshot at *state* and the journal beside it say together."""
    data = state.read_bytes() if state.exists() else None
    try:
        document = json.loads(data) if data is not None else {"serial": 0, "servers": {}}
        beliefs = {
            address: Belief(entry["status"] == "applied", _wire(entry["settings"]))
            for address, entry in document["servers"].items()
        }
        serial, lineage = document["serial"], document.get("lineage")
    except (ValueError, LookupError, TypeError) as error:
        raise Violation(f"I4: the snapshot cannot be read: {error}") from None
    records = _read_journal(state.with_name(f"{state.name}.journal"))
    if not records:
        return Memory(beliefs, serial, lineage, journal=records is not None, data=data)
    head, *rest = records
    if head["run"] == document.get("run") and serial > head["serial"]:
        return Memory(beliefs, serial, lineage, journal=True, merged=True, data=data)
    known = hashlib.sha256(data).hexdigest() if data is not None else None
    if (head["serial"], head["snapshot"]) != (serial, known):
        raise Violation(f"I4: the journal continues {head['serial']}, the snapshot is at {serial}")
    verdicts = sum(record["type"] == "outcome" for record in rest)
    folded = _fold(beliefs, rest)
    return Memory(
        folded, serial, lineage, journal=True, records=len(rest), verdicts=verdicts, data=data
    )


def _read_journal(path: Path) -> list[dict[str, Any]] | None:
    if not path.exists():
        return None
    records: list[dict[str, Any]] = []
    broken = False
    for line in path.read_bytes().split(b"\n"):
        total, _, text = line.partition(b" ")
        sound = bool(text) and hashlib.sha256(text).hexdigest()[:_SUM_LENGTH].encode() == total
        broken |= not sound
        if sound and not broken:
            records.append(json.loads(text))
        elif sound and json.loads(text)["durable"] >= len(records):
            raise Violation("I4: the journal lost a record that was relied upon")
    if [record["n"] for record in records] != list(range(len(records))):
        raise Violation("I4: the journal has a gap, or two writers")
    return records


def _fold(before: Mapping[str, Belief], records: list[dict[str, Any]]) -> dict[str, Belief]:
    beliefs = dict(before)
    intents: dict[str, dict[str, Any]] = {}
    for record in records:
        address = record["address"]
        if record["type"] == "intent":
            intents[address] = record
        sent = _wire(intents[address]["entry"]["settings"])
        kind = record.get("kind", "uncertain")
        if kind == "applied":
            disabled = intents[address]["action"] == "disable"
            beliefs[address] = Belief(certain=True, members=sent, disabled=disabled)
        elif kind == "uncertain":
            beliefs[address] = Belief(certain=False, members=sent)
        elif address in before:
            beliefs[address] = before[address]
        else:
            beliefs.pop(address, None)
    return beliefs


def _wire(settings: Mapping[str, Any]) -> dict[str, str]:
    return {MEMBERS[key]: _plain(value) for key, value in settings.items() if key in MEMBERS}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _agree(members: Mapping[str, str], request: Mapping[str, Any]) -> bool:
    return all(_plain(request.get(name)) == value for name, value in members.items())


class Judge:
    """
    Follows one snapshot and the history of ICE; every method raises a Violation or returns.

    *concurrency* is how many calls a run may have in flight.
    """

    def __init__(self, state: Path, concurrency: int) -> None:
        self._state = state
        self._concurrency = concurrency
        self._versions: dict[tuple[str | None, int], bytes] = {}
        self.serial = 0
        self._tags: dict[str, str] = {}
        self.history: list[Call] = []

    def forget(self) -> None:
        """Begin anew: another snapshot, another history."""
        self._versions.clear()
        self._tags.clear()
        self.serial = 0
        self.history.clear()

    def hear(self, calls: Iterable[Call]) -> list[Call]:
        """Take in the calls of one run, in the order in which they came, and return them (I9)."""
        fresh = list(calls)
        numbers = {call.number for call in fresh}
        for call in fresh:
            if numbers.intersection(call.overlaps):
                raise Violation(f"I9: two calls for {call.address} were in flight together")
        self.history += fresh
        return fresh

    def look(self) -> Memory:
        """Return what is remembered now, if it is honest (I1, I2, I4, I5)."""
        memory = recall(self._state)
        self._check_serial(memory)
        final = self._final()
        for address, belief in memory.beliefs.items():
            if belief.certain and address not in final:
                raise Violation(f"I1: {address} is called applied, and ICE never accepted it")
            if belief.certain and not _agree(belief.members, final[address].members):
                raise Violation(f"I1: {address} is called applied with what ICE does not hold")
        lost = sorted(final.keys() - memory.beliefs.keys())
        if lost:
            raise Violation(f"I2: ICE accepted {lost[:_SHOWN]}, and nothing remembers it")
        return memory

    def look_after_crashes(self, runs: int = 1) -> Memory:
        """Return what is remembered after so many killed runs (I3 besides)."""
        memory = self.look()
        if len(memory.uncertain) > runs * self._concurrency:
            raise Violation(f"I3: {len(memory.uncertain)} uncertain after {runs} killed runs")
        return memory

    def look_after_success(self) -> Memory:
        """Return what is remembered after exit 0 (I10 besides)."""
        memory = self.look()
        if memory.uncertain:
            raise Violation(f"I10: exit 0 with uncertain {sorted(memory.uncertain)[:_SHOWN]}")
        return memory

    def check_resent(
        self, before: Memory, calls: Iterable[Call], wanted: Mapping[str, Mapping[str, str]]
    ) -> int:
        """Return how many acknowledged servers were sent again: none but those in doubt."""
        again = 0
        for call in calls:
            belief = before.beliefs.get(call.address)
            settled = belief is not None and belief.certain
            if settled and belief is not None and _agree(belief.members, wanted[call.address]):
                raise Violation(f"{call.address} was acknowledged, and was sent again")
            again += belief is not None and not belief.certain
        return again

    def check_converged(
        self, wanted: Mapping[str, Mapping[str, str]], secrets: Mapping[str, str]
    ) -> None:
        """Demand that ICE holds exactly *wanted*, with *secrets* by member (I7)."""
        final = self._final()
        if final.keys() != wanted.keys():
            raise Violation(f"I7: ICE holds {len(final)} servers, wanted are {len(wanted)}")
        for address, call in final.items():
            if not _agree(wanted[address], call.members):
                raise Violation(f"I7: ICE holds another value of {address} than is wanted")
            for member, secret in secrets.items():
                tag = json.dumps(call.members[member])
                if self._tags.setdefault(secret, tag) != tag:
                    raise Violation(f"I7: ICE holds another {member} of {address} than is wanted")

    def _check_serial(self, memory: Memory) -> None:
        if memory.serial < self.serial:
            raise Violation(f"I5: the serial fell from {self.serial} to {memory.serial}")
        self.serial = memory.serial
        if memory.data is not None:
            known = self._versions.setdefault((memory.lineage, memory.serial), memory.data)
            if known != memory.data:
                raise Violation(f"I5: two snapshots have serial {memory.serial}")

    def _final(self) -> dict[str, Call]:
        return {call.address: call for call in self.history if call.stored}
