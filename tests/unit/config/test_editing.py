from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.config.editing import edit_server_file
from icesync.config.yaml_document import SourceFile
from icesync.diagnostics import SourcePosition
from icesync.model.desired import Address
from icesync.model.imported import ImportedServer

if TYPE_CHECKING:
    from icesync.model.fields import Setting

BLOCK = """\
version: 1
organization: 59
servers:
  - skill: 1  # the first
    status: Enabled
    smtp:
      host: a.example.org
      port: 587  # submission
  # about the second
  - {skill: 2, status: Enabled, smtp: {host: b.example.org}}
"""
NEW = ImportedServer(Address(59, 9), {"status": "Enabled"}, {}, {}, {}, SourcePosition("x"), "Nine")


def edited(text: str, changed: dict[int, dict[str, Setting]], *added: ImportedServer) -> str | None:
    """Return *text* after the edit, or None."""
    made = edit_server_file(SourceFile("f.yaml", text.encode()), changed, added)  # type: ignore[arg-type]
    return made.data.decode() if made is not None else None


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        ({"status": "Disabled"}, "status: Enabled\n", "status: Disabled\n"),
        ({"smtp.port": 465}, "port: 587  # sub", "port: 465  # sub"),
        ({"name": "A b"}, "skill: 1  # the first\n",
         "skill: 1  # the first\n    name: A b\n"),
        ({"smtp.username": "0012"}, "port: 587  # submission\n",
         "port: 587  # submission\n      username: '0012'\n"),
        ({"imap.host": "c", "imap.port": 993}, "      port: 587  # submission\n",
         "      port: 587  # submission\n    imap:\n      host: c\n      port: 993\n"),
    ],
)  # fmt: skip
def test_values_of_a_server_in_blocks(values: dict[str, Setting], before: str, after: str) -> None:
    """In their place, with comments and style kept; what is new comes in the order of the table."""
    assert edited(BLOCK, {1: values}) == BLOCK.replace(before, after, 1)


def test_values_of_a_server_in_braces() -> None:
    """It stays in braces."""
    text = edited(BLOCK, {2: {"smtp.port": 25, "smtp.host": "c.example.org", "imap.host": "d"}})

    assert text is not None
    assert text.endswith(
        "- {skill: 2, status: Enabled, smtp: {host: c.example.org, port: 25}, imap: {host: d}}\n"
    )


@pytest.mark.parametrize("tail", ["", "removed:\n  - {skill: 7, action: forget}\n"])
def test_server_behind_the_others(tail: str) -> None:
    """At the end of the list, wherever that is."""
    text = edited(BLOCK + tail, {}, NEW)

    assert text == BLOCK + "  - skill: 9\n    name: Nine\n    status: Enabled\n" + tail


def test_line_ends_are_kept() -> None:
    """A file of Windows stays one."""
    text = edited(BLOCK.replace("\n", "\r\n"), {1: {"status": "Disabled"}}, NEW)

    assert text is not None
    assert "\n" not in text.replace("\r\n", "")


def test_style_of_a_file_that_was_not_formatted_is_kept() -> None:
    """An import is no reason to change lines that it is not about."""
    text = BLOCK.replace("    status: Enabled\n", "    status:   Enabled\n")

    assert edited(text, {1: {"smtp.port": 465}}) == text.replace("587", "465")


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (BLOCK, {3: {"status": "Disabled"}}),
        (BLOCK.replace("status: Enabled\n", "status: &s Enabled\n"), {1: {"status": "Disabled"}}),
        ("version: 1\n", {}),
        ("version: 1\norganization: 59\nservers: [{skill: 1}]\n", {}),
        ("version: 1\norganization: 59\nservers: []\n", {}),
        ("a: [\n", {}),
    ],
)
def test_no_place_for_it(text: str, changed: dict[int, dict[str, Setting]]) -> None:
    """Then a person has to do it."""
    assert edited(text, changed, *(() if changed else (NEW,))) is None
