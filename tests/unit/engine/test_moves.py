"""A move, carried out: what is sent when, and what the snapshot says at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import (
    BASE_URL,
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
from fakes import FakeGateway

from icesync.codec.state import encode_state
from icesync.engine.executor import ApplyOptions
from icesync.engine.state import fold, load
from icesync.model.report import Outcome, OutcomeKind
from icesync.model.secret import SecretValue
from icesync.model.snapshot import EntryStatus

from .conftest import FakeJournals, Stage

if TYPE_CHECKING:
    from icesync.model.desired import DesiredState
    from icesync.model.plan import Plan

SMTP = {"smtp.password": "smtp"}
KNOWN = {"smtp.password": secret_record("smtp", "canary-smtp")}
BEFORE = snapshot({SUPPORT: entry(secrets=KNOWN)})
PLAIN = desired(server(SALES, SMTP), moves=[move(SALES, SUPPORT)])
ENDING = desired(server(SALES, SMTP), moves=[move(SALES, SUPPORT)], removals=[removal()])
REJECTED = Outcome(OutcomeKind.REJECTED, "no")
UNCERTAIN = Outcome(OutcomeKind.UNCERTAIN, "no reply")


@pytest.fixture(params=[True, False], ids=["journal", "marks"])
def journals(request: pytest.FixtureRequest) -> FakeJournals | None:
    """Both ways in which intents are kept."""
    return FakeJournals() if request.param else None


def stage(
    journals: FakeJournals | None,
    wanted: object = PLAIN,
    outcomes: dict[object, object] | None = None,
) -> Stage:
    """Return an apply of the move."""
    gateway = FakeGateway(outcomes)  # type: ignore[arg-type]
    run = ApplyOptions(concurrency=4, rate_per_s=1000, settle_s=0)
    made = Stage(wanted, BEFORE, gateway, run=run)  # type: ignore[arg-type]
    made.values["ref+fake://smtp"] = SecretValue("canary-smtp")
    made.store.journals = journals
    return made


def left(made: Stage) -> Plan:
    """Return what there is to do after it."""
    return plan(made.wanted, fold(load(made.store, BASE_URL), KEY).snapshot)


def test_acknowledged_move(journals: FakeJournals | None) -> None:
    """The record is at its new address, with new fingerprints; nothing went to the old one."""
    made = stage(journals)

    assert made.apply().complete
    assert made.gateway.addresses == [SALES]
    assert list(made.entries) == [SALES]
    assert made.entries[SALES].status is EntryStatus.APPLIED
    assert made.entries[SALES].bound_to is None
    assert left(made).effective == ()


@pytest.mark.parametrize("outcome", [REJECTED, UNCERTAIN], ids=lambda o: o.kind.value)
def test_move_that_failed_can_be_made_again(
    journals: FakeJournals | None, outcome: Outcome
) -> None:
    """The history stays at the old address until ICE has the record at the new one."""
    made = stage(journals, outcomes={SALES: outcome})

    assert not made.apply().complete
    assert made.entries[SUPPORT] == BEFORE.entries[SUPPORT]
    assert [c.action.value for c in left(made).effective] == ["move"]

    made.gateway = FakeGateway()
    assert made.apply().complete
    assert list(made.entries) == [SALES]


def test_old_record_is_disabled_after_the_move(journals: FakeJournals | None) -> None:
    """The old record waits for the new one, whatever comes first by number."""
    made = stage(journals, ENDING)

    assert made.apply().complete
    assert made.gateway.addresses == [SALES, SUPPORT]
    assert made.gateway.updates[1].settings["status"] == "Disabled"
    assert list(made.entries) == [SALES]
    assert left(made).effective == ()


@pytest.mark.parametrize("outcome", [REJECTED, UNCERTAIN], ids=lambda o: o.kind.value)
def test_old_record_stays_when_the_move_failed(
    journals: FakeJournals | None, outcome: Outcome
) -> None:
    """A skill is not left without mail because its new record was refused."""
    made = stage(journals, ENDING, {SALES: outcome})
    report = made.apply()

    assert made.gateway.addresses.count(SUPPORT) == 0
    assert {str(r.address): r.status.value for r in report.results}["59/663"] == "not attempted"
    assert made.entries[SUPPORT] == BEFORE.entries[SUPPORT]
    assert [c.action.value for c in left(made).effective] == ["disable", "move"]


def test_old_record_that_could_not_be_disabled_is_tried_again(
    journals: FakeJournals | None,
) -> None:
    """The move is done and stays so; only the ending is left."""
    made = stage(journals, ENDING, {SUPPORT: REJECTED})
    made.apply()

    assert list(made.entries) == [SUPPORT, SALES]
    assert [c.action.value for c in left(made).effective] == ["disable"]

    made.gateway = FakeGateway()
    assert made.apply().complete
    assert list(made.entries) == [SALES]


class KeptJournals(FakeJournals):
    """A journal that stays readable after it was dropped."""

    kept = b""

    def drop(self) -> None:
        """Remove it, but for this test."""
        self.kept = self.data or self.kept
        super().drop()


@pytest.mark.parametrize("wanted", [PLAIN, ENDING], ids=["plain", "ending"])
@pytest.mark.parametrize("outcome", [None, REJECTED, UNCERTAIN], ids=["good", "no", "lost"])
def test_run_that_dies_anywhere(wanted: DesiredState, outcome: Outcome | None) -> None:
    """Wherever its journal ends, nothing is claimed that it lacks, and all is sent in the end."""
    journals = KeptJournals()
    stage(journals, wanted, {SALES: outcome} if outcome else None).apply()
    lines = journals.kept.splitlines(keepends=True)
    assert len(lines) >= 3

    for length in range(1, len(lines) + 1):
        made = stage(FakeJournals(b"".join(lines[:length])), wanted)
        made.store.data = encode_state(BEFORE, "0.1.0")
        found = fold(load(made.store, BASE_URL), KEY).snapshot.entries
        acknowledged = any(b'"applied"' in line for line in lines[1:length])
        assert (SALES in found and bool(found[SALES].settings)) is acknowledged
        assert acknowledged or found[SUPPORT].settings == BEFORE.entries[SUPPORT].settings

        assert made.apply().complete
        assert list(made.entries) == [SALES]
        assert left(made).effective == ()
