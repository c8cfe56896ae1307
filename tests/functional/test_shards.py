"""A snapshot for each organization: shards side by side, and what they refuse."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from rig import FarEnd, Gate, Ice, assert_refused, run_process, start_process, wait_until

from icesync.bootstrap import SystemClock, open_session
from icesync.codec.marker import read_marker
from icesync.emulator.storage import Storage
from icesync.engine.apply import ApplyRequest, apply
from icesync.stores.local import LocalStore
from icesync.stores.lock_info import named_lock
from icesync.stores.per_organization import PartitionedStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rig import Repository

ORGANIZATIONS = tuple(range(101, 113))
SKILLS = (1, 2, 3, 4, 5)
SHARDS = 5
EVERY = {(o, s) for o in ORGANIZATIONS for s in SKILLS}


def part(repository: Repository) -> Repository:
    """Give each organization of *repository* a snapshot of its own."""
    own = 'state: {per: organization, path: "state/{organization}.json"}'
    repository.replace("icesync.yaml", "state: {path: state.json}", own)
    return repository


def spread(repository: Repository) -> Repository:
    """Give *repository* a dozen organizations with five servers each."""
    repository.servers(SKILLS)
    text = repository.read("servers/59.yaml")
    (repository.root / "servers/59.yaml").unlink()
    for number in ORGANIZATIONS:
        own = text.replace("organization: 59", f"organization: {number}")
        own = own.replace("desk@", f"desk-{number}@")
        repository.write(f"servers/{number}.yaml", own)
    return repository


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An emulator in a process of its own: its address, and the file with its history."""
    data, ready = tmp_path / "emulator.sqlite", tmp_path / "ready"
    words = ["emulator", "--port", "0", "--data", str(data), "--ready-file", str(ready), "-q"]
    with start_process(words, tmp_path) as process:
        wait_until(lambda: ready.exists() and bool(ready.read_text().strip()), "the emulator")
        yield ready.read_text().strip(), data
        process.terminate()
        process.communicate()


def history(data: Path) -> Counter[tuple[int | None, int | None]]:
    """Return how often each address was sent."""
    archive = Storage(str(data))
    calls = archive.calls(10_000)
    archive.close()
    return Counter((call.org, call.skill) for call in calls if call.skill is not None)


@pytest.fixture
def fleet(repository: Repository) -> Repository:
    """A fleet whose organizations have snapshots of their own."""
    return spread(part(repository))


def test_five_shards_side_by_side(fleet: Repository, service: tuple[str, Path]) -> None:
    """Five shards at once send each server exactly once; a plan then finds no changes."""
    url, data = service
    fleet.replace("icesync.yaml", "base_url: emulator", f"base_url: {url}")
    login = ", login: {organization: 59, username: robot, password: ref+env://ICE_PASSWORD}}"
    fleet.replace("icesync.yaml", "rate_per_s: 1000}", f"rate_per_s: 1000{login}")
    fleet.environ["ICE_PASSWORD"] = "login secret 9318"
    runs = [fleet.start("apply", "-y", "--shard", f"{k}/{SHARDS}") for k in range(1, SHARDS + 1)]
    told = [run.communicate(timeout=60) for run in runs]

    assert [run.returncode for run in runs] == [0] * SHARDS, told
    assert history(data) == Counter(dict.fromkeys(EVERY, 1))
    assert fleet.run("plan", "--detailed-exitcode").code == 0


def test_a_killed_shard_is_completed(fleet: Repository, archive: Storage) -> None:
    """After kill -9 of a shard its rerun completes it; nothing is missed, nothing stays pending."""
    gate = Gate(archive, free=3)
    with FarEnd(gate.answer) as server:
        ice = Ice(server.url, archive)
        part(fleet.calls(ice))
        with fleet.start("apply", "-y", "--shard", "1/3") as run:
            assert gate.reached.wait(20)
            run.kill()
            gate.open()
            run.communicate()
        left = fleet.run("plan", "--shard", "1/3", "--detailed-exitcode")
        # The same values again: no window is waited for.
        fleet.apply("--shard", "1/3")

    assert left.code == 2
    sent = {(call.org, call.skill) for call in ice.accepted}
    assert sent == {(o, s) for o in ORGANIZATIONS[::3] for s in SKILLS}
    assert fleet.run("plan", "--shard", "1/3", "--detailed-exitcode").code == 0


