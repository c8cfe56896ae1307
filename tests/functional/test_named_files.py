"""Files that people name: written as they are, and never in the place of what icesync lives by."""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rig import TIMEOUT_S, assert_refused, run_program
from starter import program_folder

from icesync.cli.files import write_new
from icesync.errors import FileUnwritable

if TYPE_CHECKING:
    from rig import Ice, Repository, Result

LONG = "x" * 300

WRITERS = [("plan", "-o", "{}"), ("state", "pull", "-o", "{}"), ("plan", "--report", "json={}")]
LIVED_BY = [
    "icesync.yaml", "servers/59.yaml", "servers/70.yaml", "servers/_defaults.yaml", "state.json",
    "state.json.lock", "state.json.journal", "state.json.backup", ".icesync/emulator.sqlite",
    ".icesync/emulator.sqlite-wal", "key", ".icesync/token", ".git/config", "link",
    "errored.icesync.json",
]  # fmt: skip


@pytest.fixture
def applied(repository: Repository) -> Repository:
    """A repository with a state, and a link to it."""
    repository.apply()
    (repository.root / "link").symlink_to("state.json")
    gc.collect()  # the emulator's file is closed with the last that knows it
    return repository


def write(repository: Repository, writer: tuple[str, ...], name: str) -> Result:
    """Let *writer* write to *name*."""
    return repository.run(*(word.format(name) for word in writer))


def shell(repository: Repository, line: str) -> str:
    """Return what a line of bash prints, in which icesync is the program."""
    path = f"{program_folder()}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=repository.root, env={**os.environ, **repository.environ, "PATH": path},
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S * 2,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(
    "writer", [("keygen", "--out"), ("emulator", "--ready-file")], ids=" ".join
)
def test_writers_that_need_no_configuration_spare_it(
    applied: Repository, writer: tuple[str, ...], *, broken: bool
) -> None:
    """What runs without a configuration knows one that is there, even a broken one."""
    names = ["icesync.yaml", "servers/70.yaml", ".icesync/emulator.sqlite", ".git/config"]
    if broken:
        applied.write("icesync.yaml", "version: 1\nnothing: fits\n")
    else:
        names += [
            "state.json",
            "state.json.lock",
            "state.json.journal",
            "state.json.backup",
            "link",
        ]
    files = {p: p.read_bytes() for p in applied.root.rglob("*") if p.is_file()}

    for name in names:
        assert_refused(applied.run(*writer, name), 64, f"{writer[1]} {name} would overwrite ")
    assert {p: p.read_bytes() for p in applied.root.rglob("*") if p.is_file()} == files


