"""
Negative controls: each harness must notice a build with the defect that it is there for.

A harness that finds nothing in these proves nothing where it finds nothing else.
The builds without flushing and without a lock stand beside their harnesses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rig import TIMEOUT_S, FarEnd, Gate, Ice, Picky, wait_until
from torture.arena import Fleet, Ordeal
from torture.judge import Judge, Violation, recall

from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icesync.emulator.storage import Storage


def kill_in_calls(ordeal: Ordeal, defect: str) -> None:
    """Kill a run of this build while its first calls wait for a reply, and judge."""
    ordeal.begin()
    ordeal.ice.strike("latency:800ms")
    child = ordeal.start(defect=defect)
    wait_until(lambda: len(ordeal.ice.updates) >= ordeal.fleet.concurrency, "the first calls")
    child.kill()
    ordeal.hear()
    ordeal.judge.look_after_crashes()


def test_sound_build_passes(ordeal: Callable[[int], Ordeal]) -> None:
    """What the defects below are caught by does not complain of the program itself."""
    kill_in_calls(ordeal(12), "")


def test_missing_intent_is_noticed(ordeal: Callable[[int], Ordeal]) -> None:
    """Without an intent, a call that ICE accepted is forgotten by a kill."""
    with pytest.raises(Violation, match="I2: ICE accepted"):
        kill_in_calls(ordeal(12), "no-intent")


def test_early_acknowledgement_is_noticed(tmp_path: Path, archive: Storage) -> None:
    """What counts as acknowledged before its reply is claimed without having happened."""
    gate = Gate(archive)
    with FarEnd(gate.answer) as end:
        fleet = Fleet(tmp_path / "repository", end.url, 12)
        ordeal = Ordeal(fleet, Ice(end.url, archive))
        child = ordeal.start(defect="ack-before-reply")
        gate.reached.wait(TIMEOUT_S)
        child.kill()
        ordeal.hear()

        with pytest.raises(Violation, match=r"I1: .* ICE never accepted it"):
            ordeal.judge.look_after_crashes()
        gate.open()


@pytest.mark.parametrize(
    ("defect", "noticed"),
    [pytest.param("", False, marks=pytest.mark.torture), ("substring", True)],
)
def test_success_by_substring_is_noticed(
    tmp_path: Path, archive: Storage, defect: str, *, noticed: bool
) -> None:
    """The word stands in "Unsuccessful" too, and that is no success."""
    reply = Reply(200, {"content-type": "application/json"}, b'{"Message":"Unsuccessful"}')
    with FarEnd(Picky(archive, None, reply).answer) as end:
        ordeal = Ordeal(Fleet(tmp_path / "repository", end.url, 2), Ice(end.url, archive))
        ordeal.start(defect=defect).wait()
        ordeal.hear()
        try:
            ordeal.judge.look()
            found = False
        except Violation:
            found = True

    assert found == noticed


def test_snapshot_in_place_is_noticed(ordeal: Callable[[int], Ordeal]) -> None:
    """A snapshot that is written over itself is unreadable after a kill in the middle."""
    made = ordeal(3)
    found = []
    for how in ("kill-before", "kill-half"):
        made.begin(serial=True)
        log = str(made.fleet.root / "steps")
        trip = {
            "folder": str(made.fleet.volume), "when": 1, "how": how, "only": ["write"], "log": log,
        }  # fmt: skip
        made.start(trip=trip, defect="in-place").wait()
        made.hear()
        with pytest.raises(Violation) as raised:
            made.judge.look()
        found.append(str(raised.value))

    assert all("I4: the snapshot cannot be read" in text for text in found)


@pytest.mark.parametrize("defect", ["", "stop-at-bad-record"])
def test_damage_in_the_journal_is_noticed(ordeal: Callable[[int], Ordeal], defect: str) -> None:
    """Damage before sound records is refused; a build that stops there forgets what follows."""
    made = ordeal(12)
    made.ice.strike("latency:30ms")
    log = str(made.fleet.root / "steps")
    trip = {
        "folder": str(made.fleet.volume), "when": 4, "how": "kill-after", "only": ["fdatasync"],
        "log": log,
    }  # fmt: skip
    made.start(trip=trip).wait()
    made.hear()
    journal = made.fleet.state.with_name("state.json.journal")
    lines = journal.read_bytes().split(b"\n")
    lines[1] = b"0" + lines[1][1:] if lines[1][:1] != b"0" else b"1" + lines[1][1:]
    journal.write_bytes(b"\n".join(lines))
    result = made.start("state", "rm", "59/12", defect=defect).wait()
    refused = result.code == 8 and "damaged" in result.text
    forgot = False
    if not refused:
        made.start("apply", "-y", "--target", "59/11", defect=defect).wait()
        made.hear()
        with pytest.raises(Violation, match=r"I2|I4: the journal lost a record"):
            made.judge.look()
        forgot = True

    assert refused != bool(defect)
    assert forgot == bool(defect)


def test_serial_that_stays_is_noticed(ordeal: Callable[[int], Ordeal]) -> None:
    """Two snapshots of one serial are told apart."""
    made = ordeal(2)
    made.begin(serial=True)
    made.start(defect="same-serial").wait()
    made.hear()

    with pytest.raises(Violation, match="I5: two snapshots have serial 1"):
        made.judge.look()


def test_two_calls_at_once_are_noticed(ordeal: Callable[[int], Ordeal]) -> None:
    """Calls for one address that overlap are seen in the history."""
    # The build ends when the salts of its secrets run out, half way through.
    made = ordeal(12)
    made.ice.strike("latency:150ms")
    made.start(defect="two-at-once").wait()

    with pytest.raises(Violation, match="I9"):
        made.hear()


def test_waiter_that_is_not_woken_is_noticed(ordeal: Callable[[int], Ordeal]) -> None:
    """A run that waits for a dead thread is a hang, not a slow run."""
    made = ordeal(2)
    log = str(made.fleet.root / "steps")
    trip = {
        "folder": str(made.fleet.volume), "when": 1, "how": "EIO", "only": ["fdatasync"],
        "log": log,
    }  # fmt: skip
    child = made.start(trip=trip, defect="deaf-waiter")

    with pytest.raises(Violation, match="hang"):
        child.wait(timeout_s=1.5)


def test_judge_sees_a_false_serial(tmp_path: Path) -> None:
    """A snapshot that went back in time is a violation."""
    state = tmp_path / "state.json"
    state.write_text('{"serial": 5, "lineage": "a", "servers": {}}')
    judge = Judge(state, 4)
    judge.look()
    state.write_text('{"serial": 4, "lineage": "a", "servers": {}}')

    with pytest.raises(Violation, match="I5: the serial fell"):
        judge.look()


def test_judge_reads_nothing_as_nothing(tmp_path: Path) -> None:
    """Where there is no snapshot, nothing is remembered; an empty one is damage."""
    state = tmp_path / "state.json"
    empty = recall(state)
    state.write_bytes(b"")

    assert not empty.beliefs
    with pytest.raises(Violation, match="I4"):
        recall(state)