def test_a_saved_plan_of_a_shard(fleet: Repository) -> None:
    """A plan that was saved for a shard is applied to that shard, whatever ran beside it."""
    fleet.run("plan", "--shard", "2/3", "-o", "p.json")
    fleet.apply("--shard", "1/3")
    result = fleet.run("apply", "p.json")

    assert (result.code, "20 applied" in result.stdout) == (0, True), result


def test_a_share_is_of_the_shard(fleet: Repository) -> None:
    """A limit's share is of the organizations in a run: shards do not change all by parts."""
    fleet.apply()
    fleet.replace("icesync.yaml", "updates: 100%", "updates: 30%")
    for number in ORGANIZATIONS:
        name = f"servers/{number}.yaml"
        fleet.write(name, fleet.read(name).replace("587", "2587"))
    result = fleet.run("apply", "-y", "--shard", "1/3")

    assert_refused(result, 9, "updates: 20 planned, the limit is 6", hint="--allow updates")


def test_a_password_of_another_shard_goes_to_no_new_host(fleet: Repository) -> None:
    """The files say where a password of an organization outside of the run goes."""
    fleet.apply("--organization", "101")
    text = fleet.read("servers/103.yaml")
    fleet.write("servers/103.yaml", text.replace("smtp.example.org", "smtp.example.net"))
    result = fleet.run("apply", "-y", "--organization", "103")

    assert_refused(result, 9, "103/1", hint="--allow host-change:103/1")
    assert fleet.run("apply", "-y", "--organization", "104").code == 0


def test_an_empty_shard(fleet: Repository) -> None:
    """A shard without an organization has nothing to do, and says so."""
    result = fleet.run("apply", "-y", "--shard", "13/13")

    assert result.code == 0
    assert "no organizations, nothing" in result.stderr
    assert not (fleet.root / "state").exists()


def test_servers_of_a_vanished_organization(fleet: Repository) -> None:
    """An organization that left the files is still seen by its snapshot on the disk."""
    fleet.apply()
    (fleet.root / "servers/105.yaml").unlink()
    result = fleet.run("plan")

    assert "5 no longer in any file" in result.stdout


def test_state_commands_name_an_organization(fleet: Repository) -> None:
    """`state` works on the snapshot of the organization that it is told."""
    fleet.apply("--organization", "103")
    listed = fleet.run("state", "list", "--organization", "103")

    assert (listed.code, listed.stdout.count("103/")) == (0, 5)
    hint = "--organization 59"
    assert_refused(fleet.run("state", "list"), 64, "one state per organization", hint=hint)
    for words in (("pull",), ("rm", "103/1")):
        assert_refused(fleet.run("state", *words), 64, "one state per organization")
    mixed = fleet.run("state", "mv", "103/1", "104/9", "--organization", "103")
    assert_refused(mixed, 64, "within one organization", hint="moved:")


def test_migration_splits(repository: Repository) -> None:
    """`state migrate` splits one snapshot; nothing is sent anew afterwards."""
    spread(repository).apply()
    repository.write("old.yaml", repository.read("icesync.yaml"))
    part(repository)
    result = repository.run("state", "migrate", "--from-config", "old.yaml")

    assert result.code == 0, result
    assert len(list((repository.root / "state").glob("*.json"))) == len(ORGANIZATIONS)
    planned = repository.run("plan", "--detailed-exitcode")
    assert planned.code == 0
    assert "outside icesync" not in planned.stderr
    assert repository.run("state", "migrate", "--from-config", "old.yaml").code == 6


def test_migration_joins(fleet: Repository) -> None:
    """Parts become one state again, sealed as a whole; nothing is to be sent."""
    fleet.apply()
    fleet.write("old.yaml", fleet.read("icesync.yaml"))
    own = 'state: {per: organization, path: "state/{organization}.json"}'
    fleet.replace("icesync.yaml", own, "state: {path: whole.json}")

    slip = fleet.run("plan")
    moved = fleet.run("state", "migrate", "--from-config", "old.yaml")
    planned = fleet.run("plan", "--detailed-exitcode")

    assert slip.code == 8
    assert "there is no state at `whole.json`, but `state/101.json` is one" in slip.stderr
    assert moved.code == 0, moved
    assert planned.code == 0
    assert "outside icesync" not in planned.stderr
    assert "not signed" not in planned.stderr


