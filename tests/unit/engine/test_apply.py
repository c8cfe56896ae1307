from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import (
    BASE_URL,
    BILLING,
    KEY,
    SALES,
    SETTINGS,
    SUPPORT,
    Place,
    desired,
    entry,
    plan,
    removal,
    secret_record,
    server,
    snapshot,
)
from fakes import FakeClock, FakeGateway, FakeStore

from icesync.codec.fingerprint import fits
from icesync.codec.state import decode_state
from icesync.engine.apply import check_token, failure_of, foreign_organizations
from icesync.engine.executor import ApplyOptions
from icesync.errors import (
    AccessError,
    ApplyIncomplete,
    IcesyncError,
    Refused,
    StateConflict,
    StateNotSaved,
    TokenExpired,
    Unreachable,
)
from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.project import Api
from icesync.model.report import Outcome, OutcomeKind, Report, Result, ResultStatus
from icesync.model.secret import SecretFindings, SecretValue
from icesync.model.snapshot import Entry, EntryStatus
from icesync.wire.login import sign_token

from .conftest import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.plan import Update

APPLIED = Outcome(OutcomeKind.APPLIED)
REJECTED = Outcome(OutcomeKind.REJECTED, "ICE rejected the call (HTTP 400)")
MISCONFIGURED = Outcome(OutcomeKind.MISCONFIGURED, "the certificate is not trusted")
AUTH = Outcome(OutcomeKind.AUTH, "ICE rejected the token (HTTP 401)")
THROTTLED = Outcome(OutcomeKind.THROTTLED, "ICE asks to slow down (HTTP 429)")
NOT_SENT = Outcome(OutcomeKind.TRANSIENT, "not sent: no connection")
UNCERTAIN = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: no reply in time")

PASSWORD = {"smtp.password": "smtp"}
NOW_S = 1767225600


def fleet(count: int) -> list[Address]:
    """Return *count* addresses of one organization."""
    return [Address(59, skill) for skill in range(1, count + 1)]


def wait_until(true: Callable[[], bool]) -> None:
    """Return when *true* is, or after two seconds."""
    ends = time.monotonic() + 2
    while not true() and time.monotonic() < ends:
        time.sleep(0.001)


def statuses(report: Report) -> dict[str, str]:
    """Return how each server ended."""
    return {str(result.address): result.status.value for result in report.results}


def test_intent_is_stored_before_the_first_call() -> None:
    """When the first byte leaves, the store says for every planned server that it is pending."""
    seen = []

    def look(_: Update) -> None:
        assert stage.store.data is not None
        entries = decode_state(stage.store.data).entries
        seen.append({str(address): found.status.value for address, found in entries.items()})

    wanted = desired(server(SUPPORT), server(SALES, smtp__port=465))
    stage = Stage(wanted, snapshot({SALES: entry()}), FakeGateway(on_send=look))

    stage.apply()

    assert seen[0] == {"59/663": "pending", "59/664": "pending"}


def test_intent_keeps_what_was_acknowledged() -> None:
    """While a call is open the entry still says what ICE holds for sure, and what it may get."""
    seen: list[Entry] = []

    def look(_: Update) -> None:
        seen.append(stage.entries[SUPPORT])

    before = snapshot({SUPPORT: entry()})
    stage = Stage(desired(server(smtp__port=465)), before, FakeGateway(on_send=look))

    stage.apply()

    assert seen[0].settings == SETTINGS
    assert seen[0].applied_at == "2026-01-01T00:00:00Z"
    assert (seen[0].attempted_at, seen[0].intent is not None) == ("2026-01-01T00:00:00Z", True)


def test_acknowledged_server_is_recorded_as_sent() -> None:
    """Settings, secrets, time and commit of the acknowledged call make the entry."""
    stage = Stage(desired(server(secrets=PASSWORD, smtp__port=465)), snapshot({SUPPORT: entry()}))

    report = stage.apply()

    found = stage.entries[SUPPORT]
    assert (found.status, found.settings) == (EntryStatus.APPLIED, {**SETTINGS, "smtp.port": 465})
    assert (found.applied_at, found.revision) == ("2026-01-01T00:00:00Z", "0123456789abcdef")
    assert (found.intent, found.attempted_at, found.bound_to) == (None, None, None)
    assert report.complete


