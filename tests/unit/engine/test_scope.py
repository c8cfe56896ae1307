from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import BASE_URL
from fakes import FakeClock, FakeProvider, FakeStore, FakeStores, fake_session

from icesync.engine import validate as reading
from icesync.engine.apply import ApplyRequest, apply
from icesync.engine.plan import PlanRequest, plan
from icesync.engine.secret_resolution import SecretsMode
from icesync.engine.validate import parse_scope, read_fleet
from icesync.errors import AccessError, UsageError
from icesync.model.plan import Selection
from icesync.model.project import Api, Per, Project, StateSettings

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.engine.session import Session

SERVERS = """\
version: 1
organization: {0}
defaults: {{status: Enabled, active: true, incoming: pop3, ssl: false, tls: true}}
servers:
  - skill: 663
    smtp: {{host: smtp.example.test, port: 587, username: u, password: ref+fake://smtp,
           mailbox: m{0}@example.test, poll_rate: 10}}
    pop3: {{host: pop3.example.test, port: 995, username: u{0}, password: ref+fake://pop3,
           mailbox: m{0}@example.test, poll_rate: 10}}
"""


@pytest.fixture
def stores() -> FakeStores:
    """One store, which remembers whose state was opened."""
    return FakeStores(FakeStore(), kept=frozenset({80}))


@pytest.fixture
def session(tmp_path: Path, stores: FakeStores) -> Session:
    """Three organizations, each with a state of its own, and a fourth that left the files."""
    (tmp_path / "servers").mkdir()
    for organization in (59, 60, 70):
        (tmp_path / "servers" / f"{organization}.yaml").write_text(SERVERS.format(organization))
    state = StateSettings(path="state/{organization}.json", per=Per.ORGANIZATION)
    project = Project(str(tmp_path), "icesync.yaml", api=Api(BASE_URL), state=state)
    provider = FakeProvider(values={"smtp": "canary-1", "pop3": "canary-2"})
    return fake_session(project, FakeStore(), provider, FakeClock(), stores=stores)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed, in order."""
    parsed: list[str] = []
    parse = reading.parse_document

    def remember(file: Any) -> Any:
        parsed.append(file.path)
        return parse(file)

    monkeypatch.setattr(reading, "parse_document", remember)
    return parsed


@pytest.mark.parametrize(
    ("selection", "organizations", "shard", "opened"),
    [
        (Selection(), (), None, {59, 60, 70, 80}),
        (Selection(targets=("60/*",)), (), None, {60}),
        (Selection(targets=("*/663",)), (), None, {59, 60, 70, 80}),
        (Selection(), (70, 59), None, {59, 70}),
        (Selection(), (80,), None, {80}),
        (Selection(), (), "2/4", {60}),
        (Selection(excludes=("all",)), (), None, set()),
    ],
)
def test_only_the_states_of_a_scope_are_opened(
    session: Session,
    stores: FakeStores,
    selection: Selection,
    organizations: tuple[int, ...],
    shard: str | None,
    opened: set[int],
) -> None:
    """A run opens, and so locks, the states of those organizations that it can be about."""
    read_fleet(session, parse_scope(selection, organizations, shard))

    assert stores.opened == [frozenset(opened)]


@pytest.mark.parametrize("shard", [None, "1/2"])
def test_a_plan_reads_each_file_once(
    session: Session, readings: list[str], shard: str | None
) -> None:
    """The shard is dealt, and the plan made, from one reading of the files."""
    plan(session, PlanRequest(parse_scope(Selection(), (), shard)))

    assert sorted(readings) == [f"servers/{o}.yaml" for o in (59, 60, 70)]


def test_an_apply_of_a_saved_plan_reads_each_file_once(
    session: Session, readings: list[str]
) -> None:
    """A saved plan is compared with one reading of the files; without a token nothing is sent."""
    made = plan(session, PlanRequest(secrets=SecretsMode.REQUIRE, allowed=("adds",))).plan
    readings.clear()

    with pytest.raises(AccessError, match="no token"):
        apply(session, ApplyRequest(saved=made))

    assert sorted(readings) == [f"servers/{o}.yaml" for o in (59, 60, 70)]


def test_a_saved_plan_is_not_narrowed(session: Session, readings: list[str]) -> None:
    """A saved plan is carried out as it was reviewed: who selects servers again is refused."""
    made = plan(session, PlanRequest(secrets=SecretsMode.REQUIRE, allowed=("adds",))).plan
    readings.clear()
    narrowed = PlanRequest(parse_scope(Selection(targets=("59/663",)), (), None))

    with pytest.raises(UsageError, match="a saved plan already selects its servers"):
        apply(session, ApplyRequest(narrowed, saved=made))

    assert readings == []


@pytest.mark.parametrize(
    ("selection", "organizations", "shard"),
    [
        (Selection(targets=("59/*",)), (59,), None),
        (Selection(targets=("59/*",)), (), "1/2"),
        (Selection(), (59,), "1/2"),
        (Selection(), (81,), None),
    ],
)
def test_a_scope_is_said_once(
    session: Session,
    selection: Selection,
    organizations: tuple[int, ...],
    shard: str | None,
) -> None:
    """Two ways to say which servers contradict each other; an organization must be known."""
    with pytest.raises(UsageError):
        read_fleet(session, parse_scope(selection, organizations, shard))
