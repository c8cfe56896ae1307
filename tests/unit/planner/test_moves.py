from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import (
    BILLING,
    KEY,
    SALES,
    SUPPORT,
    desired,
    entry,
    move,
    plan,
    removal,
    secret_record,
    server,
    snapshot,
)

from icesync.codec.state import seal
from icesync.engine.secret_resolution import Resolution, compare
from icesync.model.plan import Action, Plan, Reason, Selection
from icesync.model.secret import SecretComparison, SecretValue
from icesync.model.snapshot import Entry, EntryStatus, MovedFrom, Record, doubt, plan_call
from icesync.planner.plan import (
    check_clashes,
    obsolete_entries,
    open_moves,
    with_moves_applied,
    without_leftovers,
)

if TYPE_CHECKING:
    from icesync.model.desired import DesiredState

SMTP = {"smtp.password": "smtp"}
MOVED = move(SALES, SUPPORT)
WANTED = desired(server(SALES, SMTP), moves=[MOVED])
KNOWN = {"smtp.password": secret_record("smtp", "one")}
BEFORE = snapshot({SUPPORT: entry(secrets=KNOWN)})
ALL = Selection()
OPEN = doubt(None, plan_call(Record(entry().settings, KNOWN), "sha256:i", "2026-01-02T00:00:00Z"))
ATTEMPT = Entry(EntryStatus.UNCERTAIN, intent="sha256:i", attempted_at="2026-01-02T00:00:00Z")


def ending(action: str) -> DesiredState:
    """Return the move, with the old address under ``removed:``."""
    return desired(server(SALES, SMTP), moves=[MOVED], removals=[removal(SUPPORT, action)])


def actions(made: Plan) -> dict[str, str]:
    """Return the action of each address."""
    return {str(change.address): change.action.value for change in made.changes}


def test_move_is_one_change() -> None:
    """The new address is sent and compared with what was acknowledged at the old one."""
    [change] = plan(desired(server(SALES, smtp__port=465), moves=[MOVED]), BEFORE).changes

    assert (change.address, change.action, change.moved_from) == (SALES, Action.MOVE, SUPPORT)
    assert [(f.key, f.before, f.after) for f in change.fields] == [("smtp.port", 587, 465)]
    assert change.prior == BEFORE.entries[SUPPORT].digest
    assert (change.reason, change.source_stays) == (None, False)


def test_move_without_a_difference_is_still_sent() -> None:
    """ICE never acknowledged anything at the new address."""
    made = plan(WANTED, BEFORE)

    assert [c.action for c in made.effective] == [Action.MOVE]
    assert made.calls == made.changes


def test_move_that_is_done_is_nothing() -> None:
    """Once the old address left the snapshot, the entry does nothing, for ever."""
    done = snapshot({SALES: entry(secrets=KNOWN)})

    assert actions(plan(WANTED, done)) == {"59/664": "no-op"}


def test_move_in_a_new_world_is_a_first_send() -> None:
    """A snapshot that knows neither address adds the server."""
    [change] = plan(WANTED).changes

    assert (change.action, change.moved_from) == (Action.ADD, None)


def test_move_without_an_outcome_is_still_open() -> None:
    """An attempt that nobody answered is made again, with the history of the old address."""
    before = snapshot({SUPPORT: entry(secrets=KNOWN), SALES: ATTEMPT})
    [change] = plan(WANTED, before).changes

    assert (change.action, change.reason) == (Action.MOVE, Reason.LAST_WRITE_UNCERTAIN)
    assert change.before == entry().settings
    assert change.prior == f"{before.entries[SUPPORT].digest} {before.entries[SALES].digest}"


def test_uncertain_record_can_move() -> None:
    """Whatever ICE holds at the old address, the new one gets a whole record."""
    before = snapshot({SUPPORT: entry(EntryStatus.UNCERTAIN)})
    [change] = plan(WANTED, before).changes

    assert (change.action, change.reason) == (Action.MOVE, None)


def test_record_that_never_was_confirmed_moves_too() -> None:
    """A call that may have arrived at the old address is no reason to lose sight of it."""
    [change] = plan(WANTED, snapshot({SUPPORT: OPEN})).changes

    assert (change.address, change.action, change.moved_from) == (SALES, Action.MOVE, SUPPORT)
    assert change.before == {}


@pytest.mark.parametrize("source", [entry(secrets=KNOWN), OPEN], ids=["confirmed", "open"])
def test_move_that_was_confirmed_leaves_nothing_to_do(source: Entry) -> None:
    """However the old entry came to be left over, the new one says that it replaces it."""
    source = seal(SUPPORT, source)
    done = replace(entry(secrets=KNOWN), moved_from=MovedFrom(SUPPORT, source.digest))
    kept = without_leftovers(snapshot({SUPPORT: source, SALES: done}))

    assert list(kept.entries) == [SALES]
    assert actions(plan(WANTED, kept)) == {"59/664": "no-op"}
    assert list(check_clashes(WANTED, kept, ALL)) == []


