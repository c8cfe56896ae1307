"""
What a command came to as JUnit XML: a case for each file, each server, or each login.

A file's findings share one ``failure``, since readers such as GitLab's look at
one only. A partial apply shows at once: what was not reached is *skipped*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from icesync.diagnostics import Diagnostic, Severity
from icesync.frozen import frozen
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.probe import ProbeReport, ProbeRow, ProbeSeverity
from icesync.model.report import Command, CommandResult, Failure, Report, Result, ResultStatus
from icesync.render.plan import changed_keys
from icesync.render.probe import mode_text, server_words
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from icesync.render import RenderContext


@frozen
class _Case:
    """One case; *verdict* is the element that says how it ended, empty where all is well."""

    name: str
    verdict: str = ""
    message: str = ""
    text: str = ""
    output: str = ""
    file: str = ""
    line: int | None = None
    elapsed_s: float | None = None


def render(review: CommandResult, view: RenderContext) -> str:
    """Return *review* as one suite; files are relative to the repository."""
    cases = [*_cases(review, view)]
    if review.failure is not None and all(case.verdict in {"", "skipped"} for case in cases):
        cases.append(_stopped(review.failure))
    timed = review.report or review.probe
    head = {
        "name": f"icesync {review.command}",
        "tests": str(len(cases)),
        **{n: str(sum(case.verdict == v for case in cases)) for n, v in _COUNTED.items()},
        "time": f"{timed.elapsed_s if timed else 0:.3f}",
    }
    suites = Element("testsuites", head)
    suite = SubElement(suites, "testsuite", head)
    for case in cases:
        _add(suite, case, review.command)
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


_COUNTED: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def _add(suite: Element, case: _Case, command: Command) -> None:
    element = SubElement(
        suite, "testcase", {"classname": f"icesync.{command}", "name": safe(case.name)}
    )
    if case.file:
        element.set("file", safe(case.file))
    if case.line is not None:
        element.set("line", str(case.line))
    if case.elapsed_s is not None:
        element.set("time", f"{case.elapsed_s:.3f}")
    if case.verdict:
        verdict = SubElement(element, case.verdict, {"message": safe(case.message)})
        verdict.text = "\n".join(map(safe, case.text.split("\n")))
    if case.output:
        output = SubElement(element, "system-out")
        output.text = "\n".join(map(safe, case.output.split("\n")))


def _stopped(failure: Failure) -> _Case:
    return _Case("run", "error", failure.message, "\n".join(failure.hints))


def _cases(review: CommandResult, view: RenderContext) -> Iterator[_Case]:
    if review.command is Command.PROBE:
        yield from _logins(review.probe, view) if review.probe else _files(review, view)
    elif review.plan is None or review.command is Command.VALIDATE:
        yield from _files(review, view)
    elif review.command is Command.CHECK:
        yield from _open_changes(review, review.plan)
        if review.probe is not None:
            yield from _logins(review.probe, view, aging=True)
    else:
        yield from _results(review.plan, review.report)


def _files(review: CommandResult, view: RenderContext) -> Iterator[_Case]:
    """Yield a case for each file, also for one that only a finding names."""
    by_file: dict[str, list[Diagnostic]] = {file: [] for file in review.files}
    for one in review.findings:
        by_file.setdefault(one.position.file, []).append(one)
    for file, found in sorted(by_file.items()):
        errors = [one for one in found if one.severity is Severity.ERROR]
        others = [one for one in found if one.severity is not Severity.ERROR]
        verdict, message = ("failure", _title(errors)) if errors else ("", "")
        path = view.ci.path(file)
        yield _Case(path, verdict, message, _lines_of(errors), _lines_of(others), path)


def _title(errors: Sequence[Diagnostic]) -> str:
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{errors[0].rule} {errors[0].message}{more}"


def _lines_of(found: Iterable[Diagnostic]) -> str:
    lines = []
    for one in found:
        place = f"{one.position.line}:{one.position.column}"
        lines.append(f"{place}: {one.rule} {one.message}")
        lines += [f"  hint: {one.hint}"] if one.hint else []
    return "\n".join(lines)


def _results(plan: Plan, report: Report | None) -> Iterator[_Case]:
    ended = {result.address: result for result in report.results} if report else {}
    for change in plan.changes:
        result = ended.get(change.address)
        if change.action in {Action.NO_OP, Action.NOT_IN_FILES}:
            yield _Case(_server(change), "skipped", _SKIPPED[change.action])
        elif result is None:
            yield _Case(_server(change), "skipped", f"{change.action}: not reached")
        else:
            yield _ended(_server(change), result)


_SKIPPED: Final = {
    Action.NO_OP: "unchanged",
    Action.NOT_IN_FILES: "no longer in any file; left unchanged",
}

_VERDICTS: Final = {
    ResultStatus.APPLIED: "",
    ResultStatus.FAILED: "failure",
    ResultStatus.UNCERTAIN: "error",
    ResultStatus.NOT_ATTEMPTED: "skipped",
}


def _ended(name: str, result: Result) -> _Case:
    message = result.outcome.detail if result.outcome else ""
    message = f"{result.action}: {result.status}" + (f": {message}" if message else "")
    return _Case(name, _VERDICTS[result.status], message)


def _open_changes(review: CommandResult, plan: Plan) -> Iterator[_Case]:
    """Yield a case for each server: what differs, or is too old, fails."""
    out_of_date = review.maintenance.out_of_date if review.maintenance else ()
    for change in plan.changes:
        name = _server(change)
        if change.action is Action.NOT_IN_FILES:
            yield _Case(name, "skipped", _SKIPPED[change.action])
        elif change.action is not Action.NO_OP:
            message = ", ".join(changed_keys(change)) if change.action is Action.UPDATE else ""
            yield _Case(name, "failure", f"{change.action} is waiting", message)
        elif change.address in out_of_date:
            yield _Case(name, "failure", "confirmed longer ago than --max-age")
        else:
            yield _Case(name)


def _logins(report: ProbeReport, view: RenderContext, *, aging: bool = False) -> Iterator[_Case]:
    """
    Yield a case for each login; where it matters, *aging* certificates fail.

    One that only warns is a passed case that says so in its output: JUnit
    knows no warnings, and a firewalled runner must not turn a pipeline red.
    """
    for row in report.rows:
        target, result, place = row.target, row.result, row.position
        message = f"{result.kind}: {result.detail}" if result.detail else result.kind
        verdict = _GRAVE.get(row.severity, "")
        days = result.ending(report.made_at)
        if aging and not verdict and days is not None:
            verdict, message = "failure", f"the certificate expires in {days} days"
        words = "\n".join(_words(row))
        yield _Case(
            f"{row.address} {target.protocol} {target.host}:{target.port}",
            verdict,
            message if verdict else "",
            words if verdict == "failure" else "",
            "" if verdict else f"{message}\n{words}",
            view.ci.path(place.file) if place else "",
            place.line if place else None,
            result.elapsed_s,
        )


_GRAVE: Final = {ProbeSeverity.FAILED: "failure", ProbeSeverity.SKIPPED: "skipped"}


def _words(row: ProbeRow) -> Iterator[str]:
    """Yield everything else that is known about *row*, a line each."""
    result = row.result
    yield f"mode: {mode_text(row)}"
    if result.code or result.text:
        yield f"the server: {server_words(row)}"
    yield from (f"note: {note}" for note in result.notes)
    if result.hint:
        yield f"hint: {result.hint}"


def _server(change: ResourceChange) -> str:
    return f"{change.address} {change.name}".rstrip()
