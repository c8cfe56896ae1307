"""
What a command came to, as Markdown for comments, job summaries and issues.

The first line is a marker, then come the totals. A plan has four degrees of detail: what
is too long for a comment is told in less detail, never cut. Of a probe, what failed stands
first and needs no scrolling.

What users wrote goes into code, where neither Markdown nor HTML means anything,
nobody is mentioned and no issue is linked; a fence is longer than every run of
backticks inside of it.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Final

from icesync.codec.marker import Marker, encode_marker
from icesync.codec.plan import plan_digest
from icesync.diagnostics import Severity, SourcePosition
from icesync.errors import ApplyIncomplete, ProbeFailed, counted, listed
from icesync.model.plan import Action, Plan, Refusal, ResourceChange
from icesync.model.probe import SPEAKS_FROM_HERE, ProbeReport, ProbeRow, ProbeSeverity
from icesync.model.report import CommandResult, Maintenance, Report, Result, ResultStatus
from icesync.model.secret import SecretComparison
from icesync.render.findings import (
    ChangeGroup,
    FindingGroup,
    group_changes,
    group_findings,
    group_refusals,
    is_full_record_shown,
)
from icesync.render.plan import (
    SYMBOLS,
    caveat_of,
    changed_keys,
    incomplete,
    old_record,
    refusal_sentence,
    removal_hint,
    rest_of,
    sentence_of,
    shown_secret,
    shown_value,
)
from icesync.render.probe import loudest_first, mode_text, server_words, totals_of
from icesync.render.report import MEANINGS, retry_command
from icesync.render.style import safe
from icesync.render.text import facts_of, headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icesync.model.pipeline import Pipeline
    from icesync.render import RenderContext

_RUNS: Final = re.compile(r"`+")
_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>&|~$^]|:(?=//)|[@#](?=\w)")
_START: Final = re.compile(r"^(\d+(?=[.)])|(?=[#+=-]))")
"""Where a line would start a heading, a list or a rule."""
_ENTITIES: Final = re.compile(r"[^\w ,.-]", re.ASCII)


def code(text: str) -> str:
    """Return *text* as a code span; outside of tables."""
    text = safe(text)
    if not text:
        return "` `"
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def cell(text: str) -> str:
    """Return *text* as code in a cell of a table, where ``|`` ends even a code span."""
    if "|" not in text and "\\" not in safe(text):
        return code(text)
    inside = _ENTITIES.sub(lambda match: f"&#{ord(match[0])};", safe(text))
    return f"<code>{inside}</code>"


def prose(text: str) -> str:
    """Return a sentence of icesync's own; what it quotes in backticks becomes code."""
    parts = safe(text).lstrip().split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    shown = "".join(code(part) if n % 2 else _plain(part) for n, part in enumerate(parts))
    return _START.sub(r"\1\\", shown)


def _plain(text: str) -> str:
    return _SPECIAL.sub(_inert, text)


def _inert(match: re.Match[str]) -> str:
    if match[0] == ":":
        return "&#58;"
    # A zero-width space behind: nobody is called, no issue learns of it.
    return f"{match[0]}&#8203;" if match[0] in "@#" else f"\\{match[0]}"


def link(label: str, url: str) -> str:
    """Return *label* as code, linked to *url* where there is one."""
    return f"[{code(label)}]({url})" if url else code(label)


def fence(lines: Iterable[str], language: str = "") -> str:
    """Return *lines* as a fenced block that none of them can close."""
    text = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}\n"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _RUNS.findall(text)), default=0)


def first_that_fits(levels: Sequence[Callable[[], str]], limit_bytes: int) -> str:
    """Return the first, most telling of *levels* that is short enough; else the last."""
    for level in levels[:-1]:
        text = level()
        if len(text.encode()) <= limit_bytes:
            return text
    return levels[-1]()


class Detail(IntEnum):
    """How much detail a page has: each level is shorter than the one before."""

    FULL = 0
    NAMES = 1
    """the names of changed settings"""
    ROWS = 2
    """a row for each server"""
    COUNTS = 3


_LONG: Final = 120
"""So many lines of difference are folded, so that a thread stays readable."""


def plan_part(
    plan: Plan, refusals: Sequence[Refusal], ci: Pipeline, detail: Detail, caveat: str = ""
) -> str:
    """Return *plan*: what is blocked, the changes, the digest, and a *caveat* if there is one."""
    parts = [_refusals(refusals, detail)]
    shown = [change for change in plan.changes if change.action is not Action.NO_OP]
    groups = group_changes(shown)
    if shown and detail is Detail.FULL:
        in_full = is_full_record_shown(shown)
        parts.append(_folded("".join(_group(group, ci, in_full=in_full) for group in groups)))
    elif shown and detail is Detail.NAMES:
        parts.append("\n" + "".join(f"- {_names(group)}\n" for group in groups))
    elif shown and detail is Detail.ROWS:
        parts.append("\n| server | action | changes |\n| --- | --- | --- |\n")
        parts.extend(_row(group) for group in groups)
    if not plan.complete:
        parts.append(f"\n{incomplete(plan)}\n")
    if plan.effective:
        parts.append(f"\nDigest: {code(plan_digest(plan))}\n")
    if caveat:
        parts.append(f"\n<sub>{caveat}.</sub>\n")
    return "".join(parts)


