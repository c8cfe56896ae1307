from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from builders import SUPPORT, desired, entry, plan, secret_record, server, snapshot
from pages import ATTACKS, PAGES, VIEW, at_forge, attacked, large

from icesync.model.desired import Address
from icesync.model.pipeline import Forge, Pipeline
from icesync.model.plan import Action
from icesync.model.report import (
    Attempt,
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
from icesync.render.htmlpage import render

if TYPE_CHECKING:
    from collections.abc import Callable


def body_of(page: str) -> str:
    """Return what a page says, without its style and script."""
    return re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)


class Text(HTMLParser):
    """Collects what a reader sees, and every attribute that could do something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.ids: list[str] = []
        self.dangers: list[str] = []
        self.feed(body_of(page))

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids and what should not be there."""
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name.startswith("on") or name in {"src", "style"}:
                self.dangers.append(f"{tag} {name}")
            if name == "href" and not (value or "").startswith(("#", "https://")):
                self.dangers.append(f"{tag} {value}")


@pytest.mark.parametrize("name", PAGES)
def test_page(golden: Callable[[str, str], None], name: str) -> None:
    """What a page says, letter by letter; style and script have tests in a browser."""
    golden(f"render/page-{name}.html", body_of(render(PAGES[name], VIEW)))


@pytest.mark.parametrize("name", PAGES)
def test_page_is_the_same_twice(name: str) -> None:
    """The same value gives the same bytes."""
    assert render(PAGES[name], VIEW) == render(PAGES[name], VIEW)


@pytest.mark.parametrize("name", PAGES)
def test_policy_names_exactly_what_stands_in_the_page(name: str) -> None:
    """The digests of the policy are those of the page's one style and one script."""
    page = render(PAGES[name], VIEW)

    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in page
    assert "default-src &#39;none&#39;" in page


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing(name: str) -> None:
    """No address of the web, no import, no file stands in the page."""
    page = render(PAGES[name], VIEW)

    assert re.findall(r"url\(|@import|<link|<img|<iframe|http://", page) == []


@pytest.mark.parametrize("name", PAGES)
def test_attacks_are_text(name: str) -> None:
    """Whatever comes from outside is shown, escaped, and its invisible parts by code point."""
    page = Text(render(attacked(PAGES[name]), VIEW))

    assert page.dangers == []
    for attack in ATTACKS[:-1]:
        assert attack in page.text
    assert r"\u{202e}gnp.exe\u{2066}\u{1b}[31m\u{0}" in page.text


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique(name: str) -> None:
    """A link leads to one place."""
    ids = Text(render(PAGES[name], VIEW)).ids

    assert len(ids) == len(set(ids))


def test_secrets_say_how_they_compare_and_nothing_else() -> None:
    """No reference, no fingerprint, no tag of a secret stands in the page."""
    page = render(PAGES["plan"], VIEW)

    assert "(sensitive, changed)" in page
    assert "(sensitive, not compared)" in page
    assert "ref+fake" not in page
    assert "00ff" not in page


def test_place_leads_to_the_commit() -> None:
    """Where the forge shows the files, a place is a link, its name quoted."""
    page = render(attacked(PAGES["plan"]), at_forge("https://git.example.test/0123/"))

    assert 'href="https://git.example.test/0123/servers/%3C/script%3E' in page
    assert "0123456789ab" in page


@pytest.mark.parametrize("url", ["javascript:alert(1)//", "file:///", "//evil.example.test/"])
def test_place_leads_nowhere_else(url: str) -> None:
    """What is no address of the web is no link, wherever it came from."""
    assert Text(render(PAGES["plan"], at_forge(url))).dangers == []
    assert url not in render(PAGES["plan"], at_forge(url))


def test_page_without_a_clock_tells_no_ages() -> None:
    """A run that was stopped before it had a clock still has its page."""
    page = render(PAGES["plan"], replace(VIEW, now=None))

    assert "Last confirmed" not in page
    assert "<dt>made</dt>" not in page


def test_plan_without_changes_says_so() -> None:
    """Nothing to send is good news, and it is not called more than that."""
    review = PAGES["plan"]
    assert review.plan is not None
    page = Text(render(replace(review, plan=replace(review.plan, changes=())), VIEW))

    assert "No changes" in page.text
    assert "drift" not in page.text


def test_incomplete_plan_is_marked() -> None:
    """A plan that was made without looking at the secrets says that apply refuses it."""
    review = PAGES["plan"]
    assert review.plan is not None
    page = render(replace(review, plan=replace(review.plan, complete=False)), VIEW)

    assert "so this plan cannot be applied" in page


def test_long_list_of_failures_is_cut() -> None:
    """Twenty failures at the top are enough; all of them are below."""
    review = PAGES["apply"]
    assert review.report is not None
    failed = review.report.with_status(ResultStatus.FAILED)[0]
    page = render(replace(review, report=replace(review.report, results=(failed,) * 23)), VIEW)

    assert "and 3 more" in page


def test_valid_files_are_called_valid() -> None:
    """A validation without findings is one word."""
    page = Text(render(CommandResult(Command.VALIDATE, files=("a.yaml",), servers=1), VIEW))

    assert "Valid" in page.text
    assert "1 server in 1 file." in page.text


def test_complete_apply_says_nothing_else() -> None:
    """Where all went well there is nothing at the top, and nothing to run next."""
    review = PAGES["apply"]
    assert review.report is not None
    good = replace(review.report.results[0], attempts=())
    report = replace(review.report, results=(good,), stopped=None)
    page = render(
        replace(review, report=report, refusals=(), failure=None, exit_code=0, assertions=()),
        replace(VIEW, now=None),
    )

    assert "Complete: 1 applied" in page
    assert 'class="alert' not in page
    assert "Calls over time" not in page


