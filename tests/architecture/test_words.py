"""One word for one thing, in every text that a user can meet."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]

WORDS: Final = {
    r"snapshots?": "state",
    r"adopt(?:s|ed|ion)?": "add",
    r"acknowledg\w+|assert(?:s|ed|ion|ions)?(?! that)": "confirmed by ICE",
    r"orphan(?:s|ed)?": "no longer in any file",
    r"waiv\w+|excus\w+": "suppress",
    r"weighs?|weight": "severity",
    r"second look": "blocked until you allow it",
    r"on the wire": "sends 3 passwords",
    r"upkeep": "maintenance",
    r"(?<!/)forges?(?![./])": "GitHub or GitLab",
    r"says? no|said no": "rejected the login",
    r"stale": "out of date",
    r"anew": "again",
    r"lays? out|laid out|in shape": "format",
    r"leads? to no": "is not set",
    r"is none that|is no (?:address|word|age|plan|token|host|file)": "is not a ...",
}
"""What is not said, and what is said instead."""

KEPT: Final = re.compile(r"icesync-snapshot|`?Snapshot`?|`?forge/")
"""Names in formats that programs read."""


def texts() -> Iterator[tuple[str, str]]:
    """Return each text of the program and of the manual, with its place."""
    for path in sorted((ROOT / "icesync").rglob("*.py")):
        tree = ast.parse(path.read_text())
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        shown = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        commands = "commands" in path.parts
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            if (id(node) in documented | shown and not commands) or " " not in node.value.strip():
                continue
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value
    for path in (*ROOT.glob("*.md"), *ROOT.glob("schemas/*"), *ROOT.glob("examples/**/*")):
        if path.suffix in {".md", ".json", ".yaml", ".yml"} and path.name != "CHANGELOG.md":
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                yield f"{path.relative_to(ROOT)}:{number}", line


@pytest.fixture(scope="module")
def written() -> list[tuple[str, str]]:
    """Each text with its place, without the names that programs read."""
    return [(place, KEPT.sub("", text)) for place, text in texts()]


@pytest.mark.parametrize("word", list(WORDS))
def test_no_text_uses_another_word(word: str, written: list[tuple[str, str]]) -> None:
    """The words on the left occur in no text; the table says what stands instead."""
    pattern = re.compile(rf"(?<![\w/.-])(?:{word})(?![\w-])", re.IGNORECASE)
    found = [f"{place}: {text.strip()[:90]}" for place, text in written if pattern.search(text)]

    assert found == [], f"say {WORDS[word]}"