def source(position: SourcePosition, ci: Pipeline) -> str:
    """Return the place of a line, linked to the commit where the forge is known."""
    return link(f"{ci.path(position.file)}:{position.line}", ci.link(position))


def _refusals(refusals: Sequence[Refusal], detail: Detail) -> str:
    if not refusals:
        return ""
    groups = group_refusals(refusals)
    if detail is Detail.COUNTS:
        return f"\n{counted(len(groups), 'change')} blocked until you allow it.\n"
    lines = [f"- {prose(refusal_sentence(g))} {code(f'--allow {g.allow}')}\n" for g in groups]
    return "\nBlocked until you allow it:\n\n" + "".join(lines)


def _folded(text: str) -> str:
    if text.count("\n") <= _LONG:
        return text
    return f"\n<details><summary>All changes</summary>\n{text}\n</details>\n"


def _group(group: ChangeGroup, ci: Pipeline, *, in_full: bool) -> str:
    """Return what happens to the servers of *group*, once."""
    change = group.first
    if len(group.changes) == 1 and not group.by_file:
        head = f"\n**{code(str(change.address))}**{_name(change)} {SYMBOLS[change.action][2]}"
        head += f" · {source(change.position, ci)}\n" if change.position else "\n"
        if change.action is Action.ADD and not in_full:
            return head
        return head + _because(change) + _difference(change) + _places(change, ci)
    names = listed([f"{code(str(c.address))}{_name(c)}" for c in group.changes])
    head = f"\n**{sentence_of(group)}:** {names}"
    if group.by_file:
        return f"{head}{f' · {code(change.position.file)}' if change.position else ''}\n"
    return f"{head}\n{_because(change)}{_difference(change, each=True)}{_places(change, ci)}"


def _difference(change: ResourceChange, *, each: bool = False) -> str:
    lines = list(_lines(change, each=each))
    return "\n" + fence(lines, "diff") if lines else ""


def _name(change: ResourceChange) -> str:
    return f" {code(change.name)}" if change.name else ""


def _because(change: ResourceChange) -> str:
    if change.moved_from is not None:
        message = old_record(change)
    elif change.action is Action.NOT_IN_FILES:
        message = removal_hint(ChangeGroup((change,)))
    elif change.reason and change.action is not Action.ADD:
        message = f"because {change.reason}"
    else:
        return ""
    return f"{prose(message)}\n"


def _lines(change: ResourceChange, *, each: bool = False) -> Iterator[str]:
    """Yield the lines of a diff: ``-`` and ``+`` for settings, ``!`` for secrets."""
    for field in change.fields:
        if field.before is not None:
            yield f"- {field.key}: {shown_value(field.before)}"
        if field.after is not None:
            yield f"+ {field.key}: {shown_value(field.after)}"
    for secret in change.secrets:
        if change.action is Action.ADD:
            yield f"+ {secret.key}: (sensitive)"
        elif secret.comparison is not SecretComparison.UNCHANGED:
            yield f"! {secret.key}: {shown_secret(secret)}"
    if change.action.sends and change.action is not Action.ADD and (rest := rest_of(change)):
        yield f"  {rest} each" if each else f"  {rest}"


def _places(change: ResourceChange, ci: Pipeline) -> str:
    """Return where each new value stands; of a first send, the server's own line is enough."""
    if change.action is Action.ADD:
        return ""
    odd = [s for s in change.secrets if s.comparison is not SecretComparison.UNCHANGED]
    placed = [(f.key, f.position) for f in change.fields] + [(s.key, s.position) for s in odd]
    message = " · ".join(f"{code(key)} {source(place, ci)}" for key, place in placed if place)
    return f"\n{message}\n" if message else ""


def _names(group: ChangeGroup) -> str:
    change = group.first
    keys = changed_keys(change)
    message = f": {', '.join(map(code, keys))}" if keys and change.action is Action.UPDATE else ""
    if len(group.changes) == 1:
        return f"**{code(str(change.address))}**{_name(change)} {change.action}{message}"
    names = listed([code(str(c.address)) for c in group.changes])
    return f"**{counted(len(group.changes), 'server')}** ({names}) {change.action}{message}"


def _row(group: ChangeGroup) -> str:
    change = group.first
    name = cell(str(change.address))
    if len(group.changes) > 1:
        name = f"{name} and {len(group.changes) - 1:,} more"
    return f"| {name} | {change.action} | {len(changed_keys(change))} |\n"


_LOUD: Final = frozenset({ProbeSeverity.FAILED, ProbeSeverity.WARNING})


