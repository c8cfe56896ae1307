"""
The severity of findings: the rule's own, that of ``rules:``, or none where it is suppressed.

``rules:`` in icesync.yaml sets the severity of a rule, a comment suppresses it at
one place, ``--strict`` turns warnings into errors. A suppression,
``# icesync: allow ICE303 reason``, that cannot be read, or that is not used, is a finding
itself. It covers what its comment is about, which :mod:`icesync.config.yaml_tree` decides:

* behind a setting: that setting;
* on a line of its own: what begins below, to its end: a setting, a block, or with
  ``- skill:`` a whole server, its values that come from defaults included;
* before the first key of a file: the whole file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from icesync.config.rules import RULES, UnplacedFinding
from icesync.config.yaml_document import SourceFile, check_text
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.frozen import NamedTuple, frozen, mutable
from icesync.model.project import Level
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.config.yaml_tree import Subject, Tree
    from icesync.model.desired import DesiredServer

_MARK: Final = b"icesync:"
_IDS: Final = regex(r"ice\w*", re.IGNORECASE)
_HINT: Final = "use `# icesync: allow ICE303 reason`"

Point = tuple[int, int]
"""A line and a column, from 1."""


@frozen
class Suppression:
    """
    One rule that is suppressed from *first* to *last* in a file; *position* is the comment's.

    *inner* is where the value begins: a server there is covered wherever its
    values come from.
    """

    rule: str
    position: SourcePosition
    first: Point
    last: Point
    inner: Point


class _Ranges:
    """Which of some ranges hold a point; two of them are nested or apart, as in a tree."""

    def __init__(self, ranges: Iterable[tuple[Point, Point, Suppression]]) -> None:
        groups: dict[tuple[Point, Point], list[Suppression]] = {}
        for first, last, suppression in ranges:
            groups.setdefault((first, last), []).append(suppression)
        order = sorted(groups, key=lambda r: (r[0], (-r[1][0], -r[1][1])))
        self._firsts = [first for first, _ in order]
        self._lasts = [last for _, last in order]
        self._groups = [groups[key] for key in order]
        self._outer: list[int] = []
        """of each range the next one around it, or -1"""
        around: list[int] = []
        for index, first in enumerate(self._firsts):
            while around and self._lasts[around[-1]] < first:
                around.pop()
            self._outer.append(around[-1] if around else -1)
            around.append(index)

    def at(self, point: Point) -> Iterator[list[Suppression]]:
        """Yield the suppressions of each range that holds *point*, from the inside."""
        index = bisect_right(self._firsts, point) - 1
        while index >= 0:
            if point <= self._lasts[index]:
                yield self._groups[index]
            index = self._outer[index]


class Suppressions:
    """The suppressions of all files, and which of them were needed so far."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], list[Suppression]] = {}
        self._ranges: dict[tuple[str, str], tuple[_Ranges, _Ranges]] = {}
        self._used: set[int] = set()

    def add(self, suppressions: Iterable[Suppression]) -> None:
        """Take *suppressions* of one more file."""
        for suppression in suppressions:
            key = (suppression.rule, suppression.position.file)
            self._by_place.setdefault(key, []).append(suppression)
            self._ranges.pop(key, None)

    @property
    def rules(self) -> frozenset[str]:
        """The rules that are suppressed somewhere."""
        return frozenset(rule for rule, _ in self._by_place)

    def cover(self, rule: str, position: SourcePosition, owner: SourcePosition | None) -> bool:
        """Return whether a finding at *position*, about the server at *owner*, is suppressed."""
        groups = [*self._at(rule, position, 0)]
        if owner is not None:
            groups += self._at(rule, owner, 1)
        self._used.update(id(group[0]) for group in groups)
        return bool(groups)

    def unused(self) -> Iterator[Suppression]:
        """Yield the suppressions that covered no finding so far."""
        for suppressions in self._by_place.values():
            used = {(s.first, s.last) for s in suppressions if id(s) in self._used}
            yield from (s for s in suppressions if (s.first, s.last) not in used)

    def _at(self, rule: str, position: SourcePosition, which: int) -> Iterator[list[Suppression]]:
        key = (rule, position.file)
        suppressions = self._by_place.get(key)
        if suppressions is None:
            return iter(())
        if key not in self._ranges:
            self._ranges[key] = (
                _Ranges((s.first, s.last, s) for s in suppressions),
                _Ranges((s.inner, s.last, s) for s in suppressions),
            )
        return self._ranges[key][which].at((position.line, position.column))


def find_suppressions(
    source: SourceFile,
) -> tuple[tuple[Suppression, ...], tuple[Diagnostic, ...]]:
    """Return the suppressions in *source*, and what is wrong with those that cannot be read."""
    if _MARK not in source.data or check_text(source):
        return (), ()
    from icesync.config.yaml_tree import read_tree

    tree = read_tree(source)
    if tree.problems:
        return (), ()  # a file that cannot be read has its own finding already
    suppressions: list[Suppression] = []
    problems: list[Diagnostic] = []
    for text, start, subject in tree.directives():
        position = SourcePosition(source.path, *tree.place(start))
        rules, troubles = _read(text)
        problems += (
            Diagnostic("ICE014", message, position, hint, Severity.WARNING)
            for message, hint in troubles
        )
        first, last, inner = _range(tree, start, subject)
        suppressions += (Suppression(rule, position, first, last, inner) for rule in rules)
    return tuple(suppressions), tuple(problems)


