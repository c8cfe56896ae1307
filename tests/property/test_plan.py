from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from builders import BASE_URL, KEY, Place, move, plan, ref, removal
from fakes import FakeClock, FakeGateway, FakeProgress, FakeStore
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec.plan import encode_plan, plan_digest
from icesync.engine import apply as engine
from icesync.engine.executor import ApplyOptions, StopRequest
from icesync.engine.recorder import Recorder, Stamp
from icesync.engine.secret_resolution import Resolution, attach_tags, compare
from icesync.engine.state import load
from icesync.model.desired import Address, DesiredServer, DesiredState
from icesync.model.fields import SETTING_FIELDS, Kind
from icesync.model.plan import Action
from icesync.model.report import Outcome, OutcomeKind
from icesync.model.secret import SecretValue
from icesync.planner.plan import make_plan, open_moves, with_moves_applied
from icesync.render.plan import render_plan
from icesync.render.report import render_report, report_document
from icesync.render.state import render_entry, render_snapshot
from icesync.render.style import Style

if TYPE_CHECKING:
    from icesync.model.fields import Field, Setting
    from icesync.model.plan import Plan
    from icesync.model.report import Report

SECRETS = ("smtp.password", "pop3.password", "imap.password")
ADDRESSES = st.builds(Address, st.integers(1, 3), st.integers(1, 4))
STAMP = Stamp("0.1.0", "0123456789abcdef")


def values(field: Field) -> st.SearchStrategy[Setting]:
    """Return the values that *field* may have."""
    if field.kind is Kind.FLAG:
        return st.booleans()
    if field.kind is Kind.INCOMING:
        return st.sampled_from(["pop3", "imap"])
    if field.kind is Kind.STATUS:
        return st.sampled_from(["Enabled", "Disabled"])
    if field.kind is Kind.LOGIN:
        return st.just("none")
    if field.kind is Kind.TEXT:
        return st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
    return st.integers(1, 65535)


REQUIRED = {"status", "smtp.port"}
SETTINGS = st.fixed_dictionaries(
    {f.key: values(f) for f in SETTING_FIELDS if f.key in REQUIRED},
    optional={f.key: values(f) for f in SETTING_FIELDS if not f.secret and f.key not in REQUIRED},
)


@st.composite
def fleets(draw: st.DrawFn) -> DesiredState:
    """Draw a desired state of a few servers, each with some settings and secrets."""
    servers = {}
    for address in draw(st.sets(ADDRESSES, max_size=5)):
        settings = draw(SETTINGS)
        names = draw(st.dictionaries(st.sampled_from(SECRETS), st.sampled_from("abc"), max_size=3))
        references = {key: ref(name) for key, name in names.items()}
        origin = Place(f"{address.organization}.yaml", settings)
        servers[address] = DesiredServer(address, settings, references, origin)
    return DesiredState(servers)


def resolution(prefix: str = "canary") -> Resolution:
    """Return the values of all references."""
    return Resolution({ref(n).text: SecretValue(f"{prefix}-{n}-secret") for n in "abc"})


def planned(wanted: DesiredState, store: FakeStore, secrets: Resolution) -> Plan:
    """Return the plan from what is stored to *wanted*."""
    before = load(store, BASE_URL).snapshot
    carried = with_moves_applied(before, open_moves(wanted, before).values(), wanted.removals)
    made = make_plan(wanted, before, compare(wanted, carried, secrets, KEY))
    return attach_tags(made, secrets, KEY)


def carry_out(made: Plan, store: FakeStore, secrets: Resolution, gateway: FakeGateway) -> Report:
    """Apply *made*."""
    clock = FakeClock()
    recorder = Recorder(store, load(store, BASE_URL), clock, STAMP, secrets.values, KEY)
    run = ApplyOptions(concurrency=2, rate_per_s=100_000)
    return engine.carry_out(
        made, secrets.values, recorder, lambda: gateway, clock, run, FakeProgress(), StopRequest()
    )


@given(fleets(), fleets())
def test_plan_after_apply_is_empty(first: DesiredState, second: DesiredState) -> None:
    """Whatever the files say, once all of it was acknowledged there is nothing left to do."""
    store, secrets = FakeStore(), resolution()
    carry_out(planned(first, store, secrets), store, secrets, FakeGateway())

    report = carry_out(planned(second, store, secrets), store, secrets, FakeGateway())

    assert report.complete
    assert planned(second, store, secrets).effective == ()


@st.composite
def relocations(draw: st.DrawFn) -> tuple[DesiredState, DesiredState]:
    """Draw a fleet, and the same with some servers moved and changed, some of them ended."""
    first = draw(fleets())
    leaving = draw(st.sets(st.sampled_from(sorted(first.servers)))) if first.servers else set()
    servers = {a: s for a, s in first.servers.items() if a not in leaving}
    moves, removals = {}, {}
    for number, source in enumerate(sorted(leaving), start=1):
        target, server = Address(9, number), first.servers[source]
        settings = draw(st.one_of(st.just(server.settings), SETTINGS))
        servers[target] = replace(server, address=target, settings=settings)
        moves[target] = move(target, source)
        action = draw(st.sampled_from(["disable", "forget", None]))
        if action:
            removals[source] = removal(source, action)
    return first, DesiredState(servers, removals, moves)


