"""``icesync fmt``: which files it takes, what it writes, and how it ends."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest
from rig import run_process, run_program

from icesync.cli.files import replace_text
from icesync.config.project import read_project
from icesync.engine.fmt import format_files

if TYPE_CHECKING:
    from pathlib import Path

    from rig import Repository

MESSY = "organization: 60\nversion: 1\nservers:\n- {skill: 1}\n"
NEAT = "version: 1\norganization: 60\nservers:\n  - {skill: 1}\n"


@pytest.fixture
def messy(repository: Repository) -> Path:
    """A file that is not in shape, beside files that are."""
    repository.run("fmt")
    return repository.write("servers/60.yaml", MESSY)


def test_all_files_are_laid_out(repository: Repository, messy: Path) -> None:
    """Without arguments the whole configuration is laid out, and what changed is named."""
    result = repository.run("fmt")

    assert (result.code, result.stdout) == (0, "servers/60.yaml\n")
    assert messy.read_text() == NEAT
    assert repository.run("fmt").stdout == ""


def test_configuration_and_folder_defaults_are_files_too(repository: Repository) -> None:
    """icesync.yaml and _defaults.yaml are laid out, each in its own order of keys."""
    repository.write(
        "servers/_defaults.yaml", "defaults: {tls: true, status: Enabled}\nversion: 1\n"
    )
    config = repository.read("icesync.yaml").splitlines()
    repository.write("icesync.yaml", "\n".join(reversed(config)) + "\n")

    named = repository.run("fmt").stdout.split()

    assert {"icesync.yaml", "servers/_defaults.yaml"} <= set(named)
    assert repository.read("icesync.yaml").startswith("version: 1\napi:")
    assert repository.read("servers/_defaults.yaml") == (
        "version: 1\ndefaults: {status: Enabled, tls: true}\n"
    )


@pytest.mark.parametrize("flags", [["--check"], ["--diff"], ["--check", "--diff"]], ids=str)
def test_looking_writes_nothing(repository: Repository, messy: Path, flags: list[str]) -> None:
    """A file that is not in shape ends a check with 3; a repository in shape with 0."""
    found = repository.run("fmt", *flags)

    assert found.code == 3
    assert "servers/60.yaml" in found.stdout
    assert ("\n-version: 1\n" in found.stdout) is ("--diff" in flags)
    assert messy.read_text() == MESSY

    repository.run("fmt")

    assert repository.run("fmt", *flags).code == 0


def test_permissions_are_kept(repository: Repository, messy: Path) -> None:
    """The file is replaced at once, with the permissions that it had, and nothing is left over."""
    messy.chmod(0o640)
    before = messy.stat().st_ino

    repository.run("fmt")

    assert stat.S_IMODE(messy.stat().st_mode) == 0o640
    assert messy.stat().st_ino != before
    assert [p.name for p in messy.parent.iterdir() if "tmp" in p.name] == []


def test_file_in_shape_is_not_touched(repository: Repository, messy: Path) -> None:
    """What needs no change keeps its place on the disk."""
    repository.run("fmt")
    before = messy.stat()

    repository.run("fmt")

    assert (messy.stat().st_ino, messy.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_unreadable_file_is_left_alone(repository: Repository, messy: Path) -> None:
    """A file with findings is refused with them, the others are laid out, and the end is 3."""
    repository.write("servers/61.yaml", "version: 1\nversion: 1\n")

    result = repository.run("fmt")

    assert result.code == 3
    assert "servers/61.yaml:2:1: ICE106" in result.stderr
    assert "1 file formatted, 1 file skipped" in result.stderr
    assert messy.read_text() == NEAT
    assert repository.read("servers/61.yaml") == "version: 1\nversion: 1\n"


def test_link_stays_a_link(repository: Repository, messy: Path) -> None:
    """Behind a link the file is replaced, not the link; outside of the root it is refused."""
    target = messy.rename(repository.root / "kept.yaml")
    messy.symlink_to("../kept.yaml")

    repository.run("fmt")

    assert messy.is_symlink()
    assert target.read_text() == NEAT


def test_link_out_of_the_root_is_refused(repository: Repository, tmp_path: Path) -> None:
    """What lies outside of the configuration's folder is not written through a link."""
    outside = tmp_path / "outside.yaml"
    outside.write_text(MESSY)
    (repository.root / "servers/60.yaml").symlink_to(outside)

    result = repository.run("fmt", "servers/60.yaml")

    assert result.code == 3
    assert "ICE008" in result.stderr
    assert outside.read_text() == MESSY


