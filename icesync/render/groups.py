"""
Equal things are said once: changes, refusals and findings that differ only in their server.

Text, Markdown and pages group alike, so they are made here; JSON stays complete.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen
from icesync.model.plan import Action
from icesync.model.secret import SecretComparison

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icesync.diagnostics import Diagnostic, SourcePosition
    from icesync.model.plan import Refusal, ResourceChange

MAX_NAMED: Final = 2
"""So many of a group are named; the others are counted."""

_MAX_ADDS_IN_FULL: Final = 3
_MAX_ADDS_LISTED: Final = 12
_MIN_GROUP: Final = 3
_ADDRESS: Final = re.compile(r"\b[1-9][0-9]*/[1-9][0-9]*\b")
_VARIABLE: Final = re.compile(r"^variable ([A-Za-z_][A-Za-z0-9_]*) is not set$")
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
    groups: dict[object, list[ResourceChange]] = {}
    for change in shown:
        groups.setdefault(_signature(change, adds), []).append(change)
    return tuple(
        ChangeGroup(tuple(group), by_file=group[0].action is Action.ADD and adds > _MAX_ADDS_LISTED)
        for group in groups.values()
    )


def is_full_record_shown(changes: Iterable[ResourceChange]) -> bool:
    """Return whether first sends are so few that each is shown with all of its settings."""
    return sum(change.action is Action.ADD for change in changes) <= _MAX_ADDS_IN_FULL


def _signature(change: ResourceChange, adds: int) -> object:
    """Return what two changes have in common that belong together."""
    head = (change.action, change.reason)
    match change.action:
        case Action.ADD if adds > _MAX_ADDS_LISTED:
            return (*head, change.file)
        case Action.ADD | Action.MOVE:
            return change.address
        case Action.ORPHAN:
            return (*head, change.address.organization)
    fields = repr([(f.key, f.before, f.after, f.position) for f in change.fields])
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


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """Return the first of *names* and how many more there are: ``A, B and 58 more``."""
    if len(names) <= most + 1:
        *rest, last = names
        return f"{', '.join(rest)} and {last}" if rest else last
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"
