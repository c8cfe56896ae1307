"""The page of a validation: every finding of every file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules import RULES
from icesync.diagnostics import Diagnostic, Severity
from icesync.errors import counted
from icesync.render.htmlpage.charts import bar_of
from icesync.render.htmlpage.page import Card, Sheet, Status
from icesync.render.htmlpage.plan import alerts_of, facts_of

if TYPE_CHECKING:
    from icesync.model.report import CommandResult
    from icesync.render import RenderContext

_TONES: Final = {
    Severity.ERROR: ("failed", "x"),
    Severity.WARNING: ("uncertain", "!"),
    Severity.INFO: ("skipped", "i"),
}


def findings_sheet(review: CommandResult, view: RenderContext) -> Sheet:
    """Return the page of a run that made no plan: what was found in the files."""
    findings = review.findings
    tones = [
        Status(key, symbol, _word(severity, count), count)
        for severity, (key, symbol) in _TONES.items()
        if (count := sum(d.severity is severity for d in findings))
    ]
    message = ", ".join(f"{tone.count:,} {tone.word}" for tone in tones)
    read = f"{counted(review.servers, 'server')} in {counted(len(review.files), 'file')}."
    return Sheet(
        view=view,
        kind=review.command.value,
        headline=message or ("Stopped" if review.failure else "Valid"),
        subtitle=read if review.files else "No files were read.",
        facts=facts_of(None, view),
        alerts=alerts_of(review),
        tones=tones,
        bar=bar_of(tones),
        groups=sorted({view.ci.path(d.position.file) for d in findings}),
        group_word="file",
        cards_title="Findings",
        cards=[_card(n, d, view) for n, d in enumerate(findings, start=1)],
        nothing="No findings.",
    )


def _card(number: int, finding: Diagnostic, view: RenderContext) -> Card:
    key, symbol = _TONES[finding.severity]
    rule = RULES.get(finding.rule)
    return Card(
        id=f"finding-{number}",
        kind=key,
        group=view.ci.path(finding.position.file),
        tone=Status(key, symbol, finding.severity.value, 1),
        title=finding.rule,
        sentence=rule.title if rule else "",
        place=finding.position,
        detail=finding.message,
        hint=finding.hint or "",
    )


def _word(severity: Severity, count: int) -> str:
    return severity.value if count == 1 or severity is Severity.INFO else f"{severity.value}s"
