"""Servers that exist already come in whole, or not at all; their passwords only where asked."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rig import KEY, Repository, assert_refused, run_process

from icesync.model.fields import SENT_FIELDS

if TYPE_CHECKING:
    from rig import Ice, Result

SAMPLE = Path(__file__).parents[1] / "examples" / "import" / "printed-sample.txt"
PASSWORDS = ("Clark1!", "Password1@", "sample string 21", "aaa.bbb.ccc")


class Newcomer:
    """A repository without a server, under git, and the vendor's printed sample beside it."""

    def __init__(self, root: Path) -> None:
        self.repository = Repository(root)
        (root / "servers" / "59.yaml").unlink()
        (root / ".git").rmdir()
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        (root / ".gitignore").write_text("key\n.icesync/\n")
        # The printed sample with a login of somebody's own: as it is, it is a placeholder.
        self.sample = str(root.parent / "bodies.txt")
        Path(self.sample).write_text(SAMPLE.read_text().replace("HHarry", "harry"))

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the program; no password may be shown."""
        result = self.repository.run(*arguments, env=env)
        shown = result.stdout + result.stderr
        assert [text for text in PASSWORDS[:2] if text in shown] == []
        return result

    @property
    def files(self) -> set[str]:
        """The files that are not git's, nor the repository's own from before."""
        root = self.repository.root
        found = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
        return {p for p in found if not p.startswith(".git")} - {"icesync.yaml", "key"}

    def passwords(self, name: str) -> dict[str, str]:
        """Return the variables that a shell finds in the file *name*."""
        script = f". ./{name}; set"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.repository.root,
            capture_output=True,
            text=True,
            check=True,
        )
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value.strip("'") for name, _, value in pairs if name.startswith("ICE_59")}


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    """A repository that is about to take its first servers."""
    return Newcomer(tmp_path / "repository")


def test_printed_sample_validates(newcomer: Newcomer) -> None:
    """The vendor's sample comes in as it is printed; all that is wrong is that it is a sample."""
    done = newcomer.run("import", str(SAMPLE), "--secrets", "none")

    assert done.code == 0
    assert "wrote servers/59.yaml: 1 server\n" in done.stderr
    assert "note: 3 passwords not kept" in done.stderr
    found = newcomer.run("validate", "--json").document["diagnostics"]
    assert [d["rule"] for d in found if d["severity"] == "error"] == ["ICE507"]
    assert newcomer.files == {"servers/59.yaml"}