def test_acknowledged_secret_has_a_fingerprint_of_its_own() -> None:
    """What is stored of a password fits it, under a fresh salt."""
    stage = Stage(desired(server(SUPPORT, PASSWORD), server(SALES, PASSWORD)))

    stage.apply()

    one, other = (stage.entries[a].secrets["smtp.password"] for a in (SUPPORT, SALES))
    assert one.fingerprint is not None
    assert other.fingerprint is not None
    assert one.reference == "ref+fake://smtp"
    assert one.fingerprint.salt != other.fingerprint.salt
    assert fits(KEY, one.fingerprint, SUPPORT, "smtp.password", SecretValue("canary-smtp"))
    assert stage.snapshot.key_id == KEY.id


def test_without_a_key_the_reference_alone_is_stored() -> None:
    """Fingerprints are a choice; without one a rotation shows by its reference only."""
    stage = Stage(desired(server(secrets=PASSWORD)), key=None)

    stage.apply()

    assert stage.entries[SUPPORT].secrets == {"smtp.password": secret_record("smtp")}
    assert stage.snapshot.key_id is None


def test_whole_record_is_sent() -> None:
    """A call carries all settings and passwords, not what differs."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})
    stage = Stage(desired(server(secrets=PASSWORD, smtp__port=465)), before)

    stage.apply()

    [update] = stage.gateway.updates
    assert update.settings == {**SETTINGS, "smtp.port": 465}
    assert {key: value.reveal() for key, value in update.secrets.items()} == {
        "smtp.password": "canary-smtp"
    }


def test_secret_taken_back_is_not_sent() -> None:
    """A password that left the files is absent from the call and from the entry."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})
    stage = Stage(desired(server()), before)

    stage.apply()

    assert stage.gateway.updates[0].secrets == {}
    assert stage.entries[SUPPORT].secrets == {}


@pytest.mark.parametrize("outcome", [REJECTED, MISCONFIGURED, AUTH], ids=lambda o: o.kind.value)
def test_refused_server_is_restored(outcome: Outcome) -> None:
    """What ICE surely did not take leaves the entry as it was, digest and all."""
    before = snapshot({SUPPORT: entry()})
    stage = Stage(desired(server(smtp__port=465)), before, FakeGateway({SUPPORT: outcome}))

    report = stage.apply()

    assert stage.entries == before.entries
    assert [(r.status, r.outcome) for r in report.results] == [(ResultStatus.FAILED, outcome)]


def test_refused_first_send_leaves_no_entry() -> None:
    """A server that ICE did not take is as unknown as before."""
    stage = Stage(desired(server()), gateway=FakeGateway({SUPPORT: REJECTED}))

    stage.apply()

    assert stage.entries == {}


def test_refused_server_that_was_uncertain_stays_uncertain() -> None:
    """A refusal says nothing about an earlier call."""
    before = snapshot({SUPPORT: entry(EntryStatus.UNCERTAIN)})
    stage = Stage(desired(server()), before, FakeGateway({SUPPORT: REJECTED}))

    stage.apply()

    assert stage.entries == before.entries


def test_server_without_an_answer_is_uncertain() -> None:
    """The old settings stay, marked as not to be relied on; the next plan sends again."""
    before = snapshot({SUPPORT: entry()})
    stage = Stage(desired(server(smtp__port=465)), before, FakeGateway({SUPPORT: UNCERTAIN}))

    report = stage.apply()

    found = stage.entries[SUPPORT]
    assert (found.status, found.settings) == (EntryStatus.UNCERTAIN, SETTINGS)
    assert statuses(report) == {"59/663": "uncertain"}
    assert plan(desired(server()), stage.snapshot).changes[0].action is Action.RESEND


def test_first_send_without_an_answer_is_remembered() -> None:
    """A server that may be there now is known, without settings."""
    stage = Stage(desired(server()), gateway=FakeGateway({SUPPORT: UNCERTAIN}))

    stage.apply()

    found = stage.entries[SUPPORT]
    assert (found.status, found.settings, found.applied_at) == (EntryStatus.UNCERTAIN, {}, None)


