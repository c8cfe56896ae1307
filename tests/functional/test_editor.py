"""
What a person sees who edits the files in VS Code: the real language server with our schemas.

The server is ``npm install yaml-language-server``; ``ICESYNC_TEST_YAML_LS`` names
the program where it is not in the path. Without it these tests say so and are skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from editor import Editor, find_server
from rig import run_program

from icesync.model.fields import FIELDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = find_server()

pytestmark = pytest.mark.skipif(
    SERVER is None, reason="yaml-language-server is not there: npm install yaml-language-server"
)

TEXT = """\
# yaml-language-server: $schema=../schemas/email-servers.schema.json
version: 1
organization: 59
servers:
  - skill: 663
    status: Enabled
    smtp:
      port: 587
      password: hunter2-canary
    imap:
      password: ref+env://ICE_59_663_IMAP
      pot: 993
    
  - 
removed:
  - 
"""  # noqa: W291, W293 - where a person is about to type
PLACES = {"hover": (7, 7), "status": (5, 12), "key": (12, 4), "item": (13, 4), "removal": (15, 4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as ``icesync init`` writes it, with a file that is being written."""
    root = tmp_path_factory.mktemp("editor")
    run_program(["init", "--emulator", "--organization=59", "--skill=663"], root)
    (root / "servers" / "60.yaml").write_text(TEXT)
    return root


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[Editor]:
    """One editor for all of these tests: it takes a second to start."""
    assert SERVER is not None
    with Editor(SERVER, folder) as editor:
        yield editor


@pytest.fixture(scope="module")
def findings(editor: Editor, folder: Path) -> dict[tuple[int, int], str]:
    """What is underlined in the file that is being written, by line and column from 0."""
    found = editor.open(folder / "servers" / "60.yaml")
    return {
        (f["range"]["start"]["line"], f["range"]["start"]["character"]): f["message"] for f in found
    }


def test_new_repository_has_no_squiggle(editor: Editor, folder: Path) -> None:
    """What ``icesync init`` writes is right to an editor too, by the line at its top alone."""
    assert editor.open(folder / "icesync.yaml") == []
    assert editor.open(folder / "servers" / "59-663.yaml") == []


def test_literal_password_is_underlined(findings: dict[tuple[int, int], str]) -> None:
    """A literal password is underlined where it stands, and a sentence says what to write."""
    told = findings[8, 16]

    assert told.startswith("must be a reference to a secret, such as ref+env://ICE_NAME")
    assert "canary" not in told


def test_unknown_key_is_underlined(findings: dict[tuple[int, int], str]) -> None:
    """A slip in a key is underlined, a reference and a fitting port are not."""
    assert "pot" in findings[11, 6]
    assert {(7, 12), (10, 16)}.isdisjoint(findings)


def test_hover(editor: Editor, folder: Path, findings: dict[tuple[int, int], str]) -> None:
    """Hovering over a key shows its path, its meaning, its name on the wire, and an example."""
    assert findings
    shown = editor.hover(folder / "servers" / "60.yaml", *PLACES["hover"])

    assert "smtp.port" in shown.splitlines()[0]
    assert "1 to 65535" in shown
    assert "`SMTPPort` (the vendor's sample request and parameter table)" in shown
    assert "587" in shown


def test_keys_complete(editor: Editor, folder: Path, findings: dict[tuple[int, int], str]) -> None:
    """Keys that a server does not have yet are offered."""
    assert findings
    offered = editor.complete(folder / "servers" / "60.yaml", *PLACES["key"])

    assert {"name", "active", "incoming", "tls", "pop3", "password_version"} <= set(offered)
    assert {"skill", "smtp", "organization"}.isdisjoint(offered)


def test_values_complete(
    editor: Editor, folder: Path, findings: dict[tuple[int, int], str]
) -> None:
    """A closed list offers its words."""
    assert findings
    offered = editor.complete(folder / "servers" / "60.yaml", *PLACES["status"])

    assert {"Enabled", "Disabled"} <= set(offered)


@pytest.mark.parametrize("incoming", ["pop3", "imap"])
def test_whole_server_is_offered(
    editor: Editor, folder: Path, findings: dict[tuple[int, int], str], incoming: str
) -> None:
    """An empty item offers a whole server, with a place to type for each value."""
    assert findings
    offered = editor.complete(folder / "servers" / "60.yaml", *PLACES["item"])
    text = offered[f"server with {incoming}"]["insertText"]
    ports = [f for f in FIELDS if f.kind is Kind.PORT and f.block in {"smtp", incoming}]

    assert text.startswith("skill: ${1:663}\n")
    assert f"incoming: {incoming}\n" in text
    assert "password: ref+env://${" in text
    assert text.count("port: ${") == len(ports)


def test_removal_is_offered(
    editor: Editor, folder: Path, findings: dict[tuple[int, int], str]
) -> None:
    """An empty item under `removed:` offers an entry with both ways to remove a server."""
    assert findings
    offered = editor.complete(folder / "servers" / "60.yaml", *PLACES["removal"])

    assert "action: ${2|disable,forget|}" in offered["remove a server"]["insertText"]
