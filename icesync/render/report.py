"""How an apply ended, for people and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.report import Attempt, Report, Result, ResultStatus
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.render import documents


COLOURS: Final = {
    ResultStatus.APPLIED: "green",
    ResultStatus.FAILED: "red",
    ResultStatus.UNCERTAIN: "yellow",
    ResultStatus.NOT_ATTEMPTED: "dim",
}

MEANINGS: Final = {
    ResultStatus.FAILED: "nothing changed, neither in ICE nor in the state",
    ResultStatus.UNCERTAIN: "ICE may have the old or the new settings; "
    "the next apply sends them again",
    ResultStatus.NOT_ATTEMPTED: "nothing was sent",
}

_LISTED: Final = 50
_NAMED_TARGETS: Final = 10


def render_report(report: Report, style: Style, *, listed: bool = True) -> str:
    """
    Return totals, then every server that was not applied with its reason, then what to run.

    Not *listed*, the servers are somewhere else already.
    """
    message = counts_of(report, style)
    head = "Apply complete." if report.complete and report.saved else "Apply incomplete."
    ending = f"state serial {report.serial}" if report.saved else "the state was not saved"
    lines = [f"{style.paint(head, 'bold')} {message} in {report.elapsed_s:.1f} s; {ending}."]
    shown = MEANINGS if report.saved else (ResultStatus.APPLIED, *MEANINGS)
    for status in shown if listed else ():
        lines.extend(_section(report, status, style))
    if not report.complete:
        lines += ["", f"To retry only these: {style.paint(retry_command(report), 'cyan')}"]
    return "\n".join(lines) + "\n"


def counts_of(report: Report, style: Style | None = None) -> str:
    """Return how many changes ended in which way, such as ``3 applied, 1 failed``."""
    style = style or Style()
    counts = {status: len(report.with_status(status)) for status in ResultStatus}
    return ", ".join(
        style.paint(f"{n:,} {status}", COLOURS[status])
        for status, n in counts.items()
        if n or status is ResultStatus.APPLIED
    )


def _section(report: Report, status: ResultStatus, style: Style) -> Iterator[str]:
    results = report.with_status(status)
    if not results:
        return
    yield ""
    meaning = MEANINGS.get(status, "ICE confirmed it")
    yield f"{style.paint(status.capitalize(), COLOURS[status], 'bold')}: {meaning}"
    width = max(len(str(result.address)) for result in results)
    for result in results[:_LISTED]:
        yield f"  {result.address!s:<{width}}  {_reason(result, style)}".rstrip()
    if len(results) > _LISTED:
        yield f"  and {len(results) - _LISTED} more"


def _reason(result: Result, style: Style) -> str:
    return style.sentence(result.outcome.detail) if result.outcome else ""


def retry_command(report: Report) -> str:
    """Return the command that sends what was not applied, and nothing else."""
    open_results = [r for r in report.results if r.status is not ResultStatus.APPLIED]
    if len(open_results) > _NAMED_TARGETS:
        return "icesync apply"
    targets = " ".join(f"--target {r.address}" for r in open_results)
    return f"icesync apply {targets}"


def report_document(report: Report) -> documents.ReportBody:
    """Return the report as plain data."""
    return {
        "format_version": "1.0",
        "kind": "icesync-report",
        "complete": report.complete,
        "stopped": report.stopped,
        "serial": report.serial,
        "elapsed_s": round(report.elapsed_s, 3),
        "counts": {status.value: len(report.with_status(status)) for status in ResultStatus},
        "results": [
            {
                "address": str(result.address),
                "action": result.action,
                "status": result.status,
                "outcome": result.outcome.kind if result.outcome else None,
                "detail": result.outcome.detail if result.outcome else None,
                "attempts": [_attempt(attempt) for attempt in result.attempts],
            }
            for result in report.results
        ],
    }


def _attempt(attempt: Attempt) -> documents.Attempt:
    return {
        "outcome": attempt.kind,
        "started_s": round(attempt.started_s, 3),
        "elapsed_s": round(attempt.elapsed_s, 3),
    }


def spent(result: Result) -> str:
    """Return how long the calls for a server took in all and how many there were, or nothing."""
    if result.elapsed_s is None:
        return ""
    count = len(result.attempts)
    return spell_seconds(result.elapsed_s) + (f", {count} calls" if count > 1 else "")


def spell_seconds(seconds: float) -> str:
    """Return a length of time for people: 40 ms, 1.2 s, 75 s, 12 min."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min"
