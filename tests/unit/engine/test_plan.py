from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from builders import (
    BASE_URL,
    BILLING,
    KEY,
    SALES,
    SUPPORT,
    desired,
    entry,
    move,
    plan,
    ref,
    removal,
    secret_record,
    server,
    snapshot,
    stored_bytes,
)
from fakes import FakeClock, FakeProvider, FakeStore, fake_session

from icesync.codec.fingerprint import encode_key
from icesync.codec.plan import plan_digest
from icesync.diagnostics import Diagnostic, Severity
from icesync.engine import plan as engine
from icesync.engine.plan import Planning, PlanRequest, check_saved
from icesync.engine.secret_resolution import SecretsMode
from icesync.engine.validate import Scope
from icesync.errors import ConfigInvalid, PlanStale, SecretMissing, UsageError
from icesync.model.plan import Action, Plan, Selection
from icesync.model.project import Api, Guard, Limit, LimitName, Project
from icesync.model.secret import SecretComparison

if TYPE_CHECKING:
    from pathlib import Path

SERVERS = """\
version: 1
organization: 59
defaults: {status: Enabled, active: true, incoming: pop3, ssl: false, tls: true}
servers:
  - skill: 663
    smtp: {host: smtp.example.test, port: 587, username: u, password: ref+fake://smtp,
           mailbox: m@example.test, poll_rate: 10}
    pop3: {host: pop3.example.test, port: 995, username: u, password: ref+fake://pop3,
           mailbox: m@example.test, poll_rate: 10}
"""
VALUES = {"smtp": "canary-1", "pop3": "canary-2", "key": encode_key(bytes(range(32)))}


class Desk:
    """Where plans are made: files, a store and one provider."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FakeStore()
        self.provider = FakeProvider(values=VALUES)
        self.project = Project(
            str(folder),
            "icesync.yaml",
            api=Api(BASE_URL),
            fingerprint_key=ref("key"),
        )
        (folder / "servers").mkdir()
        self.write(SERVERS)

    def write(self, text: str) -> None:
        """Make *text* the one server file."""
        (self.folder / "servers" / "eu.yaml").write_text(text, encoding="utf-8")

    def plan(
        self,
        mode: SecretsMode = SecretsMode.AUTO,
        selection: Selection | None = None,
        now: datetime | None = None,
        **named: Any,
    ) -> Planning:
        """Make a plan."""
        clock = FakeClock(now) if now is not None else FakeClock()
        session = fake_session(self.project, self.store, self.provider, clock)
        return engine.plan(session, PlanRequest(Scope(selection or Selection()), mode, **named))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A repository with one server, and all its secrets."""
    return Desk(tmp_path)


def compared(planning: Planning) -> dict[str, str]:
    """Return how the secrets of the first change compare."""
    return {s.key: s.comparison.value for s in planning.plan.changes[0].secrets}


def test_plan_joins_files_snapshot_and_secrets(desk: Desk) -> None:
    """One server that is new: added, its secrets seen and tagged."""
    planning = desk.plan()

    [change] = planning.plan.changes
    assert (change.address, change.action, len(planning.files)) == (SUPPORT, Action.ADD, 1)
    assert all(secret.tag for secret in change.secrets)
    assert (planning.plan.complete, planning.plan.key_id) == (True, KEY.id)
    assert (planning.warnings, planning.refusals) == ((), ())


def test_plan_writes_nothing(desk: Desk) -> None:
    """A plan only reads."""
    desk.plan()

    assert desk.store.writes == []


@pytest.mark.parametrize("mode", [SecretsMode.AUTO, SecretsMode.SKIP])
def test_plan_without_secrets_is_incomplete(desk: Desk, mode: SecretsMode) -> None:
    """A plan of a fork's pull request can be read, and not applied."""
    desk.provider.values = {}

    planning = desk.plan(mode)

    assert not planning.plan.complete
    assert [change.action for change in planning.plan.changes] == [Action.ADD]


def test_missing_secrets_are_warnings(desk: Desk) -> None:
    """Each place that needs a missing secret is told, the key first of all."""
    desk.provider.values = {"smtp": "canary-1"}

    planning = desk.plan()

    assert [(d.rule, d.severity) for d in planning.warnings] == [("ICE412", Severity.WARNING)] * 2
    assert planning.warnings[0].message.startswith(
        "passwords were not compared: the fingerprint key"
    )
    assert planning.warnings[1].message == ("59/663: `pop3.password`: `ref+fake://pop3` is not set")


