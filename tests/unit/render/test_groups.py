"""Equal things are said once, and a plan stays within a screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from builders import SUPPORT, desired, entry, plan, position, server, snapshot

from icesync.codec.plan import plan_digest
from icesync.diagnostics import Diagnostic, Severity
from icesync.errors import listed
from icesync.model.desired import Address
from icesync.model.plan import Action, FieldChange, Plan, Refusal, ResourceChange
from icesync.model.report import Acknowledgement, Command, CommandResult
from icesync.render import RenderContext, markdown
from icesync.render.findings import group_changes, render_diagnostics
from icesync.render.htmlpage import render as render_page
from icesync.render.plan import CANNOT_BE_READ, caveat_of, render_plan, render_refusals
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NOW = datetime(2026, 2, 10, tzinfo=UTC)
HOST = FieldChange(
    "smtp.host", "smtp.old.net", "smtp.new.net", position(8, "servers/_defaults.yaml")
)


def fleet(changes: Iterable[ResourceChange], base: Plan | None = None) -> Plan:
    """Return a plan of these changes."""
    base = base or plan(desired(server(SUPPORT, tls=False)), snapshot({SUPPORT: entry()}))
    return replace(base, changes=tuple(sorted(changes, key=lambda change: change.address)))


def updates(count: int, **changed: Any) -> list[ResourceChange]:
    """Return one update of many servers that has one cause."""
    [update] = plan(desired(server(SUPPORT, tls=False)), snapshot({SUPPORT: entry()})).changes
    return [
        replace(update, address=Address(130, 1000 + n), name=f"Desk {n}", fields=(HOST,), **changed)
        for n in range(count)
    ]


def adds(count: int, files: int = 1) -> Plan:
    """Return a first plan of many mailboxes."""
    [add] = plan(desired(server(SUPPORT))).changes
    made = [
        replace(add, address=Address(59, 700 + n), name=f"Desk {n}",
                place=position(n + 1, f"servers/{n % files}.yaml"))
        for n in range(count)
    ]  # fmt: skip
    return replace(fleet(made), lineage=None, complete=False)


def guards(changes: Iterable[ResourceChange]) -> tuple[Refusal, ...]:
    """Return one refusal a server, as a guard makes them."""
    text = "smtp.password would go to smtp.new.net instead of smtp.old.net)"
    return tuple(
        Refusal("host-change", f"{c.address}: {text}", f"host-change:{c.address}", c.address)
        for c in changes
    )


def mixed() -> CommandResult:
    """Return a plan in which much is alike, and some is not."""
    alike = updates(60)
    own = replace(alike[0], address=Address(130, 2000), fields=(replace(HOST, after="other.net"),))
    gone = [
        replace(
            alike[0],
            address=Address(150, n),
            action=Action.NOT_IN_FILES,
            fields=(),
            secrets=(),
            name="",
        )
        for n in (1, 2, 3, 4)
    ]
    made = fleet([*alike, own, *gone])
    findings = tuple(
        Diagnostic("ICE412", f"130/{1000 + n}: `smtp.password`: variable ICE_{n}_SMTP is not set",
                   position(n + 1), "set it", Severity.WARNING)
        for n in range(80)
    )  # fmt: skip
    return CommandResult(Command.PLAN, findings, servers=65, plan=made, refusals=guards(alike))


def text_of(result: CommandResult, **options: bool) -> str:
    """Return all that a terminal shows of *result*."""
    assert result.plan is not None
    return "\n".join(
        (
            render_plan(result.plan, plan_digest(result.plan), Style(width=100), **options),
            render_diagnostics(result.findings, Style(width=100), **options),
            render_refusals(result.refusals, Style(width=100), **options),
        )
    )


def test_grouped_plan(golden: Callable[[str, str], None]) -> None:
    """Changes by what they change and why, guards by what they say, secrets as one list."""
    golden("render/grouped.txt", text_of(mixed()))
    golden("render/grouped.md", markdown.render(mixed(), RenderContext()))


def test_grouped_page(golden: Callable[[str, str], None]) -> None:
    """The same as a page."""
    page = render_page(mixed(), RenderContext(now=NOW))
    golden("render/grouped.html", page[page.index("<body") :])


def test_everything_is_listed_on_request() -> None:
    """``-v`` names each server, each guard and each finding."""
    text = text_of(mixed(), every=True)

    assert text.count("will be updated") == 61
    assert text.count("is not set") == 80
    assert text.count("    130/") >= 60


def test_one_default_of_3_000_servers_is_one_screen() -> None:
    """However many servers a line changes, what it changes is said once."""
    alike = updates(3000)
    result = CommandResult(Command.PLAN, plan=fleet(alike), refusals=guards(alike))
    text = text_of(result)

    assert text.count("\n") <= 24
    assert "3,000 servers will be updated" in text
    assert "and 2,998 more" in text
    assert "--allow host-change\n" in text


def test_first_plan_of_40_mailboxes() -> None:
    """It can be read, with its missing secrets, on a page."""
    made = adds(40)
    findings = tuple(
        Diagnostic("ICE412", f"59/{700 + n // 2}: `{key}`: variable ICE_{n} is not set",
                   position(n), "set it", Severity.WARNING)
        for n, key in enumerate(("smtp.password", "imap.password") * 40)
    )  # fmt: skip
    text = text_of(CommandResult(Command.PLAN, findings, plan=made))

    assert text.count("\n") <= 60
    assert "80 secrets are not set: ICE_0, ICE_1 and 78 more" in text
    assert "icesync secrets check" in text


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (3, 3), (4, 4), (12, 12), (13, 4), (32, 4)])
def test_first_sends_are_told_by_file_when_there_are_many(count: int, lines: int) -> None:
    """A few stand with all that they send, more in a line each, many in a line a file."""
    made = adds(count, files=4)
    text = render_plan(made, plan_digest(made), Style())

    assert text.count("will be sent for the first time") == lines
    assert ("smtp: host" in text) is (count <= 3)


def test_what_differs_stays_apart() -> None:
    """Another value, another line or another reason is another change."""
    [first, second, third, fourth] = updates(4)
    other = replace(second, fields=(replace(HOST, after="x"),))
    elsewhere = replace(third, fields=(replace(HOST, place=position(9)),))
    one = replace(fourth, fields=(replace(HOST, before=True, after=1),))

    assert len(group_changes([first, other, elsewhere, one])) == 4


def test_a_long_plan_ends_with_its_totals() -> None:
    """Where the first line has scrolled away it is said again, else not."""
    short = fleet(updates(2))
    long = fleet(
        replace(c, fields=(replace(HOST, after=str(n)),)) for n, c in enumerate(updates(30))
    )

    assert render_plan(short, "", Style()).count("Plan:") == 1
    assert "Changes:" not in render_plan(short, "", Style())
    assert render_plan(long, "", Style()).count("Plan:") == 2


def test_equal_findings_name_their_places() -> None:
    """Three or more that say the same are one, with where the others are; two stay two."""
    found = [
        Diagnostic("ICE304", f"59/{n}: `smtp.port` 25", position(n), "use 587") for n in (1, 2, 3)
    ]
    text = render_diagnostics(found, Style())

    assert text == (
        "servers/eu.yaml:1:1: ICE304 59/1, 59/2 and 59/3: `smtp.port` 25\n"
        "  also at servers/eu.yaml:2:1 and servers/eu.yaml:3:1\n"
        "  hint: use 587\n"
    )
    assert render_diagnostics(found[:2], Style()).count("ICE304") == 2


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"),
     ([*"abcd"], "a, b and 2 more"), (["x"] * 3000, "x, x and 2,998 more")],
)  # fmt: skip
def test_names_are_listed(names: list[str], said: str) -> None:
    """Two are named, the others counted, and one more is never counted alone."""
    assert listed(names) == said


@pytest.mark.parametrize(
    ("command", "lineage", "days", "told"),
    [
        (Command.PLAN, None, None, True),
        (Command.PLAN, "one", 1, False),
        (Command.PLAN, "one", 30, False),
        (Command.PLAN, "one", 31, True),
        (Command.APPLY, "one", 1, False),
        (Command.CHECK, "one", 1, True),
    ],
)
def test_the_caveat_stands_where_it_matters(
    command: Command, lineage: str | None, days: int | None, told: bool
) -> None:
    """That ICE cannot be read is said in a first plan, in a check, and of old knowledge."""
    at = None if days is None else datetime.fromtimestamp(NOW.timestamp() - days * 86_400, UTC)
    known = (Acknowledgement(at.strftime("%Y-%m-%dT%H:%M:%SZ"), SUPPORT),) if at else ()
    result = CommandResult(
        command, plan=replace(fleet(updates(1)), lineage=lineage), assertions=known
    )

    assert (CANNOT_BE_READ in caveat_of(result, NOW)) is told
