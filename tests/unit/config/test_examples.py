"""
The files below ``tests/examples``: adding a case is adding a file.

A folder says what its files are. Each file below ``invalid`` opens with what is
expected of it, one comment a finding: ``# expect: RULE LINE:COLUMN``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icesync.config.project import read_project
from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.diagnostics import Diagnostic
from icesync.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = {"defaults": "_defaults.yaml", "servers": "servers.yaml"}


def _files(kind: str) -> list[Path]:
    return sorted(path for path in (EXAMPLES / kind).rglob("*") if path.is_file())


def _name(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


def _findings(path: Path) -> Iterable[object]:
    if path.parent.name == "project":
        try:
            read_project(path, {"ICESYNC_ALLOW_HOST": "proxy.example.org"})
        except ConfigInvalid as error:
            return error.diagnostics
        return ()
    source = SourceFile(NAMES[path.parent.name], path.read_bytes())
    return resolve([parse_document(source)])[1]


def _told(path: Path) -> list[str]:
    return [
        f"{d.rule} {d.position.line}:{d.position.column}"
        for d in _findings(path)
        if isinstance(d, Diagnostic)
    ]


@pytest.mark.parametrize("path", _files("valid"), ids=_name)
def test_valid_example_has_no_findings(path: Path) -> None:
    """A file that shows how it is done is accepted in silence."""
    told = _told(path)

    assert told == []


@pytest.mark.parametrize("path", _files("invalid"), ids=_name)
def test_invalid_example_has_exactly_its_findings(path: Path) -> None:
    """A file that shows how it is not done breaks the rules that it names, at their places."""
    expected = re.findall(rb"^# expect: (ICE\d{3} \d+:\d+)\r?$", path.read_bytes(), re.MULTILINE)

    told = _told(path)

    assert told == [text.decode() for text in expected]
    assert told


def test_there_are_examples() -> None:
    """The globs above find the files, and every rule of reading has one."""
    text = "\n".join(path.read_text("utf-8", "replace") for path in _files("invalid"))

    assert len(_files("valid")) >= 8
    assert len(set(re.findall(r"# expect: (ICE\d+)", text))) >= 20
