from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from builders import position
from documents import demand_fit
from reviews import GITHUB, REVIEWS, VIEW, findings

from icesync.config.rules import RULES
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.model.plan import Action, Refusal
from icesync.model.report import Command, CommandResult
from icesync.render import FORMATS, REPORTS, RenderContext, kinds_for, renderer

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[2] / "data"
SUFFIXES = {
    "json": "json",
    "markdown": "md",
    "junit": "xml",
    "sarif": "sarif",
    "gitlab-codequality": "codequality.json",
    "gitlab-terraform": "terraform.json",
    "text": "txt",
}
PAIRS = [
    (name, kind)
    for name, review in REVIEWS.items()
    for kind in ("text", *kinds_for(review.command))
    if kind in SUFFIXES and (kind != "sarif" or name == "validate-findings")
]


def shown(name: str, kind: str) -> str:
    """Return the review *name* as *kind*."""
    return renderer(kind)(REVIEWS[name], VIEW)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_review(name: str, kind: str, golden: Callable[[str, str], None]) -> None:
    """Each format tells each end of each command; a change is read in review."""
    golden(f"reports/{name}.{SUFFIXES[kind]}", shown(name, kind))


@pytest.mark.parametrize("name", FORMATS)
def test_row_has_a_module(name: str) -> None:
    """A format that the table names can be rendered, and serves some command."""
    assert callable(renderer(name))
    assert FORMATS[name].commands


@pytest.mark.parametrize("command", Command)
def test_common_kinds(command: Command) -> None:
    """Every command can be read by programs, posted for people, and kept as a page."""
    assert {"json", "markdown", "html"} <= set(kinds_for(command)) <= set(REPORTS)


@pytest.mark.parametrize("name", REVIEWS)
def test_json_fits_its_schema(name: str) -> None:
    """What is promised in ``schemas/`` is what is written, also of a run that failed."""
    demand_fit(json.loads(shown(name, "json")))


def test_a_quiet_text_holds_errors_only() -> None:
    """A document for programs stays whole."""
    review, quiet = REVIEWS["validate-findings"], replace(VIEW, errors_only=True)
    text = renderer("text")(review, quiet)

    assert "ICE" in text
    assert "warning: " in renderer("text")(review, VIEW)
    assert "warning: " not in text
    assert renderer("json")(review, quiet) == renderer("json")(review, VIEW)


def test_a_failed_run_is_not_valid() -> None:
    """A program that looks at one member is told the truth."""
    document = json.loads(shown("plan-invalid", "json"))

    assert (document["valid"], document["error_count"], document["exit_code"]) == (False, 2, 3)


@pytest.mark.parametrize("name", REVIEWS)
def test_sarif_fits_the_standard(name: str) -> None:
    """The log is what OASIS says a log is."""
    schema = json.loads((DATA / "sarif-2.1.0.schema.json").read_text())

    jsonschema.Draft4Validator(schema).validate(json.loads(shown(name, "sarif")))


@pytest.mark.parametrize("name", REVIEWS)
def test_sarif_is_enough_for_github(name: str) -> None:
    """Code scanning wants all of a region, a rule with help for each result, and no empty text."""
    [run] = json.loads(shown(name, "sarif"))["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert [rule["id"] for rule in rules] == [*RULES, "safeguards"]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"].startswith("mail/")
        assert set(place["region"]) == {"startLine", "startColumn", "endLine", "endColumn"}
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]


@pytest.mark.parametrize("kind", ["sarif", "gitlab-codequality"])
def test_a_loosened_safeguard_is_a_finding_at_its_line(kind: str) -> None:
    """Whoever reviews in the changed files sees it where it was written."""
    place = SourcePosition("mail/icesync.yaml", 7, 3)
    told = Refusal("safeguards", "`guards` no longer has tls-off", "safeguards", position=place)
    review = replace(REVIEWS["plan"], refusals=(told,))
    text = renderer(kind)(review, VIEW)

    assert json.dumps(told.message) in text or told.message in text
    assert re.search(r'"(startLine|begin)": 7\b', text)


@pytest.mark.parametrize("name", [name for name, kind in PAIRS if kind == "junit"])
def test_junit_counts_its_cases(name: str) -> None:
    """The head of a suite says what stands below it."""
    suite = suite_of(name)
    found = Counter(verdict.tag for case in suite for verdict in case)

    assert int(suite.attrib["tests"]) == len(suite)
    assert [int(suite.attrib[n]) for n in ("failures", "errors", "skipped")] == [
        found[n] for n in ("failure", "error", "skipped")
    ]


@pytest.mark.parametrize("name", [n for n, k in PAIRS if k == "junit" and REVIEWS[n].exit_code])
def test_junit_of_a_failed_run_is_red(name: str) -> None:
    """No run that did not end well looks green in a test panel."""
    suite = suite_of(name)

    assert int(suite.attrib["failures"]) + int(suite.attrib["errors"]) > 0


def suite_of(name: str) -> ET.Element:
    """Return the suite of the review *name*."""
    return ET.fromstring(shown(name, "junit"))[0]  # noqa: S314 - written by icesync itself


