from __future__ import annotations

import pytest

from icesync.config.rules import RULES
from icesync.diagnostics import Diagnostic, Rule, Severity, SourcePosition
from icesync.render.explain import near_rules, render_rule, render_rules
from icesync.render.findings import render_totals
from icesync.render.style import Style


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r.id)
def test_a_rule_is_a_page(rule: Rule) -> None:
    """Everything about it is there, in lines that fit a terminal."""
    page = render_rule(rule, Style())

    assert page.startswith(f"{rule.id}  {rule.severity}: {rule.title}\n")
    assert all(len(line) <= 88 for line in page.splitlines() if not line.startswith("    "))
    assert ("Before" in page) is bool(rule.before)
    assert (f"# icesync: allow {rule.id}" in page) is rule.suppressible


def test_a_narrow_terminal_wraps_more() -> None:
    """Text follows the width of the terminal."""
    page = render_rule(RULES["ICE303"], Style(width=60))

    assert max(map(len, page.splitlines()[:6])) <= 60


def test_colours_change_nothing_but_colours() -> None:
    """Without its escapes, the painted page is the plain one."""
    import re

    painted = render_rule(RULES["ICE303"], Style(colour=True))

    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render_rule(RULES["ICE303"], Style())


def test_the_list_has_a_line_for_each_rule() -> None:
    """Id, weight, title."""
    lines = render_rules(RULES.values(), Style()).splitlines()

    assert len(lines) == len(RULES)
    assert "ICE304  info     sending on a port with implicit TLS" in lines


@pytest.mark.parametrize(
    ("text", "near"), [("ice3003", "ICE303"), ("ICE404x", "ICE404"), ("hello", "")]
)
def test_near_rules(text: str, near: str) -> None:
    """A slip leads to the rules that look alike."""
    assert near_rules(text).startswith(near)
    assert bool(near_rules(text)) is bool(near)


def _found(*severities: Severity) -> list[Diagnostic]:
    place = SourcePosition("a.yaml")
    return [Diagnostic(f"ICE{s.value}", "x", place, severity=s) for s in severities]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((), "OK: 1 server in 2 files"),
        ((Severity.INFO,), "OK: 1 server in 2 files"),
        (
            (Severity.WARNING,) * 2,
            "OK: 1 server in 2 files, 2 warnings. Run `icesync explain ICEwarning` for details.",
        ),
        (
            (Severity.WARNING, Severity.ERROR),
            "1 error in 2 files, 1 warning. Run `icesync explain ICEerror` for details.",
        ),
    ],
)
def test_the_last_word_of_a_check(found: tuple[Severity, ...], told: str) -> None:
    """What was looked at, what was found, and where to read on about the weightiest."""
    assert render_totals(_found(*found), 1, 2) == told