def test_chosen_files(repository: Repository, messy: Path) -> None:
    """Files and folders can be named, relative to where one is."""
    repository.write("servers/eu/61.yaml", MESSY)

    named = repository.run("fmt", "--check", "servers/eu", "servers/59.yaml").stdout
    from_there = run_program(["fmt", "--check", "60.yaml"], messy.parent).stdout

    assert named == "servers/eu/61.yaml\n"
    assert from_there == "60.yaml\n"
    assert repository.run("fmt", "--check", ".").stdout == "servers/60.yaml\nservers/eu/61.yaml\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../x.yaml", "ICE001 the file does not exist"),
        ("nix.yaml", "ICE001 the file does not exist"),
    ],
)
def test_file_that_cannot_be_taken(repository: Repository, name: str, told: str) -> None:
    """A path that leads nowhere, or away, is an error."""
    result = repository.run("fmt", name)

    assert result.code == 3
    assert told in result.stderr


def test_foreign_yaml_is_left_alone(repository: Repository) -> None:
    """YAML of other programs has other rules: it is named, and kept as it is."""
    path = repository.write("compose/up.yaml", "services: {b: 1,   a: 2}\n")

    foreign = repository.root.parent / "foreign.yaml"
    foreign.write_text("a:   1\n")
    results = [repository.run("fmt", name) for name in ("compose/up.yaml", "compose", str(foreign))]

    assert [result.code for result in results] == [0, 0, 0]
    assert "foreign.yaml: it is outside the configuration's folder" in results[2].stderr
    assert "skipped: compose/up.yaml: no pattern" in results[0].stderr
    assert "skipped: compose: no pattern" in results[1].stderr
    assert path.read_text() == "services: {b: 1,   a: 2}\n"


def test_encrypted_file_is_left_alone(repository: Repository) -> None:
    """What sops encrypted would not open with its keys in another order."""
    sealed = MESSY + "name: ENC[AES256_GCM,data:x]\nsops:\n  mac: ENC[y]\n"
    path = repository.write("servers/60.yaml", sealed)

    result = repository.run("fmt")

    assert result.code == 0
    assert "skipped: servers/60.yaml: it is encrypted by sops" in result.stderr
    assert path.read_text() == sealed


@pytest.mark.parametrize("text", [MESSY, MESSY.replace("\n", "\r\n"), "version: 1\nname: é東\n"])
def test_stdin(tmp_path: Path, text: str) -> None:
    """A filter for editors: no configuration is needed, and an ASCII terminal changes no letter."""
    environ = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}

    result = run_process(["fmt", "-"], tmp_path, environ, answer=text)

    assert result.code == 0
    assert result.stderr == ""
    assert sorted(result.stdout.split()) == sorted(text.split())


def test_stdin_that_cannot_be_read(tmp_path: Path) -> None:
    """A filter that fails writes nothing: no editor takes an empty file for an answer."""
    result = run_program(["fmt", "-"], tmp_path, answer="a: [")

    assert (result.code, result.stdout) == (3, "")
    assert "<stdin>:" in result.stderr


@pytest.mark.parametrize(("text", "code"), [(MESSY, 3), (NEAT, 0)])
def test_stdin_can_be_checked(tmp_path: Path, text: str, code: int) -> None:
    """With --check a filter says whether it would change something."""
    assert run_program(["fmt", "--check", "-"], tmp_path, answer=text).code == code


def test_stdin_stands_alone(tmp_path: Path) -> None:
    """Stdin and files together are a slip."""
    assert run_program(["fmt", "-", "a.yaml"], tmp_path).code == 64


def test_file_that_cannot_be_replaced(repository: Repository, messy: Path) -> None:
    """It is named and stays as it was, the others are formatted and named, and the end is 1."""
    other = repository.write("servers/61.yaml", MESSY.replace("60", "61"))
    (messy.parent / f".60.yaml.tmp-{os.getpid()}").mkdir()

    result = repository.run("fmt")

    assert result.code == 1
    assert "error: servers/60.yaml: not written: file exists" in result.stderr
    assert messy.read_text() == MESSY
    assert result.stdout == "servers/61.yaml\n"
    assert other.read_text() == NEAT.replace("60", "61")


