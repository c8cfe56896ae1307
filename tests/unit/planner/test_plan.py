from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from builders import (
    BASE_URL,
    BILLING,
    LINEAGE,
    SALES,
    SETTINGS,
    SUPPORT,
    desired,
    entry,
    plan,
    removal,
    secret_record,
    server,
    snapshot,
)

from icesync.model.fields import SENT_FIELDS, WireType
from icesync.model.plan import Action, Reason, SecretChange, Selection, Update
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.secret import SecretComparison, SecretFindings, SecretValue
from icesync.model.snapshot import Entry, EntryStatus, Record, doubt, plan_call
from icesync.planner.plan import make_plan
from icesync.wire.update import encode_update

if TYPE_CHECKING:
    from icesync.model.plan import Plan

CHANGED = SecretComparison.CHANGED
UNCHANGED = SecretComparison.UNCHANGED
NOT_COMPARED = SecretComparison.NOT_COMPARED
PASSWORD = {"smtp.password": "smtp"}
KNOWN = {"smtp.password": secret_record("smtp")}
OPEN = [EntryStatus.PENDING, EntryStatus.UNCERTAIN]


def never_acknowledged(status: EntryStatus) -> Entry:
    """Return the entry of a server whose first send has no known outcome."""
    return Entry(status, intent="sha256:intent", attempted_at="2026-01-02T00:00:00Z")


def actions(made: Plan) -> dict[str, str]:
    """Return what happens to whom."""
    return {str(change.address): change.action.value for change in made.changes}


def test_server_that_the_snapshot_does_not_know_is_added() -> None:
    """A first send: every field is new."""
    [change] = plan(desired(server())).changes

    assert (change.action, change.reason) == (Action.ADD, Reason.NOT_IN_SNAPSHOT)
    assert (change.before, change.prior) == (None, None)
    assert {field.key: field.after for field in change.fields} == SETTINGS


def test_equal_settings_need_nothing() -> None:
    """A server that equals what was acknowledged is listed, as no-op."""
    [change] = plan(desired(server(name="Support EU")), snapshot({SUPPORT: entry()})).changes

    assert (change.action, change.reason, change.fields) == (Action.NO_OP, None, ())
    assert change.name == "Support EU"


def test_changed_setting_is_an_update() -> None:
    """Only what differs is listed; all of it is sent."""
    [change] = plan(desired(server(smtp__port=465)), snapshot({SUPPORT: entry()})).changes

    assert (change.action, change.reason) == (Action.UPDATE, None)
    assert [(f.key, f.before, f.after) for f in change.fields] == [("smtp.port", 587, 465)]
    assert change.after == {**SETTINGS, "smtp.port": 465}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({}, {"spoofing__enabled": False}, []),
        ({"spoofing__enabled": False}, {}, []),
        ({}, {"spoofing__enabled": False, "smtp__port": 465}, ["smtp.port"]),
        ({"spoofing__enabled": True}, {}, ["spoofing.enabled"]),
        ({}, {"spoofing__enabled": True}, ["spoofing.enabled"]),
    ],
)
def test_flag_that_is_off_may_be_written_out(
    before: dict[str, Any], after: dict[str, Any], changed: list[str]
) -> None:
    """A request says false of a flag that no file gives: writing it down is no change."""
    [change] = plan(desired(server(**after)), snapshot({SUPPORT: entry(**before)})).changes

    assert [field.key for field in change.fields] == changed
    assert change.action is (Action.UPDATE if changed else Action.NO_OP)


def test_setting_that_left_the_files_is_an_update() -> None:
    """A value that is not given any more is a change, because the whole record is replaced."""
    before = snapshot({SUPPORT: entry(email_server_id=17)})

    [change] = plan(desired(server()), before).changes

    assert [(f.key, f.before, f.after) for f in change.fields] == [("email_server_id", 17, None)]