def test_each_server_is_recorded_for_itself() -> None:
    """A failure of one server does not stop the others."""
    outcomes = {SUPPORT: APPLIED, SALES: REJECTED, BILLING: UNCERTAIN}
    wanted = desired(*(server(address) for address in outcomes))
    stage = Stage(wanted, gateway=FakeGateway(outcomes))

    report = stage.apply()

    assert statuses(report) == {"59/663": "applied", "59/664": "failed", "70/1": "uncertain"}
    assert set(stage.entries) == {SUPPORT, BILLING}


@pytest.mark.parametrize(
    ("outcomes", "calls", "status"),
    [
        ([NOT_SENT, APPLIED], 2, "applied"),
        ([THROTTLED, APPLIED], 2, "applied"),
        ([UNCERTAIN, APPLIED], 2, "applied"),
        ([UNCERTAIN, UNCERTAIN, UNCERTAIN, APPLIED], 3, "uncertain"),
        ([NOT_SENT, NOT_SENT, NOT_SENT, NOT_SENT, APPLIED], 4, "failed"),
        ([NOT_SENT, REJECTED, APPLIED], 2, "failed"),
        ([UNCERTAIN, REJECTED, APPLIED], 2, "uncertain"),
        ([UNCERTAIN, AUTH, APPLIED], 2, "uncertain"),
    ],
    ids=["not sent", "throttled", "uncertain", "uncertain for good", "never sent",
         "not sent, then refused", "uncertain, then refused", "uncertain, then no access"],
)  # fmt: skip
def test_call_is_made_again_where_that_may_help(
    outcomes: list[Outcome], calls: int, status: str
) -> None:
    """Once an attempt may have arrived, only an acknowledgement is certain."""
    stage = Stage(desired(server()), gateway=FakeGateway({SUPPORT: outcomes}))

    report = stage.apply()

    assert (len(stage.gateway.updates), statuses(report)) == (calls, {"59/663": status})


@pytest.mark.parametrize("outcome", [AUTH, MISCONFIGURED], ids=lambda o: o.kind.value)
def test_outcome_that_all_calls_would_meet_stops_the_run(outcome: Outcome) -> None:
    """A bad token or address is tried on one server; the others are left alone."""
    before = snapshot({SALES: entry()})
    wanted = desired(server(SUPPORT), server(SALES, smtp__port=465), server(BILLING))
    run = ApplyOptions(concurrency=3, rate_per_s=1000)
    stage = Stage(wanted, before, FakeGateway({SUPPORT: outcome}), run=run)

    report = stage.apply()

    assert stage.gateway.addresses == [SUPPORT]
    assert statuses(report) == {
        "59/663": "failed",
        "59/664": "not attempted",
        "70/1": "not attempted",
    }
    assert stage.entries == before.entries


@pytest.mark.parametrize(("fail_fast", "calls"), [(True, 2), (False, 4)])
def test_fail_fast_ends_with_the_first_failure(*, fail_fast: bool, calls: int) -> None:
    """On request, one failure is enough."""
    addresses = fleet(4)
    wanted = desired(*(server(address) for address in addresses))
    run = ApplyOptions(concurrency=1, rate_per_s=1000, fail_fast=fail_fast)
    stage = Stage(wanted, gateway=FakeGateway({addresses[1]: REJECTED}), run=run)

    stage.apply()

    assert stage.gateway.addresses == addresses[:calls]


def test_first_calls_refused_alike_stop_the_run() -> None:
    """Three servers that are refused with the same words are not three wrong servers."""
    addresses = fleet(5)
    wanted = desired(*(server(address) for address in addresses))
    stage = Stage(wanted, gateway=FakeGateway(dict.fromkeys(addresses, REJECTED)))

    report = stage.apply()

    assert stage.gateway.addresses == addresses[:3]
    assert report.stopped is not None
    assert isinstance(failure_of(report), ApplyIncomplete)


