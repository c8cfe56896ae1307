"""What the doctor found, for people and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.errors import counted
from icesync.model.report import Health, HealthCheck
from icesync.render.style import Style, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icesync.render import documents

_COLOURS: Final[Mapping[Health, str]] = {
    Health.OK: "green",
    Health.WARNING: "yellow",
    Health.ERROR: "red",
}


def render_doctor(findings: Sequence[HealthCheck], style: Style) -> str:
    """Return a line for each of *findings*, what to type below it, and the count of all."""
    wide = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        word = style.paint(f"{finding.health:<7}", _COLOURS[finding.health])
        lines.append(f"{word}  {finding.name:<{wide}}  {style.sentence(finding.text)}")
        lines += [
            f"{'':<{wide + 9}}  {style.paint('hint:', 'cyan')} {safe(hint)}"
            for hint in finding.hints
        ]
    wrong = (_count(findings, Health.ERROR, "error"), _count(findings, Health.WARNING, "warning"))
    return "\n".join([*lines, "", ", ".join(filter(None, wrong)) or "everything is fine"]) + "\n"


def _count(findings: Sequence[HealthCheck], health: Health, noun: str) -> str:
    number = sum(finding.health is health for finding in findings)
    return counted(number, noun) if number else ""


def doctor_document(findings: Sequence[HealthCheck]) -> documents.Doctor:
    """Return *findings* as plain data."""
    return {
        "kind": "icesync-doctor",
        "format_version": "1.0",
        "checks": [
            {"name": f.name, "health": f.health, "text": f.text, "hints": list(f.hints)}
            for f in findings
        ],
    }
