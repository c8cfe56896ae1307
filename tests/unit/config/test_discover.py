from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from icesync.config.discover import find_config, find_files, is_found, read_file
from icesync.config.yaml_document import MAX_BYTES, SourceFile
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.errors import ConfigMalformed

if TYPE_CHECKING:
    from collections.abc import Callable

WHERE = SourcePosition("icesync.yaml", 7, 8)


def _write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")


def _find(root: Path, *patterns: str) -> tuple[list[str], list[Diagnostic]]:
    files, problems = find_files(root, patterns, lambda: WHERE)
    return [file.path for file in files], list(problems)


def _told(problems: list[Diagnostic]) -> list[str]:
    return [f"{d.position.file} {d.rule} {d.message}" for d in problems]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository in a folder of its own, so that there is something outside of it."""
    root = tmp_path / "repo"
    root.mkdir()
    return root


@pytest.mark.parametrize("name", ["icesync.yaml", "icesync.yml"])
def test_configuration_is_found_upward(root: Path, name: str) -> None:
    """The nearest configuration governs a folder."""
    _write(root, name, "a/b/c.yaml")

    assert find_config(root / "a/b") == root / name


def test_nearest_configuration_wins(root: Path) -> None:
    """A configuration further up is not looked at."""
    _write(root, "icesync.yaml", "a/icesync.yaml")

    assert find_config(root / "a") == root / "a/icesync.yaml"


def test_search_stops_at_the_repository(tmp_path: Path, root: Path) -> None:
    """A configuration outside of the repository governs nothing in it."""
    _write(tmp_path, "icesync.yaml")
    _write(root, ".git/HEAD", "a/b.yaml")

    with pytest.raises(
        ConfigMalformed, match=r"no icesync\.yaml found in .*/repo/a or its parents"
    ):
        find_config(root / "a")


def test_missing_configuration_shows_the_way(tmp_path: Path) -> None:
    """Up to the root of the disk without a configuration: the hints say what to type."""
    with pytest.raises(ConfigMalformed) as caught:
        find_config(tmp_path)

    assert [hint.split("`")[1] for hint in caught.value.hints] == [
        "icesync init",
        "icesync -C DIR …",
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*.yaml", ["a.yaml", "s/b.yaml", "s/t/c.yaml", "s/t/d.e.yaml"]),
        ("s/**/*.yaml", ["s/b.yaml", "s/t/c.yaml", "s/t/d.e.yaml"]),
        ("s/*.yaml", ["s/b.yaml"]),
        ("*.yaml", ["a.yaml"]),
        ("*/t/*.yaml", ["s/t/c.yaml", "s/t/d.e.yaml"]),
        ("s/t/?.yaml", ["s/t/c.yaml"]),
        ("s/b.yaml", ["s/b.yaml"]),
        ("s/**", ["s/b.yaml", "s/t/c.yaml", "s/t/d.e.yaml", "s/x.txt"]),
        ("s/*", ["s/b.yaml", "s/x.txt"]),
        ("**/d.e.yaml", ["s/t/d.e.yaml"]),
    ],
)
def test_pattern_matches_files(root: Path, pattern: str, found: list[str]) -> None:
    """`**/` crosses folders, `*` and `?` do not, and every other character is itself."""
    _write(root, "a.yaml", "s/b.yaml", "s/t/c.yaml", "s/t/d.e.yaml", "s/x.txt", "s/t/dxe_yaml")

    paths, problems = _find(root, pattern)

    assert [path for path in paths if path != "s/t/dxe_yaml"] == found
    assert problems == []


def test_hidden_folders_are_left_out(root: Path) -> None:
    """Folders such as `.git` and `.icesync` hold no server files."""
    _write(root, "a.yaml", ".git/b.yaml", "s/.cache/c.yaml")

    assert _find(root, "**/*.yaml") == (["a.yaml"], [])


def test_file_is_read_once(root: Path) -> None:
    """A file that two patterns match is one file, and files are sorted."""
    _write(root, "b.yaml", "a.yaml")

    assert _find(root, "b.yaml", "*.yaml") == (["a.yaml", "b.yaml"], [])


def test_content_comes_along(root: Path) -> None:
    """A file is its path, with forward slashes, and its bytes."""
    _write(root, "s/a.yaml")
    files, _ = find_files(root, ["s/*.yaml"], lambda: WHERE)

    assert files == (SourceFile("s/a.yaml", b"s/a.yaml"),)


def test_defaults_of_every_folder_above_come_along(root: Path) -> None:
    """Folder defaults apply without being named, and only those on the way to a match."""
    names = ["_defaults.yaml", "s/_defaults.yml", "s/t/u/a.yaml", "x/_defaults.yaml"]
    _write(root, *names)

    assert _find(root, "s/**/a.yaml") == (["_defaults.yaml", "s/_defaults.yml", names[2]], [])


def test_defaults_alone_are_no_match(root: Path) -> None:
    """A pattern that meets only folder defaults matches nothing."""
    _write(root, "s/_defaults.yaml")
    paths, problems = _find(root, "s/*.yaml")

    assert (paths, [d.rule for d in problems]) == ([], ["ICE012"])


@pytest.mark.parametrize("pattern", ["none/*.yaml", "a.yaml/*.yaml", "./a.yaml"])
def test_pattern_that_matches_nothing_is_a_warning(root: Path, pattern: str) -> None:
    """The warning stands where the patterns stand."""
    _write(root, "a.yaml")
    _, [problem] = _find(root, pattern)

    assert (problem.rule, problem.severity, problem.position) == (
        "ICE012",
        Severity.WARNING,
        WHERE,
    )


def test_only_file_with_another_ending_is_named(root: Path) -> None:
    """Where its ending is all that keeps a file out, that is what is said."""
    _write(root, "a.yaml")
    _, [problem] = _find(root, "*.yml")

    assert (problem.rule, problem.position.file) == ("ICE012", "a.yaml")
    assert "its ending is in no pattern" in problem.message


@pytest.mark.parametrize("pattern", ["/etc/*.yaml", "../*.yaml", "s/../../*.yaml"])
def test_pattern_that_leads_outside_is_refused(root: Path, pattern: str) -> None:
    """Patterns stay below the configuration's folder."""
    _write(root.parent, "b.yaml")
    paths, [problem] = _find(root, pattern)

    assert (paths, problem.rule, problem.position) == ([], "ICE008", WHERE)


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere.yaml")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _link_to_folder(path: Path) -> None:
    (path.parent / "sub").mkdir()
    path.symlink_to("sub")