def test_disabled_server_leaves_the_snapshot() -> None:
    """Acknowledged as disabled, a server is no concern of the files any more."""
    before = snapshot({SUPPORT: entry()})
    stage = Stage(desired(removals=[removal()]), before)

    report = stage.apply()

    [update] = stage.gateway.updates
    assert update.settings == {**SETTINGS, "status": "Disabled", "active": False}
    assert stage.entries == {}
    assert statuses(report) == {"59/663": "applied"}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(REJECTED, EntryStatus.APPLIED), (UNCERTAIN, EntryStatus.UNCERTAIN)],
    ids=lambda given: getattr(given, "kind", given),
)
def test_server_that_was_not_disabled_stays(outcome: Outcome, status: EntryStatus) -> None:
    """Without an acknowledgement the entry is kept, with what it said."""
    before = snapshot({SUPPORT: entry()})
    stage = Stage(desired(removals=[removal()]), before, FakeGateway({SUPPORT: outcome}))

    stage.apply()

    found = stage.entries[SUPPORT]
    assert (found.status, found.settings) == (status, SETTINGS)


def test_forgotten_server_costs_no_call() -> None:
    """A plan that only forgets opens no gateway, and is complete."""
    before = snapshot({SUPPORT: entry(), SALES: entry()})
    stage = Stage(desired(server(SALES), removals=[removal(action="forget")]), before)

    report = stage.apply()

    assert (stage.gateway.updates, stage.gateway.closed) == ([], 0)
    assert list(stage.entries) == [SALES]
    assert report.results == (Result(SUPPORT, Action.FORGET, ResultStatus.APPLIED),)
    assert report.serial == before.serial + 1


def test_store_that_refuses_the_intent_stops_everything() -> None:
    """What cannot be remembered is not sent."""
    stage = Stage(desired(server()), store=FakeStore(fail_writes_after=0))

    with pytest.raises(StateNotSaved):
        stage.apply()

    assert (stage.gateway.updates, stage.progress.total) == ([], None)


def test_store_that_moved_stops_everything() -> None:
    """Somebody else's write between plan and apply is found before the first call."""
    stage = Stage(desired(server()), snapshot({SALES: entry()}))
    read = stage.store.read

    def read_then_lose() -> bytes | None:
        data = read()
        stage.store.data = b"another"
        return data

    stage.store.read = read_then_lose  # type: ignore[method-assign]

    with pytest.raises(StateConflict):
        stage.apply()

    assert stage.gateway.updates == []


def test_store_that_refuses_the_end_is_told() -> None:
    """Acknowledged calls that cannot be recorded are an error; the bytes go with it."""
    stage = Stage(desired(server()), store=FakeStore(fail_writes_after=1))

    with pytest.raises(StateNotSaved) as caught:
        stage.apply()

    assert stage.entries[SUPPORT].status is EntryStatus.PENDING
    assert stage.progress.stopped
    document = caught.value.document
    assert document is not None
    assert decode_state(document).entries[SUPPORT].status is EntryStatus.APPLIED


def test_snapshot_is_saved_now_and_then() -> None:
    """Where no journal keeps the outcomes, a save follows a call when a second has passed."""

    def send(_: Update) -> None:
        calls = len(stage.gateway.updates)
        wait_until(lambda: len(stage.store.writes) == calls)
        stage.clock.advance(1.1)

    wanted = desired(*(server(address) for address in fleet(3)))
    stage = Stage(wanted, gateway=FakeGateway(on_send=send))

    stage.apply()

    found = [
        Counter(e.status.value for e in decode_state(data).entries.values())
        for data in stage.store.writes
    ]
    assert found == [
        {"pending": 3},
        {"applied": 1, "pending": 2},
        {"applied": 2, "pending": 1},
        {"applied": 3},
    ]


def test_quick_run_saves_twice() -> None:
    """The intent and the end: a run of less than a second needs no more."""
    stage = Stage(desired(*(server(address) for address in fleet(5))))

    report = stage.apply()

    assert len(stage.store.writes) == 2
    assert report.serial == stage.snapshot.serial == 2


