"""
Findings and errors for people: one line that a terminal makes clickable, then the hint.

Programs know a finding again in the next run by a fingerprint, when its lines have moved:
it is made of the rule, the file and the sentence without the numbers that move with it.
Findings that are alike in all of these are told apart by their order in the file.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic, Severity
from icesync.render.groups import group_findings, listed
from icesync.render.style import Style, counted, fold, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.model.pipeline import Pipeline
    from icesync.render import documents
    from icesync.render.groups import FindingGroup

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def render_diagnostics(
    diagnostics: Sequence[Diagnostic], style: Style, *, every: bool = False
) -> str:
    """
    Return ``file:line:column: RULE message`` with its hint for each finding, in order.

    Those that say the same are said once, unless *every* one is asked for.
    """
    if every:
        return fold("".join(_finding(one, style) for one in diagnostics), style.width)
    groups = group_findings(diagnostics)
    return fold("".join(_group(group, style) for group in groups), style.width)


def _group(group: FindingGroup, style: Style) -> str:
    text = _finding(replace(group.first, message=group.message, hint=None), style)
    if group.elsewhere:
        places = listed([str(place) for place in group.elsewhere])
        text += f"  {style.paint(f'also at {safe(places)}', 'dim')}\n"
    return text + (_hint(group.hint, style) if group.hint else "")


def _finding(diagnostic: Diagnostic, style: Style) -> str:
    place = style.paint(f"{safe(str(diagnostic.position))}:", "bold")
    rule = style.paint(diagnostic.rule, _COLOURS[diagnostic.severity])
    weight = "" if diagnostic.severity is Severity.ERROR else f"{diagnostic.severity}: "
    line = f"{place} {rule} {weight}{safe(diagnostic.message)}\n"
    return line + (_hint(diagnostic.hint, style) if diagnostic.hint else "")


def render_totals(diagnostics: Sequence[Diagnostic], servers: int, files: int) -> str:
    """Return the last word of a check: what was looked at, what was found, where to read on."""
    errors = [d for d in diagnostics if d.severity is Severity.ERROR]
    warnings = [d for d in diagnostics if d.severity is Severity.WARNING]
    message = f"{counted(len(errors), 'error')} in {counted(files, 'file')}"
    if not errors:
        message = f"OK: {counted(servers, 'server')} in {counted(files, 'file')}"
    if warnings:
        message += f", {counted(len(warnings), 'warning')}"
    found = errors or warnings
    if not found:
        return message
    return f"{message}. Run `icesync explain {found[0].rule}` for details."


def render_error(message: str, hints: Sequence[str], style: Style) -> str:
    """Return what stopped a command, and the way out."""
    head = style.paint("error:", "red", "bold")
    return f"{head} {safe(message)}\n" + "".join(_hint(hint, style, "") for hint in hints)


def _hint(text: str, style: Style, indent: str = "  ") -> str:
    return f"{indent}{style.paint('hint:', 'cyan')} {safe(text)}\n"


def diagnostics_document(
    diagnostics: Sequence[Diagnostic], *, stopped: bool = False
) -> documents.FindingsBody:
    """
    Return the findings as plain data, in the shape of ``terraform validate -json``.

    *stopped*: the files could not be used, whatever was found in them.
    """
    errors = sum(d.severity is Severity.ERROR for d in diagnostics)
    warnings = sum(d.severity is Severity.WARNING for d in diagnostics)
    return {
        "format_version": "1.0",
        "valid": errors == 0 and not stopped,
        "error_count": errors,
        "warning_count": warnings,
        "diagnostics": [
            {
                "rule": d.rule,
                "severity": d.severity,
                "summary": d.message,
                "detail": d.hint or "",
                "range": {
                    "filename": d.position.file,
                    "start": {"line": d.position.line, "column": d.position.column},
                },
            }
            for d in diagnostics
        ],
    }


_MOVING: Final = re.compile(r"\[\d+\]|:\d+(:\d+)?|\blines? \d+(, \d+)*( and \d+)?", re.ASCII)


def identities(findings: Sequence[Diagnostic], ci: Pipeline) -> tuple[str, ...]:
    """Return a fingerprint for each of *findings*, unique among them: 32 hexadecimal digits."""
    seen: Counter[str] = Counter()
    made = []
    for one in findings:
        text = "\0".join((one.rule, ci.path(one.position.file), _MOVING.sub("", one.message)))
        seen[text] += 1
        made.append(
            hashlib.sha256(f"{text}\0{seen[text]}".encode(errors="replace")).hexdigest()[:32]
        )
    return tuple(made)