def _link_to_fifo(path: Path) -> None:
    os.mkfifo(path.parent / "pipe")
    path.symlink_to("pipe")


def _link_outside(path: Path) -> None:
    path.symlink_to(path.parent.parent / "outside.yaml")


def _link_to_device(path: Path) -> None:
    path.symlink_to(os.devnull)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_folder, "ICE001 the file is a folder"),
        (_fifo, "ICE001 the file is not a regular file"),
        (_dangling, "ICE001 the file is a broken symbolic link"),
        (_loop, "ICE001 the file is a broken symbolic link"),
        (_link_to_folder, "ICE001 the file is a folder"),
        (_link_to_fifo, "ICE001 the file is not a regular file"),
        (_link_outside, "ICE008 the file is a symbolic link to a file outside the"),
        (_link_to_device, "ICE008 the file is a symbolic link to a file outside the"),
    ],
)
def test_odd_file_fails_the_run(root: Path, make: Callable[[Path], None], told: str) -> None:
    """What is named like a server file and is none is a finding, never a gap or a wait."""
    _write(root, "a.yaml")
    _write(root.parent, "outside.yaml")
    make(root / "b.yaml")

    paths, problems = _find(root, "*.yaml")

    assert paths == ["a.yaml"]
    assert [text[: len(told) + 7] for text in _told(problems)] == [f"b.yaml {told}"]


def test_link_inside_is_followed(root: Path) -> None:
    """A symbolic link to a file of the same configuration is that file."""
    _write(root, "shared/a.txt")
    (root / "b.yaml").symlink_to("shared/a.txt")
    files, problems = find_files(root, ["*.yaml"], lambda: WHERE)

    assert (files, problems) == ((SourceFile("b.yaml", b"shared/a.txt"),), ())


def test_root_may_be_reached_by_a_link(root: Path) -> None:
    """Where the repository itself stands is not icesync's business."""
    _write(root, "s/a.yaml")
    (root.parent / "link").symlink_to("repo")

    assert _find(root.parent / "link", "s/*.yaml") == (["s/a.yaml"], [])


@pytest.mark.parametrize("pattern", ["**/*.yaml", "s/**/*.yaml", "s/*/a.yaml", "s/t/*.yaml"])
def test_linked_folder_is_refused(root: Path, pattern: str) -> None:
    """A symbolic link to a folder that might hold matches is a finding, wherever it leads."""
    _write(root.parent, "outside/a.yaml")
    _write(root, "s/b.yaml")
    (root / "s/t").symlink_to(root.parent / "outside")
    paths, problems = _find(root, pattern)

    assert "s/t/a.yaml" not in paths
    assert "s/t ICE008 symbolic links to folders are not followed" in _told(problems)


def test_linked_folder_on_the_way_is_refused(root: Path) -> None:
    """The folders that a pattern names are not followed outside either."""
    _write(root.parent, "outside/s/a.yaml")
    (root / "t").symlink_to(root.parent / "outside")
    paths, problems = _find(root, "t/s/*.yaml")

    assert paths == []
    assert _told(problems)[0] == "t ICE008 symbolic links to folders are not followed"