def test_progress_is_told_of_everything() -> None:
    """How many, each result, and the end."""
    stage = Stage(desired(server(SUPPORT), server(SALES)))

    report = stage.apply()

    assert stage.progress.total == 2
    assert sorted(stage.progress.results, key=lambda r: r.address) == list(report.results)
    assert stage.progress.stopped


def test_report_says_when_each_call_left_and_how_long_it_took() -> None:
    """Every attempt has its start, counted from the run's, its length and what it meant."""
    gateway = FakeGateway(
        {SUPPORT: [replace(THROTTLED, retry_after_s=8.0), APPLIED]},
        on_send=lambda _: stage.clock.advance(0.25),
    )
    stage = Stage(desired(server(SUPPORT), removals=[removal(SALES, "forget")]),
                  snapshot({SALES: entry()}), gateway)  # fmt: skip

    called, forgotten = stage.apply().results

    assert [attempt.kind.value for attempt in called.attempts] == ["throttled", "applied"]
    assert [attempt.elapsed_s for attempt in called.attempts] == pytest.approx([0.25, 0.25])
    assert [attempt.started_s for attempt in called.attempts] == pytest.approx([0.0, 8.25])
    assert (called.started_s, called.elapsed_s) == (0.0, pytest.approx(8.5))
    assert (forgotten.attempts, forgotten.started_s, forgotten.elapsed_s) == ((), None, None)


def test_signal_leaves_calls_in_flight_uncertain() -> None:
    """Without grace, what is on its way has no outcome and the rest is as it was."""
    release = threading.Event()

    def hang(_: Update) -> None:
        stage.halt.request(15, 0.0)
        release.wait(5)

    before = snapshot({SUPPORT: entry(), SALES: entry()})
    wanted = desired(server(SUPPORT, smtp__port=465), server(SALES, smtp__port=465))
    stage = Stage(wanted, before, FakeGateway(on_send=hang))

    report = stage.apply()
    release.set()

    assert stage.entries[SUPPORT].status is EntryStatus.UNCERTAIN
    assert stage.entries[SALES] == before.entries[SALES]
    assert statuses(report) == {"59/663": "uncertain", "59/664": "not attempted"}
    assert report.results[0].outcome == Outcome(
        OutcomeKind.UNCERTAIN, "outcome unknown: the run ended before a reply"
    )


def test_signal_gives_calls_in_flight_a_moment() -> None:
    """Within the grace, what is on its way is recorded as it ends; nothing new leaves."""

    def halt(_: Update) -> None:
        stage.halt.request(2, 5.0)
        time.sleep(0.3)

    stage = Stage(desired(server(SUPPORT), server(SALES)), gateway=FakeGateway(on_send=halt))

    report = stage.apply()

    assert statuses(report) == {"59/663": "applied", "59/664": "not attempted"}
    assert stage.entries[SUPPORT].status is EntryStatus.APPLIED


def test_error_of_a_gateway_ends_the_run() -> None:
    """A bug in a worker comes out where the run was started, after a save."""

    def fail(update: Update) -> None:
        if update.address == SALES:
            raise RuntimeError("a bug")

    wanted = desired(server(SUPPORT), server(SALES), server(BILLING))
    stage = Stage(wanted, gateway=FakeGateway(on_send=fail))

    with pytest.raises(RuntimeError, match="a bug"):
        stage.apply()

    found = {str(address): e.status.value for address, e in stage.entries.items()}
    assert found == {"59/663": "applied", "59/664": "uncertain"}


def test_every_worker_closes_its_gateway() -> None:
    """Connections end with the workers that opened them."""
    wanted = desired(*(server(address) for address in fleet(8)))
    stage = Stage(wanted, run=ApplyOptions(concurrency=3, rate_per_s=1000))

    stage.apply()

    assert stage.gateway.closed == 3


def test_no_more_workers_than_calls() -> None:
    """One call needs one connection."""
    stage = Stage(desired(server()), run=ApplyOptions(concurrency=8, rate_per_s=1000))

    stage.apply()

    assert stage.gateway.closed == 1


