"""
What GitHub's runner reads: annotations as workflow commands, and a step's outputs.

A step shows ten annotations of each level
(https://github.com/actions/toolkit/blob/main/docs/problem-matchers.md), so the
tenth says how many more there are.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from icesync.codec.plan import plan_digest
from icesync.diagnostics import Severity, SourcePosition
from icesync.errors import listed
from icesync.frozen import NamedTuple
from icesync.model.plan import Action
from icesync.model.probe import ProbeReport, ProbeSeverity
from icesync.model.report import Command, CommandResult, ResultStatus
from icesync.render.findings import group_findings, group_refusals
from icesync.render.plan import refusal_sentence, totals
from icesync.render.probe import server_words
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.model.pipeline import Pipeline

_MOST: Final = 10

_LEVELS: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}
"""Most severe first."""


class _Note(NamedTuple):
    """One annotation before it is written down."""

    severity: Severity
    title: str
    message: str
    position: SourcePosition | None = None


def render_annotations(review: CommandResult, ci: Pipeline) -> str:
    """Return the workflow commands for *review*, a line each, most severe first."""
    notes = list(_notes(review, ci))
    lines: list[str] = []
    for severity, level in _LEVELS.items():
        found = [note for note in notes if note.severity is severity]
        shown = found if len(found) <= _MOST else found[: _MOST - 1]
        lines += [_command(level, note, ci) for note in shown]
        if len(found) > len(shown):
            more = f"and {len(found) - len(shown)} more, see the log or the summary"
            lines.append(_command(level, _Note(severity, "icesync", more), ci))
    return "".join(f"{line}\n" for line in lines)


def _notes(review: CommandResult, ci: Pipeline) -> Iterator[_Note]:
    for found in group_findings(review.findings):
        one = found.first
        places = [ci.path(str(place)) for place in found.elsewhere]
        more = f"\nalso at {listed(places)}" if places else ""
        hint = f"\n{found.hint}" if found.hint else ""
        yield _Note(one.severity, one.rule, found.message + more + hint, one.position)
    failure = review.failure
    if failure is not None:
        hints = "".join(f"\n{hint}" for hint in failure.hints)
        yield _Note(Severity.ERROR, f"icesync {review.command}", failure.message + hints)
    changes = {c.address: c for c in review.plan.changes} if review.plan else {}
    for group in group_refusals(review.refusals):
        first = group.refusals[0]
        change = changes.get(first.address) if first.address else None
        place = change.position if change else first.position
        text = group.message if len(group.refusals) == 1 else refusal_sentence(group)
        message = f"{text}\nallow it: --allow {group.allow}"
        yield _Note(Severity.WARNING, group.rule, message, place)
    for result in review.report.results if review.report else ():
        if result.status in {ResultStatus.FAILED, ResultStatus.UNCERTAIN}:
            detail = f": {result.outcome.detail}" if result.outcome else ""
            message = f"{result.address} {result.action} {result.status}{detail}"
            change = changes.get(result.address)
            place = change.position if change else None
            yield _Note(Severity.ERROR, "icesync apply", message, place)
    if review.probe is not None and review.command in {Command.PROBE, Command.CHECK}:
        yield from _probed(review.probe)
    if review.command is Command.CHECK and review.plan is not None and review.plan.effective:
        yield _Note(Severity.WARNING, "icesync check", f"waiting: {totals(review.plan)}")


def _probed(report: ProbeReport) -> Iterator[_Note]:
    """Yield what mail servers said at the lines that it is about; plan and apply have refusals."""
    weights = {ProbeSeverity.FAILED: Severity.ERROR, ProbeSeverity.WARNING: Severity.WARNING}
    for row in report.rows:
        if row.severity in weights:
            result = row.result
            parts = (result.detail, server_words(row), result.hint)
            message = "\n".join(part for part in parts if part)
            title = f"{row.address} {row.target.protocol} {result.kind}"
            yield _Note(weights[row.severity], title, message, row.position)
        elif (days := row.result.ending(report.made_at)) is not None:
            message = f"the certificate expires in {days} days"
            title = f"{row.address} {row.target.protocol}"
            yield _Note(Severity.WARNING, title, message, row.position)


def _command(level: str, note: _Note, ci: Pipeline) -> str:
    properties = {"title": note.title}
    message = note.message
    if note.position is not None:
        file, line, column = note.position
        path = ci.path(file)
        properties = {"file": path, "line": str(line), "col": str(column), **properties}
        # The log hides the properties, so the place stands in the message too.
        message = f"{path}:{line}:{column}: {note.title} {message}"
    fields = ",".join(f"{name}={_property(text)}" for name, text in properties.items())
    return f"::{level} {fields}::{_message(message)}"


def _message(text: str) -> str:
    """Return *text* as the toolkit escapes a message; each of its lines is made safe."""
    lines = [safe(line).replace("%", "%25") for line in text.split("\n")]
    return "%0A".join(lines)


def _property(text: str) -> str:
    return safe(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def outputs(review: CommandResult, plan_path: str) -> Mapping[str, str]:
    """Return the outputs of the step: counts, the plan's digest and the exit code, by name."""
    plan = review.plan
    changes = {"changes": str(bool(plan.effective)).lower()} if plan else {}
    counts = {f"to_{action}": str(plan.count(action)) for action in _COUNTED} if plan else {}
    digest = {"digest": plan_digest(plan)} if plan else {}
    message = {
        **changes,
        **counts,
        **digest,
        "plan_path": plan_path,
        "exit_code": str(review.exit_code),
    }
    return {name: value for name, value in message.items() if value}


_COUNTED: Final = tuple(
    action for action in Action if action not in {Action.NO_OP, Action.NOT_IN_FILES}
)


def encode_outputs(values: Mapping[str, str]) -> str:
    """Return *values* as ``GITHUB_OUTPUT`` takes them; no value can name another output."""
    return "".join(_output(name, value) for name, value in values.items())


def _output(name: str, value: str) -> str:
    if value.isprintable():
        return f"{name}={value}\n"
    # A text cannot hold its own digest, so it cannot end what it stands in.
    end = f"end_{hashlib.sha256(value.encode(errors='replace')).hexdigest()}"
    return f"{name}<<{end}\n{value}\n{end}\n"
