from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from icesync.errors import SecretMissing
from icesync.model.secret import parse_secret_ref
from icesync.secrets.exec import ExecProvider
from icesync.secrets.onepassword import OnePasswordProvider
from icesync.secrets.subprocess_ import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.model.secret import SecretRef


ALLOWED = {**os.environ, "ICESYNC_ALLOW_EXEC": "1"}


def ref(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(text)
    assert found is not None
    return found


def test_a_repository_cannot_run_programs(tmp_path: Path) -> None:
    """A reference runs a program only where the job allows it; the hint says how."""
    provider = ExecProvider(tmp_path, {})

    with pytest.raises(SecretMissing, match="is not allowed: it runs a program") as caught:
        provider.fetch(ref("ref+exec://touch/evidence"))

    assert caught.value.hints == (
        "ICESYNC_ALLOW_EXEC=1 in the job's environment allows it, for all references",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_command_takes_arguments_only(tmp_path: Path) -> None:
    """There is no shell, and nothing else in a reference means anything."""
    with pytest.raises(SecretMissing, match="takes a program and its arguments only"):
        ExecProvider(tmp_path, ALLOWED).fetch(ref("ref+exec://echo/x#/y"))


def test_bytes_that_are_not_text_are_no_secret(tmp_path: Path) -> None:
    """A request carries text."""
    with pytest.raises(SecretMissing, match="is not UTF-8"):
        ExecProvider(tmp_path, ALLOWED).fetch(ref(r"ref+exec://printf/\377"))


@pytest.mark.parametrize("text", ["ref+op://Mail/item", "ref+op://a/b/c/d/e", "ref+op://a/b/c#/d"])
def test_a_place_in_1password_has_three_or_four_parts(tmp_path: Path, text: str) -> None:
    """Vault, item, an optional section, field."""
    with pytest.raises(SecretMissing, match="does not name a vault, an item and a field"):
        OnePasswordProvider(tmp_path, os.environ).fetch(ref(text))


def test_a_program_gets_named_variables_only(tmp_path: Path) -> None:
    """Never the credentials of the job; the job names what its own program needs."""
    environ = {**ALLOWED, "GITHUB_TOKEN": "canary", "BW_SESSION": "s", "ICESYNC_EXEC_ENV": "BW_*"}

    shown = ExecProvider(tmp_path, environ).fetch(ref("ref+exec://env")).reveal()

    assert "BW_SESSION=s" in shown.splitlines()
    assert "canary" not in shown


def test_a_program_by_its_whole_path(tmp_path: Path) -> None:
    """Three slashes say what they say, as an escaped one does; both are one secret."""
    (tmp_path / "vend").write_text("#!/bin/sh\necho one\n")
    (tmp_path / "vend").chmod(0o755)
    provider = ExecProvider(tmp_path, ALLOWED)
    texts = [
        f"ref+exec://{tmp_path}/vend",
        f"ref+exec://{str(tmp_path).replace('/', '%2F')}%2Fvend",
    ]

    assert [provider.fetch(ref(text)).reveal() for text in texts] == ["one", "one"]
    assert len({provider.identify(ref(text)) for text in texts}) == 1


def test_children_of_a_program_end_with_it(tmp_path: Path) -> None:
    """Whatever a program left behind when its time was over is ended, too."""
    (tmp_path / "vend").write_text("#!/bin/sh\n(sleep 1; touch evidence) &\nsleep 30\n")
    (tmp_path / "vend").chmod(0o755)

    with pytest.raises(SecretMissing, match="did not end within"):
        run_program(ref("ref+exec://x"), (str(tmp_path / "vend"),), tmp_path, ALLOWED,
                    deadline_s=0.2)  # fmt: skip
    time.sleep(1.2)

    assert not (tmp_path / "evidence").exists()