def test_read_only_file_is_left_alone(repository: Repository, messy: Path) -> None:
    """Who made a file read-only, even for root, is asked by name."""
    messy.chmod(0o444)

    result = repository.run("fmt")

    assert (result.code, result.stdout) == (1, "")
    assert "servers/60.yaml: not written: it is read-only" in result.stderr
    assert messy.read_text() == MESSY


def test_other_names_of_a_file_are_kept(repository: Repository, messy: Path) -> None:
    """A hard link is formatted with the file: both stay one."""
    link = repository.root / "kept.yaml"
    os.link(messy, link)

    repository.run("fmt")

    assert link.read_text() == NEAT
    assert link.stat().st_ino == messy.stat().st_ino


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_owner_is_kept(repository: Repository, messy: Path) -> None:
    """Run as root over somebody's files, it leaves them theirs."""
    os.chown(messy, 1234, 2345)

    repository.run("fmt")

    assert messy.read_text() == NEAT
    assert (messy.stat().st_uid, messy.stat().st_gid) == (1234, 2345)


@pytest.mark.parametrize("links", [1, 2])
def test_edit_that_is_saved_meanwhile_is_kept(
    repository: Repository, messy: Path, links: int
) -> None:
    """A file that changed between reading and replacing is named and left alone."""
    if links > 1:
        os.link(messy, repository.root / "kept.yaml")

    def replace(path: Path, before: bytes, after: bytes) -> None:
        path.write_text("version: 1  # an edit\n")
        replace_text(path, before, after)

    project = read_project(repository.root / "icesync.yaml")
    formatting = format_files(project, ["servers/60.yaml"], replace)

    [left] = formatting.unwritten
    assert (left.path, left.changed) == ("servers/60.yaml", True)
    assert messy.read_text() == "version: 1  # an edit\n"
    assert [p.name for p in messy.parent.iterdir() if "tmp" in p.name] == []


@pytest.mark.parametrize("links", [1, 2])
def test_full_disk_leaves_the_file_whole(
    messy: Path, monkeypatch: pytest.MonkeyPatch, links: int
) -> None:
    """What cannot be written to its end was never there."""
    if links > 1:
        os.link(messy, messy.with_name("kept.yaml"))
    before, after = messy.read_bytes(), NEAT.encode() * 3
    real = os.fsync
    calls: list[int] = []

    def full_at_first(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_first)
    with pytest.raises(OSError, match="No space left"):
        replace_text(messy, before, after)

    assert messy.read_bytes() == before
    assert [p.name for p in messy.parent.iterdir() if "tmp" in p.name] == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "smtp: {password: hunter2-canary}",
            "ICE401 the file contains a plaintext secret, so no diff is shown",
        ),
        ("smtp: {password: &x [hunter2-canary]}", "ICE105 the value of an unknown key"),
        ("smtp: {pasword: hunter2-canary}", "ICE105 the value of an unknown key may be a secret"),
        ("name: &x hunter2-canary, smtp: {password: *x}", "ICE401"),
        ("tls: true}  # password: hunter2-canary\n- {skill: 2", "ICE401"),
        ("smtp: {password: #hunter2-canary\n     }", "ICE401"),
    ],
)
def test_literal_secret_is_not_shown(repository: Repository, written: str, told: str) -> None:
    """A difference goes into logs: a file that may hold a plaintext secret is only named."""
    repository.write("servers/60.yaml", MESSY.replace("1}", f"1, {written}}}"))

    result = repository.run("fmt", "--diff")

    assert result.code == 3
    assert "servers/60.yaml\n" in result.stdout
    assert told in result.stderr
    assert "canary" not in result.stdout + result.stderr


def test_difference_is_painted_on_a_terminal(repository: Repository, messy: Path) -> None:
    """Who looks at a terminal sees what goes in red and what comes in green."""
    shown = repository.run("--color", "always", "fmt", "--diff", str(messy)).stdout

    assert "\x1b[31m-version: 1\x1b[0m\n" in shown
    assert "\x1b[32m+version: 1\x1b[0m\n" in shown
