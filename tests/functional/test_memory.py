"""
What icesync remembers, at awkward moments.

Calls without an outcome, moves that were half made, runs that died or go on,
locks that vanish, and states that are pushed or dated wrongly.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rig import KEY, TIMEOUT_S, FarEnd, Gate, Ice, Picky, Repository, assert_refused

from icesync.codec.fingerprint import read_key, seals_of
from icesync.codec.state import decode_state, encode_state
from icesync.model.secret import SecretValue
from icesync.model.snapshot import Snapshot
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.emulator.storage import Storage

LOST = Reply(503, {"content-type": "text/plain"}, b"")
"""An answer that says nothing about whether the record was stored."""

GONE = "removed:\n  - {skill: 665, action: disable}\n"


class Losing(Picky):
    """An ICE that stores the record of one skill, and answers nothing that can be trusted."""

    def answer(self, request: Any) -> Reply:
        """Answer as usual, but for one skill: there only the storing is done."""
        reply = self._service.answer(request)
        return LOST if self._mark in request.body and self.reply else reply


@contextmanager
def losing(repository: Repository, archive: Storage, skill: int) -> Iterator[Losing]:
    """Let *repository* call an ICE whose answers about *skill* are lost."""
    far = Losing(archive, skill, LOST)
    with FarEnd(far.answer) as server:
        repository.calls(Ice(server.url, archive))
        yield far


@contextmanager
def applying(repository: Repository, archive: Storage) -> Iterator[tuple[Any, Gate]]:
    """Let an apply go on, at its third call."""
    gate = Gate(archive, free=2)
    with FarEnd(gate.answer) as server:
        repository.calls(Ice(server.url, archive))
        with repository.start("apply", "-y", "--parallelism", "1") as process:
            try:
                assert gate.reached.wait(TIMEOUT_S), process.communicate()
                yield process, gate
            finally:
                gate.open()
                if process.poll() is None:
                    process.kill()
                process.communicate()


@pytest.fixture
def left(repository: Repository, archive: Storage) -> Iterator[tuple[Repository, Losing]]:
    """A repository whose server 59/665 left the files while its first call has no outcome."""
    repository.servers([664, 665])
    with losing(repository, archive, 665) as far:
        assert repository.run("apply", "-y").code == 7
        repository.servers([664])
        far.reply = None
        yield repository, far


def test_unknown_outcome_of_a_server_that_left_the_files_stays_open(
    left: tuple[Repository, Losing],
) -> None:
    """The plan and the check say so until somebody knows (F4)."""
    repository, _ = left
    planned = repository.run("plan", "--json", "--detailed-exitcode")
    [change] = [c for c in planned.document["resource_changes"] if c["address"] == "59/665"]

    assert planned.code == 2
    assert (change["action"], change["change"]["after"]["smtp"]["port"]) == ("resend", 587)
    assert repository.run("check").code == 2


def test_unknown_outcome_is_known_after_the_next_apply(left: tuple[Repository, Losing]) -> None:
    """The record of the lost call is sent again, and then it is as any other that left."""
    repository, _ = left
    repository.apply("--settle", "0")

    assert repository.entries["59/665"]["status"] == "applied"
    assert repository.run("plan", "--detailed-exitcode").code == 0
    checked = repository.run("check")
    assert (checked.code, checked.stderr.splitlines()[-1]) == (
        2,
        "check: 1 server is in no file (exit 2)",
    )


def test_unknown_outcome_can_be_disabled(left: tuple[Repository, Losing], archive: Storage) -> None:
    """ICE may poll the mailbox since that call: its record is sent disabled."""
    repository, _ = left
    repository.servers([664], GONE)
    repository.apply("--settle", "0", "--allow", "disabled")
    record = Ice("", archive).accepted[-1]

    assert record.skill == 665
    assert '"Status":"Disabled"' in str(record.request)
    assert "59/665" not in repository.entries


def test_unknown_outcome_can_be_forgotten(left: tuple[Repository, Losing]) -> None:
    """Who knows better drops it; nothing is sent."""
    repository, _ = left
    repository.servers([664], GONE.replace("disable", "forget"))
    repository.apply()

    assert list(repository.entries) == ["59/664"]


def test_move_of_a_server_that_never_was_confirmed(
    repository: Repository, archive: Storage
) -> None:
    """It moves like any other, and nothing stops the fleet afterwards (F5)."""
    repository.servers([665])
    with losing(repository, archive, 665):
        assert repository.run("apply", "-y").code == 7
        repository.servers([667], "moved:\n  - {skill: 667, from: 59/665}\n")
        repository.apply("--settle", "0")
        planned = repository.run("plan", "--detailed-exitcode")

    assert planned.code == 0, planned
    assert list(repository.entries) == ["59/667"]


def test_plan_of_a_removal_without_its_password_is_incomplete(repository: Repository) -> None:
    """What apply would refuse is no plan to be approved (F13)."""
    repository.servers([664, 665])
    repository.apply()
    repository.servers([664], GONE)
    without = dict.fromkeys(("ICE_SMTP", "ICE_IMAP"), "")
    repository.replace("servers/59.yaml", "ICE_SMTP", "ICE_OTHER")
    repository.replace("servers/59.yaml", "ICE_IMAP", "ICE_OTHER")
    repository.environ["ICE_OTHER"] = "other secret 5512"
    planned = repository.run("plan", "--json", env=without)

    assert planned.document["complete"] is False
    assert "ICE412" in planned.stderr


def test_plan_beside_a_running_apply(repository: Repository, archive: Storage) -> None:
    """It says who applies since when, and counts nothing of it as unknown (F15)."""
    repository.servers([663, 664, 665, 666])
    with applying(repository, archive):
        planned, checked = repository.run("plan"), repository.run("check", "--json")

    assert "apply by" in planned.stderr
    assert "has been running since" in planned.stderr
    assert "interrupted apply" not in planned.stderr
    assert checked.document["maintenance"]["uncertain"] == []


@contextmanager
def killed(repository: Repository, archive: Storage) -> Iterator[None]:
    """Kill an apply of four servers at its third call; ICE answers everybody from then on."""
    repository.servers([663, 664, 665, 666])
    with applying(repository, archive) as (process, gate):
        process.kill()
        process.wait(TIMEOUT_S)
        gate.open()
        yield


def stored(repository: Repository) -> dict[str, str]:
    """Return the status of each server as the file says it, without the journal."""
    document = json.loads(repository.read("state.json"))
    return {address: entry["status"] for address, entry in document["servers"].items()}


def test_first_apply_that_died_is_the_state(repository: Repository, archive: Storage) -> None:
    """`state init` begins no empty one beside its journal, which nothing could fold any more."""
    with killed(repository, archive):
        tried = repository.run("state", "init", "--dry-run")
        done = repository.run("state", "init")

    assert "holds a state already" in tried.stderr + tried.stdout
    assert "note: an interrupted apply left 3 calls in its journal" in done.stderr
    assert stored(repository) == {
        "59/663": "applied",
        "59/664": "applied",
        "59/665": "uncertain",
    }


def test_dead_run_is_saved_though_nothing_is_to_be_sent(
    repository: Repository, archive: Storage
) -> None:
    """Whoever holds the lock next saves what ICE confirmed, and says so (A5)."""
    with killed(repository, archive):
        result = repository.run("apply", "-y", "--target", "59/663")

    assert (result.code, result.stdout[:11]) == (0, "No changes.")
    assert "note: an interrupted apply left 3 calls in its journal" in result.stderr
    assert stored(repository) == {
        "59/663": "applied",
        "59/664": "applied",
        "59/665": "uncertain",
    }
    assert not (repository.root / "state.json.journal").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("state", "pull", "-o", "pulled.json"),
        ("state", "rm", "59/665"),
        ("state", "mv", "59/664", "59/700"),
        (
            "apply",
            "-y",
            "--no-input",
            "--target",
            "59/666",
            "--expect-digest",
            f"sha256:{64 * '0'}",
        ),
    ],
    ids=["pull", "rm", "mv", "stale"],
)
def test_any_command_under_the_lock_saves_a_dead_run(
    repository: Repository, archive: Storage, command: tuple[str, ...]
) -> None:
    """No command needs another one to be run first, not even one that is refused."""
    with killed(repository, archive):
        result = repository.run(*command)

    assert result.code in {0, 6}, result
    assert "in its journal" in result.stderr
    assert stored(repository)["59/663"] == "applied"
    assert not (repository.root / "state.json.journal").exists()


def test_dry_run_saves_no_dead_run(repository: Repository, archive: Storage) -> None:
    """A dry run writes nothing at all."""
    with killed(repository, archive):
        result = repository.run("state", "rm", "59/665", "--dry-run")

    assert result.code == 0, result
    assert (repository.root / "state.json.journal").exists()


def test_state_that_knows_a_dead_run_may_be_pushed(
    repository: Repository, archive: Storage
) -> None:
    """What was rescued holds what the journal holds: the journal has no say any more."""
    with killed(repository, archive):
        journal = (repository.root / "state.json.journal").read_bytes()
        repository.run("state", "pull", "-o", "rescued.json")
        (repository.root / "state.json").unlink()
        (repository.root / "state.json.journal").write_bytes(journal)
        result = repository.run("state", "push", "rescued.json")

    assert result.code == 0, result
    assert stored(repository)["59/663"] == "applied"
    assert not (repository.root / "state.json.journal").exists()


def test_state_that_does_not_know_a_dead_run_is_no_successor(
    repository: Repository, archive: Storage
) -> None:
    """What ICE confirmed would get lost; the hint saves it, and works as printed."""
    with killed(repository, archive):
        address = repository.read("icesync.yaml").partition("base_url: ")[2].partition(",")[0]
        (repository.root / "other.json").write_bytes(
            encode_state(Snapshot(address, 9, "another"), "0")
        )
        refused = repository.run("state", "push", "other.json", "--force")
        pulled = repository.run("state", "pull", "-o", "now.json")
        pushed = repository.run("state", "push", "other.json", "--force")

    assert_refused(refused, 6, "left 5 records", hint="icesync state pull -o now.json")
    assert (pulled.code, pushed.code) == (0, 0), (pulled, pushed)


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_lock_that_vanishes_ends_the_run(
    repository: Repository, archive: Storage, what: str
) -> None:
    """Another run could begin beside this one: nothing more is sent, and none overwritten (A3)."""
    lock = repository.root / "state.json.lock"
    repository.servers([663, 664, 665, 666])
    with applying(repository, archive) as (process, gate):
        lock.unlink()
        if what == "replaced":
            lock.touch()
        gate.open()
        _, stderr = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 8
    assert "removed or replaced during this run" in stderr
    assert len(Ice("", archive).accepted) == 3


def test_journal_of_a_living_run_is_never_taken_over(
    repository: Repository, archive: Storage
) -> None:
    """A second run finds no lock, and still knows that the first one lives."""
    repository.servers([663, 664, 665, 666])
    with applying(repository, archive):
        (repository.root / "state.json.lock").unlink()
        second = repository.run("apply", "-y")

    assert_refused(second, 5, "a running apply", hint="fuser")


def test_forced_push_raises_the_serial(repository: Repository) -> None:
    """An older state replaces a younger one as its successor: a serial never falls (F12)."""
    repository.apply()
    repository.run("state", "pull", "-o", "old.json")
    repository.servers([663, 664])
    repository.apply()
    refused = repository.run("state", "push", "old.json")
    pushed = repository.run("state", "push", "old.json", "--force")

    assert_refused(refused, 6, "would be lost", hint="state pull")
    assert pushed.code == 0, pushed
    document = json.loads(repository.read("state.json"))
    assert (document["serial"], list(document["servers"])) == (3, ["59/663"])


def test_answer_from_the_future_is_told_and_never_young(repository: Repository) -> None:
    """A clock was wrong once: nobody knows how old the answer is (F18)."""
    repository.apply()
    result = repository.run("check", "--max-age", "30d")
    assert result.code == 0, result
    forge_time(repository, "2124-01-01T00:00:00Z")

    checked, planned = repository.run("check", "--max-age", "30d"), repository.run("plan")

    assert checked.code == 2
    assert "dated in the future (first: 59/663)" in planned.stderr
    assert "in the future" in repository.run("state", "list").stdout


def forge_time(repository: Repository, moment: str) -> None:
    """Date the answers of the state at *moment*, as a wrong clock would have."""
    path = repository.root / "state.json"
    snapshot = decode_state(path.read_bytes())
    entries = {a: replace(e, applied_at=moment, digest="") for a, e in snapshot.entries.items()}
    forged = decode_state(encode_state(replace(snapshot, entries=entries), "0"))
    key = read_key(SecretValue(KEY))
    path.write_bytes(
        encode_state(replace(forged, seals=seals_of(key, forged, forged, trusted=True)), "0")
    )


@pytest.mark.parametrize(
    "command",
    [
        ("check", "--max-age", "999999d"),
        ("plan", "--resend", "older-than=999999d"),
        ("check", "--max-age", "999999h"),
    ],
    ids=" ".join,
)
def test_age_of_millennia(repository: Repository, command: tuple[str, ...]) -> None:
    """Longer ago than there are years is long ago, and no bug (F19)."""
    repository.apply()

    result = repository.run(*command)

    assert result.code == 0, result


def test_migration_onto_itself_by_another_name(repository: Repository) -> None:
    """It is refused for what it is, not for a lock of its own (F20)."""
    repository.apply()
    (repository.root / "linked").symlink_to(repository.root)
    old = repository.read("icesync.yaml").replace("path: state.json", "path: ./state.json")
    repository.write("old.yaml", old)

    result = repository.run("state", "migrate", "--from-config", "old.yaml")

    assert_refused(result, 8, "both configurations keep the state at", hint="--from-config")


def git(folder: Path, *arguments: str) -> None:
    """Run git in *folder*, as nobody in particular."""
    who = ("-c", "user.name=ci", "-c", "user.email=ci@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_runner_that_vanishes_leaves_open_calls(tmp_path: Path, archive: Storage) -> None:
    """What was announced left the machine before the first call; the merge may be reverted (A2)."""
    origin, gate = tmp_path / "origin.git", Gate(archive, free=1)
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    runner = Repository(tmp_path / "runner", (663, 664))
    shutil.rmtree(runner.root / ".git")
    with FarEnd(gate.answer) as server:
        runner.calls(Ice(server.url, archive))
        git(runner.root, "init", "--quiet", "--initial-branch", "main")
        git(runner.root, "remote", "add", "origin", str(origin))
        runner.write(".gitignore", "state.json.*\nplan.json\nkey\n")
        git(runner.root, "add", "--all")
        git(runner.root, "commit", "--quiet", "-m", "merged")
        assert runner.run("plan", "-o", "plan.json").code == 0
        begun = runner.run("state", "begin", "plan.json")
        git(runner.root, "add", "--all")
        git(runner.root, "commit", "--quiet", "-m", "about to apply")
        git(runner.root, "push", "--quiet", "origin", "main")
        with runner.start("apply", "plan.json", "--parallelism", "1") as process:
            assert gate.reached.wait(TIMEOUT_S), process.communicate()
            process.kill()
            process.communicate()
        shutil.rmtree(runner.root)
        gate.open()
        git(tmp_path, "clone", "--quiet", "--branch", "main", str(origin), "anew")
        anew = Repository.__new__(Repository)
        anew.root, anew.environ = tmp_path / "anew", runner.environ
        anew.write("key", f"{KEY}\n")
        anew.servers([664])
        planned, checked = anew.run("plan", "--json"), anew.run("check")
        anew.apply("--settle", "0")
        after = anew.run("plan", "--detailed-exitcode")

    assert begun.code == 0, begun
    assert "2 calls announced in the state; nothing was sent" in begun.stderr
    actions = {c["address"]: c["action"] for c in planned.document["resource_changes"]}
    assert actions == {"59/663": "resend", "59/664": "add"}
    assert checked.code == 2
    assert after.code == 0, after


@pytest.mark.parametrize("way", ["plan", "digest", "fresh"])
def test_announced_plan_is_applied_as_it_was_reviewed(repository: Repository, way: str) -> None:
    """What is announced is the same plan still: saved, by its digest, or made anew."""
    repository.servers([663, 664, 665])
    repository.apply()
    moved = "moved:\n  - {skill: 700, from: 59/665}\n"
    repository.servers([663, 666, 700], moved + "removed:\n  - {skill: 664, action: disable}\n")
    repository.replace("servers/59.yaml", "port: 587", "port: 465")
    planned = repository.run("plan", "-o", "plan.json", "--json").document
    asked = {
        "plan": ("plan.json",),
        "digest": ("-y", "--expect-digest", planned["digest"]),
        "fresh": ("-y",),
    }[way]
    allowed = ("--allow", "host-change", "--allow", "disabled")
    begun = repository.run("state", "begin", *asked[1 if "-y" in asked else 0 :], *allowed)
    statuses = stored(repository)
    applied = repository.run("apply", *asked, *allowed)

    assert begun.code == 0, begun
    assert set(statuses.values()) == {"pending", "applied"}
    assert applied.code == 0, applied
    assert "4 applied" in applied.stdout
    assert set(stored(repository)) == {"59/663", "59/666", "59/700"}
    assert repository.run("plan", "--detailed-exitcode").code == 0