def rows(found: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Return the Code Quality report of *found*."""
    review = replace(REVIEWS["validate"], findings=found)
    read: list[dict[str, Any]] = json.loads(renderer("gitlab-codequality")(review, VIEW))
    return read


def test_codequality_has_what_gitlab_reads() -> None:
    """Description, rule, fingerprint, weight and place; the place is that of the repository."""
    first, *_ = rows(findings())

    assert set(first) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert first["location"] == {"path": "mail/servers/59.yaml", "lines": {"begin": 16}}
    assert {row["severity"] for row in rows(findings())} == {"major", "minor"}


def test_fingerprint_survives_moved_lines() -> None:
    """A finding is the same one when lines and servers are inserted above it."""
    nameless = Diagnostic("ICE101", "`servers[0].skill` is required", position(5))
    found = (*findings(), nameless)
    moved = tuple(
        replace(
            one,
            position=SourcePosition(one.position.file, one.position.line + 7),
            message=one.message.replace("servers[0]", "servers[4]"),
        )
        for one in found
    )

    assert [row["fingerprint"] for row in rows(moved)] == [
        row["fingerprint"] for row in rows(found)
    ]


def test_fingerprints_of_like_findings_differ() -> None:
    """GitLab drops a finding whose fingerprint it has seen."""
    one = findings()[0]
    again = replace(one, position=SourcePosition(one.position.file, 99))
    prints = [row["fingerprint"] for row in rows((one, again, *findings()[1:]))]

    assert len(set(prints)) == len(prints)


def test_stopped_run_is_no_clean_list() -> None:
    """An empty list reads as "all is well", which nobody knows of a run that was stopped."""
    [row] = json.loads(shown("plan-locked", "gitlab-codequality"))

    assert "lock is held" in row["description"]


def test_terraform_counts() -> None:
    """GitLab's widget takes exactly three numbers; together they are all changes."""
    counts = json.loads(shown("plan", "gitlab-terraform"))
    plan = REVIEWS["plan"].plan

    assert plan is not None
    assert counts == {
        "create": plan.count(Action.ADD),
        "update": sum(plan.count(a) for a in (Action.UPDATE, Action.MOVE, Action.RESEND)),
        "delete": plan.count(Action.DISABLE) + plan.count(Action.FORGET),
    }
    assert sum(counts.values()) == len(plan.effective)


def test_terraform_without_a_plan_is_no_zero() -> None:
    """The widget says that it failed, not that nothing changes."""
    assert json.loads(shown("plan-locked", "gitlab-terraform")) == {}


def test_plan_passes_as_terraforms() -> None:
    """Recipes for Terraform's plan find actions, before and after where they look."""
    document = json.loads(shown("plan", "json"))
    actions = {tuple(c["change"]["actions"]) for c in document["resource_changes"]}
    known = {("no-op",), ("create",), ("update",), ("delete",), ("forget",)}

    assert actions <= known
    for change in document["resource_changes"]:
        before, after = change["change"]["before"], change["change"]["after"]
        assert (before is None) is (change["change"]["actions"] == ["create"])
        assert isinstance(after, dict) or change["action"] in {"forget", "not-in-any-file"}
        for block, names in change["change"]["after_sensitive"].items():
            assert all(after[block][leaf] is None for leaf in names)


def many(count: int) -> CommandResult:
    """Return a run over many files with a finding each, every second an error."""
    found = tuple(
        Diagnostic("ICE304", f"59/{n}: a port", SourcePosition(f"servers/{n}.yaml", 1), "",
                   Severity.WARNING if n % 2 else Severity.ERROR)
        for n in range(count)
    )  # fmt: skip
    files = tuple(f"servers/{n}.yaml" for n in range(count))
    return CommandResult(Command.VALIDATE, found, files=files)


def test_sarif_keeps_within_what_github_takes() -> None:
    """The most severe of too many findings are listed, the others counted."""
    [run] = json.loads(renderer("sarif")(many(25_002), RenderContext()))["runs"]
    levels = Counter(result["level"] for result in run["results"])
    [note] = run["invocations"][0]["toolExecutionNotifications"]

    assert levels == {"error": 12_501, "warning": 12_499}
    assert note["message"]["text"] == "2 more findings not listed; see the log"


def test_junit_of_many_files_grows_with_their_number() -> None:
    """Each finding is looked at once: 50,000 cases are made in seconds, not in minutes."""
    document = renderer("junit")(many(50_000), RenderContext())

    assert document.count("<testcase ") == 50_000
    assert document.count("<failure ") == 25_000


@pytest.mark.parametrize("kind", kinds_for(Command.VALIDATE))
def test_files_from_the_top_of_the_repository(kind: str) -> None:
    """What reads a report of a monorepo opens its files; JSON names the folder beside them."""
    twice = "59/664 is defined twice, here and at servers/59.yaml:4:5"
    found = (Diagnostic("ICE102", twice, position(9)),)
    review = replace(REVIEWS["validate-findings"], findings=found)
    text = renderer(kind)(review, replace(VIEW, ci=replace(GITHUB, folder="mail")))

    if kind == "json":
        assert json.loads(text)["folder"] == "mail"
    else:
        assert text.count("mail/servers/") >= text.count("servers/") > 0
