from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import (
    SALES,
    SUPPORT,
    desired,
    entry,
    every_action,
    move,
    plan,
    removal,
    secret_record,
    server,
    snapshot,
)
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec.plan import plan_digest
from icesync.diagnostics import SourcePosition
from icesync.model.plan import Action, FieldChange, Refusal, SecretChange
from icesync.model.secret import SecretComparison, SecretFindings
from icesync.model.snapshot import EntryStatus
from icesync.render.plan import describe_obsolete, gist_of, render_plan, render_refusals, totals
from icesync.render.style import Style, columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.plan import Plan

PLAIN = Style()


def shown(made: Plan, style: Style = PLAIN) -> str:
    """Return *made* as text."""
    return render_plan(made, plan_digest(made), style)


def detailed() -> Plan:
    """Return an update that shows every way in which a setting or a secret can differ."""
    before = snapshot(
        {
            SUPPORT: entry(
                secrets={k: secret_record("x") for k in ("smtp.password", "imap.password")},
                email_server_id=17,
            )
        }
    )
    wanted = server(
        SUPPORT,
        {"smtp.password": "x", "pop3.password": "pop3"},
        'Support "EU"',
        smtp__host="a-rather-long-name-of-a-host.of.the.mail.provider.example.test",
        tls=False,
        spoofing__address="help@example.test",
    )
    return plan(desired(wanted), before)


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
def test_plan_with_every_action(golden: Callable[[str, str], None], *, colour: bool) -> None:
    """Totals, each change, the addresses once more, the digest last."""
    name = "colour" if colour else "plain"

    golden(f"render/plan-{name}.txt", shown(every_action(), Style(colour=colour)))


def test_plan_with_every_kind_of_difference(golden: Callable[[str, str], None]) -> None:
    """Old and new value with the line of the new one; secrets say how they compare."""
    golden("render/plan-update.txt", shown(detailed()))


def test_narrow_plan_is_wrapped(golden: Callable[[str, str], None]) -> None:
    """The record of a first send keeps within the width of the place."""
    golden("render/plan-narrow.txt", shown(plan(desired(server())), Style(width=60)))


def test_colours_change_nothing_else() -> None:
    """Without its escapes the coloured text is the plain one."""
    coloured = shown(every_action(), Style(colour=True))

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(every_action())


def test_plan_of_nothing_says_so() -> None:
    """An empty plan is an answer too; there is no digest of nothing."""
    assert shown(plan(desired())) == "No servers selected.\n"


def test_plan_without_changes_counts_what_it_looked_at() -> None:
    """How many servers were found unchanged."""
    made = plan(desired(server()), snapshot({SUPPORT: entry()}))

    assert shown(made) == "No changes. The server matches what ICE last confirmed.\n"


def test_single_change_is_not_listed_twice() -> None:
    """The list of addresses is for plans that are longer than a screen."""
    text = shown(plan(desired(server())))

    assert "Changes:" not in text
    assert text.count("59/663") == 1


def test_incomplete_plan_says_so_last() -> None:
    """Whoever reads the end knows that apply refuses it."""
    made = replace(plan(desired(server())), complete=False)

    assert shown(made).endswith(
        "\nIncomplete: some secrets are not available, so this plan cannot be applied.\n"
    )