def test_old_entry_that_changed_since_is_no_leftover() -> None:
    """Somebody added it anew: both records are somebody's."""
    done = replace(entry(), moved_from=MovedFrom(SUPPORT, "sha256:before"))
    both = snapshot({SUPPORT: entry(), SALES: done})

    assert without_leftovers(both) is both


def test_old_record_is_disabled_beside_the_move() -> None:
    """``removed:`` ends the old record with its last acknowledged settings."""
    made = plan(ending("disable"), BEFORE)
    ended, moved = made.changes

    assert actions(made) == {"59/663": "disable", "59/664": "move"}
    assert (ended.before, moved.source_stays) == (entry().settings, True)


def test_old_record_that_is_forgotten_goes_with_the_move() -> None:
    """The move drops it from the snapshot, and not before ICE has the new one."""
    [change] = plan(ending("forget"), BEFORE).changes

    assert (change.action, change.source_stays) == (Action.MOVE, False)


def test_old_record_whose_end_failed_is_ended_later() -> None:
    """The move is done, the ending is not: just that is left."""
    both = snapshot({SUPPORT: entry(secrets=KNOWN), SALES: entry(secrets=KNOWN)})

    assert actions(plan(ending("disable"), both)) == {"59/663": "disable", "59/664": "no-op"}
    assert list(check_clashes(ending("disable"), both, ALL)) == []


def test_two_acknowledged_records_are_a_clash() -> None:
    """A record cannot move onto another one: which of them it is, people must say."""
    both = snapshot({SUPPORT: entry(), SALES: entry()})
    [clash] = check_clashes(WANTED, both, ALL)

    assert (clash.rule, clash.position) == ("ICE114", MOVED.position)
    assert clash.message == "the state has records for both 59/663 and 59/664"
    assert "icesync state rm 59/663" in str(clash.hint)


@pytest.mark.parametrize(
    "selection", [Selection(targets=("70/*",)), Selection(excludes=("59/664",))], ids=str
)
def test_clash_stops_only_who_selects_it(selection: Selection) -> None:
    """Other servers can be applied meanwhile."""
    both = snapshot({SUPPORT: entry(), SALES: entry()})

    assert list(check_clashes(WANTED, both, selection)) == []


@pytest.mark.parametrize("entries", [{}, {SUPPORT: entry()}, {SALES: entry()}], ids=len)
def test_no_clash(entries: dict[object, Entry]) -> None:
    """One record, wherever it is, is none."""
    assert list(check_clashes(WANTED, snapshot(entries), ALL)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(targets=("59/664",)), {"59/664": "move"}),
        (Selection(targets=("59/663",)), {"59/663": "not-in-any-file"}),
        (Selection(excludes=("59/663",)), {}),
        (Selection(excludes=("59/664",)), {"59/663": "not-in-any-file"}),
    ],
    ids=["new", "old", "not old", "not new"],
)
def test_half_of_a_move_is_not_made(selection: Selection, found: dict[str, str]) -> None:
    """Only a whole move is planned; its other half alone is left as it is."""
    for wanted in (WANTED, ending("disable"), ending("forget")):
        made = plan(wanted, BEFORE, selection=selection)
        assert actions(made) == found
        assert {c.reason for c in made.changes if c.action is Action.NOT_IN_FILES} <= {
            Reason.MOVE_NOT_SELECTED
        }


def test_secrets_are_compared_with_those_of_the_old_address() -> None:
    """Fingerprints stay bound to the address that they were made for."""
    carried = with_moves_applied(BEFORE, open_moves(WANTED, BEFORE).values(), {})
    reference = WANTED.servers[SALES].secrets["smtp.password"].text
    for value, found in (("one", "unchanged"), ("two", "changed")):
        findings = compare(WANTED, carried, Resolution({reference: SecretValue(value)}), KEY)

        assert findings.of(SALES, "smtp.password").value == found


def test_rotated_secret_of_a_move_is_told() -> None:
    """A move whose password changed says so."""
    carried = with_moves_applied(BEFORE, open_moves(WANTED, BEFORE).values(), {})
    reference = WANTED.servers[SALES].secrets["smtp.password"].text
    findings = compare(WANTED, carried, Resolution({reference: SecretValue("two")}), KEY)
    [change] = plan(WANTED, BEFORE, findings).changes

    assert [s.comparison for s in change.secrets] == [SecretComparison.CHANGED]


def test_second_move_keeps_the_first_address_of_the_fingerprints() -> None:
    """An entry that was renamed by hand before is still compared rightly."""
    moved_by_hand = replace(entry(secrets=KNOWN), bound_to=BILLING)
    carried = with_moves_applied(snapshot({SUPPORT: moved_by_hand}), [MOVED], {})

    assert carried.entries[SALES].bound_to == BILLING
    assert SUPPORT not in carried.entries


def test_entries_that_name_nothing_known() -> None:
    """What is done, or never was, is listed by its place."""
    wanted = ending("disable")

    assert obsolete_entries(wanted, BEFORE) == ()
    assert obsolete_entries(wanted, snapshot()) == (wanted.removals[SUPPORT], MOVED)