def test_calls_run_side_by_side_and_never_twice_for_one_server() -> None:
    """At most *concurrency* calls are in flight, each for a server of its own."""
    lock, flying, most = threading.Lock(), Counter[Address](), [0]

    def fly(update: Update) -> None:
        with lock:
            flying[update.address] += 1
            assert flying[update.address] == 1
            most[0] = max(most[0], sum(flying.values()))
        time.sleep(0.01)
        with lock:
            flying[update.address] -= 1

    addresses = fleet(24)
    outcomes = {addresses[5]: [NOT_SENT, APPLIED], addresses[9]: [UNCERTAIN, APPLIED]}
    wanted = desired(*(server(address) for address in addresses))
    run = ApplyOptions(concurrency=4, rate_per_s=100_000)
    stage = Stage(wanted, gateway=FakeGateway(outcomes, on_send=fly), run=run)

    report = stage.apply()

    assert report.complete
    assert 2 <= most[0] <= 4


def test_calls_keep_the_rate() -> None:
    """At two a second, ten calls take four seconds and a half at least."""
    wanted = desired(*(server(address) for address in fleet(10)))
    stage = Stage(wanted, run=ApplyOptions(concurrency=1, rate_per_s=2))

    report = stage.apply()

    assert 4.5 <= report.elapsed_s < 6


def test_throttled_service_is_left_alone_as_long_as_it_asks() -> None:
    """``Retry-After`` holds all calls back."""
    asks = replace(THROTTLED, retry_after_s=30.0)
    wanted = desired(server(SUPPORT), server(SALES))
    stage = Stage(wanted, gateway=FakeGateway({SUPPORT: [asks, APPLIED]}))

    report = stage.apply()

    assert report.complete
    assert report.elapsed_s >= 30


def open_entry(attempted_at: str) -> Entry:
    """Return an entry whose last call has no known outcome."""
    return replace(entry(EntryStatus.UNCERTAIN), attempted_at=attempted_at)


@pytest.mark.parametrize(
    ("attempted_at", "waits_s"),
    [
        ("2026-01-01T00:00:00Z", 60.0),
        ("2025-12-31T23:59:30Z", 30.0),
        ("2025-12-31T23:58:00Z", 0.0),
        ("2026-01-01T09:00:00Z", 60.0),
    ],
    ids=["now", "half a minute ago", "long ago", "by a clock that is ahead"],
)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_other_value_waits_until_the_last_call_has_settled(
    attempted_at: str, waits_s: float, concurrency: int
) -> None:
    """A call that may still arrive must not arrive after its successor."""
    before = snapshot({SUPPORT: open_entry(attempted_at)})
    run = ApplyOptions(concurrency, rate_per_s=1000)
    stage = Stage(desired(server(smtp__port=465)), before, run=run)

    report = stage.apply()

    assert report.complete
    assert waits_s <= report.elapsed_s < waits_s + 5


def test_settling_server_lets_the_others_go_first() -> None:
    """Whoever needs not wait does not."""
    before = snapshot({SUPPORT: open_entry("2026-01-01T00:00:00Z")})
    wanted = desired(server(SUPPORT, smtp__port=465), server(SALES), server(BILLING))
    stage = Stage(wanted, before, run=ApplyOptions(concurrency=2, rate_per_s=1000))

    report = stage.apply()

    assert report.complete
    assert stage.gateway.addresses[-1] == SUPPORT


def test_same_value_need_not_settle() -> None:
    """Whichever of two equal calls comes last, it brings the same."""
    stage = Stage(desired(server()), gateway=FakeGateway({SUPPORT: UNCERTAIN}))
    stage.apply()
    again = Stage(desired(server()), stage.snapshot)

    report = again.apply()

    assert report.complete
    assert report.elapsed_s < 5


@pytest.mark.parametrize("concurrency", [1, 3])
def test_service_that_keeps_failing_is_given_up(concurrency: int) -> None:
    """After a few rests the run ends by itself, with the words that say why."""
    addresses = fleet(12)
    wanted = desired(*(server(address) for address in addresses))
    gateway = FakeGateway(dict.fromkeys(addresses, UNCERTAIN))
    stage = Stage(wanted, gateway=gateway, run=ApplyOptions(concurrency, rate_per_s=1000))

    report = stage.apply()

    assert stage.halt.signal_number is None
    assert report.stopped is not None
    assert "ICE failed" in report.stopped


