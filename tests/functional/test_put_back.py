"""A revert takes files and memory back together, while ICE keeps what it was sent since."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from json import loads
from typing import TYPE_CHECKING

import pytest
from rig import Repository, assert_refused

from icesync.bootstrap.git import Git
from icesync.codec.state import decode_state, encode_state
from icesync.model.desired import Address

if TYPE_CHECKING:
    from pathlib import Path

PARTS = '{per: organization, path: "state/{organization}.json"}'
SUPPORT = Address(59, 663)
SAID = "the state was put back"


def git(root: Path, *arguments: str) -> str:
    """Run git in *root*, with a configuration of nobody."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    done = subprocess.run(
        ["git", "-C", str(root), *who, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(repository: Repository, told: str) -> None:
    """Commit all of *repository* but its key."""
    git(repository.root, "add", "--all", ":!key", ":!.icesync", ":!*.lock", ":!*.backup")
    git(repository.root, "commit", "--quiet", "-m", told)


def port(repository: Repository, number: int) -> None:
    """Change the port of the first server, apply and commit."""
    text = f"  - {{skill: 663, name: Desk 663, smtp: {{port: {number}}}}}\n"
    repository.servers([], text + "  - {skill: 664, name: Desk 664}\n")
    repository.write("servers/59.yaml", repository.read("servers/59.yaml").replace("  []\n", ""))
    repository.apply("--allow", "host-change")
    commit(repository, f"port {number}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a repository lies whose state was committed after each of two applies."""
    repository = Repository(tmp_path_factory.mktemp("template") / "repository")
    begin(repository)
    for number in (587, 2525):
        port(repository, number)
    return repository.root


@pytest.fixture
def committed(template: Path, tmp_path: Path) -> Repository:
    """Return a copy of that repository."""
    return copied(shutil.copytree(template, tmp_path / "copy"))


def copied(root: Path) -> Repository:
    """Return the repository that lies in *root*, as it is."""
    environ = {"ICE_SMTP": "smtp secret 8261", "ICE_IMAP": "imap secret 7450"}
    repository = Repository.__new__(Repository)
    repository.root, repository.environ = root, environ
    return repository


def begin(repository: Repository) -> None:
    """Make the folder a repository of git."""
    shutil.rmtree(repository.root / ".git")
    git(repository.root, "init", "--quiet", "-b", "main")


def revert(repository: Repository) -> None:
    """Take the last commit back."""
    git(repository.root, "revert", "--no-edit", "HEAD")


def test_reverted_apply_is_planned_again(committed: Repository) -> None:
    """Files and state of the first apply are back: what ICE was sent since differs from them."""
    revert(committed)
    planned = committed.run("plan", "--detailed-exitcode")
    checked = committed.run("check")
    committed.apply()
    serial = loads(committed.read("state.json"))["serial"]
    commit(committed, "sent again")

    assert planned.code == checked.code == 2
    assert SAID in planned.stderr
    assert "Plan: 1 to update; 1 unchanged." in planned.stdout
    assert "2525 -> 587" in planned.stdout
    assert "the state was put back to an older one since it was sent" in planned.stdout
    assert "outcome unknown" not in checked.stdout
    assert serial == 3
    again = committed.run("plan", "--detailed-exitcode")
    assert (again.code, SAID in again.stderr) == (0, False)


def test_settled_state_says_nothing(committed: Repository) -> None:
    """Where the newest state is checked out there is nothing to tell."""
    result = committed.run("plan", "--detailed-exitcode")

    assert (result.code, SAID in result.stderr) == (0, False)


def test_server_that_the_revert_took_out_is_known(committed: Repository) -> None:
    """ICE holds it, so it is shown as one that no file names any more."""
    committed.servers([663, 664, 665])
    committed.apply()
    commit(committed, "add 665")
    revert(committed)
    listed = committed.run("plan")
    committed.apply()

    assert "59/665" in listed.stdout
    assert "no longer in any file" in listed.stdout
    assert "59/665" in loads(committed.read("state.json"))["servers"]


def test_server_that_was_ended_is_sent_again(committed: Repository) -> None:
    """The revert brings it back, and ICE has it disabled."""
    text = committed.read("servers/59.yaml")
    kept = text.replace("  - {skill: 664, name: Desk 664}\n", "")
    committed.write("servers/59.yaml", kept + "removed: [{skill: 664, action: disable}]\n")
    committed.apply("--allow", "disabled")
    commit(committed, "end 664")
    revert(committed)

    assert "! 59/664" in committed.run("plan").stdout


def test_server_that_left_and_was_forgotten_says_what_is_true(committed: Repository) -> None:
    """The old state alone is put back: its last call is known, and no file names the server."""
    text = committed.read("servers/59.yaml")
    kept = text.replace("  - {skill: 664, name: Desk 664}\n", "")
    committed.write("servers/59.yaml", kept + "removed: [{skill: 664, action: disable}]\n")
    committed.apply("--allow", "disabled")
    commit(committed, "end 664")
    committed.write("servers/59.yaml", kept)
    commit(committed, "it has ended")
    git(committed.root, "checkout", "--quiet", "HEAD~2", "--", "state.json")
    planned = committed.run("plan")
    checked = committed.run("check")

    assert "! 59/664" in planned.stdout
    assert "state was put back to an older one since it was sent, and it is no" in planned.stdout
    assert "the last call is unknown" not in planned.stdout
    assert checked.code == 2
    assert "outcome unknown" not in checked.stdout


def test_state_of_an_organization_alone_is_noticed(repository: Repository) -> None:
    """Each organization's state has a history of its own."""
    repository.replace("icesync.yaml", "{path: state.json}", PARTS)
    begin(repository)
    for number in (587, 465):
        port(repository, number)
    revert(repository)
    planned = repository.run("plan")
    repository.apply()
    commit(repository, "sent again")

    assert "465 -> 587" in planned.stdout
    assert SAID not in repository.run("plan").stderr


def test_what_a_pull_request_wrote_into_the_history_is_not_believed(committed: Repository) -> None:
    """A state without a seal that fits casts doubt at most: no host of it becomes known."""
    genuine = committed.read("state.json")
    snapshot = decode_state(genuine.encode())
    entry = snapshot.entries[SUPPORT]
    settings = {**entry.settings, "smtp.host": "smtp.attacker.test"}
    entries = {**snapshot.entries, SUPPORT: replace(entry, settings=settings, digest="")}
    forged = replace(snapshot, serial=999, entries=entries)
    committed.write("state.json", encode_state(forged, "0.1.0").decode())
    commit(committed, "forged")
    committed.write("state.json", genuine)
    commit(committed, "forged no more")
    committed.replace("servers/59.yaml", "smtp.example.org", "smtp.attacker.test")
    result = committed.run("apply", "-y")

    assert_refused(result, 9, "would go to smtp.attacker.test", hint="--allow host-change:59/663")


@pytest.mark.parametrize("way", ["no git", "no repository", "untracked"])
def test_without_a_history_nothing_is_said(committed: Repository, way: str) -> None:
    """No git at all, or a state that is not committed: the plan is as ever."""
    revert(committed)
    environ = {"PATH": os.devnull} if way == "no git" else {}
    if way == "no repository":
        shutil.rmtree(committed.root / ".git")
    elif way == "untracked":
        git(committed.root, "rm", "--cached", "--quiet", "state.json")
    result = committed.run("plan", env=environ)

    assert result.code == 0, result
    assert SAID not in result.stderr


def test_folder_that_looks_like_a_repository_is_none(committed: Repository) -> None:
    """What git knows comes from the repository, never from files of a pull request in it."""
    bare = committed.root / "bare"
    git(committed.root, "clone", "--quiet", "--bare", ".", "bare")
    made = Git(str(bare), {"PATH": os.environ["PATH"]})

    assert made.commit_of("main") is None
    assert Git(str(committed.root), {"PATH": os.environ["PATH"]}).commit_of("main")


def test_repository_of_a_hook_is_another_one(committed: Repository, tmp_path: Path) -> None:
    """`GIT_DIR` of whoever calls icesync says nothing about where the configuration lies."""
    environ = {"PATH": os.environ["PATH"], "GIT_DIR": str(tmp_path / "other.git")}
    head = git(committed.root, "rev-parse", "HEAD")

    assert Git(str(committed.root), environ).commit_of("HEAD") == head


@pytest.mark.parametrize("way", ["deleted", "renamed", "remote", "called"])
def test_history_knows_where_the_state_was(committed: Repository, way: str) -> None:
    """What a pull request deletes, or names no more, is in git's history still."""
    for end in ("", ".backup"):
        (committed.root / f"state.json{end}").unlink()
    if way == "renamed":
        committed.replace("icesync.yaml", "{path: state.json}", "{path: new.json}")
    elif way == "called":
        committed.replace("icesync.yaml", "{path: state.json}", "{path: new.json}")
        (committed.root / "icesync.yaml").rename(committed.root / "icesync.yml")
    elif way == "remote":
        text = committed.read("icesync.yaml")
        far = "{backend: http, address: 'https://state.example.org/s'}"
        committed.replace("icesync.yaml", "{path: state.json}", far)
        commit(committed, "far away")
        committed.write("icesync.yaml", text.replace("{path: state.json}", "{path: new.json}"))
    commit(committed, way)
    result = committed.run("apply", "-y")

    told = "the state is empty, and git's history has one of 2 servers: `git log -- state.json`"
    if way == "remote":
        told = "the state is empty, and was at http https://state.example.org/s before"
    assert_refused(result, 9, told, hint="--allow safeguards")
    annotated = committed.run("plan", env={"GITHUB_ACTIONS": "true"})
    assert (
        f"::warning file=icesync.y{'' if way == 'called' else 'a'}ml,line=4,"
        in annotated.stdout + annotated.stderr
    )


def test_pull_request_is_planned_against_the_state_of_its_base(committed: Repository) -> None:
    """What it makes of the committed state counts for nothing, and is told."""
    snapshot = decode_state(committed.read("state.json").encode())
    entry = snapshot.entries[SUPPORT]
    settings = {**entry.settings, "smtp.host": "smtp.attacker.test"}
    entries = {**snapshot.entries, SUPPORT: replace(entry, settings=settings, digest="")}
    edited = replace(snapshot, serial=snapshot.serial + 1, entries=entries)
    committed.write("state.json", encode_state(edited, "0.1.0").decode())
    committed.replace("servers/59.yaml", "smtp.example.org", "smtp.attacker.test")
    commit(committed, "a pull request")
    base = committed.run("plan", "--trusted-config", "HEAD~1", "--secrets", "skip")
    here = committed.run("plan", "--secrets", "skip")

    assert '"smtp.example.org" -> "smtp.attacker.test"' in base.stdout
    assert SAID not in base.stderr
    assert "state.json differs from the one of HEAD~1" in base.stderr
    assert "would go to smtp.attacker.test" in base.stderr
    assert "Plan: 2 to update" in base.stdout
    assert "Plan: 1 to update" in here.stdout


def test_state_that_only_a_pull_request_has_is_none(committed: Repository) -> None:
    """A pull request that brings a state along has its servers planned as new ones."""
    git(committed.root, "rm", "--quiet", "state.json")
    git(committed.root, "commit", "--quiet", "-m", "no state")
    (committed.root / "state.json.backup").unlink()
    git(committed.root, "revert", "--no-edit", "HEAD")
    result = committed.run("plan", "--trusted-config", "HEAD~1", "--allow", "safeguards")

    assert "2 to add" in result.stdout


def test_deleted_state_of_one_organization_is_told(repository: Repository) -> None:
    """One part of many that is gone takes the memory of its organization with it."""
    repository.replace("icesync.yaml", "{path: state.json}", PARTS)
    begin(repository)
    repository.write("servers/60.yaml", repository.read("servers/59.yaml").replace("59", "60"))
    repository.apply()
    commit(repository, "two organizations")
    for path in repository.root.glob("state/60.json*"):
        path.unlink()
    repository.replace("servers/60.yaml", "smtp.example.org", "smtp.attacker.test")
    commit(repository, "one is gone")
    result = repository.run("apply", "-y")
    repository.write("servers/61.yaml", repository.read("servers/59.yaml").replace("59", "61"))

    told = "the state is empty, and git's history has one of 1 server: `git log -- state/60.json`"
    assert_refused(result, 9, told, hint="--allow safeguards")
    assert repository.run("apply", "-y", "--target", "61/*", "--target", "59/*").code == 0


def bury(repository: Repository, contents: list[bytes]) -> None:
    """Commit each of *contents* as the state, and check the last one out; b"" deletes it."""
    stream = bytearray()
    for number, data in enumerate(contents):
        start = b"from refs/heads/main^0\n" if number == 0 else b""
        change = b"M 100644 inline state.json\ndata %d\n%b\n" % (len(data), data)
        stream += (
            b"commit refs/heads/main\ncommitter t <t@example.org> %d +0000\ndata 1\nx\n%b%b\n"
            % (1_800_000_000 + number, start, change if data else b"D state.json\n")
        )
    subprocess.run(
        ["git", "-C", str(repository.root), "fast-import", "--quiet"],
        input=bytes(stream),
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    git(repository.root, "checkout", "--quiet", "--force", "main")
    git(repository.root, "reset", "--quiet", "--hard", "main")


@pytest.mark.parametrize("padding", [0, 120_000])
def test_newer_state_is_found_behind_many_others(
    committed: Repository, padding: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull request may put an old state back in many commits, or make it large."""
    monkeypatch.setattr("icesync.bootstrap.git._HISTORY_BYTES", 200_000)
    old = git(committed.root, "show", "HEAD~1:state.json").encode()
    sizes = [padding + n for n in range(1, 5 if padding else 30)]
    bury(committed, [old + b" " * size for size in sizes])

    assert SAID in committed.run("plan").stderr


def test_state_is_found_that_was_emptied_before_it_was_deleted(committed: Repository) -> None:
    """Whatever stood there last, an older version knows what ICE confirmed."""
    bury(committed, [b"{}\n", b'{"kind": "icesync-state"}\n', b""])
    committed.replace("icesync.yaml", "{path: state.json}", "{path: new.json}")
    for name in committed.root.glob("state.json.*"):
        name.unlink()
    refused = committed.run("apply", "-y")

    assert_refused(refused, 9, "git's history has one of 2 servers", hint="--allow safeguards")


def test_shallow_clone_says_that_it_is_blind(committed: Repository, tmp_path: Path) -> None:
    """Without history nobody can tell; it is said, and only there."""
    told = "this clone is shallow, so git does not know whether the state was put back"
    revert(committed)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{committed.root}", str(clone))
    shutil.copy(committed.root / "key", clone / "key")
    planned = copied(clone).run("plan")

    assert planned.code == 0
    assert told in planned.stderr
    assert "shallow" not in committed.run("plan").stderr


def test_link_in_the_place_of_the_state_hides_nothing(committed: Repository) -> None:
    """A pull request may put a link to a copy of an older state there: the name has the history."""
    old = git(committed.root, "show", "HEAD~1:state.json")
    committed.write("old.json", f"{old}\n")
    (committed.root / "state.json").unlink()
    (committed.root / "state.json").symlink_to("old.json")
    commit(committed, "a link")

    assert SAID in committed.run("plan").stderr
