from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.errors import SecretMissing
from icesync.model.secret import parse_secret_ref
from icesync.secrets.exec import ExecProvider
from icesync.secrets.onepassword import OnePasswordProvider

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.model.secret import SecretRef


def ref(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(text)
    assert found is not None
    return found


def test_a_repository_cannot_run_programs(tmp_path: Path) -> None:
    """A reference runs a program only where the job allows it; the hint says how."""
    provider = ExecProvider(tmp_path, allowed=False)

    with pytest.raises(SecretMissing, match="is not allowed: it runs a program") as caught:
        provider.fetch(ref("ref+exec://touch/evidence"))

    assert caught.value.hints == (
        "ICESYNC_ALLOW_EXEC=1   in the job's environment allows it, for every reference",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_command_takes_arguments_only(tmp_path: Path) -> None:
    """There is no shell, and nothing else in a reference means anything."""
    with pytest.raises(SecretMissing, match="takes a program and its arguments only"):
        ExecProvider(tmp_path, allowed=True).fetch(ref("ref+exec://echo/x#/y"))


def test_bytes_that_are_not_text_are_no_secret(tmp_path: Path) -> None:
    """A request carries text."""
    with pytest.raises(SecretMissing, match="is not UTF-8"):
        ExecProvider(tmp_path, allowed=True).fetch(ref(r"ref+exec://printf/\377"))


@pytest.mark.parametrize("text", ["ref+op://Mail/item", "ref+op://a/b/c/d/e", "ref+op://a/b/c#/d"])
def test_a_place_in_1password_has_three_or_four_parts(tmp_path: Path, text: str) -> None:
    """Vault, item, an optional section, field."""
    with pytest.raises(SecretMissing, match="does not name a vault, an item and a field"):
        OnePasswordProvider(tmp_path).fetch(ref(text))
