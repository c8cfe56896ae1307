"""Where icesync was installed from, and where a repository is kept."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from icesync.bootstrap.installation import address_of_source, web_address

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "4f7c11c0" * 5


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:acme/mail.git", "https://github.com/acme/mail"),
        ("github.com:acme/mail", "https://github.com/acme/mail"),
        ("ssh://git@git.example.org:2222/acme/mail.git", "https://git.example.org/acme/mail"),
        ("https://github.com/acme/mail.git/", "https://github.com/acme/mail"),
        ("https://user:secret@git.example.org:8443/a/b/c", "https://git.example.org:8443/a/b/c"),
        ("https://secret-token@github.com/acme/mail", "https://github.com/acme/mail"),
        ("/srv/git/mail.git", None),
        ("../mail", None),
        ("file:///srv/mail.git", None),
        ("https://github.com/acme/m$(x)", None),
        ("https://[broken/acme/mail", None),
        ("https://github.com", None),
        ("", None),
    ],
)
def test_web_address(remote: str, address: str | None) -> None:
    """A remote is named as a browser names it, without a user, a password or a shell's words."""
    assert web_address(remote) == address


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {
                "url": "https://git.example.org/a/icesync.git",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT},
            },
            f"git+https://git.example.org/a/icesync@{COMMIT}",
        ),
        (
            {"url": "https://example.org/icesync.whl", "archive_info": {}},
            "https://example.org/icesync.whl",
        ),
        ({"url": "https://u:p@example.org/icesync.whl", "archive_info": {}}, None),
        ({"url": "https://example.org/a'}}b.whl", "archive_info": {}}, None),
        ({"url": "file:///nowhere/icesync", "dir_info": {}}, None),
        ({"url": "x", "vcs_info": {"commit_id": "main"}}, None),
        ({"url": "x", "vcs_info": "odd"}, None),
        ([], None),
    ],
    ids=[
        "git",
        "wheel",
        "wheel with a password",
        "odd wheel",
        "folder",
        "no commit",
        "odd",
        "list",
    ],
)
def test_address_of_source(source: object, expected: str | None) -> None:
    """What pip wrote down about its source is what another machine installs."""
    assert address_of_source(json.dumps(source), {}) == expected


def test_clone_that_was_pushed_has_an_address(tmp_path: Path) -> None:
    """A clone stands for its remote once its commit is there, not before."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(tmp_path), *words],
                              capture_output=True, text=True, check=True)  # fmt: skip
        return done.stdout.strip()

    git("init", "-q")
    git("remote", "add", "origin", "git@git.example.org:a/icesync.git")
    git(
        "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x", "--allow-empty"
    )
    commit = git("rev-parse", "HEAD")
    text = json.dumps({"url": f"file://{tmp_path}", "dir_info": {}})
    path = {"PATH": "/usr/bin:/bin:/usr/local/bin"}
    before = address_of_source(text, path)
    git("update-ref", "refs/remotes/origin/main", commit)

    assert before is None
    assert address_of_source(text, path) == f"git+https://git.example.org/a/icesync@{commit}"