def test_change_names_its_lines() -> None:
    """Each new value, each secret and the server itself say where they stand."""
    wanted = server(smtp__port=465, secrets=PASSWORD)

    [change] = plan(desired(wanted), snapshot({SUPPORT: entry(secrets=KNOWN)})).changes

    assert change.position == wanted.origin.position()
    assert change.fields[0].position == wanted.origin.position("smtp.port")
    assert change.secrets[0].position == wanted.origin.position("smtp.password")


def test_change_names_the_entry_it_started_from() -> None:
    """The digest of the entry is what makes a saved plan stale."""
    before = snapshot({SUPPORT: entry()})

    [change] = plan(desired(server(smtp__port=465)), before).changes

    assert change.prior == before.entries[SUPPORT].digest


@pytest.mark.parametrize("status", OPEN)
def test_silent_write_is_sent_again(status: EntryStatus) -> None:
    """After a call without a known outcome, equal settings are not proof of anything."""
    [change] = plan(desired(server()), snapshot({SUPPORT: entry(status)})).changes

    assert (change.action, change.reason) == (Action.RESEND, Reason.LAST_WRITE_UNCERTAIN)
    assert (change.fields, change.after) == ((), SETTINGS)


@pytest.mark.parametrize("status", OPEN)
def test_uncertain_server_that_differs_is_updated(status: EntryStatus) -> None:
    """The difference is to what was acknowledged; the reason says that it may be less."""
    [change] = plan(desired(server(smtp__port=465)), snapshot({SUPPORT: entry(status)})).changes

    assert (change.action, change.reason) == (Action.UPDATE, Reason.LAST_WRITE_UNCERTAIN)


@pytest.mark.parametrize("status", OPEN)
def test_first_send_without_an_outcome_is_added_again(status: EntryStatus) -> None:
    """Nothing was ever acknowledged, so everything is still new."""
    before = snapshot({SUPPORT: never_acknowledged(status)})

    [change] = plan(desired(server()), before).changes

    assert (change.action, change.reason) == (Action.ADD, Reason.LAST_WRITE_UNCERTAIN)
    assert change.prior == before.entries[SUPPORT].digest
    assert len(change.fields) == len(SETTINGS)


def test_server_that_left_the_files_is_left_unchanged() -> None:
    """Deleting a file is not a way to end a server: it is shown, never touched."""
    made = plan(desired(), snapshot({SUPPORT: entry()}))

    [change] = made.changes
    assert (change.action, change.reason) == (Action.NOT_IN_FILES, Reason.NOT_IN_FILES)
    assert made.effective == ()


LEFT_OPEN = doubt(None, plan_call(Record(SETTINGS, KNOWN), "sha256:i", "2026-01-02T00:00:00Z"))


def test_open_call_of_a_server_that_left_the_files_is_sent_again() -> None:
    """An open outcome outlives the file that asked for it: the record of that call is sent."""
    [change] = plan(desired(), snapshot({SUPPORT: LEFT_OPEN})).changes

    assert (change.action, change.reason) == (Action.RESEND, Reason.LEFT_UNCERTAIN)
    assert (change.before, change.after) == (None, SETTINGS)
    assert [s.reference for s in change.secrets] == [KNOWN["smtp.password"].reference]


def test_open_call_of_a_server_that_left_the_files_can_be_disabled() -> None:
    """ICE may poll a mailbox since that call: its record is sent disabled."""
    [change] = plan(desired(removals=[removal()]), snapshot({SUPPORT: LEFT_OPEN})).changes

    assert (change.action, change.reason) == (Action.DISABLE, Reason.REMOVED_IN_FILES)
    assert change.after == {**SETTINGS, "status": "Disabled", "active": False}
    assert [s.reference for s in change.secrets] == [KNOWN["smtp.password"].reference]


def test_open_call_of_a_server_that_left_the_files_can_be_forgotten() -> None:
    """Who knows better may drop it."""
    forgotten = desired(removals=[removal(action="forget")])
    [change] = plan(forgotten, snapshot({SUPPORT: LEFT_OPEN})).changes

    assert change.action is Action.FORGET


