from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from builders import SUPPORT, desired, entry, plan, secret_record, server, snapshot
from reviews import REVIEWS, VIEW, findings

from icesync.codec.marker import Marker, encode_marker
from icesync.diagnostics import SourcePosition
from icesync.model.desired import Address
from icesync.model.pipeline import Pipeline
from icesync.model.plan import Action, Refusal
from icesync.model.report import (
    Command,
    CommandResult,
    Outcome,
    OutcomeKind,
    Report,
    Result,
    ResultStatus,
)
from icesync.model.secret import SecretFindings
from icesync.render import RenderContext
from icesync.render.markdown import cell, code, fence, link, prose, render

LIMIT = 60_000


def updates(count: int) -> CommandResult:
    """Return a plan that updates *count* servers."""
    made = plan(desired(server(SUPPORT, smtp__port=465)), snapshot({SUPPORT: entry()}))
    [change] = made.changes
    [field] = change.fields
    changes = [
        replace(
            change,
            address=Address(59, skill),
            name=f"Desk {skill}",
            fields=(replace(field, before=587 + skill),),
        )
        for skill in range(1, count + 1)
    ]
    made = replace(made, changes=tuple(changes))
    return CommandResult(Command.PLAN, files=("a.yaml",), servers=count, plan=made)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (3, "- smtp.port: 588\n+ smtp.port: 465"),
        (600, "- **`59/600`** `Desk 600` update: `smtp.port`"),
        (1_500, "| `59/1500` | update | 1 |"),
        (5_000, "### icesync plan: 5,000 to update"),
    ],
    ids=["full", "names", "rows", "counts"],
)
def test_plan_shrinks(count: int, told: str) -> None:
    """What is too long for a comment is told in less detail, the totals always."""
    text = render(updates(count), VIEW)

    assert told in text
    assert f"### icesync plan: {count:,} to update" in text
    assert len(text.encode()) <= LIMIT
    assert ("Shortened" in text) is (count > 3)


@pytest.mark.parametrize(("stopped", "told"), [(None, False), ("ICE failed", True)])
def test_partial_apply_is_told_once(stopped: str | None, told: bool) -> None:
    """What failed stands in the list; only why a run was ended early is said besides."""
    review = REVIEWS["apply"]
    assert review.report is not None
    text = render(replace(review, report=replace(review.report, stopped=stopped)), VIEW)

    assert ("**Stopped:**" in text) is told


def test_refusals_shrink() -> None:
    """However much needs a second look, the totals can be posted."""
    review = updates(1)
    refusals = tuple(
        Refusal("tls-off", f"`tls` of {n} is switched off", f"tls-off:59/{n}") for n in range(3000)
    )
    text = render(replace(review, refusals=refusals), VIEW)

    assert "3,000 changes blocked until you allow it" in text
    assert len(text.encode()) <= LIMIT


def test_unchanged_secret_is_only_counted() -> None:
    """What did not change is not in the way of what did."""
    wanted = server(SUPPORT, {"smtp.password": "x"}, smtp__port=465)
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("x")})})
    made = plan(desired(wanted), before, SecretFindings())
    text = render(CommandResult(Command.PLAN, plan=made), VIEW)

    assert "smtp.password" not in text
    assert "and 1 unchanged password" in text


def test_long_difference_is_folded() -> None:
    """A thread stays readable when a plan is long."""
    assert "<details>" not in render(updates(3), VIEW)
    assert "<details><summary>All changes</summary>\n\n**`59/1`**" in render(updates(30), VIEW)


@pytest.mark.parametrize(
    ("count", "in_one_file"), [(200, 100), (2_000, 100), (9_000, 1)], ids=["lines", "rows", "count"]
)
def test_findings_shrink(count: int, in_one_file: int) -> None:
    """Findings lose their hints, then their lines, then all but their number."""
    one = findings()[0]
    found = tuple(
        replace(one, position=SourcePosition(f"servers/{n // in_one_file}.yaml", n))
        for n in range(count)
    )
    text = render(CommandResult(Command.VALIDATE, found, ("a.yaml",), exit_code=3), VIEW)

    assert f"{count:,} errors" in text
    assert len(text.encode()) <= LIMIT