def test_an_address_names_its_organization(fleet: Repository) -> None:
    """Whose state an operation on one server is about, its address says."""
    fleet.apply("--shard", "1/1")

    assert fleet.run("state", "show", "101/1").code == 0
    assert fleet.run("state", "mv", "101/1", "101/9").code == 0
    assert fleet.run("state", "show", "101/9").code == 0


def test_a_move_between_shards_is_refused(fleet: Repository) -> None:
    """A move of which one end is in another shard is refused; a whole run takes both."""
    fleet.apply()
    text = fleet.read("servers/101.yaml").replace("  - {skill: 5, name: Desk 5}\n", "")
    fleet.write("servers/101.yaml", text)
    fleet.write("servers/102.yaml", fleet.read("servers/102.yaml") + "  - {skill: 9, name: Desk}\n")
    moved = "version: 1\norganization: 102\nmoved:\n  - {skill: 9, from: 101/5}\n"
    fleet.write("servers/moved.yaml", moved)
    half = fleet.run("plan", "--organization", "102")

    assert_refused(half, 64, "both organizations must be in the same run", hint="run once without")
    fleet.apply()
    assert fleet.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (("--shard", "6/5"), "invalid --shard", "--shard 2/5"),
        (("--shard", "0/5"), "invalid --shard", "--shard 2/5"),
        (("--shard", "2 of 5"), "invalid --shard", "--shard 2/5"),
        (("--shard", "1/1001"), "invalid --shard", "at most 1000"),
        (("--shard", "1/2", "--target", "101/1"), "both say which", "one of them"),
        (("--shard", "1/2", "--organization", "101"), "both say which", "one of them"),
        (("--organization", "7"), "not in any file or state", "validate"),
    ],
)
def test_refusals(fleet: Repository, words: tuple[str, ...], sentence: str, hint: str) -> None:
    """What cannot be meant is refused before anything is read or locked."""
    assert_refused(fleet.run("plan", *words), 64, sentence, hint=hint)


def test_a_report_never_overwrites_a_part(fleet: Repository) -> None:
    """No report is written over the snapshot of any organization."""
    fleet.apply("--organization", "103")
    before = fleet.read("state/103.json")
    result = fleet.run("plan", "--organization", "104", "--report", "json=state/103.json")

    assert_refused(result, 64, "would overwrite the state", hint="another path")
    assert fleet.read("state/103.json") == before


def test_a_shard_needs_parts(repository: Repository) -> None:
    """With one snapshot for all, shards would wait for each other: --shard is refused."""
    hint = "per: organization"
    assert_refused(repository.run("apply", "--shard", "1/2"), 64, "--shard needs", hint=hint)


def test_an_organization_needs_no_parts(repository: Repository) -> None:
    """--organization selects, also where all have one snapshot."""
    spread(repository).apply("--organization", "103")

    assert {a.split("/")[0] for a in repository.entries} == {"103"}


def test_shard_by_environment(fleet: Repository) -> None:
    """A matrix may say its shard by ICESYNC_SHARD."""
    result = run_process(("plan", "--json"), fleet.root, {**fleet.environ, "ICESYNC_SHARD": "1/12"})
    assert "shard 1/12: 1 of 12" in result.stderr


def test_the_other_commands(fleet: Repository) -> None:
    """check, explain and a whole plan find the snapshots that they are about by themselves."""
    fleet.apply("--shard", "1/3")

    assert fleet.run("check", "--shard", "1/3").code == 0
    assert fleet.run("check").code == 2
    assert "ICE confirmed it" in fleet.run("explain", "101/1").stdout
    assert fleet.run("explain", "102/1").code == 0
    changed = fleet.run("plan", "--target", "101/*", "--detailed-exitcode")
    assert (changed.code, "No changes" in changed.stdout) == (0, True)


