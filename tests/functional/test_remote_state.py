"""A snapshot that outlives the runner: nothing is left of a run but what the store holds."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from distant import listening
from distantstate import FakeGitLab, aim_at
from rig import TIMEOUT_S, FarEnd, Gate, Ice, Repository, run_in_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.emulator.storage import Storage

SKILLS = [663, 664, 665, 666, 667, 668]
STATE = "state: {backend: http, preset: gitlab, name: mail}"


@pytest.fixture
def gitlab() -> FakeGitLab:
    """A GitLab that keeps the state of one project."""
    return FakeGitLab()


@pytest.fixture
def variables(gitlab: FakeGitLab) -> Iterator[dict[str, str]]:
    """What a job of that project has in its environment."""
    with ExitStack() as stack:
        address = stack.enter_context(listening(gitlab.answer))
        yield {
            "CI_API_V4_URL": f"{address}/api/v4",
            "CI_PROJECT_ID": "42",
            "CI_JOB_TOKEN": "job-token",
            "CI_JOB_URL": "https://ci.example.org/jobs/7",
        }


def begin(repository: Repository) -> Repository:
    """Begin the state of *repository*, as is needed once."""
    result = repository.run("state", "init")
    assert result.code == 0, result
    return repository


def runner(folder: Path, variables: dict[str, str], archive: Storage, url: str) -> Repository:
    """Return a fresh checkout on an empty disk."""
    repository = Repository(folder, SKILLS).calls(Ice(url, archive))
    repository.replace("icesync.yaml", "state: {path: state.json}", STATE)
    repository.environ |= variables
    return repository


@pytest.mark.parametrize("words", ["plan", "apply -y", "check", "state list", "state pull"])
def test_a_slip_in_the_name_is_no_first_use(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab, words: str
) -> None:
    """Nothing stored is an error until a person begins a state; nothing is planned or sent."""
    repository = runner(tmp_path / "a", variables, ice.archive, ice.url)

    refused = repository.run(*words.split())
    begun = repository.run("state", "init")
    again = repository.run("state", "init")

    assert refused.code == 8
    assert f"there is no state at {variables['CI_API_V4_URL']}/projects/42" in refused.stderr
    assert "hint: run `icesync state init` to start a new state there" in refused.stderr
    assert ice.skills == []
    assert begun.stderr.endswith("/state/mail: begun\n")
    assert again.stderr.endswith("/state/mail: holds a state already\n")
    assert json.loads(gitlab.data)["serial"] == 1
    assert repository.run("plan").code == 0


@pytest.mark.parametrize(
    ("answers", "code", "stored"),
    [(["no"], 8, False), (["yes", "no"], 9, True), (["yes", "yes"], 0, True)],
)
def test_a_new_state_is_asked_for_on_a_terminal(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab,
    answers: list[str], code: int, stored: bool,
) -> None:  # fmt: skip
    """Who applies for the first time may start the state there and then, and sees the plan next."""
    repository = runner(tmp_path / "a", variables, ice.archive, ice.url)
    told = "".join(f"{answer}\n" for answer in answers).encode()

    done = run_in_terminal(
        ["apply"], repository.root, repository.environ,
        answer=lambda _, screen: screen.write(told) and None, question=b"Start a new state there",
    )  # fmt: skip

    assert done.code == code, done
    assert "there is no state at" in done.stderr
    assert bool(gitlab.data) is stored
    assert bool(ice.skills) is (code == 0)


def test_a_job_may_create_the_state(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab
) -> None:
    """Where nobody can be asked, an option says it; what is stored already is kept."""
    repository = runner(tmp_path / "a", variables, ice.archive, ice.url)

    first = repository.run("apply", "-y", "--create-state")
    second = repository.run("apply", "-y", "--create-state")

    assert (first.code, second.code) == (0, 0)
    assert "note: started a new state: " in first.stderr
    assert "started" not in second.stderr
    assert json.loads(gitlab.data)["serial"] > 1


def test_a_job_applies_and_the_next_one_knows(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab
) -> None:
    """Two runners that share nothing but the store; a plan takes no lock."""
    first = begin(runner(tmp_path / "a", variables, ice.archive, ice.url)).apply()
    gitlab.asked.clear()
    second = runner(tmp_path / "b", variables, ice.archive, ice.url)
    planned = second.run("plan", "--detailed-exitcode")

    assert planned.code == 0
    assert gitlab.lock is None
    assert {target.partition(" ")[0] for target in gitlab.asked} == {"GET"}
    assert not list(first.root.glob("*state*"))
    assert not list(second.root.glob("*state*"))


def test_what_a_dead_runner_began_is_sent_again(
    tmp_path: Path, variables: dict[str, str], archive: Storage, gitlab: FakeGitLab
) -> None:
    """Killed in the middle, with its disk gone: the store alone says what is open."""
    gate = Gate(archive, free=2)
    with FarEnd(gate.answer) as server:
        dead = begin(runner(tmp_path / "a", variables, archive, server.url))
        with dead.start("apply", "-y", "--parallelism", "1") as process:
            assert gate.reached.wait(TIMEOUT_S), process.communicate()
            process.send_signal(signal.SIGKILL)
            process.wait(TIMEOUT_S)
            gate.open()
        assert gitlab.lock is not None
        next_one = runner(tmp_path / "b", variables, archive, server.url)

        locked = next_one.run("apply", "-y")
        shown = next_one.run("state", "unlock")
        broken = next_one.run("state", "unlock", "--force", str(gitlab.lock["ID"]))
        resumed = next_one.run("apply", "-y", "--settle", "0")

    statuses = {a: s["status"] for a, s in json.loads(gitlab.data)["servers"].items()}
    assert locked.code == shown.code == 5
    assert "icesync state unlock --force " in locked.stderr
    assert broken.code == 0
    assert resumed.code == 0, resumed
    assert set(statuses.values()) == {"applied"}
    assert sorted(set(Ice("", archive).skills)) == SKILLS


def test_a_token_that_ends_during_the_run_loses_nothing(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab
) -> None:
    """The final save is refused: the snapshot is rescued to a file, and `state push` stores it."""
    repository = begin(runner(tmp_path / "a", variables, ice.archive, ice.url))
    writes: list[int] = []

    def ends(method: str, path: str) -> tuple[int, bytes] | None:
        if method == "POST" and not path.endswith("/lock"):
            writes.append(1)
            return (401, b"") if len(writes) > 1 else None
        return None

    gitlab.trouble, gitlab.before = ends, True
    failed = repository.run("apply", "-y")
    gitlab.trouble = lambda *_: None
    pushed = repository.run("state", "push", "errored.icesync.json")
    planned = repository.run("plan", "--detailed-exitcode")

    assert failed.code == 8
    assert "rejected the state: status 401" in failed.stderr
    assert "icesync state push errored.icesync.json" in failed.stderr
    assert pushed.code == 0, pushed
    assert planned.code == 0, planned


def test_a_local_snapshot_moves_to_the_store(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab
) -> None:
    """Change `state:`, try it dry, migrate, and nothing is to be sent."""
    repository = Repository(tmp_path / "a", SKILLS).calls(ice).apply()
    repository.write("old.yaml", repository.read("icesync.yaml"))
    repository.replace("icesync.yaml", "state: {path: state.json}", STATE)
    repository.environ |= variables

    dry = repository.run("state", "migrate", "--from-config", "old.yaml", "--dry-run")
    assert (dry.code, gitlab.data) == (0, b"")
    moved = repository.run("state", "migrate", "--from-config", "old.yaml")
    pulled = repository.run("state", "pull")

    assert moved.code == 0, moved
    assert "state.json is unchanged" in moved.stderr
    assert pulled.stdout == repository.read("state.json") == gitlab.data.decode()
    assert repository.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(("per", "name"), [("", "mail"), ("per: organization, ", "{organization}")])
def test_a_bucket_keeps_the_snapshot(
    repository: Repository, s3_address: str, monkeypatch: pytest.MonkeyPatch, per: str, name: str
) -> None:
    """Two runners with nothing in common but the bucket; at most one of them applies at a time."""
    aim_at(s3_address, monkeypatch)
    url = f"s3://icesync-states/{os.urandom(8).hex()}/{name}.json"
    where = f"state: {{{per}backend: objectstore, url: '{url}'}}"
    repository.replace("icesync.yaml", "state: {path: state.json}", where)

    begin(repository).apply()
    planned = repository.run("plan", "--detailed-exitcode")
    unlocked = repository.run("state", "unlock")

    assert planned.code == 0
    assert f"{url.replace('{organization}', '59')} is not locked" in unlocked.stderr
    assert not list(repository.root.glob("*state*"))


def test_a_document_of_terraform_is_never_overwritten(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab
) -> None:
    """An address that holds something else is refused before anything is sent."""
    gitlab.data = b'{"version": 4, "terraform_version": "1.9.0", "serial": 3, "lineage": "x"}'
    before = gitlab.data
    repository = runner(tmp_path / "a", variables, ice.archive, ice.url)

    refused = repository.run("apply", "-y")

    assert refused.code == 8
    assert "is not an icesync state" in refused.stderr
    assert gitlab.data == before
    assert Ice("", ice.archive).skills == []


def test_a_new_key_is_put_in(repository: Repository) -> None:
    """Fingerprints are made anew while both keys are there; a rotation is still seen after it."""
    repository.apply()
    repository.run("keygen", "--out", "next.key")
    made = repository.run("state", "rekey", "--new-key", "ref+file://next.key")
    repository.replace("icesync.yaml", "ref+file://key", "ref+file://next.key")
    repository.environ["ICE_SMTP"] = "rotated secret 4416"
    planned = repository.run("plan")

    assert made.code == 0
    assert "2 fingerprints made with the new key" in made.stderr
    assert "smtp.password  (sensitive, changed)" in planned.stdout
    assert "imap.password  (sensitive" not in planned.stdout


def test_each_organization_has_a_state_of_its_own(
    tmp_path: Path, variables: dict[str, str], ice: Ice, gitlab: FakeGitLab
) -> None:
    """`{organization}` in the name of GitLab's state is the number, for lock and snapshot."""
    repository = Repository(tmp_path / "a", SKILLS).calls(ice)
    own = 'state: {per: organization, backend: http, preset: gitlab, name: "mail-{organization}"}'
    repository.replace("icesync.yaml", "state: {path: state.json}", own)
    repository.environ |= variables
    begin(repository).apply("--shard", "1/1")

    places = {target.split(" ")[1].partition("?")[0] for target in gitlab.asked}
    assert {place.rpartition("/state/")[2] for place in places} <= {"mail-59", "mail-59/lock"}
    assert repository.run("plan", "--detailed-exitcode").code == 0
    assert repository.run("state", "unlock").code == 0