@pytest.mark.parametrize("count", [400, 4_000, 40_000])
def test_report_shrinks(count: int) -> None:
    """However many servers failed, the report of it can be posted."""
    outcome = Outcome(OutcomeKind.REJECTED, "ICE said: no")
    results = tuple(
        Result(Address(59, n), Action.UPDATE, ResultStatus.FAILED, outcome)
        for n in range(1, count + 1)
    )
    text = render(CommandResult(Command.APPLY, report=Report(results, 1), exit_code=7), VIEW)

    assert f"0 applied, {count:,} failed" in text
    assert len(text.encode()) <= LIMIT


def test_summary_may_be_longer() -> None:
    """A job's summary takes more than a comment does, and gets it."""
    text = render(updates(600), replace(VIEW, limit_bytes=1_000_000))

    assert "Shortened" not in text
    assert text.count("+ smtp.port: 465") == 600


@pytest.mark.parametrize("name", REVIEWS)
def test_first_line_is_the_marker(name: str) -> None:
    """A later run finds the comment by its first line, and tells configurations apart."""
    command = REVIEWS[name].command
    first = render(REVIEWS[name], VIEW).splitlines()[0]
    match = re.fullmatch(rf"<!-- icesync:{command} (.*) -->", first)

    assert match is not None
    facts = json.loads(match[1])
    assert (facts["v"], facts["key"]) == (1, "mail")


@pytest.mark.parametrize("folder", ["", "-->", "a--b", '"', "x\n-->", "a>b"])
def test_marker_holds_any_folder(folder: str) -> None:
    """No name of a folder ends the comment that the marker is."""
    line = encode_marker(Marker("plan", Pipeline(folder=folder).key))
    inside = line.removeprefix("<!-- icesync:plan ").removesuffix(" -->")

    assert "\n" not in line
    assert "--" not in inside
    assert ">" not in inside
    assert json.loads(inside)["key"] == (folder or ".")


def test_without_a_forge_places_are_plain() -> None:
    """Where nobody knows the forge, a place is text to be found by."""
    text = render(REVIEWS["plan"], RenderContext())

    assert "`servers/59.yaml:9`" in text
    assert "](" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("``", "``` `` ```"),
        ("`", "`` ` ``"),
        ("", "` `"),
        (" x", "`  x `"),
        ("a\nb", "`a\\u{a}b`"),
    ],
)
def test_code(text: str, shown: str) -> None:
    """No run of backticks inside ends a code span."""
    assert code(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "`a`"), ("a|b", "<code>a&#124;b</code>"), ("a\\b", "<code>a&#92;b</code>")],
)
def test_cell(text: str, shown: str) -> None:
    """No text ends a cell."""
    assert cell(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("set `a.b` to 1", "set `a.b` to 1"),
        ("an `odd one", "an \\`odd one"),
        ("`a` and `b", "`a` and \\`b"),
        ("<b> *x* [y](z)", "\\<b\\> \\*x\\* \\[y\\](z)"),
        ("# a", "\\# a"),
        ("- a", "\\- a"),
        ("12. a", "12\\. a"),
        ("59/2: a", "59/2: a"),
        ("    a", "a"),
        ("ask @team about #12", "ask @&#8203;team about #&#8203;12"),
        ("see https://x.example", "see https&#58;//x.example"),
    ],
)
def test_prose(text: str, shown: str) -> None:
    """What icesync quotes is code; the rest means what it says, to nobody but the reader."""
    assert prose(text) == shown


def test_fence_is_longer_than_what_it_holds() -> None:
    """No line inside closes it."""
    assert fence(["a", "````", "b"], "diff") == "`````diff\na\n````\nb\n`````\n"


def test_link_without_an_address_is_code() -> None:
    """A place can be named where it cannot be shown."""
    assert (link("a", ""), link("a", "https://x")) == ("`a`", "[`a`](https://x)")
