"""Files of keys and tokens: not through a link, and not in git, whatever form its index has."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from icesync.config.discover import find_exposure, is_tracked, names_path
from icesync.config.project import read_project
from icesync.errors import ConfigInvalid

if TYPE_CHECKING:
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")

CONFIG = """\
version: 1
api: {{base_url: http://localhost:1, token: {token}}}
files: ["servers/*.yaml"]
state: {{backend: local, path: s.json}}
"""


def _git(folder: Path, *arguments: str) -> None:
    environ = {
        **os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "x",
        "GIT_AUTHOR_EMAIL": "x@example.org", "GIT_COMMITTER_NAME": "x",
        "GIT_COMMITTER_EMAIL": "x@example.org",
    }  # fmt: skip
    subprocess.run(
        ["git", *arguments],
        cwd=folder, env=environ, check=True, capture_output=True,
    )  # fmt: skip


def _problem(root: Path, token: str) -> ConfigInvalid:
    (root / "icesync.yaml").write_text(CONFIG.format(token=token))
    with pytest.raises(ConfigInvalid) as caught:
        read_project(root / "icesync.yaml")
    return caught.value


@needs_git
@pytest.mark.parametrize("hashes", ["sha1", "sha256"])
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_form_of_the_index_is_read(tmp_path: Path, version: str, hashes: str) -> None:
    """A file is tracked exactly if git's index has it: each version, each size of hash."""
    names = ["a", "keys/token", "keys/token2", "keys/" + "n" * 200, "keys/z", "ü"]
    for name in [*names, "tok", "keys/tokens", "en", "later"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    _git(tmp_path, "init", "-q", f"--object-format={hashes}")
    _git(tmp_path, "add", *names)
    if version == "3":
        _git(tmp_path, "add", "--intent-to-add", "later")
        names.append("later")
    else:
        _git(tmp_path, "update-index", "--index-version", version)
    others = ["tok", "keys/tokens", "en", "keys", "token", "z"]

    assert (tmp_path / ".git/index").read_bytes()[7] == int(version)
    assert [name for name in (*names, *others) if is_tracked(tmp_path / name)] == names


@needs_git
def test_a_worktree_has_an_index_of_its_own(tmp_path: Path) -> None:
    """Where `.git` is a file, the index that it leads to counts."""
    main = tmp_path / "main"
    main.mkdir()
    (main / "token").write_text("x")
    _git(main, "init", "-q")
    _git(main, "add", "token")
    _git(main, "commit", "-qm", "first")
    _git(main, "worktree", "add", "-q", "../tree")
    _git(main, "rm", "-q", "--cached", "token")

    assert is_tracked(tmp_path / "tree/token")
    assert not is_tracked(main / "token")


@pytest.mark.parametrize(
    "index",
    [b"", b"DIRC", b"DIRC\0\0\0\2\0\0\0\1t\0", b"DIRC\0\0\0\4\xff\xff\xff\xff" + b"t\0" * 99],
)
def test_an_index_that_is_none_names_nothing(index: bytes) -> None:
    """A damaged index is no reason to fail."""
    assert not names_path(index, b"t")


@needs_git
@pytest.mark.parametrize("option", ["api.token", "fingerprints.key"])
def test_a_file_in_git_is_refused(tmp_path: Path, option: str) -> None:
    """What the repository holds is no secret; the hint takes the file out and works as printed."""
    name = ".icesync/token" if option == "api.token" else ".icesync/fingerprint.key"
    (tmp_path / ".icesync").mkdir()
    (tmp_path / name).write_text("x")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", name)
    token = f"ref+file://{name}" if option == "api.token" else "ref+env://T"

    error = _problem(tmp_path, token)
    [found] = error.diagnostics
    assert error.exit_code == 3
    assert f"`{option}`" in found.message
    assert f"{name} is tracked by git" in found.message
    assert found.hint is not None
    _git(tmp_path, *found.hint.split("`")[1].split()[1:])
    read_project(tmp_path / "icesync.yaml")


@pytest.mark.parametrize("target", ["elsewhere", "nowhere", "token"])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_link_is_not_followed(tmp_path: Path, target: str, absolute: bool) -> None:
    """A link in the place of the token is refused, wherever it leads."""
    (tmp_path / "elsewhere").write_text("x")
    (tmp_path / "token").symlink_to(target)

    error = _problem(
        tmp_path, f"ref+file://{tmp_path if absolute else '.'}/token".replace("./", "")
    )

    assert error.exit_code == 3
    assert "token is a symbolic link" in error.diagnostics[0].message


def test_a_folder_may_be_a_link(tmp_path: Path) -> None:
    """Only the file itself counts: Kubernetes mounts folders through links."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/token").write_text("x")
    (tmp_path / "..data").symlink_to("real")

    assert find_exposure(tmp_path / "..data/token") is None


def test_a_password_of_the_login_behind_a_link_is_refused(tmp_path: Path) -> None:
    """What logs in to ICE is as private as a token."""
    (tmp_path / "elsewhere").write_text("x")
    (tmp_path / "password").symlink_to("elsewhere")
    login = "{organization: 59, username: u, password: ref+file://password}"
    (tmp_path / "icesync.yaml").write_text(f"version: 1\napi: {{login: {login}}}\n")

    with pytest.raises(ConfigInvalid) as caught:
        read_project(tmp_path / "icesync.yaml")
    assert "`api.login.password`" in caught.value.diagnostics[0].message
    assert "symbolic link" in caught.value.diagnostics[0].message