def test_what_was_confirmed_is_disabled_rather_than_what_was_tried() -> None:
    """Its hosts have seen its passwords; those of the attempt perhaps never did."""
    record = Record({**SETTINGS, "smtp.port": 2525}, KNOWN)
    tried = doubt(entry(secrets=KNOWN), plan_call(record, "i", "2026-01-02T00:00:00Z"))
    [change] = plan(desired(removals=[removal()]), snapshot({SUPPORT: tried})).changes

    assert change.after == {**SETTINGS, "status": "Disabled", "active": False}


def test_call_of_which_nothing_is_known_stays_shown() -> None:
    """A call replaces the whole record, so there is none to make; it is not forgotten either."""
    [change] = plan(desired(), snapshot({SUPPORT: Entry(EntryStatus.UNCERTAIN)})).changes

    assert (change.action, change.reason) == (Action.NOT_IN_FILES, Reason.LAST_WRITE_UNCERTAIN)


def test_disable_changes_status_and_active_only() -> None:
    """The last acknowledged record is sent, disabled and inactive."""
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    [change] = plan(desired(removals=[removal()]), before).changes

    assert (change.action, change.reason) == (Action.DISABLE, Reason.REMOVED_IN_FILES)
    assert change.after == {**SETTINGS, "status": "Disabled", "active": False}
    assert [field.key for field in change.fields] == ["status", "active"]
    assert change.position == removal().position


def test_disable_sends_the_acknowledged_passwords() -> None:
    """A record is replaced whole, so the passwords ride along by the references of then."""
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    [change] = plan(desired(removals=[removal()]), before).changes

    assert change.secrets == (SecretChange("smtp.password", NOT_COMPARED, "ref+fake://smtp"),)


def test_uncertain_server_can_be_disabled() -> None:
    """Its settings were acknowledged once, so the record can be sent whole."""
    before = snapshot({SUPPORT: entry(EntryStatus.UNCERTAIN)})

    [change] = plan(desired(removals=[removal()]), before).changes

    assert change.action is Action.DISABLE


@pytest.mark.parametrize("status", OPEN)
def test_server_that_never_was_acknowledged_cannot_be_disabled(status: EntryStatus) -> None:
    """Its settings are not known and a call replaces all of them: it is left unchanged."""
    before = snapshot({SUPPORT: never_acknowledged(status)})

    [change] = plan(desired(removals=[removal()]), before).changes

    assert (change.action, change.reason) == (Action.NOT_IN_FILES, Reason.LAST_WRITE_UNCERTAIN)


@pytest.mark.parametrize(
    "known",
    [entry(), entry(EntryStatus.UNCERTAIN), never_acknowledged(EntryStatus.PENDING)],
    ids=["acknowledged", "uncertain", "never confirmed"],
)
def test_forget_drops_the_entry_and_makes_no_call(known: Entry) -> None:
    """Forgetting is local, whatever was known."""
    made = plan(desired(removals=[removal(action="forget")]), snapshot({SUPPORT: known}))

    [change] = made.changes
    assert (change.action, change.reason) == (Action.FORGET, Reason.REMOVED_IN_FILES)
    assert change.after is None
    assert (made.calls, len(made.effective)) == ((), 1)


def test_removal_of_an_unknown_server_is_nothing() -> None:
    """Once it is gone, its line under `removed:` may stay."""
    assert plan(desired(removals=[removal()])).changes == ()


def test_unchanged_secrets_need_nothing() -> None:
    """A record whose settings and secrets equal what was acknowledged is not sent."""
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    made = plan(desired(server(secrets=PASSWORD)), before, SecretFindings())

    assert actions(made) == {"59/663": "no-op"}


def test_rotated_secret_is_an_update() -> None:
    """A rotation alone is reason enough to send the record."""
    findings = SecretFindings(exceptions={SUPPORT: {"smtp.password": CHANGED}})
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    [change] = plan(desired(server(secrets=PASSWORD)), before, findings).changes

    assert (change.action, change.fields) == (Action.UPDATE, ())
    assert [secret.comparison for secret in change.secrets] == [CHANGED]


