"""Rules for people: one explained on a page, or all of them in a list."""

from __future__ import annotations

import difflib
import textwrap
from typing import TYPE_CHECKING, Final

from icesync.config.rules import RULES
from icesync.diagnostics import Rule, Severity
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icesync.render.style import Style

__all__ = ["near_rules", "render_rule", "render_rules"]

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_WIDTH: Final = 88
_LABEL: Final = 9
"""The column where the text behind a label starts."""


def near_rules(text: str) -> str:
    """Return the rules whose id is near *text*, as a phrase; empty if there are none."""
    return " or ".join(difflib.get_close_matches(text.upper(), RULES, n=3, cutoff=0.7))


def render_rules(rules: Iterable[Rule], style: Style) -> str:
    """Return a line for each rule: id, weight, title."""
    return "".join(
        f"{style.paint(rule.id, 'bold')}  {_weight(rule, style)}  {rule.title}\n" for rule in rules
    )


def _weight(rule: Rule, style: Style) -> str:
    return style.paint(f"{rule.severity:<7}", _COLOURS[rule.severity])


def render_rule(rule: Rule, style: Style) -> str:
    """Return what *rule* looks at, why, an example, and what can be done about a finding."""
    head = f"{style.paint(rule.id, 'bold')}  {_weight(rule, style).rstrip()}: {rule.title}\n"
    parts = [head, _paragraph("What", rule.what, style), _paragraph("Why", rule.why, style)]
    if rule.before:
        parts.append(_example("Before", rule.before, "red", style))
        parts.append(_example("After", rule.after, "green", style))
    parts.append("".join(_ways_out(rule, style)) + _paragraph("Source", rule.source, style))
    return "\n".join(parts)


def _paragraph(label: str, text: str, style: Style) -> str:
    width = min(style.width or _WIDTH, _WIDTH)
    lines = textwrap.wrap(text, width - _LABEL, break_long_words=False, break_on_hyphens=False)
    painted = style.paint(label, "cyan") + " " * (_LABEL - len(label))
    return painted + f"\n{' ' * _LABEL}".join(map(safe, lines)) + "\n"


def _example(label: str, text: str, colour: str, style: Style) -> str:
    lines = "".join(f"    {style.paint(safe(line), colour)}\n" for line in text.splitlines())
    return f"{style.paint(label, 'cyan')}\n{lines}"


def _ways_out(rule: Rule, style: Style) -> Iterator[str]:
    if not rule.suppressible:
        yield _paragraph("Waive", "no: it cannot be suppressed, turned off or lowered", style)
        return
    yield _paragraph("Waive", f"# icesync: allow {rule.id} reason", style)
    yield _below("at the end of the line, above it on a line of its own, or at the file's top")
    yield _paragraph("Weigh", f"rules: {{{rule.id}: off}}", style)
    yield _below("in icesync.yaml: off, info, warning or error")


def _below(text: str) -> str:
    return f"{' ' * _LABEL}{text}\n"
