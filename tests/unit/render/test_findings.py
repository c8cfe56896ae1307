from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import position

from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.render.findings import diagnostics_document, render_diagnostics, render_error
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = Style()
FINDINGS = [
    Diagnostic("ICE105", "unknown key `pots`", position(7), "did you mean `port`?"),
    Diagnostic("ICE012", "`x/*.yaml` matches no file", position(2), None, Severity.WARNING),
    Diagnostic("ICE999", "for information", position(9), None, Severity.INFO),
]


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
def test_findings_are_lines_that_editors_open(
    golden: Callable[[str, str], None], *, colour: bool
) -> None:
    """Place, rule, sentence; below it the hint."""
    name = "colour" if colour else "plain"

    golden(f"render/findings-{name}.txt", render_diagnostics(FINDINGS, Style(colour=colour)))


def test_findings_as_data(golden: Callable[[str, str], None]) -> None:
    """The shape of ``terraform validate -json``."""
    golden("render/findings.json", json.dumps(diagnostics_document(FINDINGS), indent=2) + "\n")


@pytest.mark.parametrize(
    ("findings", "valid"), [(FINDINGS, False), (FINDINGS[1:], True), ([], True)]
)
def test_warnings_leave_a_configuration_valid(findings: list[Diagnostic], *, valid: bool) -> None:
    """Only errors make it invalid."""
    assert diagnostics_document(findings)["valid"] is valid


def test_error_shows_the_way_out() -> None:
    """The sentence, then a hint a line."""
    assert render_error("no token", ("icesync login", "or set ICE_TOKEN"), PLAIN) == (
        "error: no token\nhint: icesync login\nhint: or set ICE_TOKEN\n"
    )


def test_hostile_finding_stays_text() -> None:
    """File names, sentences and hints come from the repository."""
    hostile = "::error::x\x1b[31m\n##[error]"
    found = Diagnostic("ICE105", hostile, SourcePosition(hostile), hostile)

    text = render_diagnostics([found], PLAIN) + render_error(hostile, (hostile,), PLAIN)

    assert len(text.splitlines()) == 4
    assert all(line.isprintable() and "##[" not in line for line in text.splitlines())
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