def test_passwords_are_kept_where_asked(newcomer: Newcomer) -> None:
    """As variables, for their owner only; with them the plan has all it needs."""
    newcomer.run("import", newcomer.sample, "--secrets", "env:.icesync/p.env", "--assume-in-sync")
    path = newcomer.repository.root / ".icesync" / "p.env"
    planned = newcomer.run("plan", "--secrets", "require", env=newcomer.passwords(".icesync/p.env"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert planned.stdout == "No changes. Nothing to send: 1 unchanged (1 unconfirmed).\n"


def test_rotation_after_an_import_is_seen(newcomer: Newcomer) -> None:
    """The fingerprints are those of the passwords that came along."""
    newcomer.run("import", newcomer.sample, "--secrets", "env:.icesync/p.env", "--assume-in-sync")
    rotated = {**newcomer.passwords(".icesync/p.env"), "ICE_59_663_SMTP_PASSWORD": "another one"}

    assert "smtp.password  (sensitive, changed)" in newcomer.run("plan", env=rotated).stdout


def test_yaml_of_secrets_is_read_back(newcomer: Newcomer) -> None:
    """The references of the server file lead into it."""
    newcomer.run("import", newcomer.sample, "--secrets", "yaml:.icesync/p.yaml", "--assume-in-sync")

    planned = newcomer.run("plan", "--secrets", "require")
    assert planned.stdout == "No changes. Nothing to send: 1 unchanged (1 unconfirmed).\n"


def test_imported_servers_are_added(newcomer: Newcomer) -> None:
    """Without a word about what ICE holds, the next plan sends them for the first time."""
    newcomer.run("import", newcomer.sample, "--secrets", "none")

    assert newcomer.run("plan").stdout.startswith("Plan: 1 to add.\n")


def test_file_of_secrets_that_git_would_take(newcomer: Newcomer) -> None:
    """Passwords are not written where a commit would pick them up."""
    done = newcomer.run("import", str(SAMPLE), "--secrets", "env:p.env")

    assert_refused(done, 64, "git does not ignore it", hint=".gitignore")
    assert newcomer.files == set()


def test_input_that_git_would_take(newcomer: Newcomer) -> None:
    """Its passwords are in the clear, and one commit keeps them for ever."""
    root = newcomer.repository.root
    (root / "bodies.txt").write_text(Path(newcomer.sample).read_text())
    command = ("import", str(root / "bodies.txt"), "--secrets", "env:.icesync/p.env")
    loose = newcomer.run(*command)
    subprocess.run(["git", "add", "bodies.txt"], cwd=root, check=True)
    tracked = newcomer.run(*command)
    subprocess.run(["git", "rm", "--quiet", "--cached", "bodies.txt"], cwd=root, check=True)
    (root / ".gitignore").write_text(".icesync/\nkey\nbodies.txt\n")

    assert_refused(loose, 64, "git does not ignore it", hint=".gitignore")
    assert_refused(tracked, 64, "git tracks it", hint="git rm --cached")
    assert newcomer.run(*command).code == 0


def test_passwords_are_not_lost_in_silence(newcomer: Newcomer) -> None:
    """Without a word about where they go, nothing is written."""
    done = newcomer.run("import", newcomer.sample)

    assert_refused(done, 64, "3 passwords would be lost", hint="--secrets env:")
    assert newcomer.files == set()


def test_second_import_changes_nothing(newcomer: Newcomer) -> None:
    """Not a byte, and it says so."""
    command = ("import", newcomer.sample, "--secrets", "env:.icesync/p.env", "--assume-in-sync")
    newcomer.run(*command)
    root = newcomer.repository.root
    before = {path: (root / path).read_bytes() for path in newcomer.files}
    again = newcomer.run(*command)

    assert (again.code, again.stderr) == (0, "1 server unchanged\n")
    assert {path: (root / path).read_bytes() for path in newcomer.files} == before


def test_changes_are_shown_and_confirmed(newcomer: Newcomer) -> None:
    """Without a terminal they need a word; the password itself is not shown."""
    command = ("import", newcomer.sample, "--secrets", "env:.icesync/p.env")
    newcomer.run(*command)
    path = Path(newcomer.sample)
    path.write_text(path.read_text().replace("Clark1!", "other").replace("587", "465"))
    refused = newcomer.run(*command)
    done = newcomer.run(*command, "--yes")

    assert_refused(refused, 9, "1 server would change", hint="--yes")
    assert "smtp.port: 587 -> 465" in refused.stderr
    assert "(sensitive) -> (sensitive, changed)" in refused.stderr
    assert "other" not in refused.stderr + done.stderr
    assert "wrote servers/59.yaml: 1 server changed" in done.stderr
    assert "other" in newcomer.passwords(".icesync/p.env").values()


def test_server_that_the_state_knows(newcomer: Newcomer) -> None:
    """Its files are gone, so what the state says of it is not overwritten."""
    command = ("import", newcomer.sample, "--secrets", "none", "--assume-in-sync")
    newcomer.run(*command)
    (newcomer.repository.root / "servers" / "59.yaml").unlink()

    assert_refused(newcomer.run(*command), 3, "59/663: in the state already", hint=None)
    assert "servers/59.yaml" not in newcomer.files


def test_next_commands_work_as_printed(newcomer: Newcomer) -> None:
    """They are complete: a shell that runs them has all it needs to plan."""
    done = newcomer.run("import", newcomer.sample, "--secrets", "env:.icesync/my p.env")
    lines = done.stderr.partition("next:\n")[2].splitlines()
    root, script = newcomer.repository.root, lines[1] + "; env"
    shown = subprocess.run(
        ["sh", "-c", script], cwd=root, capture_output=True, text=True, check=True
    )

    assert [line.strip() for line in lines] == [
        "icesync validate", "set -a; . '.icesync/my p.env'; set +a", "icesync plan",
    ]  # fmt: skip
    assert "ICE_59_663_SMTP_PASSWORD=" in shown.stdout


def test_snapshot_that_cannot_be_kept_undoes_the_files(
    newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All or nothing: a server file without its entry would be sent to ICE."""
    from icesync.errors import StateNotSaved

    def refuse(*_: object) -> None:
        raise StateNotSaved("the disk is full")

    monkeypatch.setattr("icesync.stores.local.LocalStore.write", refuse)
    done = newcomer.run("import", str(SAMPLE), "--secrets", "env:.icesync/p", "--assume-in-sync")

    assert_refused(done, 8, "the disk is full", hint=None)
    assert {name for name in newcomer.files if not name.endswith(".lock")} == set()


def test_disk_that_fills_up_leaves_nothing(
    newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file is not left behind, nor the one that was whole."""
    import os

    def fill(path: Path, data: bytes, mode: int) -> bool:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data[:10])
        if mode == 0o644:
            raise OSError(28, os.strerror(28))
        return True

    monkeypatch.setattr("icesync.cli.importing.write_new", fill)
    done = newcomer.run("import", str(SAMPLE), "--secrets", "env:.icesync/p")

    assert_refused(done, 73, "cannot write servers/59.yaml: No space left", hint=None)
    assert newcomer.files == set()


def test_import_waits_for_the_lock(newcomer: Newcomer) -> None:
    """Whoever writes the snapshot holds its lock."""
    with newcomer.repository.locked():
        done = newcomer.run("import", str(SAMPLE), "--secrets", "none", "--assume-in-sync")

    assert done.code == 5
    assert newcomer.files - {"state.json.lock"} == set()


def test_bodies_from_stdin(newcomer: Newcomer) -> None:
    """``-`` is what another program says."""
    done = run_process(
        ["import", "-", "--dry-run"], newcomer.repository.root, answer=SAMPLE.read_text()
    )

    assert done.code == 0
    assert done.stdout.startswith("# servers/59.yaml\nversion: 1\n")
    assert "dry run: nothing was written" in done.stderr
    assert newcomer.files == set()


def listing(ice: Ice) -> Any:
    """Return what the emulator says that it holds."""
    url = ice.url.rpartition("/ICEAPI")[0] + "/_emulator/servers"
    with urllib.request.urlopen(url) as reply:  # noqa: S310 - the emulator on loopback
        return json.load(reply)


def test_round_trip_of_a_fleet(ice: Ice, tmp_path: Path) -> None:
    """What a fleet of one repository left in ICE comes into another, which has nothing to send."""
    first = Repository(tmp_path / "first", range(1, 6)).calls(ice)
    first.replace(
        "servers/59.yaml",
        "skill: 2,",
        "skill: 2, spoofing: {enabled: true, address: a@b.example.org},",
    )
    first.apply()
    second = Newcomer(tmp_path / "second")
    second.repository.write("export.json", json.dumps(listing(ice)))
    names = [f"ICE_59_{n}_{b}_PASSWORD" for n in range(1, 6) for b in ("SMTP", "IMAP")]
    known = {n: first.environ["ICE_SMTP" if "SMTP" in n else "ICE_IMAP"] for n in names}
    export = str(second.repository.root / "export.json")
    done = second.run("import", export, "--assume-in-sync", env=known)

    assert done.code == 0, done
    assert "10 passwords are only tags of the emulator" in done.stderr
    planned = second.run("plan", "--secrets", "require", env=known)
    assert planned.stdout == "No changes. Nothing to send: 5 unchanged (5 unconfirmed).\n"
    rotated = second.run("plan", env={**known, "ICE_59_3_SMTP_PASSWORD": "another"})
    assert rotated.stdout.startswith("Plan: 1 to update; 4 unchanged (4 unconfirmed).\n")


def test_asserting_what_was_assumed(newcomer: Newcomer) -> None:
    """An apply makes knowledge out of it."""
    newcomer.run("import", newcomer.sample, "--secrets", "env:.icesync/p.env", "--assume-in-sync")
    known = newcomer.passwords(".icesync/p.env")
    checked = newcomer.run("check", "--max-age", "1000d", env=known)
    applied = newcomer.run("apply", "-y", "--resend", "unconfirmed", env=known)

    assert checked.code == 2
    assert "older than 1000d:" in checked.stdout
    assert applied.code == 0
    assert newcomer.repository.statuses == {"59/663": "applied"}
    assert (
        newcomer.run("plan", env=known).stdout
        == "No changes. The server matches what ICE last confirmed.\n"
    )


def test_example_holds_every_member_of_the_sample() -> None:
    """The page of these tests has what the vendor prints, quotes and spaces included."""
    text = SAMPLE.read_text()
    absent = {"EmailServerId", "IsActive"}

    assert "\u00a0" in text
    assert "“" in text
    assert [f.wire[0] for f in SENT_FIELDS if f.wire[0] not in text] == sorted(absent)
    assert KEY not in text