def test_key_for_a_rekey_is_private(applied: Repository) -> None:
    """A new key may not be a link either: whoever set it would choose the key."""
    applied.write("new", "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    (applied.root / "key2").symlink_to("new")
    result = applied.run("state", "rekey", "--new-key", "ref+file://key2")

    assert_refused(result, 64, "is a symbolic link", hint="the file itself")


def test_config_is_relative_to_the_folder(applied: Repository) -> None:
    """`--config` is looked for where `-C` says; the message says so where it is elsewhere."""
    applied.write("mail/other.yaml", "version: 1\n")
    result = applied.run("-C", "mail", "--config", "mail/other.yaml", "plan")

    assert_refused(result, 64, "relative to `-C DIR`", hint="-C mail --config other.yaml")


@pytest.mark.parametrize("name", LIVED_BY)
@pytest.mark.parametrize("writer", WRITERS, ids=" ".join)
def test_what_icesync_lives_by_is_never_overwritten(
    applied: Repository, writer: tuple[str, ...], name: str
) -> None:
    """Refused before any work, by any name that leads there."""
    path = applied.root / name
    before = path.read_bytes() if path.exists() else None
    assert_refused(write(applied, writer, name), 64, hint="another path")

    assert (path.read_bytes() if path.exists() else None) == before


def test_another_name_of_the_state_is_the_state(applied: Repository) -> None:
    """A hard link, and the full path, lead to the same file."""
    (applied.root / "other").hardlink_to(applied.root / "state.json")

    for name in ("other", str(applied.root / "state.json"), "servers/../state.json"):
        assert_refused(applied.run("plan", "-o", name), 64, "would overwrite the state")


def test_states_of_organizations_are_known_by_their_pattern(repository: Repository) -> None:
    """Also the file of an organization that has none yet."""
    repository.replace(
        "icesync.yaml", "{path: state.json}", '{per: organization, path: "state/{organization}"}'
    )

    assert_refused(
        repository.run("plan", "-o", "state/70.lock"), 64, "would overwrite the lock of the state"
    )


@pytest.mark.parametrize("writer", WRITERS, ids=" ".join)
def test_a_device_stays_one(applied: Repository, writer: tuple[str, ...]) -> None:
    """What goes to /dev/null is gone, and /dev/null is still there."""
    assert write(applied, writer, "/dev/null").code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("writer", WRITERS, ids=" ".join)
def test_a_pipe_is_written_to(applied: Repository, writer: tuple[str, ...]) -> None:
    """Whoever reads a named pipe gets the document."""
    fifo = applied.root / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    code = write(applied, writer, "fifo").code
    reader.join(TIMEOUT_S)

    assert (code, stat.S_ISFIFO(fifo.stat().st_mode)) == (0, True)
    assert json.loads(read[0])


@pytest.mark.parametrize(
    "line",
    [
        "icesync state pull -o /dev/stdout | cat",
        "icesync state pull -o /dev/stdout > file; cat file",
        "icesync state pull -o >(cat); wait",
        "icesync state pull -o /dev/fd/3 3>&1",
        "icesync state pull -o /proc/self/fd/1",
    ],
)
def test_an_open_descriptor_is_written_to(applied: Repository, line: str) -> None:
    """Process substitution and /dev/stdout work as in any other program."""
    assert json.loads(shell(applied, line))["servers"]


@pytest.mark.parametrize(
    "words", ["-o -", "-o /dev/stdout", "--out=/proc/self/fd/1", "--report json=/dev/fd/1"]
)
def test_stdout_holds_one_document(applied: Repository, words: str) -> None:
    """Whatever spelling leads there, no text stands beside the plan."""
    result = applied.run("plan", *words.split())

    assert result.stdout == applied.run("plan", "--json").stdout
    assert "Plan saved" not in result.stderr
    assert applied.run("plan", "--json", *words.split()).code == 64


def test_a_file_keeps_its_mode_its_names_and_its_link(applied: Repository) -> None:
    """A file that was there is replaced where it lies."""
    kept, linked = applied.write("kept.json", "old"), applied.write("far/linked.json", "old")
    kept.chmod(0o640)
    (applied.root / "also.json").hardlink_to(kept)
    (applied.root / "to.json").symlink_to("far/linked.json")

    assert applied.run("plan", "-o", "kept.json").code == 0
    assert applied.run("plan", "-o", "to.json").code == 0
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert (applied.root / "also.json").samefile(kept)
    assert (applied.root / "to.json").is_symlink()
    assert linked.read_bytes() == kept.read_bytes() != b"old"


def test_a_new_plan_is_for_its_owner(applied: Repository) -> None:
    """Whatever the umask says."""
    applied.run("plan", "-o", "new.json")

    assert stat.S_IMODE((applied.root / "new.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["apply", "missing.json"], 66, "cannot read missing.json: No such file"),
        (["show", "servers"], 66, "cannot read servers: Is a directory"),
        (["state", "push", "none.json"], 66, "cannot read none.json: No such file"),
        (["plan", "-o", "no/such/plan.json"], 73, "cannot write no/such/plan.json: its folder"),
        (["plan", "-o", "key/plan.json"], 73, "cannot write key/plan.json: its folder"),
        (["plan", "-o", "servers"], 73, "cannot write servers: it is a folder"),
        (["state", "pull", "-o", "no/s.json"], 73, "cannot write no/s.json: its folder"),
        (["keygen", "-o", "key/key"], 73, "cannot write key/key: File exists"),
        (["plan", "--report", "json=no/a"], 73, "cannot write no/a: its folder"),
        (["plan", "--report", "json=servers"], 73, "cannot write servers: it is a folder"),
        (["keygen", "-o", "servers"], 73, "cannot write servers: it is a folder"),
        (["plan", "-o", "loop"], 73, "cannot write loop: Too many levels of symbolic links"),
        (["state", "pull", "-o", "loop"], 73, "cannot write loop: Too many levels"),
        (["apply", "loop"], 66, "cannot read loop: Too many levels"),
        (["-C", "loop", "plan"], 64, "loop: no such folder"),
        (["plan", "-o", LONG], 73, "File name too long"),
        (["plan", "--report", f"json={LONG}"], 73, "File name too long"),
        (["keygen", "-o", LONG], 73, "File name too long"),
        (["-C", LONG, "plan"], 64, "no such folder"),
        (["--config", LONG, "plan"], 3, "the configuration is invalid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_file_that_cannot_be_used_has_a_code_of_its_own(
    applied: Repository, arguments: list[str], code: int, sentence: str
) -> None:
    """Not 64: the command line is right, the disk is not."""
    (applied.root / "loop").symlink_to("loop")

    assert_refused(applied.run(*arguments), code, sentence, hint=None)


def test_key_on_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next keygen must not take an empty file for a key that exists."""

    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "key"
    monkeypatch.setattr("icesync.cli.files.os.fdopen", lambda number, _: os.close(number) or Full())
    with pytest.raises(FileUnwritable, match="No space left"):
        write_new(path, b"key")

    assert not path.exists()


def test_a_token_takes_the_place_of_no_key(applied: Repository, ice: Ice) -> None:
    """Login writes the token's file; the key of the fingerprints is another one."""
    applied.calls(ice)

    assert_refused(applied.run("login", "--out", "key"), 64, "would overwrite a key or a password")
    assert applied.run("login").code == 0


@pytest.mark.parametrize("writer", [*WRITERS[:2], ("keygen", "-o", "{}")], ids=" ".join)
def test_a_dash_is_stdout(applied: Repository, writer: tuple[str, ...]) -> None:
    """As in `--report KIND=-`; no file is called so."""
    assert len(shell(applied, f"icesync {' '.join(writer).format('-')}")) > 40
    assert not (applied.root / "-").exists()


def test_paths_are_relative_to_where_the_user_stands(applied: Repository, tmp_path: Path) -> None:
    """``-C`` says where the configuration is, not where files go."""
    here = tmp_path / "here"
    here.mkdir()
    for words in (
        ["plan", "-o", "plan.json"], ["state", "pull", "-o", "pulled.json"],
        ["keygen", "-o", "new.key"], ["plan", "--report", "json=report.json"],
    ):  # fmt: skip
        result = run_program(["-C", str(applied.root), *words], here, applied.environ)
        assert result.code == 0, result

    assert {path.name for path in here.iterdir()} == {
        "plan.json", "pulled.json", "new.key", "report.json",
    }  # fmt: skip