@pytest.mark.parametrize("mode", [SecretsMode.AUTO, SecretsMode.REQUIRE])
def test_a_document_instead_of_a_password_ends_a_plan(desk: Desk, mode: SecretsMode) -> None:
    """At its line, whether or not other secrets are there: each password in it would be sent."""
    desk.provider.values["smtp"] = '{"token": "canary-1", "smtp": "canary-2"}'

    with pytest.raises(ConfigInvalid, match="1 secret is a whole document") as caught:
        desk.plan(mode)

    [found] = caught.value.diagnostics
    assert isinstance(found, Diagnostic)
    assert (found.rule, found.severity) == ("ICE412", Severity.ERROR)
    assert "`smtp.password`: `ref+fake://smtp` is a document (several lines" in found.message
    assert found.hint == "store the secret alone there"


def test_skipped_secrets_are_not_even_asked_for(desk: Desk) -> None:
    """``skip`` asks no provider and warns of nothing."""
    planning = desk.plan(SecretsMode.SKIP)

    assert (desk.provider.fetched, planning.warnings, planning.key) == ([], (), None)


def test_skipped_secrets_compare_with_nothing(desk: Desk) -> None:
    """Beside another change, a secret that nobody looked at says so."""
    desk.store.data = stored_bytes(
        {
            SUPPORT: entry(
                secrets={f"{k}.password": secret_record(k) for k in ("smtp", "pop3")},
            )
        }
    )

    assert set(compared(desk.plan(SecretsMode.SKIP)).values()) == {SecretComparison.NOT_COMPARED}


def test_a_replaced_reference_shows_without_secrets(desk: Desk) -> None:
    """A fork's plan sees no value, but it sees that another secret is named."""
    desk.store.data = stored_bytes(
        {SUPPORT: entry(secrets={f"{k}.password": secret_record("x") for k in ("smtp", "pop3")})}
    )

    assert set(compared(desk.plan(SecretsMode.SKIP)).values()) == {SecretComparison.CHANGED}


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (["smtp"], "1 secret could not be resolved"),
        (["smtp", "pop3"], "2 secrets could not be resolved"),
    ],
    ids=["one", "two"],
)
def test_apply_requires_every_secret(desk: Desk, missing: list[str], told: str) -> None:
    """With ``require`` a missing secret stops the run, and all of them are told."""
    for name in missing:
        del desk.provider.values[name]

    with pytest.raises(ConfigInvalid, match=told) as caught:
        desk.plan(SecretsMode.REQUIRE)

    assert len(caught.value.diagnostics) == len(missing)


def test_apply_requires_the_key(desk: Desk) -> None:
    """A key that is configured must be there when something is sent."""
    del desk.provider.values["key"]

    with pytest.raises(SecretMissing, match="the fingerprint key"):
        desk.plan(SecretsMode.REQUIRE)


@pytest.mark.parametrize("mode", [SecretsMode.AUTO, SecretsMode.REQUIRE])
def test_other_key_is_an_error_in_every_mode(desk: Desk, mode: SecretsMode) -> None:
    """A wrong key is never read as "all passwords changed"."""
    desk.store.data = stored_bytes(key_id="0000000000000000")

    with pytest.raises(ConfigInvalid, match="wrong fingerprint key"):
        desk.plan(mode)


def test_without_a_configured_key_there_is_none(desk: Desk) -> None:
    """Fingerprints are a choice; without them a plan is complete too."""
    desk.project = replace(desk.project, fingerprint_key=None)

    planning = desk.plan()

    assert (planning.key, planning.plan.complete) == (None, True)
    assert {s.tag for s in planning.plan.changes[0].secrets} == {None}


def test_wrong_files_are_an_error(desk: Desk) -> None:
    """Nothing is planned from files that break a rule."""
    desk.write(SERVERS.replace("587", "0"))

    with pytest.raises(ConfigInvalid, match="1 error in the configuration"):
        desk.plan()


@pytest.mark.parametrize("option", ["targets", "excludes", "resend"])
def test_selection_must_mean_somebody(desk: Desk, option: str) -> None:
    """Each of the three options is checked against files and snapshot."""
    with pytest.raises(UsageError, match="70/1"):
        desk.plan(selection=Selection(**{option: ("70/1",)}))


def test_selection_narrows_what_is_looked_at(desk: Desk) -> None:
    """Servers outside of the selection need no secrets."""
    desk.store.data = stored_bytes({BILLING: entry()})

    planning = desk.plan(SecretsMode.REQUIRE, Selection(targets=("70/*",)))

    assert desk.provider.fetched == [ref("key")]
    assert [change.address for change in planning.plan.changes] == [BILLING]


