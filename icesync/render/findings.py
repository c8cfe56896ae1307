"""
Findings and errors for people, and how equal things are said once.

A finding is one line that a terminal makes clickable, then the hint. Changes, refusals and
findings that differ only in their server are grouped alike in text, Markdown and pages;
JSON stays complete.

Programs know a finding again in the next run by a fingerprint, when its lines have moved:
it is made of the rule, the file and the sentence without the numbers that move with it.
Findings that are alike in all of these are told apart by their order in the file.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic, Severity
from icesync.errors import counted, listed
from icesync.frozen import frozen
from icesync.model.plan import Action
from icesync.model.secret import SecretComparison
from icesync.regex import regex
from icesync.render.style import Style, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.pipeline import Pipeline
    from icesync.model.plan import Refusal, ResourceChange
    from icesync.model.report import CommandResult
    from icesync.render import documents

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
        places = listed([f"{style.place(one)}:{one.column}" for one in group.elsewhere])
        text += f"  {style.paint(f'also at {places}', 'dim')}\n"
    return text + (_hint(group.hint, style) if group.hint else "")


def _finding(diagnostic: Diagnostic, style: Style) -> str:
    position = diagnostic.position
    place = style.paint(f"{style.place(position)}:{position.column}:", "bold")
    rule = style.paint(diagnostic.rule, _COLOURS[diagnostic.severity])
    weight = "" if diagnostic.severity is Severity.ERROR else f"{diagnostic.severity}: "
    line = f"{place} {rule} {weight}{style.sentence(diagnostic.message)}\n"
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
    return f"{head} {style.sentence(message)}\n" + "".join(_hint(hint, style, "") for hint in hints)


def _hint(text: str, style: Style, indent: str = "  ") -> str:
    return f"{indent}{style.paint('hint:', 'cyan')} {style.sentence(text)}\n"


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


_MOVING: Final = regex(r"\[\d+\]|:\d+(:\d+)?|\blines? \d+(, \d+)*( and \d+)?", re.ASCII)


def identities(findings: Sequence[Diagnostic], ci: Pipeline) -> tuple[str, ...]:
    """Return a fingerprint for each of *findings*, unique among them: 32 hexadecimal digits."""
    import hashlib

    seen: Counter[str] = Counter()
    made = []
    for one in findings:
        text = "\0".join((one.rule, ci.path(one.position.file), _MOVING.sub("", one.message)))
        seen[text] += 1
        made.append(
            hashlib.sha256(f"{text}\0{seen[text]}".encode(errors="replace")).hexdigest()[:32]
        )
    return tuple(made)


def blocking(review: CommandResult) -> Iterator[Diagnostic]:
    """Yield what blocks the plan and is about a line of the configuration, as a finding."""
    for one in review.refusals:
        if one.position is not None:
            allow = f"--allow {one.allow}"
            yield Diagnostic(one.rule, one.message, one.position, allow, Severity.WARNING)


_MAX_ADDS_IN_FULL: Final = 3
_MAX_ADDS_LISTED: Final = 12
_MIN_GROUP: Final = 3
_ADDRESS: Final = regex(r"\b[1-9][0-9]*/[1-9][0-9]*\b")
_VARIABLE: Final = regex(r"^variable ([A-Za-z_][A-Za-z0-9_]*) is not set$")
UNSET: Final = "ICE412"
"""The rule of secrets that are not there."""


@frozen
class ChangeGroup:
    """
    Changes that differ only in their server, sorted by address.

    With *by_file* they are first sends of one file, whose records differ.
    """

    changes: tuple[ResourceChange, ...]
    by_file: bool = False

    @property
    def first(self) -> ResourceChange:
        """The change that stands for all."""
        return self.changes[0]


def group_changes(changes: Iterable[ResourceChange]) -> tuple[ChangeGroup, ...]:
    """
    Return *changes* in groups, in the order of their first servers.

    Updates belong together when the same settings change from and to the same
    values because of the same lines; first sends of many servers by their file;
    servers that are in no file any more by their organization.
    """
    shown = [change for change in changes if change.action is not Action.NO_OP]
    adds = sum(change.action is Action.ADD for change in shown)
    signatures = [_signature(change, adds) for change in shown]
    counts = Counter(signatures)
    groups: dict[object, list[ResourceChange]] = {}
    for change, signature in zip(shown, signatures, strict=True):
        # To look up lines costs more than all else, so it is done for what is alike only.
        alike = counts[signature] > 1 and change.action is not Action.ADD
        lines = tuple(field.position for field in change.fields) if alike else ()
        groups.setdefault((signature, lines), []).append(change)
    return tuple(
        ChangeGroup(tuple(group), by_file=group[0].action is Action.ADD and adds > _MAX_ADDS_LISTED)
        for group in groups.values()
    )


def is_full_record_shown(changes: Iterable[ResourceChange]) -> bool:
    """Return whether first sends are so few that each is shown with all of its settings."""
    return sum(change.action is Action.ADD for change in changes) <= _MAX_ADDS_IN_FULL


def _signature(change: ResourceChange, adds: int) -> object:
    """Return what two changes have in common that belong together, but for the lines."""
    head = (change.action, change.reason)
    match change.action:
        case Action.ADD if adds > _MAX_ADDS_LISTED:
            return (*head, change.file)
        case Action.ADD | Action.MOVE:
            return change.address
        case Action.NOT_IN_FILES:
            return (*head, change.address.organization)
    fields = repr([(f.key, f.before, f.after) for f in change.fields])
    secrets = tuple(
        (s.key, s.comparison)
        for s in change.secrets
        if s.comparison is not SecretComparison.UNCHANGED
    )
    return (*head, fields, secrets, len(change.after or {}), len(change.secrets))


@frozen
class RefusalGroup:
    """Refusals of one rule with one sentence; *allow* lets all of them through."""

    rule: str
    finding: str
    message: str
    allow: str
    refusals: tuple[Refusal, ...]


def group_refusals(refusals: Iterable[Refusal]) -> tuple[RefusalGroup, ...]:
    """Return *refusals* that say the same of several servers as one."""
    groups: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in refusals:
        groups.setdefault((refusal.rule, _without_address(refusal)), []).append(refusal)
    made = []
    for (rule, message), group in groups.items():
        alone = len(group) == 1
        first = group[0]
        text = first.message if alone else message
        allow = first.allow if alone else rule
        made.append(RefusalGroup(rule, first.finding, text, allow, tuple(group)))
    return tuple(made)


def _without_address(refusal: Refusal) -> str:
    """Return the sentence of *refusal* without the server that it is about."""
    if refusal.address is None:
        return refusal.message
    address = str(refusal.address)
    text = refusal.message.removeprefix(f"{address}: ")
    return text.replace(f" of {address}", "").replace(address, "").strip()


@frozen
class FindingGroup:
    """Findings of one rule with one sentence and one hint; *message* is that sentence."""

    message: str
    findings: tuple[Diagnostic, ...]

    @property
    def first(self) -> Diagnostic:
        """The finding that stands for all."""
        return self.findings[0]

    @property
    def lists_secrets(self) -> bool:
        """Whether these are secrets that are not there, whose places say nothing."""
        return len(self.findings) > 1 and self.first.rule == UNSET

    @property
    def elsewhere(self) -> tuple[SourcePosition, ...]:
        """Where the others are, if that helps."""
        return () if self.lists_secrets else tuple(one.position for one in self.findings[1:])

    @property
    def hint(self) -> str | None:
        """The way out of all of them."""
        return "run `icesync secrets check` for a list" if self.lists_secrets else self.first.hint


def group_findings(findings: Sequence[Diagnostic]) -> tuple[FindingGroup, ...]:
    """
    Return *findings* in groups, in the order of their first ones.

    Three or more belong together that say the same of several servers. Variables
    that are not set are one list, whatever their names.
    """
    groups: dict[object, list[Diagnostic]] = {}
    for finding in findings:
        variable = _variable(finding)
        text = _ADDRESS.sub("", finding.message)
        key = (finding.rule, finding.severity, text, finding.hint) if variable is None else UNSET
        groups.setdefault(key, []).append(finding)
    made: list[FindingGroup] = []
    for group in groups.values():
        if len(group) < _MIN_GROUP:
            made += [FindingGroup(finding.message, (finding,)) for finding in group]
        else:
            made.append(FindingGroup(_sentence(group), tuple(group)))
    order = {id(finding): number for number, finding in enumerate(findings)}
    return tuple(sorted(made, key=lambda group: order[id(group.first)]))


def _variable(finding: Diagnostic) -> str | None:
    """Return the variable that *finding* says is not set, if that is what it says."""
    if finding.rule != UNSET:
        return None
    match = _VARIABLE.match(finding.message.rpartition(": ")[2])
    return match[1] if match else None


def _sentence(group: Sequence[Diagnostic]) -> str:
    """Return what all of *group* say, once."""
    names = [name for finding in group if (name := _variable(finding)) is not None]
    if names:
        names = list(dict.fromkeys(names))
        return f"{len(names):,} secrets are not set: {listed(names)}"
    addresses = [m[0] for finding in group if (m := _ADDRESS.match(finding.message))]
    if len(addresses) < len(group):
        return group[0].message
    return f"{listed(addresses)}: {group[0].message.partition(': ')[2]}"
