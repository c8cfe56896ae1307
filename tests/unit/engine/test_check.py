from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import BILLING, SALES, SUPPORT, desired, entry, plan, server, snapshot
from probes import PROBED

from icesync.engine.check import look_after
from icesync.model.probe import ProbeKind, ProbeSeverity
from icesync.model.secret import SecretValue
from icesync.model.snapshot import EntryStatus
from icesync.wire.login import sign_token

NOW = datetime(2026, 2, 10, tzinfo=UTC)
BEFORE = snapshot(
    {
        SUPPORT: replace(entry(), applied_at="2026-02-09T00:00:00Z"),
        SALES: replace(entry(), applied_at="2025-12-01T00:00:00Z"),
        BILLING: replace(entry(EntryStatus.UNCERTAIN), applied_at=None),
    }
)
PLAN = plan(desired(server(SUPPORT), server(BILLING)), BEFORE)
COMPLETE = plan(desired(server(SUPPORT), server(BILLING), server(SALES)), BEFORE)
CERTAIN = snapshot({SUPPORT: entry(), BILLING: entry()})


def test_what_waits_is_named() -> None:
    """Unknown outcomes and servers in no file are named, and the oldest answer comes first."""
    maintenance = look_after(PLAN, BEFORE, NOW)

    assert (maintenance.uncertain, maintenance.not_in_any_file) == ((BILLING,), (SALES,))
    assert maintenance.due
    assert [assertion.address for assertion in maintenance.oldest] == [SALES, SUPPORT]
    assert (maintenance.out_of_date, maintenance.max_age, maintenance.token_ends) == (
        (),
        None,
        None,
    )


@pytest.mark.parametrize(("age", "stale"), [("30d", (SALES,)), ("1h", (SALES, SUPPORT))])
def test_answers_age(age: str, stale: tuple[object, ...]) -> None:
    """What was acknowledged longer ago than the asked age is stale; what never was is not."""
    assert look_after(PLAN, BEFORE, NOW, age).out_of_date == tuple(sorted(stale))


def test_end_of_the_token() -> None:
    """The end that a token names is known; of another text nothing is."""
    token = sign_token({"exp": 1_772_000_000}, b"key")

    assert look_after(PLAN, BEFORE, NOW, None, token).token_ends == datetime.fromtimestamp(
        1_772_000_000, UTC
    )
    assert look_after(PLAN, BEFORE, NOW, None, SecretValue("odd")).token_ends is None


def test_what_mail_servers_said() -> None:
    """Who said no is named, and each certificate that ends within 21 days once."""
    maintenance = look_after(PLAN, BEFORE, PROBED.made_at, probe=PROBED)

    assert [(one.address, one.kind) for one in maintenance.failed_logins] == [
        (SALES, ProbeKind.OK_SENDER_REFUSED),
        (SALES, ProbeKind.AUTH_REJECTED),
    ]
    assert [(one.host, one.port, one.addresses) for one in maintenance.ending] == [
        ("imap.example.org", 993, (SALES,))
    ]
    assert maintenance.due


@pytest.mark.parametrize(("days", "due"), [(0, True), (-1, True), (-2, False)])
def test_a_certificate_is_due_when_it_ends_soon(days: int, due: bool) -> None:
    """In the 21 days before its end, and once for everybody who uses the endpoint."""
    [row] = [r for r in PROBED.rows if r.result.kind is ProbeKind.AUTH_REJECTED]
    fine = replace(row, result=replace(row.result, kind=ProbeKind.OK))
    report = replace(PROBED, rows=(fine, replace(fine, address=BILLING)))
    now = PROBED.made_at + timedelta(days=days)
    maintenance = look_after(COMPLETE, CERTAIN, now, probe=report)

    assert fine.severity is ProbeSeverity.PASSED
    assert [one.addresses for one in maintenance.ending] == [(SALES, BILLING)] * due
    assert maintenance.due is due


def test_nobody_who_was_not_asked_said_no() -> None:
    """Without a probe nothing is due that only a probe can know."""
    maintenance = look_after(COMPLETE, CERTAIN, NOW)

    assert (maintenance.failed_logins, maintenance.ending, maintenance.due) == ((), (), False)