def result(status: ResultStatus, outcome: Outcome | None = None) -> Result:
    """Return how a server ended."""
    return Result(SUPPORT, Action.UPDATE, status, outcome)


DONE = result(ResultStatus.APPLIED, APPLIED)
FAILED = ResultStatus.FAILED


@pytest.mark.parametrize(
    ("results", "error", "code"),
    [
        ([result(FAILED, AUTH)], AccessError, 4),
        ([DONE, result(FAILED, AUTH)], AccessError, 4),
        ([result(FAILED, MISCONFIGURED)], Refused, 10),
        ([DONE, result(FAILED, MISCONFIGURED)], ApplyIncomplete, 7),
        ([result(FAILED, NOT_SENT)], Unreachable, 10),
        ([DONE, result(FAILED, NOT_SENT)], ApplyIncomplete, 7),
        ([result(FAILED, NOT_SENT), result(ResultStatus.UNCERTAIN, UNCERTAIN)],
         ApplyIncomplete, 7),
        ([result(FAILED, NOT_SENT), result(FAILED, REJECTED)], ApplyIncomplete, 7),
        ([result(FAILED, REJECTED)], ApplyIncomplete, 7),
        ([result(ResultStatus.UNCERTAIN, UNCERTAIN)], ApplyIncomplete, 7),
        ([result(ResultStatus.NOT_ATTEMPTED)], ApplyIncomplete, 7),
    ],
    ids=["auth", "auth later", "setup", "setup later", "unreachable", "unreachable later",
         "unreachable and uncertain", "unreachable and refused", "refused", "uncertain",
         "not attempted"],
)  # fmt: skip
def test_report_decides_the_exit_code(
    results: list[Result], error: type[IcesyncError], code: int
) -> None:
    """10 promises that nothing was written; 7 says that some of it was, or may have been."""
    found = failure_of(Report(tuple(results), 5))

    assert type(found) is error
    assert found.exit_code == code
    assert found.hints


def test_complete_report_is_no_failure() -> None:
    """All applied is success."""
    assert failure_of(Report((DONE,), 5)) is None


def test_incomplete_report_says_how_much() -> None:
    """The sentence counts what is still open."""
    found = failure_of(Report((DONE, result(FAILED, REJECTED)), 5))

    assert str(found) == "1 of 2 changes were not applied"


@pytest.mark.parametrize(
    ("report", "told", "hint"),
    [
        (Report((result(FAILED, REJECTED),), 5), "1 of 1 changes were not", "run `icesync token`"),
        (Report((result(FAILED, REJECTED),), 5, 0, "same way"), "same way", "run `icesync to"),
        (Report((DONE, result(FAILED, REJECTED)), 5), "1 of 2 changes", "run `icesync apply`"),
        (
            Report((DONE, result(FAILED, MISCONFIGURED)), 5),
            "the run was stopped: the cert",
            "check",
        ),
    ],
    ids=["all refused", "stopped", "some refused", "setup later"],
)
def test_failure_says_where_to_look(report: Report, told: str, hint: str) -> None:
    """Where nothing but refusals came it may be the token; a broken setup is named first."""
    found = failure_of(report)

    assert str(found).startswith(told)
    assert found is not None
    assert found.hints[0].startswith(hint)
    assert found.hints[-1].startswith("run `icesync apply`")


def test_refused_values_are_told_with_their_lines() -> None:
    """Who has to mend a value is sent to the line that gave it."""
    named = Outcome(OutcomeKind.REJECTED, "refused", fields=("smtp.port", "imap.port", "nowhere"))
    wanted = desired(server(smtp__port=465))
    stage = Stage(wanted, snapshot({SUPPORT: entry()}), FakeGateway({SUPPORT: named}))
    position = plan(wanted, snapshot({SUPPORT: entry()})).changes[0].fields[0].position
    assert position is not None

    report = stage.apply()

    [found] = report.results
    assert found.outcome is not None
    assert found.outcome.detail == f"refused; see {position.file}:{position.line}"


