"""``icesync doctor``: a line for everything that a run needs, and what to type."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from documents import demand_fit
from rig import KEY, Repository, run_program

from icesync.bootstrap import open_session
from icesync.bootstrap.installation import LocalMachine
from icesync.engine.doctor import _clock, diagnose
from icesync.engine.state import Stored
from icesync.model.report import Health
from icesync.model.snapshot import Entry, EntryStatus, Snapshot
from icesync.wire.login import sign_token, write_token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHER_KEY = "/" + KEY[1:]
LOGIN = "login: {organization: 59, username: robot, password: ref+env://ICE_PASSWORD}"


def told(repository: Repository, *flags: str) -> dict[str, tuple[str, str]]:
    """Return health and text, with its hints, by the name of each check."""
    document = repository.run("doctor", "--json", *flags).document
    demand_fit(document)
    return {
        check["name"]: (check["health"], " ".join([check["text"], *check["hints"]]))
        for check in document["checks"]
    }


def nothing(_: Repository) -> None:
    """Leave all as it is."""


def corrupt(repository: Repository) -> None:
    """Damage the state, of which there is a backup."""
    repository.apply("--resend", "all").write("state.json", "{")


def call_ice(repository: Repository, access: str = "") -> None:
    """Let the configuration call ICE itself."""
    url = "https://www.enterice.com/ICEAPI"
    repository.replace("icesync.yaml", "base_url: emulator", f"base_url: {url}{access}")


def token(repository: Repository, ends_in_s: int) -> None:
    """Give it a token."""
    call_ice(repository, ", token: ref+env://ICE_TOKEN")
    claims = {"orgid": 59, "username": "robot", "exp": int(time.time()) + ends_in_s}
    made = write_token(sign_token(claims, b"any key"))
    repository.environ["ICE_TOKEN"] = made.decode().strip()


@pytest.mark.parametrize(
    ("change", "name", "health", "words"),
    [
        (nothing, "files", "ok", "1 server in 1 file"),
        (call_ice, "files", "warning", "1 server in 1 file, 2 warnings"),
        (nothing, "state", "ok", "1 server at emulator, serial 1, key "),
        (nothing, "fingerprint key", "ok", "that of the state"),
        (nothing, "secrets", "ok", "3 of 3 set"),
        (nothing, "token", "ok", "needs none"),
        (nothing, "left behind", "ok", "no journal"),
        (lambda r: r.write("servers/59.yaml", "a"), "files", "error", "icesync validate"),
        (corrupt, "state", "error", "state.json.backup"),
        (call_ice, "state", "error", "init --go-live"),
        (call_ice, "token", "error", "neither `api.token` nor `api.login`"),
        (lambda r: r.write("key", OTHER_KEY), "fingerprint key", "error", "wrong fingerprint key"),
        (lambda r: (r.root / "key").unlink(), "fingerprint key", "error", "key"),
        (lambda r: r.replace("icesync.yaml", "fingerprints: {key: ref+file://key}\n", ""),
         "fingerprint key", "warning", "no other key works"),
        (lambda r: r.replace("icesync.yaml", "ref+file://key", "ref+vault://a/b#/c"),
         "fingerprint key", "ok", "not looked up"),
        (lambda r: r.environ.pop("ICE_SMTP"), "secrets", "warning", "not set: ref+env://ICE_SMTP"),
        (lambda r: r.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+keyring://a/b"),
         "secrets", "ok", "2 of 2 set; 1 in other stores, not looked up"),
        (lambda r: token(r, 90_000), "token", "ok", "expires at 20"),
        (lambda r: token(r, 3600), "token", "warning", "expires at 20"),
        (lambda r: token(r, -10), "token", "error", "expired"),
        (lambda r: (token(r, -10), r.replace("icesync.yaml", "token:", f"{LOGIN}, token:")),
         "token", "error", "then each apply logs in as robot"),
        (lambda r: r.write("errored.icesync.json", "{}"), "left behind", "error", "state push"),
        (lambda r: r.write(".github/workflows/a.yml", "# of icesync 0.0.9 writes it"),
         "workflow", "warning", "a.yml of 0.0.9"),
        (lambda r: r.write(".github/workflows/a.yml",
                           "X: ${{ secrets.X }}\nICE_IMAP: y\nrun: icesync apply"),
         "workflow", "warning", "does not pass on ICE_SMTP icesync init"),
        (lambda r: r.write(".gitlab-ci.yml", "script: icesync plan"), "workflow", "ok", "by hand"),
    ],
)  # fmt: skip
def test_check(
    tmp_path: Path,
    change: Callable[[Repository], object],
    name: str,
    health: str,
    words: str,
) -> None:
    """Each thing that can be wrong has a line that says so, and what to type."""
    repository = Repository(tmp_path / "repository")
    repository.apply()
    change(repository)

    found = told(repository)

    assert found[name][0] == health, found
    assert words in found[name][1]
    assert repository.run("doctor").code == (3 if "error" in {h for h, _ in found.values()} else 0)


def test_without_a_configuration(tmp_path: Path) -> None:
    """Where there is none, that is what is said, with the way to one."""
    result = run_program(["doctor"], tmp_path)

    assert result.code == 3
    assert "icesync init" in result.stdout
    assert result.stdout.endswith("\n1 error\n")


def test_printed_lines_mend_the_gitignore(repository: Repository) -> None:
    """What git does not ignore is named; the printed command, pasted, makes it right."""
    subprocess.run(["git", "init", "-q"], cwd=repository.root, check=True)
    health, text = told(repository)["git"]
    command = text[text.index("printf") :]
    subprocess.run(["bash", "-euc", command], cwd=repository.root, check=True)
    mended = told(repository)["git"]
    call_ice(repository)
    repository.write(".gitignore", repository.read(".gitignore") + "*.json\n")
    hidden = told(repository)["git"]

    assert (health, mended[0], hidden[0]) == ("warning", "ok", "warning")
    assert "errored.icesync.json" in text
    assert "another clone would send every server again" in hidden[1]


def test_tracked_file_that_may_hold_passwords(repository: Repository) -> None:
    """A sheet or a file of passwords in git is named; the printed command takes it out."""
    git = ["git", "-C", str(repository.root)]
    subprocess.run([*git, "init", "-q"], check=True)
    repository.write(".gitignore", "*.json*\n.icesync/\n")
    names = ["Mail boxes.CSV", ".icesync/token", "ci/passwords.txt", "passwords.enc.yaml"]
    for name in names:
        repository.write(name, "")
    subprocess.run([*git, "add", "--force", *names], check=True)
    health, text = told(repository)["git"]
    command = text[text.index("git rm") :]
    subprocess.run(["bash", "-euc", command], cwd=repository.root, check=True)
    again = told(repository)["git"]

    assert health == "warning"
    assert ".icesync/token, Mail boxes.CSV and ci/passwords.txt are tracked by git" in text
    assert again[0] == "ok"
    assert (repository.root / "ci/passwords.txt").exists()


def test_pipeline_of_another_configuration(repository: Repository) -> None:
    """It counts as none, and the printed command writes one beside it."""
    run_program(
        ["--config=mail/icesync.yaml", "init", "--emulator", "--ci=github"], repository.root
    )
    before = told(repository)["workflow"]
    written = repository.run(*before[1].rpartition("icesync ")[2].split())
    after = told(repository)["workflow"]

    assert before[0] == "warning"
    assert "the pipeline here is that of mail; this configuration has none" in before[1]
    assert "icesync-top-apply.yml" in written.stderr
    assert after[0] == "ok", after


def test_running_apply_is_named(repository: Repository) -> None:
    """While an apply goes on, the doctor says whose it is and takes nothing for left behind."""
    repository.apply()
    before = set(repository.root.rglob("*"))
    with repository.locked():
        running = told(repository)["left behind"]

    assert running[0] in {"ok", "warning"}
    assert set(repository.root.rglob("*")) - before <= {repository.root / "state.json.lock"}


class Bare(LocalMachine):
    """A machine whose PyYAML has no libyaml."""

    def libraries(self) -> dict[str, str | None]:
        """Return what is there."""
        return {"libyaml": None, "pyyaml": "6.0"}


def test_missing_library(repository: Repository) -> None:
    """A library that is missing is an error."""
    found = {f.name: f for f in diagnose(lambda: open_session(repository.root), Bare())}

    assert found["libraries"].health is Health.ERROR
    assert "missing: libyaml" in found["libraries"].text


@pytest.mark.parametrize(
    ("now", "health"),
    [("2026-05-01T12:00:00", "ok"), ("2026-04-30T12:00:00", "warning"), ("1970-01-01", "warning")],
)
def test_clock(now: str, health: str) -> None:
    """A clock that is before ICE's last answer, or before icesync was written, is told."""
    entry = Entry(EntryStatus.APPLIED, applied_at="2026-05-01T11:59:00Z")
    stored = Stored(Snapshot("emulator", entries={(59, 663): entry}), None)

    found = _clock(datetime.fromisoformat(now).replace(tzinfo=UTC), stored)

    assert found.health == health
    assert re.match(r"\d{4}-", found.text)