@given(relocations(), st.sampled_from(OutcomeKind), st.data())
def test_moved_servers_arrive_whatever_fails_first(
    fleets_: tuple[DesiredState, DesiredState], kind: OutcomeKind, data: st.DataObject
) -> None:
    """A failed run loses no history and claims nothing; after a good one nothing is left to do."""
    first, second = fleets_
    store, secrets = FakeStore(), resolution()
    carry_out(planned(first, store, secrets), store, secrets, FakeGateway())
    made = planned(second, store, secrets)
    addresses = sorted(c.address for c in made.calls) or [Address(1, 1)]
    failing = data.draw(st.sets(st.sampled_from(addresses)))
    gateway = FakeGateway({address: Outcome(kind, "told") for address in failing})

    report = carry_out(made, store, secrets, gateway)

    entries = load(store, BASE_URL).snapshot.entries
    acknowledged = {r.address for r in report.results if r.status == "applied"}
    for target, moved in second.moves.items():
        arrived = target in entries and entries[target].settings != {}
        assert arrived is (target in acknowledged)
        assert arrived or entries[moved.source].settings == first.servers[moved.source].settings
    assert carry_out(planned(second, store, secrets), store, secrets, FakeGateway()).complete
    assert planned(second, store, secrets).effective == ()
    assert load(store, BASE_URL).snapshot.entries.keys() == second.servers.keys()


@given(fleets(), st.randoms(use_true_random=False))
def test_order_of_files_does_not_show(wanted: DesiredState, random: object) -> None:
    """The same servers, settings and secrets in another order are the same bytes."""
    servers = list(wanted.servers.items())
    random.shuffle(servers)  # type: ignore[attr-defined]
    turned = {
        address: DesiredServer(
            address,
            dict(reversed(server.settings.items())),
            dict(reversed(server.secrets.items())),
            server.origin,
        )
        for address, server in servers
    }

    assert encode_plan(plan(DesiredState(turned)), "0.1.0") == encode_plan(plan(wanted), "0.1.0")


@given(fleets(), st.sampled_from(OutcomeKind), st.data())
def test_snapshot_claims_no_more_than_was_acknowledged(
    wanted: DesiredState, kind: OutcomeKind, data: st.DataObject
) -> None:
    """Only a server whose call was acknowledged says applied with the new settings."""
    store, secrets = FakeStore(), resolution()
    failing = data.draw(st.sets(st.sampled_from(sorted(wanted.servers) or [Address(1, 1)])))
    gateway = FakeGateway({address: Outcome(kind, "told") for address in failing})

    report = carry_out(planned(wanted, store, secrets), store, secrets, gateway)

    acknowledged = {r.address for r in report.results if r.status == "applied"}
    entries = load(store, BASE_URL).snapshot.entries
    assert {a for a, e in entries.items() if not e.uncertain} == acknowledged
    assert {c.address for c in planned(wanted, store, secrets).effective} == (
        wanted.servers.keys() - acknowledged
    )


@given(fleets())
def test_rotation_is_seen_and_nothing_else(wanted: DesiredState) -> None:
    """When every secret changes its value, exactly the servers with secrets are updated."""
    store = FakeStore()
    carry_out(planned(wanted, store, resolution()), store, resolution(), FakeGateway())

    made = planned(wanted, store, resolution("rotated"))

    assert {c.address for c in made.effective} == {
        address for address, server in wanted.servers.items() if server.secrets
    }
    assert {c.action for c in made.effective} <= {Action.UPDATE}


@given(fleets(), st.sampled_from([*OutcomeKind]))
def test_no_secret_is_in_anything_that_is_written(wanted: DesiredState, kind: OutcomeKind) -> None:
    """Plan, snapshot, report and all their renderings are free of every password."""
    store, secrets = FakeStore(), resolution()
    made = planned(wanted, store, secrets)
    gateway = FakeGateway({address: Outcome(kind, "told") for address in list(wanted.servers)[:1]})
    report = carry_out(made, store, secrets, gateway)

    before = load(store, BASE_URL).snapshot
    now = FakeClock().now()
    written = [
        encode_plan(made, "0.1.0").decode(),
        repr(made),
        repr(report),
        json.dumps(report_document(report)),
        *(data.decode() for data in store.writes),
    ]
    for style in (Style(), Style(colour=True)):
        written += [
            render_plan(made, plan_digest(made), style),
            render_report(report, style),
            render_snapshot(before, store.describe(), now, style),
            *(render_entry(a, e, now, style) for a, e in before.entries.items()),
        ]
    assert not any("canary" in text or "-secret" in text for text in written)