def test_import_enters_each_snapshot(fleet: Repository) -> None:
    """Servers that are imported as in sync enter the snapshots of their organizations."""
    block = ("host", "port", "username", "mailbox", "poll_rate")
    head = ["organization", "skill", "name", "status", "active", "incoming", "ssl", "tls"]
    head += [f"{kind}.{key}" for kind in ("smtp", "imap") for key in block]
    mail = ["mail.example.org", "587", "desk", "have@example.org", "10"] * 2
    rows = [
        [o, "7", "Desk", "Enabled", "true", "imap", "false", "true", *mail] for o in ("201", "202")
    ]
    fleet.write("have.csv", "".join(",".join(row) + "\n" for row in [head, *rows]))
    result = fleet.run("import", "have.csv", "--assume-in-sync")

    assert result.code == 0, result
    for organization in ("201", "202"):
        assert "unconfirmed" in fleet.run("state", "list", "--organization", organization).stdout


def test_keys_are_changed_one_by_one(fleet: Repository) -> None:
    """`state rekey` takes one organization at a time; until all are done, a whole plan waits."""
    fleet.apply("--organization", "101", "--organization", "102")
    fleet.write("next", "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA=\n")
    again = ("state", "rekey", "--new-key", "ref+file://next", "--organization")
    first = fleet.run(*again, "101")
    between = fleet.run("plan")
    second = fleet.run(*again, "102")
    fleet.replace("icesync.yaml", "ref+file://key", "ref+file://next")

    assert (first.code, second.code) == (0, 0), (first, second)
    assert_refused(between, 8, "different fingerprint keys", hint="state rekey --organization 102")
    both = ("--organization", "101", "--organization", "102")
    assert fleet.run("plan", "--detailed-exitcode", *both).code == 0


def test_comments_of_parts_have_names_of_their_own(fleet: Repository) -> None:
    """Two plans of one folder never overwrite each other's comment."""
    fleet.write("staging.yaml", fleet.read("icesync.yaml"))
    keys = []
    for words in ((), ("--shard", "1/2"), ("--shard", "2/2"), ("--organization", "103"),
                  ("--config", "staging.yaml")):  # fmt: skip
        fleet.run("plan", "--summary", "--report", "markdown=plan.md", *words)
        marker = read_marker(fleet.read("plan.md"))
        assert marker is not None
        keys.append(marker.key)

    assert keys == [
        ".", ". --shard 1/2", ". --shard 2/2", ". --organization 103", ". staging.yaml",
    ]  # fmt: skip


def changed(fleet: Repository) -> Repository:
    """Apply *fleet* once, then change one server of the first organization."""
    assert fleet.run("apply", "-y").code == 0
    fleet.replace("servers/101.yaml", "name: Desk 1}", "name: Desk 1, smtp: {poll_rate: 77}}")
    return fleet


def lock_of(fleet: Repository, organization: int) -> AbstractContextManager[None]:
    """Return the lock of one organization's state, to be held by this process."""
    path = fleet.root / f"state/{organization}.json"
    return LocalStore(path, SystemClock()).lock(named_lock("test", "2026-01-01T00:00:00Z"), 0)


def test_an_organization_without_changes_is_not_locked(fleet: Repository) -> None:
    """A run waits for the locks of those it writes to, and for no others."""
    changed(fleet)

    with lock_of(fleet, 101):
        refused = fleet.spawn("apply", "-y")
    with lock_of(fleet, 102):
        applied = fleet.spawn("apply", "-y")

    assert_refused(refused, 5, "organization 101: ", hint="--lock-timeout")
    assert applied.code == 0


def test_a_state_that_changed_before_the_lock_is_planned_anew(
    fleet: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and the lock another run did the work: nothing is sent again."""
    changed(fleet)
    for name, value in fleet.environ.items():
        monkeypatch.setenv(name, value)
    locking, others = PartitionedStore.lock, ["apply -y"]

    def lock(store: PartitionedStore, *given: Any) -> AbstractContextManager[None]:
        for words in [others.pop()] if others else []:
            assert fleet.run(*words.split()).code == 0
        return locking(store, *given)

    monkeypatch.setattr(PartitionedStore, "lock", lock)
    report = apply(open_session(fleet.root), ApplyRequest(automatic=True))

    assert report.results == ()
    assert not others