def test_age_asks_for_old_servers(desk: Desk) -> None:
    """``older-than`` means the servers whose acknowledgement is older than that."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    desk.store.data = stored_bytes({SUPPORT: entry()})

    planning = desk.plan(selection=Selection(resend=("older-than=30d",)), now=now)

    assert planning.plan.selection.resend == ("59/663",)


def test_limits_and_guards_are_checked(desk: Desk) -> None:
    """What apply would refuse is told with the plan; what is allowed is not."""
    limits = {LimitName.ADDS: Limit(count=0)}
    desk.project = replace(desk.project, limits=limits, guards=frozenset(Guard))

    assert [refusal.allow for refusal in desk.plan().refusals] == ["adds"]
    assert desk.plan(allowed=("adds",)).refusals == ()


def test_move_onto_another_record_is_refused(desk: Desk) -> None:
    """Both are told apart by people, before anything is planned."""
    desk.write(f"{SERVERS}moved: [{{skill: 663, from: 59/664}}]\n")
    desk.store.data = stored_bytes({SUPPORT: entry(), SALES: entry()})

    with pytest.raises(ConfigInvalid, match="1 move would go onto another record") as caught:
        desk.plan()

    assert [str(d.position) for d in caught.value.diagnostics] == ["servers/eu.yaml:10:9"]  # type: ignore[attr-defined]


def test_move_compares_secrets_with_the_old_address(desk: Desk) -> None:
    """The fingerprints that were made there still hold."""
    desk.write(f"{SERVERS}moved: [{{skill: 663, from: 59/664}}]\n")
    known = {"smtp.password": secret_record("smtp", "canary-1", SALES)}
    desk.store.data = stored_bytes({SALES: entry(secrets=known)}, key_id=KEY.id)

    planning = desk.plan()

    assert [(c.action, c.moved_from) for c in planning.plan.changes] == [(Action.MOVE, SALES)]
    assert compared(planning)["smtp.password"] == "unchanged"


def removed(desk: Desk) -> None:
    """Take the server out of the files, and disable it."""
    head = SERVERS.partition("servers:")[0]
    desk.write(f"{head}servers: []\nremoved: [{{skill: 663, action: disable}}]\n")
    desk.store.data = stored_bytes(
        {SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})}
    )


def test_secrets_of_a_removed_server_are_looked_up(desk: Desk) -> None:
    """No file names them any more; the snapshot does."""
    removed(desk)

    planning = desk.plan(SecretsMode.REQUIRE)

    assert [change.action for change in planning.plan.changes] == [Action.DISABLE]
    assert planning.resolution.values["ref+fake://smtp"].reveal() == "canary-1"


def test_missing_secret_of_a_removed_server_stops_an_apply(desk: Desk) -> None:
    """A record cannot be sent whole without it."""
    removed(desk)
    del desk.provider.values["smtp"]

    with pytest.raises(ConfigInvalid, match="cannot be sent without its passwords"):
        desk.plan(SecretsMode.REQUIRE)


def test_plan_that_lacks_a_secret_of_a_removed_server_is_incomplete(desk: Desk) -> None:
    """What apply would refuse for want of a password is no complete plan, and says why."""
    removed(desk)
    del desk.provider.values["smtp"]
    planning = desk.plan(SecretsMode.AUTO)

    assert not planning.plan.complete
    assert [(d.rule, d.severity) for d in planning.warnings if "59/663" in d.message] == [
        ("ICE412", Severity.WARNING)
    ]


def test_skipped_secrets_of_a_removed_server_stay_closed(desk: Desk) -> None:
    """``skip`` holds for them too."""
    removed(desk)

    desk.plan(SecretsMode.SKIP)

    assert desk.provider.fetched == []


PASSWORD = {"smtp.password": "smtp"}
BEFORE = snapshot({SUPPORT: entry(), SALES: entry()})
WANTED = desired(server(SUPPORT, PASSWORD, smtp__port=465), server(SALES, smtp__port=465))


def tagged(made: Plan, tag: str) -> Plan:
    """Return *made* with *tag* on each secret."""
    return replace(
        made,
        changes=tuple(
            replace(c, secrets=tuple(replace(s, tag=tag) for s in c.secrets)) for c in made.changes
        ),
    )


SAVED = tagged(plan(WANTED, BEFORE), "aa")


@pytest.mark.parametrize(
    "fresh",
    [
        SAVED,
        replace(SAVED, base_serial=99, key_id="other", selection=Selection(targets=("all",))),
        tagged(plan(WANTED, snapshot({**BEFORE.entries, BILLING: entry()})), "aa"),
    ],
    ids=["same", "another serial", "another server"],
)
def test_plan_that_still_fits_passes(fresh: Plan) -> None:
    """An unrelated apply does not make a plan stale."""
    check_saved(SAVED, fresh)


def test_plan_of_a_first_apply_passes_beside_others() -> None:
    """Before the first save there was no lineage to compare with."""
    saved = replace(plan(desired(server(BILLING))), lineage=None)

    check_saved(saved, plan(desired(server(BILLING)), BEFORE))


OTHER_ENTRY = snapshot({SUPPORT: entry(smtp__poll_rate=99), SALES: entry()})
OTHER_FILES = desired(server(SUPPORT, PASSWORD, smtp__port=25), server(SALES, smtp__port=465))
OTHER_REFERENCE = desired(
    server(SUPPORT, {"smtp.password": "x"}, smtp__port=465), server(SALES, smtp__port=465)
)
ONLY_SALES = desired(server(SALES, smtp__port=465))


@pytest.mark.parametrize(
    ("fresh", "reason"),
    [
        (tagged(plan(WANTED, OTHER_ENTRY), "aa"), "the state changed"),
        (tagged(plan(OTHER_FILES, BEFORE), "aa"), "the files changed"),
        (tagged(plan(OTHER_REFERENCE, BEFORE), "aa"), "a secret reference changed"),
        (tagged(SAVED, "bb"), "a secret changed"),
        (plan(ONLY_SALES, snapshot({SALES: entry()})), "gone"),
        (plan(ONLY_SALES, BEFORE), "the files changed"),
    ],
    ids=["snapshot", "files", "reference", "secret", "gone", "not in files"],
)
def test_plan_that_moved_names_the_server_and_why(fresh: Plan, reason: str) -> None:
    """Each server of the plan that is not as it was is named, and no other."""
    with pytest.raises(PlanStale) as caught:
        check_saved(SAVED, fresh)

    assert caught.value.message == f"the saved plan is out of date: 59/663 ({reason})"


def test_every_moved_server_is_named() -> None:
    """One refusal, all reasons."""
    with pytest.raises(PlanStale, match=r"59/663 \(a secret changed\), 59/664 \(gone\)"):
        check_saved(SAVED, tagged(replace(SAVED, changes=SAVED.changes[:1]), "bb"))


def test_applied_plan_is_stale() -> None:
    """What was carried out cannot be carried out again."""
    after = snapshot({SUPPORT: entry(smtp__port=465), SALES: entry(smtp__port=465)})

    with pytest.raises(PlanStale, match="the state changed"):
        check_saved(SAVED, tagged(plan(WANTED, after), "aa"))


def test_other_old_address_is_a_move() -> None:
    """A server that now comes from elsewhere, or whose old record now ends, is another plan."""
    wanted = desired(server(SALES), moves=[move(SALES, SUPPORT)])
    saved = plan(wanted, snapshot({SUPPORT: entry()}))
    for changed in ({"moved_from": BILLING}, {"source_stays": True}):
        fresh = replace(saved, changes=(replace(saved.changes[0], **changed),))

        with pytest.raises(PlanStale, match="the files changed"):
            check_saved(saved, fresh)


def test_other_action_is_a_move() -> None:
    """A server that is now forgotten instead of left alone is another plan."""
    saved = plan(desired(removals=[removal(action="forget")]), snapshot({SUPPORT: entry()}))
    fresh = replace(saved, changes=(replace(saved.changes[0], action=Action.NOT_IN_FILES),))

    with pytest.raises(PlanStale, match="the action changed"):
        check_saved(saved, fresh)


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        (replace(SAVED, base_url="https://elsewhere.test"), "for another `api.base_url`"),
        (replace(SAVED, lineage="another"), "lineage differs"),
        (replace(SAVED, complete=False), "without secrets"),
    ],
    ids=["target", "lineage", "incomplete"],
)
def test_plan_for_something_else_is_refused(saved: Plan, told: str) -> None:
    """Target and snapshot must be those that the plan was made for, and all was looked at."""
    with pytest.raises(PlanStale, match=told):
        check_saved(saved, SAVED)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"api.proxy": "http://p"}, "`api.proxy`"),
        ({"api.token": "ref+env://OTHER"}, "`api.token`"),
        ({"guards": []}, "`guards`"),
    ],
)
def test_saved_plan_is_held_to_its_terms(terms: dict[str, Any], told: str) -> None:
    """How it is sent and what holds it back was reviewed, too; the digest says so as well."""
    fresh = replace(SAVED, terms=terms)

    with pytest.raises(PlanStale, match=f"changed since the plan was saved: {told}"):
        check_saved(SAVED, fresh)
    assert plan_digest(fresh) != plan_digest(SAVED)