def test_secret_that_was_not_looked_at_is_no_change() -> None:
    """What cannot be compared is told apart from what is equal, and does not cause a call."""
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    made = plan(desired(server(secrets=PASSWORD)), before)

    assert actions(made) == {"59/663": "no-op"}


@pytest.mark.parametrize(
    ("findings", "comparison"),
    [(None, NOT_COMPARED), (SecretFindings(), UNCHANGED)],
    ids=["not looked at", "equal"],
)
def test_riding_secret_says_how_it_compares(
    findings: SecretFindings | None, comparison: SecretComparison
) -> None:
    """A secret that rides along with another change is listed with what is known of it."""
    wanted = desired(server(smtp__port=465, secrets=PASSWORD))

    [change] = plan(wanted, snapshot({SUPPORT: entry(secrets=KNOWN)}), findings).changes

    assert [secret.comparison for secret in change.secrets] == [comparison]


def test_secrets_of_a_first_send_are_changed() -> None:
    """What was never sent is new, whatever is usual in the fleet."""
    [change] = plan(desired(server(secrets=PASSWORD)), findings=SecretFindings()).changes

    assert [secret.comparison for secret in change.secrets] == [CHANGED]


def test_new_secret_is_an_update() -> None:
    """A password that was not there before is a change."""
    [change] = plan(
        desired(server(secrets=PASSWORD)), snapshot({SUPPORT: entry()}), SecretFindings()
    ).changes

    assert (change.action, change.fields) == (Action.UPDATE, ())
    assert change.secrets[0].comparison is CHANGED


def test_secret_taken_back_is_an_update() -> None:
    """A password that left the files is listed without a reference: an absent one is sent."""
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    [change] = plan(desired(server()), before, SecretFindings()).changes

    assert change.action is Action.UPDATE
    assert change.secrets == (SecretChange("smtp.password", CHANGED, ""),)


def test_reverted_files_do_not_hide_an_open_call() -> None:
    """The revert hazard: a call of the value in between may still arrive, so all is sent again."""
    reverted = desired(server(secrets=PASSWORD))
    before = snapshot({SUPPORT: entry(EntryStatus.PENDING, secrets=KNOWN)})

    [change] = plan(reverted, before, SecretFindings()).changes

    assert (change.action, change.reason) == (Action.RESEND, Reason.LAST_WRITE_UNCERTAIN)
    assert [secret.comparison for secret in change.secrets] == [UNCHANGED]


@pytest.mark.parametrize("pattern", ["59/663", "59/*", "all"])
def test_resend_is_done_on_request(pattern: str) -> None:
    """``--resend`` sends a server although nothing differs."""
    before = snapshot({SUPPORT: entry()})

    [change] = plan(desired(server()), before, selection=Selection(resend=(pattern,))).changes

    assert (change.action, change.reason) == (Action.RESEND, Reason.REQUESTED)


def test_resend_of_others_leaves_a_server_alone() -> None:
    """A request means the servers that it names."""
    before = snapshot({SUPPORT: entry()})

    [change] = plan(desired(server()), before, selection=Selection(resend=("70/*",))).changes

    assert change.action is Action.NO_OP


def test_resend_does_not_rename_an_update() -> None:
    """What differs is an update, asked for or not."""
    before = snapshot({SUPPORT: entry()})
    wanted = desired(server(smtp__port=465))

    [change] = plan(wanted, before, selection=Selection(resend=("all",))).changes

    assert (change.action, change.reason) == (Action.UPDATE, None)


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), ["59/663", "59/664", "70/1"]),
        (Selection(targets=("59/663",)), ["59/663"]),
        (Selection(targets=("59/*",)), ["59/663", "59/664"]),
        (Selection(targets=("59/663", "70/1")), ["59/663", "70/1"]),
        (Selection(excludes=("59/*",)), ["70/1"]),
        (Selection(targets=("59/*",), excludes=("*/664",)), ["59/663"]),
        (Selection(targets=("all",)), ["59/663", "59/664", "70/1"]),
    ],
    ids=["none", "address", "glob", "two", "exclude", "both", "all"],
)
def test_plan_answers_for_what_is_selected(selection: Selection, found: list[str]) -> None:
    """Servers outside of the selection are not in the plan, on either side."""
    wanted = desired(server(SUPPORT), server(BILLING))

    made = plan(wanted, snapshot({SALES: entry()}), selection=selection)

    assert list(actions(made)) == found
    assert made.selection == selection