def _range(tree: Tree, start: int, subject: Subject | None) -> tuple[Point, Point, Point]:
    """Return from where to where *subject* goes, and where its value begins."""
    if subject is None:
        here = tree.place(start)
        return here, here, here
    if subject.path == ():
        return (1, 1), (10**9, 1), (1, 1)
    return tree.place(subject.start), tree.place(subject.end), tree.place(subject.inner)


def _read(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the rules that a comment suppresses, and message and hint of each trouble with it."""
    verb, _, rest = text.partition(" ")
    if verb != "allow":
        return [], [(f"invalid suppression: unknown word `{verb[:20]}`", _HINT)]
    names: list[str] = []
    words = rest.replace(",", " ").split()
    while words and _IDS.fullmatch(words[0]):
        names.append(words.pop(0).upper())
    if not names:
        return [], [("invalid suppression: no rule", _HINT)]
    if not words:
        message = f"invalid suppression: no reason for {', '.join(names)}"
        return [], [(message, f"add a reason: `# icesync: allow {names[0]} reason`")]
    trouble = [t for name in names if (t := _trouble(name)) is not None]
    return [n for n in names if n in RULES and RULES[n].suppressible], trouble


def _trouble(name: str) -> tuple[str, str] | None:
    rule = RULES.get(name)
    if rule is None:
        import difflib

        near = difflib.get_close_matches(name, RULES, n=1)
        hint = f"did you mean {near[0]}?" if near else "run `icesync explain rules` for a list"
        return f"invalid suppression: unknown rule {name[:20]}", hint
    if not rule.suppressible:
        return (
            f"{name} cannot be suppressed: {rule.title}",
            f"run `icesync explain {name}` for details",
        )
    return None


class RatedFinding(NamedTuple):
    """A finding that counts, and its severity."""

    finding: UnplacedFinding
    severity: Severity


@mutable
class SeverityPolicy:
    """Knows the severities and the suppressions of all files."""

    levels: Mapping[str, Level]
    strict: bool = False
    suppressions: Suppressions = field(default_factory=Suppressions)

    def read(self, sources: Iterable[SourceFile]) -> list[Diagnostic]:
        """Take the suppressions of *sources*; return what is wrong with them."""
        problems: list[Diagnostic] = []
        for source in sources:
            suppressions, found = find_suppressions(source)
            problems += found
            self.suppressions.add(suppressions)
        return problems

    def apply(self, findings: Iterable[UnplacedFinding]) -> tuple[RatedFinding, ...]:
        """Return those of *findings* that count; only what may be suppressed is placed."""
        suppressed = self.suppressions.rules
        return tuple(
            RatedFinding(finding, severity)
            for finding in findings
            if (severity := self._severity_of(finding.rule, finding.severity)) is not None
            and not (finding.rule in suppressed and self._suppresses(finding))
        )

    def apply_placed(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return those of *problems* that count, with their severity."""
        return [
            replace(problem, severity=severity)
            for problem in problems
            if (severity := self._severity_of(problem.rule, problem.severity)) is not None
            and not self.suppressions.cover(problem.rule, problem.position, None)
        ]

    def unused(self) -> list[Diagnostic]:
        """Return a finding for each suppression of an offline rule that covered nothing so far."""
        found = [
            Diagnostic(
                "ICE015",
                f"unused suppression: {unused.rule} is not reported here",
                unused.position,
                "remove the comment, or move it to the line of the finding",
                Severity.WARNING,
            )
            for unused in self.suppressions.unused()
            if RULES[unused.rule].offline
        ]
        return self.apply_placed(found)

    def _severity_of(self, rule: str, severity: Severity) -> Severity | None:
        """Return the severity of a finding of *rule*, or None if it is switched off."""
        level = self.levels.get(rule)
        if level is Level.OFF:
            return None
        chosen = Severity(level) if level is not None else severity
        return Severity.ERROR if self.strict and chosen is Severity.WARNING else chosen

    def _suppresses(self, finding: UnplacedFinding) -> bool:
        owner = finding.server.origin.position()
        return self.suppressions.cover(finding.rule, finding.position(), owner)


def locate(rated: Iterable[RatedFinding]) -> list[Diagnostic]:
    """
    Return *rated* with places; what a shared default does to many servers is told once.

    The order of *rated* decides which server is named.
    """
    groups: dict[Diagnostic, list[DesiredServer]] = {}
    for finding, severity in rated:
        groups.setdefault(finding.located(severity), []).append(finding.server)
    return [_about(servers, placed) for placed, servers in groups.items()]


def _about(servers: list[DesiredServer], placed: Diagnostic) -> Diagnostic:
    """Return *placed* as a finding about the first of *servers*, and how many more."""
    first, more = str(servers[0].address), len(servers) - 1
    others = f" and {more} more" if more else ""
    return replace(placed, message=f"{first}{others}: {placed.message}", subject=first)
