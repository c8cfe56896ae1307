"""Findings, the end of an apply and the maintenance of a schedule as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from icesync.diagnostics import Severity
from icesync.model.report import ResultStatus
from icesync.render.groups import group_findings, listed
from icesync.render.maintenance import facts_of
from icesync.render.markdown_escape import cell, code, fence, prose
from icesync.render.markdownplan import Detail, source
from icesync.render.report import MEANINGS, retry_command
from icesync.render.style import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.model.ci import Ci
    from icesync.model.command_result import CommandResult, Maintenance
    from icesync.model.report import Report, Result
    from icesync.render.groups import FindingGroup


def findings_part(review: CommandResult, ci: Ci, detail: Detail) -> str:
    """Return the findings of *review*: with hints, without, a row for each file, or a count."""
    found = review.findings
    if not found:
        return ""
    if detail <= Detail.NAMES:
        hints = detail is Detail.FULL
        return "\n" + "".join(_finding(group, ci, hints=hints) for group in group_findings(found))
    if detail is Detail.ROWS:
        counts = Counter(ci.path(one.position.file) for one in found)
        rows = [f"| {cell(file)} | {count} |\n" for file, count in sorted(counts.items())]
        return "\n| file | findings |\n| --- | --- |\n" + "".join(rows)
    return f"\n{counted(len(found), 'finding')}.\n"


def _finding(group: FindingGroup, ci: Ci, *, hints: bool) -> str:
    one = group.first
    severity = "" if one.severity is Severity.ERROR else f" {one.severity}:"
    line = f"- {source(one.position, ci)} **{one.rule}**{severity} {prose(group.message)}\n"
    if group.elsewhere and hints:
        line += f"  also at {listed([source(place, ci) for place in group.elsewhere])}\n"
    return line + (f"  hint: {prose(group.hint)}\n" if group.hint and hints else "")


def report_part(report: Report, detail: Detail) -> str:
    """Return how each change ended, what failed first, and the command that sends it again."""
    parts: list[str] = []
    for status in (ResultStatus.FAILED, ResultStatus.UNCERTAIN, ResultStatus.NOT_ATTEMPTED):
        parts.extend(_section(report.with_status(status), status, detail))
    if not report.complete:
        parts.append(f"\nTo send just those again:\n\n{fence([retry_command(report)], 'sh')}")
    applied = report.with_status(ResultStatus.APPLIED)
    if applied and detail < Detail.COUNTS:
        parts.append(_applied(applied))
    return "".join(parts)


def _section(results: Sequence[Result], status: ResultStatus, detail: Detail) -> Iterator[str]:
    if not results:
        return
    yield f"\n**{status.capitalize()}**: {MEANINGS[status]}\n\n"
    if detail is Detail.COUNTS:
        yield f"{len(results)} servers.\n"
    elif detail is Detail.ROWS:
        yield ", ".join(code(str(result.address)) for result in results) + "\n"
    else:
        yield from (_result(result) for result in results)


def _result(result: Result) -> str:
    reason = f": {prose(result.outcome.detail)}" if result.outcome else ""
    return f"- {code(str(result.address))} {result.action}{reason}\n"


def _applied(results: Sequence[Result]) -> str:
    message = ", ".join(f"{code(str(r.address))} {r.action}" for r in results)
    return f"\n<details><summary>{len(results)} applied</summary>\n\n{message}\n\n</details>\n"


def maintenance_part(maintenance: Maintenance) -> str:
    """Return what a schedule looks after, a line for each fact."""
    facts = [f"- {name}: {prose(message)}\n" for name, message in facts_of(maintenance)]
    return "\n**Maintenance**\n\n" + "".join(facts) if facts else ""