def test_lines_are_looked_up_only_for_what_ice_complains_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line costs a second look at its file, which a successful call need not pay."""
    asked: list[str] = []
    look_up = Place.position
    monkeypatch.setattr(Place, "position", lambda s, k="": (asked.append(k), look_up(s, k))[1])
    named = Outcome(OutcomeKind.REJECTED, "refused", fields=("smtp.port",))
    wanted = desired(server(), server(BILLING))

    Stage(wanted, None, FakeGateway({BILLING: named})).apply()

    assert asked == ["smtp.port"]


def token_until(seconds: float) -> SecretValue:
    """Return a token that ends *seconds* after the fake clock's start."""
    return sign_token({"exp": NOW_S + seconds}, b"key")


@pytest.mark.parametrize(
    ("token", "calls"),
    [
        (token_until(3600), 100),
        (token_until(71), 100),
        (token_until(1), 0),
        (sign_token({}, b"key"), 100),
    ],
    ids=["long", "just enough", "no calls", "no end"],
)
def test_token_that_lives_long_enough_passes(token: SecretValue, calls: int) -> None:
    """100 calls at 10 a second and a margin of a minute take 70 seconds."""
    check_token(token, calls, Api(rate_per_s=10), FakeClock())


@pytest.mark.parametrize(
    ("token", "error", "told"),
    [
        (SecretValue("canary-4711"), AccessError, "not a JWT"),
        (token_until(0), TokenExpired, "expired at 2026-01-01 00:00:00Z"),
        (token_until(-1), TokenExpired, "expired at 2025-12-31 23:59:59Z"),
        (token_until(69), TokenExpired, "in 69 s; 100 calls need about 70 s"),
    ],
    ids=["no token", "now", "past", "too short"],
)
def test_token_that_would_end_under_way_is_refused(
    token: SecretValue, error: type[IcesyncError], told: str
) -> None:
    """Better not to begin than to stop in the middle."""
    with pytest.raises(error, match=told) as caught:
        check_token(token, 100, Api(rate_per_s=10), FakeClock())

    assert token.reveal() not in str(caught.value)
    assert caught.value.hints


def test_few_workers_make_a_run_longer_than_its_rate_says() -> None:
    """One worker that waits for each reply needs longer than 100 calls a second would take."""
    api = Api(rate_per_s=100, concurrency=1)
    check_token(token_until(65), 100, api, FakeClock())

    with pytest.raises(TokenExpired, match="100 calls need about 65 s"):
        check_token(token_until(64), 100, api, FakeClock())


@pytest.mark.parametrize(
    ("claims", "found"),
    [({"orgid": 59}, (70,)), ({"orgid": 1}, (59, 70)), ({}, ())],
    ids=["one of two", "none", "not named"],
)
def test_token_for_another_organization_is_noticed(
    claims: dict[str, object], found: tuple[int, ...]
) -> None:
    """Organizations that are written to and not named by the token, each once."""
    made = plan(desired(server(SUPPORT), server(SALES), server(BILLING)))

    assert foreign_organizations(sign_token(claims, b"key"), made) == found


def test_opaque_token_names_no_organization() -> None:
    """What cannot be read is not held against anybody."""
    assert foreign_organizations(SecretValue("opaque"), plan(desired(server()))) == ()


def test_apply_makes_the_next_plan_empty() -> None:
    """After success there is nothing to do, secrets and all."""
    stage = Stage(desired(server(SUPPORT, PASSWORD), server(SALES)), snapshot({SALES: entry()}))

    stage.apply()

    made = plan(stage.wanted, stage.snapshot, SecretFindings())
    assert made.effective == ()
    assert made.base_url == BASE_URL


def test_each_call_is_told_before_its_end() -> None:
    """Who watches a run knows which calls are on their way."""
    stage = Stage(desired(server(SUPPORT), server(SALES)))
    stage.apply()

    assert sorted(stage.progress.called) == [SUPPORT, SALES]
    assert [result.address for result in stage.progress.results] == stage.progress.called