def test_changes_are_sorted_by_number() -> None:
    """The order of files and entries does not show."""
    wanted = desired(server(BILLING), server(SUPPORT))

    made = plan(wanted, snapshot({SALES: entry()}))

    assert [change.address for change in made.changes] == [SUPPORT, SALES, BILLING]


def test_plan_names_what_it_was_made_from() -> None:
    """Target, lineage, serial and key of the snapshot go into the plan."""
    made = make_plan(desired(), snapshot(key_id="k1", serial=41), complete=False)

    assert (made.base_url, made.lineage, made.base_serial) == (BASE_URL, LINEAGE, 41)
    assert (made.key_id, made.complete) == ("k1", False)


def test_plan_counts_its_actions() -> None:
    """Totals are counts of actions; servers in no file and no-ops are not carried out."""
    wanted = desired(server(SUPPORT), server(BILLING))
    made = plan(wanted, snapshot({SALES: entry(), SUPPORT: entry()}))

    assert [made.count(a) for a in (Action.ADD, Action.NO_OP, Action.NOT_IN_FILES)] == [1, 1, 1]
    assert [change.address for change in made.effective] == [BILLING]


def test_assumed_server_is_told_apart() -> None:
    """It needs nothing where nothing differs, and never looks like an acknowledged one."""
    known = snapshot({SUPPORT: entry(EntryStatus.ASSUMED)})
    [kept] = plan(desired(server()), known).changes
    [updated] = plan(desired(server(smtp__port=465)), known).changes

    assert (kept.action, kept.reason) == (Action.NO_OP, Reason.ASSUMED)
    assert (updated.action, updated.reason) == (Action.UPDATE, Reason.ASSUMED)


WIRES = [WireOptions(org_key, absent) for org_key in OrgKey for absent in Absent]


@pytest.mark.parametrize("now", WIRES, ids=str)
@pytest.mark.parametrize("then", WIRES, ids=str)
@pytest.mark.parametrize("bare", [False, True])
def test_server_is_sent_again_when_its_body_is_spelled_otherwise(
    now: WireOptions, then: WireOptions, *, bare: bool
) -> None:
    """Whether `api.wire` concerns a server is what the bodies say, byte by byte."""
    wanted = server(smtp__login="none") if bare else server()
    record = replace(entry(), settings=wanted.settings, wire=then)
    made = make_plan(desired(wanted), snapshot({SUPPORT: record}), wire=now)
    update, token = Update(SUPPORT, wanted.settings, {}), SecretValue("t")

    differs = encode_update(update, token, now) != encode_update(update, token, then)
    expected = (Action.RESEND, Reason.WIRE_CHANGED) if differs else (Action.NO_OP, None)
    assert [(c.action, c.reason) for c in made.changes] == [expected]


def test_server_that_leaves_no_text_out_does_not_depend_on_absent() -> None:
    """Another `absent` is no reason to send where each text is given."""
    given = {f.key: "x" for f in SENT_FIELDS if f.wire_type is WireType.STRING}
    wanted = replace(server(), settings={**SETTINGS, **given})
    before = snapshot({SUPPORT: replace(entry(), settings=wanted.settings)})

    made = make_plan(desired(wanted), before, wire=WireOptions(absent=Absent.NULL))
    assert made.effective == ()
    made = make_plan(desired(wanted), before, wire=WireOptions(OrgKey.ORG_ID))
    assert [c.reason for c in made.changes] == [Reason.WIRE_CHANGED]