def test_unchanged_secrets_are_counted_only() -> None:
    """A secret that rides along as it was is no row of its own."""
    known = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("x")})})
    findings = SecretFindings()
    made = plan(desired(server(SUPPORT, {"smtp.password": "x"}, tls=False)), known, findings)
    page = render(CommandResult(Command.PLAN, plan=made), VIEW)

    assert "and 1 unchanged password" in page
    assert "(sensitive" not in page


def test_page_says_where_it_comes_from() -> None:
    """A kept artifact names repository, folder, branch, commit and run, where they are known."""
    ci = Pipeline(
        Forge.GITHUB, "mail", "9c42ffc94aed41bb7e2a75b0bf5ae624a4b3a08b", "",
        "https://github.example/acme/mail/actions/runs/77", "acme/mail", "move-smtp",
    )  # fmt: skip
    page = render(PAGES["plan"], replace(VIEW, ci=ci))
    facts = re.findall(r"<dt>([a-z]+)</dt><dd>.*?<bdi>(.*?)</bdi>", page)

    assert facts[:5] == [
        ("repository", "acme/mail"), ("folder", "mail"), ("branch", "move-smtp"),
        ("commit", "9c42ffc94aed"), ("run", "#77"),
    ]  # fmt: skip
    assert f'<a href="{ci.run_url}"><bdi>#77</bdi></a>' in page
    assert "branch" not in dict(
        re.findall(r"<dt>(\w+)</dt>()", render(PAGES["plan"], RenderContext()))
    )


def test_equal_changes_are_one_card() -> None:
    """Its servers are listed in it, so links to them lead there; first sends stand alone."""
    made = PAGES["plan"].plan
    assert made is not None
    update = next(change for change in made.changes if change.action is Action.UPDATE)
    alike = tuple(replace(update, address=Address(70, n), name=f"Desk {n}") for n in range(1, 31))
    page = render(replace(PAGES["plan"], plan=replace(made, changes=alike), refusals=()), VIEW)

    assert page.count("<article") == 1
    assert 'data-size="30"' in page
    assert '<li id="70/30" data-member="70">' in page


def many_adds(count: int, organizations: int) -> CommandResult:
    """Return the plan of so many first sends, which differ in their port."""
    first = plan(desired(server(SUPPORT, {"smtp.password": "x"})))
    [add] = first.changes
    assert add.after is not None
    changes = tuple(
        replace(add, address=Address(1 + n * organizations // count, n + 1), name=f"Desk {n}",
                after={**add.after, "smtp.port": 1000 + n})
        for n in range(count)
    )  # fmt: skip
    return CommandResult(Command.PLAN, plan=replace(first, changes=changes))


def test_many_first_sends_are_tables() -> None:
    """Up to 24 have a card each; of more an organization is a table of what differs in it."""
    few, many = render(many_adds(24, 2), VIEW), render(many_adds(40, 2), VIEW)

    assert (few.count("<article"), many.count("<article")) == (24, 2)
    assert many.count("<tr id=") == 40
    assert '<th scope="col">Server</th><th scope="col">smtp.port</th></tr>' in many
    assert many.count("<td>1039</td>") == 1
    assert many.count("(sensitive)") == 2


def test_organizations_with_a_server_or_two_share_a_table() -> None:
    """A table for each of them would be a page of headings."""
    page = render(many_adds(40, 40), VIEW)

    assert (page.count("<article"), page.count("<tr id=")) == (1, 40)


def test_a_table_of_updates_says_what_each_sends_along() -> None:
    """Old and new of what differs stand in the row, the rest of the record below."""
    page = render(large(100, 30), VIEW)

    assert page.count("<td><del>465</del> 587</td>") == 30
    assert page.count('<p class="riding">also sends ') == 3


def test_many_lines_are_folded() -> None:
    """A hundred can be looked over at once, more open on request."""
    assert render(many_adds(100, 2), VIEW).count("data-fold open") == 2
    assert render(many_adds(101, 2), VIEW).count("data-fold open") == 0


def test_attacks_in_a_table_are_text() -> None:
    """A row is escaped at once, old and new values, names and files."""
    review = attacked(large(100, 30))
    assert review.plan is not None
    page = Text(render(review, VIEW))

    assert page.dangers == []
    for attack in ATTACKS[:-1]:
        assert page.text.count(attack) > 30
    assert "\t" not in page.text
    assert "\f" not in page.text


def test_many_outcomes_are_tables_by_how_they_ended() -> None:
    """What failed stands apart, with its answer; a change that ended has its time."""
    made = many_adds(40, 1)
    assert made.plan is not None
    results = tuple(
        Result(c.address, c.action, ResultStatus.FAILED if n < 2 else ResultStatus.APPLIED,
               Outcome(OutcomeKind.APPLIED, f"answer {n}"),
               (Attempt(OutcomeKind.APPLIED, 0.0, 0.25),))
        for n, c in enumerate(made.plan.changes)
    )  # fmt: skip
    page = render(replace(made, report=Report(results, 1, 2.0)), VIEW)

    assert (page.count("<article"), page.count("<tr id=")) == (3, 38)
    assert page.count("<td>250 ms</td><td>answer ") == 38


def test_many_unchanged_servers_are_folded() -> None:
    """A few are listed at once; of many, each organization opens on request."""
    made = PAGES["plan"].plan
    assert made is not None
    quiet = next(change for change in made.changes if change.action is Action.NO_OP)

    def page(count: int) -> str:
        changes = tuple(replace(quiet, address=Address(n, 1)) for n in range(1, count + 1))
        return render(replace(PAGES["plan"], plan=replace(made, changes=changes)), VIEW)

    assert page(60).count('<details class="rest" data-fold open>') == 60
    assert page(61).count('<details class="rest" data-fold>') == 61
