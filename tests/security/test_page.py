"""SECURITY.md tells the truth: each claim names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CLAIMS = re.findall(r"`(tests/[a-z_/]+\.py)::([a-z_0-9]+)`", PAGE)


@pytest.mark.parametrize(("file", "name"), CLAIMS, ids=[name for _, name in CLAIMS])
def test_claim_names_a_test(file: str, name: str) -> None:
    """Where a test is renamed, the page must follow."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_claim_has_one() -> None:
    """A row of the table without a test would be a promise only."""
    table = PAGE.partition("| rule | test |")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line]

    assert len(rows) == len(CLAIMS) > 15