def test_link_behind_a_bare_wildcard_is_refused(root: Path) -> None:
    """A pattern that takes every name does not take a linked folder for a file."""
    (root / "s").mkdir()
    (root / "s/t").symlink_to(root.parent)
    _, problems = _find(root, "s/**")

    assert _told(problems)[0] == "s/t ICE008 symbolic links to folders are not followed"


def test_linked_folder_beside_is_ignored(root: Path) -> None:
    """A link that no match can lie behind is none of our business."""
    _write(root, "a.yaml", "s/b.yaml", "node/x.txt")
    (root / "link").symlink_to("node")
    (root / "s/link").symlink_to("../node")

    assert _find(root, "*.yaml", "s/*.yaml") == (["a.yaml", "s/b.yaml"], [])


def test_unreadable_folder_fails_the_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed is a finding: its servers did not leave the files."""
    _write(root, "s/a.yaml", "s/t/b.yaml")
    scandir = os.scandir

    def deny(path: str) -> object:
        if str(path).endswith("s/t"):
            raise PermissionError(errno.EACCES, "denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    paths, problems = _find(root, "s/**/*.yaml")

    assert paths == ["s/a.yaml"]
    assert _told(problems) == ["s/t ICE001 the folder cannot be read: permission denied"]


def test_unreadable_file_fails_the_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is a finding."""
    _write(root, "a.yaml")

    def deny(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, "denied", path)

    monkeypatch.setattr(os, "open", deny)
    _, problems = _find(root, "*.yaml")

    assert _told(problems) == ["a.yaml ICE001 the file cannot be read: permission denied"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, "cannot be read: permission denied"),
        (errno.EIO, f"cannot be read: {os.strerror(errno.EIO)}"),
    ],
)
@pytest.mark.parametrize("link", [False, True], ids=["file", "link"])
def test_error_of_the_disk_is_a_finding(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str, link: bool
) -> None:
    """An error while opening has its reason in words."""
    _write(root, "a.yaml")
    (root / "link.yaml").symlink_to("a.yaml")
    real = os.open

    def fail(path: str | Path, flags: int) -> int:
        if Path(path).name == "a.yaml":
            raise OSError(number, os.strerror(number))
        return real(path, flags)

    monkeypatch.setattr(os, "open", fail)
    result = read_file(root, "link.yaml" if link else "a.yaml")

    assert isinstance(result, Diagnostic)
    assert (result.rule, result.message) == ("ICE001", f"the file {reason}")


def test_error_while_reading_is_a_finding(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that opens and then fails is unreadable too, and is closed."""
    _write(root, "a.yaml")
    closed = []
    close = os.close

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EIO, "input/output error")

    def note(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "read", fail)
    monkeypatch.setattr(os, "close", note)
    result = read_file(root, "a.yaml")

    assert isinstance(result, Diagnostic)
    assert result.message == "the file cannot be read: input/output error"
    assert len(closed) == 1


def test_missing_file_is_a_finding(root: Path) -> None:
    """A file that went away since it was found is unreadable."""
    result = read_file(root, "a.yaml")

    assert isinstance(result, Diagnostic)
    assert result.message == "the file does not exist"


def test_large_file_is_not_read_whole(root: Path) -> None:
    """One byte beyond the limit is enough to refuse a file."""
    (root / "a.yaml").write_bytes(b"a" * (3 * MAX_BYTES))
    result = read_file(root, "a.yaml")

    assert isinstance(result, SourceFile)
    assert len(result.data) == MAX_BYTES + 1


def test_dangling_defaults_are_a_finding(root: Path) -> None:
    """Defaults that lead nowhere are not silently absent."""
    _write(root, "a.yaml")
    (root / "_defaults.yaml").symlink_to("nowhere.yaml")
    _, problems = _find(root, "a.yaml")

    assert _told(problems) == ["_defaults.yaml ICE001 the file is a broken symbolic link"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("servers/59.yaml", True),
        ("servers/old/59.yaml", True),
        ("servers/59.yml", False),
        ("elsewhere/59.yaml", False),
        ("servers/.hidden/59.yaml", False),
        ("more/59.yaml", True),
        ("more/old/59.yaml", False),
    ],
)
def test_path_that_would_be_found(path: str, *, found: bool) -> None:
    """A file that is about to be written is judged like one that is there."""
    assert is_found(path, ("servers/**/*.yaml", "more/*.yaml")) is found


def test_file_that_comes_in_small_pieces_is_read_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems give less than was asked for, and say no size."""
    (root / "a.yaml").write_bytes(b"text " * 40_000)
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: real(descriptor, min(size, 1000)))
    found = read_file(root, "a.yaml")

    assert isinstance(found, SourceFile)
    assert found.data == b"text " * 40_000