def test_unchanged_secrets_are_counted_not_listed() -> None:
    """A secret that rides along unchanged is no line of its own."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("x")})})
    wanted = desired(server(secrets={"smtp.password": "x"}, smtp__port=465))

    text = shown(plan(wanted, before, SecretFindings()))

    assert "smtp.password" not in text
    assert "and 1 unchanged password" in text


def test_long_list_of_fields_is_cut() -> None:
    """What changes in a few words names six fields and counts the others."""
    keys = ["ssl", "smtp.host", "smtp.port", "smtp.username", "smtp.mailbox", "smtp.poll_rate",
            "pop3.host", "pop3.port"]  # fmt: skip
    fields = tuple(FieldChange(key, None, 1) for key in keys)
    change = replace(detailed().changes[0], fields=fields, secrets=())

    assert gist_of(change) == (
        "ssl, smtp.host, smtp.port, smtp.username, smtp.mailbox, smtp.poll_rate and 2 more"
    )


def test_totals_name_actions_first() -> None:
    """What is done stands before what is left alone."""
    assert totals(every_action()) == (
        "1 to add, 1 to update, 1 to move, 1 to disable, 1 to forget, 1 to resend; "
        "1 unchanged, 1 no longer in any file"
    )


def test_old_record_of_a_move_is_spoken_of() -> None:
    """What ICE keeps at the old address is said, and whether something ends it."""
    before = snapshot({SUPPORT: entry()})
    moves = [move(SALES, SUPPORT)]
    plain = shown(plan(desired(server(SALES), moves=moves), before))
    ending = shown(plan(desired(server(SALES), moves=moves, removals=[removal(SUPPORT)]), before))

    assert "59/663: ICE keeps the record there; `removed: [{skill: 663, action: disable}]`" in plain
    assert "moved from 59/663, which is disabled once ICE confirms the new record" in ending


def test_assumed_servers_are_counted_apart() -> None:
    """No unchanged server passes for acknowledged that is only assumed."""
    known = snapshot({SUPPORT: entry(EntryStatus.ASSUMED), SALES: entry()})
    kept = plan(desired(server(), server(SALES)), known)
    changed = plan(desired(server(tls=False), server(SALES)), known)

    assert totals(kept) == "2 unchanged (1 unconfirmed)"
    assert "    its recorded values are unconfirmed\n" in shown(changed)


def test_entries_that_do_nothing_are_named() -> None:
    """A slip under ``removed:`` and a move that is done look alike, so both are told."""
    entries = [removal(SALES), move(SALES, SUPPORT)]

    assert describe_obsolete(entries, Style()) == (
        "59/664 (servers/eu.yaml:90) and 59/663 (servers/eu.yaml:95)"
    )
    assert " and 3 more" in describe_obsolete([*entries, *entries, *entries, *entries], Style())


def test_refusals_show_their_way_out(golden: Callable[[str, str], None]) -> None:
    """Each refusal stands beside the flag that lets it through."""
    refusals = [
        Refusal("updates", "updates: 31 planned, the limit is 30", "updates"),
        Refusal("tls-off", "59/663: encryption is switched off", "tls-off:59/663", SUPPORT),
    ]

    golden("render/refusals.txt", render_refusals(refusals, PLAIN))


def test_no_refusals_are_no_text() -> None:
    """Nothing refused, nothing said."""
    assert render_refusals([], PLAIN) == ""


HOSTILE = "\x1b[31m\n::error::x\r##[error]y\u202e##vso[task]\u2028\x07"


def hostile(action: Action) -> Plan:
    """Return a plan that is full of text which wants to be more than text."""
    [change] = plan(desired(server())).changes
    position = SourcePosition(HOSTILE)
    return replace(
        plan(desired()),
        changes=(
            replace(
                change,
                action=action,
                name=HOSTILE,
                place=position,
                fields=(
                    FieldChange(HOSTILE, HOSTILE, HOSTILE, position),
                    FieldChange(f"smtp.{HOSTILE}", [HOSTILE], HOSTILE, None),  # type: ignore[arg-type]
                ),
                secrets=(SecretChange(f"smtp.{HOSTILE}", SecretComparison.CHANGED, HOSTILE),),
            ),
            replace(change, address=SALES, name=HOSTILE),
        ),
    )


def assert_inert(text: str) -> None:
    """Demand that no line of *text* is a command or an escape."""
    __tracebackhide__ = True
    for line in text.split("\n"):
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line


def test_no_file_and_an_open_call_says_what_nobody_knows() -> None:
    """What left the files while its call was open is sent again, and that is said."""
    before = snapshot({SUPPORT: entry(status=EntryStatus.UNCERTAIN)})

    text = shown(plan(desired(), before))

    assert "59/663 will be sent again" in text
    assert "because the outcome of the last call is unknown" in text


@pytest.mark.parametrize("action", [Action.ADD, Action.UPDATE, Action.DISABLE, Action.NOT_IN_FILES])
def test_hostile_text_stays_text(action: Action) -> None:
    """Names, keys, values and files start no command of a CI runner and no escape."""
    assert_inert(shown(hostile(action)))


def test_hostile_refusal_stays_text() -> None:
    """The sentence of a refusal is text too."""
    assert_inert(render_refusals([Refusal("x", HOSTILE, "x")], PLAIN))


@given(st.integers(60, 200), st.booleans(), st.text(max_size=90), st.text(max_size=90))
def test_plan_keeps_within_its_terminal(width: int, colour: bool, name: str, value: str) -> None:
    """From 60 to 200 columns no line is too wide, but where a single word is; nothing is lost."""
    made = every_action()
    changes = tuple(
        replace(c, name=name, fields=(FieldChange("smtp.host", value, name), *c.fields))
        for c in made.changes
    )
    made = replace(made, changes=changes)
    text = shown(made, Style(colour=colour, width=width))

    for line in text.split("\n"):
        assert columns(line) <= width or max(map(columns, line.split(" "))) > width - 12
    assert text.split() == shown(made, Style(colour=colour)).split()


def test_plan_in_a_pipe_is_not_folded() -> None:
    """Without a width lines stay whole, for grep."""
    name = "word " * 60

    assert f'{name}"' in shown(plan(desired(server(name=name))))