def probe_part(report: ProbeReport, ci: Pipeline, detail: Detail) -> str:
    """Return *report*: all of it, what did not pass, that as a table only, or the counts."""
    rows = loudest_first(report)
    if detail is not Detail.FULL:
        rows = [row for row in rows if row.severity in _LOUD]
    parts = [f"\n**Probe**: {totals_of(report)}\n"]
    if detail is not Detail.COUNTS:
        parts.extend(_table(rows))
    if detail <= Detail.NAMES:
        noted = [r for r in rows if r.severity in _LOUD or r.result.notes or r.result.hint]
        parts += ["\n"] if noted else []
        parts += [line for row in noted for line in _items(row, ci, detail)]
        parts.extend(_domains(report))
    return "".join([*parts, f"\n<sub>Note: {SPEAKS_FROM_HERE}.</sub>\n"])


def _table(rows: Sequence[ProbeRow]) -> Iterator[str]:
    if rows:
        yield "\n| server | protocol | result | endpoint | mode | certificate expires |\n"
        yield "| --- | --- | --- | --- | --- | --- |\n"
    for row in rows:
        target, certificate = row.target, row.result.certificate
        weight = "**" if row.severity in _LOUD else ""
        cells = (
            code(str(row.address)),
            target.protocol,
            f"{weight}{code(row.result.kind)}{weight}",
            cell(f"{target.host}:{target.port}"),
            cell(mode_text(row)),
            f"{certificate.not_after:%Y-%m-%d}" if certificate else "",
        )
        yield f"| {' | '.join(cells)} |\n"


def _items(row: ProbeRow, ci: Pipeline, detail: Detail) -> Iterator[str]:
    """Yield what is to be said about *row*; the words of the server and hints in full only."""
    result = row.result
    place = f" · {source(row.position, ci)}" if row.position is not None else ""
    message = prose(result.detail) or result.kind
    yield f"- {code(str(row.address))} {row.target.protocol}: {message}{place}\n"
    if detail is not Detail.FULL:
        return
    if result.code or result.text:
        yield f"  - the server: {code(server_words(row))}\n"
    yield from (f"  - note: {prose(note)}\n" for note in result.notes)
    if result.hint:
        yield f"  - hint: {prose(result.hint)}\n"


def _domains(report: ProbeReport) -> Iterator[str]:
    if report.domains:
        yield "\nSender domains in DNS (MX, SPF, DMARC):\n\n"
    yield from (f"- {code(note.domain)}: {prose(note.text)}\n" for note in report.domains)


def findings_part(review: CommandResult, ci: Pipeline, detail: Detail) -> str:
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


def _finding(group: FindingGroup, ci: Pipeline, *, hints: bool) -> str:
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
        parts.append(f"\nTo retry only these:\n\n{fence([retry_command(report)], 'sh')}")
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


_SHORTENED: Final = "\n_Shortened to fit into a comment; see the log for all of it._\n"


def render(review: CommandResult, view: RenderContext) -> str:
    """Return *review* as Markdown of at most ``view.limit_bytes``."""
    return first_that_fits(
        [partial(_page, review, view, detail) for detail in Detail], view.limit_bytes
    )


def _page(review: CommandResult, view: RenderContext, detail: Detail) -> str:
    parts = [_marker(review, view), f"### icesync {review.command}: "]
    parts += [headline(review), "\n", _origin(view)]
    parts.extend(_failure(review))
    parts.append(findings_part(review, view.ci, detail))
    if review.report is not None:
        parts.append(report_part(review.report, detail))
    elif review.plan is not None:
        parts.append(
            plan_part(review.plan, review.refusals, view.ci, detail, caveat_of(review, view.now))
        )
    if review.probe is not None:
        parts.append(probe_part(review.probe, view.ci, detail))
    if review.maintenance is not None:
        parts.append(maintenance_part(review.maintenance))
    if detail:
        parts.append(_SHORTENED)
    return "".join(parts)


def _marker(review: CommandResult, view: RenderContext) -> str:
    """Return the first line, by which a later run finds the comment of this configuration."""
    known = review.plan is not None and review.failure is None
    # Nobody knows how many, where a secret store did not answer.
    known = known and review.plan is not None and not review.plan.unanswered
    changes = len(review.plan.effective) if known and review.plan else None
    return encode_marker(Marker(review.command, view.ci.key, changes)) + "\n"


def _origin(view: RenderContext) -> str:
    """Return which configuration at which commit this is about, and who says so."""
    ci = view.ci
    parts = [code(ci.key)] if ci.key != "." else []
    parts += [f"commit {code(ci.commit[:12])}"] if ci.commit else []
    parts += [f"[run]({ci.run_url})"] if ci.run_url else []
    return f"\n{' · '.join(parts)}\n" if parts else ""


def _failure(review: CommandResult) -> Iterator[str]:
    if review.failure is None or _says_it_all(review):
        return
    yield f"\n**Stopped:** {prose(review.failure.message)}\n"
    if review.failure.hints:
        yield "\n"
        yield from (f"- {code(hint)}\n" for hint in review.failure.hints)


def _says_it_all(review: CommandResult) -> bool:
    """Return whether the report itself tells all that the failure does."""
    if review.exit_code == ProbeFailed.exit_code:
        return review.probe is not None
    incomplete = review.exit_code == ApplyIncomplete.exit_code
    return incomplete and review.report is not None and review.report.stopped is None
