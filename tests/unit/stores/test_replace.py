from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from icesync.stores import remove_leftovers, replace_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that holds b"old", alone in its folder."""
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    return path


def _names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def _fail(monkeypatch: pytest.MonkeyPatch, function: str, number: int, *, skip: int = 0) -> None:
    """Let *function* of os fail as the kernel would, after *skip* calls that work."""
    real = getattr(os, function)
    calls = iter(range(1_000))

    def fake(*args: object, **options: object) -> object:
        if next(calls) < skip:
            return real(*args, **options)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, fake)


def test_first_write_has_no_backup(tmp_path: Path) -> None:
    """Where nothing was, there is nothing to keep."""
    replace_file(tmp_path / "state.json", b"new", None)

    assert _names(tmp_path / "state.json") == ["state.json"]


def test_backup_holds_the_previous_content(path: Path) -> None:
    """The content before the last write stays beside the new one."""
    replace_file(path, b"new", b"old")
    replace_file(path, b"newer", b"new")

    assert path.read_bytes() == b"newer"
    assert path.with_name("state.json.backup").read_bytes() == b"new"


def test_only_the_owner_can_read(path: Path) -> None:
    """Both files that a write leaves behind are private, whatever the first one was."""
    replace_file(path, b"new", b"old")
    replace_file(path, b"newer", b"new")

    modes = {stat.S_IMODE(path.with_name(name).stat().st_mode) for name in _names(path)}

    assert modes == {0o600}


def test_reader_sees_the_old_content_until_the_new_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step before the rename a reader meets the old content; after it the new."""
    seen = []
    for function in ("write", "fsync", "link", "replace"):
        real = getattr(os, function)

        def watched(*args: object, _real: object = real, **options: object) -> object:
            assert callable(_real)
            seen.append(path.read_bytes())
            done: object = _real(*args, **options)
            seen.append(path.read_bytes())
            return done

        monkeypatch.setattr(os, function, watched)

    replace_file(path, b"new", b"old")

    # write, fsync, link, replace of the backup, replace, fsync of the folder: before and after
    assert seen == [b"old"] * 9 + [b"new"] * 3


def test_reader_keeps_what_it_opened(path: Path) -> None:
    """A reader that opened the file before the write reads the old content to its end."""
    with path.open("rb") as reader:
        replace_file(path, b"new", b"old")

        assert reader.read() == b"old"


@pytest.mark.parametrize(
    ("function", "number"),
    [
        ("open", errno.EACCES),
        ("open", errno.EROFS),
        ("write", errno.ENOSPC),
        ("write", errno.EDQUOT),
        ("fsync", errno.EIO),
        ("replace", errno.EPERM),
    ],
)
def test_failure_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    """Where a step fails, the old content and nothing else is there."""
    _fail(monkeypatch, function, number)

    with pytest.raises(OSError, match="Errno"):
        replace_file(path, b"new", b"old")

    assert path.read_bytes() == b"old"
    assert _names(path) == ["state.json"]


def test_failure_of_the_rename_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step may fail too: the backup is there by then, and equals the file."""
    _fail(monkeypatch, "replace", errno.EIO, skip=1)

    with pytest.raises(OSError, match="Errno 5"):
        replace_file(path, b"new", b"old")

    assert path.read_bytes() == path.with_name("state.json.backup").read_bytes() == b"old"
    assert _names(path) == ["state.json", "state.json.backup"]


def test_disk_full_in_the_middle_of_the_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write is continued, and its failure leaves nothing half done."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:1]))
    _fail(monkeypatch, "write", errno.ENOSPC, skip=2)

    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new", b"old")

    assert path.read_bytes() == b"old"
    assert _names(path) == ["state.json"]


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take less than it was given; all of it arrives."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:2]))

    replace_file(path, b"newest", b"old")

    assert path.read_bytes() == b"newest"


def test_folder_is_flushed_last(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that was not flushed would be lost in a power cut: failing to is an error."""
    _fail(monkeypatch, "fsync", errno.EIO, skip=1)

    with pytest.raises(OSError, match="Errno 5"):
        replace_file(path, b"new", b"old")

    assert path.read_bytes() == b"new"


def test_file_system_that_cannotflush_folders(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders cannot be flushed at all, the write counts."""
    _fail(monkeypatch, "fsync", errno.EINVAL, skip=1)

    replace_file(path, b"new", b"old")

    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_backup_without_hard_links(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where links are not allowed, the backup is a copy."""
    _fail(monkeypatch, "link", number)

    replace_file(path, b"new", b"old")

    assert path.with_name("state.json.backup").read_bytes() == b"old"
    assert _names(path) == ["state.json", "state.json.backup"]


def test_no_write_without_a_backup(path: Path) -> None:
    """Where the backup cannot be kept, nothing is replaced."""
    path.with_name("state.json.backup").mkdir()

    with pytest.raises(IsADirectoryError):
        replace_file(path, b"new", b"old")

    assert path.read_bytes() == b"old"
    assert _names(path) == ["state.json", "state.json.backup"]


def test_backup_that_a_killed_run_linked_already(path: Path) -> None:
    """A run that died between backup and rename leaves two names of one file; the next copes."""
    path.with_name("state.json.backup").hardlink_to(path)

    replace_file(path, b"new", b"old")

    assert path.with_name("state.json.backup").read_bytes() == b"old"
    assert _names(path) == ["state.json", "state.json.backup"]


def test_leftovers_of_killed_runs_go(path: Path) -> None:
    """Temporary files of this naming go; others of a similar name are not ours."""
    strangers = ["other.json.tmp-0123456789abcdef", "state.json.tmp-mine", "state.json.tmp"]
    for name in [*strangers, "state.json.tmp-0123456789abcdef"]:
        path.with_name(name).write_bytes(b"half")

    remove_leftovers(path)

    assert _names(path) == sorted([*strangers, "state.json"])


def test_leftover_that_cannot_go_stays(path: Path) -> None:
    """Tidying is a courtesy: what cannot be removed stops nothing."""
    path.with_name("state.json.tmp-0123456789abcdef").mkdir()

    remove_leftovers(path)

    assert "state.json.tmp-0123456789abcdef" in _names(path)
