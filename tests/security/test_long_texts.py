"""A file of a pull request holds a job for no longer than it takes to read it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rig import Repository

LONG = {
    "host of labels": ("smtp.example.org", "a." * 30_000 + "org"),
    "path of folders": ("ref+env://ICE_SMTP", f"ref+file://{'a/' * 30_000}x"),
    "path of escapes": ("ref+env://ICE_SMTP", f"ref+file://{'%20' * 20_000}"),
    "keys": ("ref+env://ICE_SMTP", f"ref+vault://a/b#{'/a' * 30_000}"),
    "options": ("ref+env://ICE_SMTP", f"ref+vault://a/b?{'a=b&' * 15_000}a=b"),
    "dots": ("desk@example.org", "." * 60_000),
    "signs": ("desk@example.org", "@" * 60_000),
    "hyphens": ("desk@example.org", f"desk@{'xn--' * 15_000}"),
}
_MOST_S = 4.0
"""Of processor time; what grew with the square of the length took 10 to 20 s."""


@pytest.mark.parametrize("name", LONG)
def test_reading_is_linear(repository: Repository, name: str) -> None:
    """Long texts in any place are read, or refused, at once."""
    known, text = LONG[name]
    repository.replace("servers/59.yaml", known, text)
    began = time.process_time()
    result = repository.run("validate")

    assert time.process_time() - began < _MOST_S
    assert result.code in {0, 3}
    assert "this is a bug" not in result.stderr
