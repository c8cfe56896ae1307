"""``validate --watch``: the answer changes with the files, until Ctrl-C."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from rig import assert_refused, run_program, wait_until

from icesync.cli import watching

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from rig import Repository


def watched(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], object]
) -> str:
    """Return what a watch says while *steps* happen, one at each pause; then Ctrl-C."""
    left = list(steps)

    def pause(_seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(watching, "sleep", pause)
    told = run_program(["validate", "--watch"], repository.root, repository.environ)
    assert told.code == 130
    return told.stdout + told.stderr


def test_each_change_is_checked(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip is told when it is saved, and gone when it is mended; a pause alone says nothing."""
    told = watched(
        repository,
        monkeypatch,
        lambda: None,
        lambda: repository.replace("servers/59.yaml", "587", "99999"),
        lambda: repository.replace("servers/59.yaml", "99999", "587"),
    )

    assert told.count("ICE301") >= 1
    assert told.count("OK: 1 server") == 2
    assert told.count("watching for changes; Ctrl-C ends") == 3


def test_a_broken_configuration_is_watched_too(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that come and go, and a configuration that is wrong for a while, end nothing."""
    whole = repository.read("icesync.yaml")
    told = watched(
        repository,
        monkeypatch,
        lambda: repository.write("icesync.yaml", "version: 2"),
        (repository.root / "icesync.yaml").unlink,
        lambda: repository.write("icesync.yaml", whole),
        lambda: repository.write("servers/60.yaml", "version: 1\norganization: 60\nservers: []\n"),
    )

    assert "icesync.yaml:1:10: ICE011" in told
    assert "no icesync.yaml" in told
    assert "OK: 1 server in 2 files" in told


def test_a_document_is_not_watched(repository: Repository) -> None:
    """A file or a pipe gets one answer."""
    assert_refused(
        repository.run("validate", "--watch", "--json"), 64, "--watch works only on a terminal"
    )


def test_ctrl_c_ends_it(repository: Repository) -> None:
    """The process ends with 130, at once and without a word about bugs."""
    ready = repository.root / "ready"
    with (
        ready.open("w") as stderr,
        repository.start("validate", "--watch", stderr=stderr) as process,
    ):
        wait_until(lambda: "watching" in ready.read_text(), "the first answer")
        process.send_signal(signal.SIGINT)
        process.wait(10)

    assert process.returncode == 130
    assert "interrupted" in ready.read_text()
    assert "bug" not in ready.read_text()
