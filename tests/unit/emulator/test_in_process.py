"""The service without a wire: what a function can show of broken connections and of time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from fakes import FakeClock

from icesync.emulator.aspnet import Request
from icesync.emulator.faults import FaultInjector, parse_fault
from icesync.emulator.service import Service, WireBroken
from icesync.emulator.storage import Storage
from icesync.model.desired import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.emulator.conftest import Caller

    Make = Callable[..., Caller]

SUPPORT = Address(59, 663)


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("kind", ["reset", "silent"])
def test_a_broken_wire_is_raised(faulty: Make, archive: Storage, kind: str, applied: bool) -> None:
    """A fault that answers nothing raises, and the history says what was stored."""
    caller = faulty(f"apply-then-{kind}" if applied else kind)
    with pytest.raises(WireBroken, match="broke the wire") as broken:
        caller.update()
    call = archive.calls(1)[0]

    assert broken.value.fault.kind == kind
    assert call.stored is (archive.server(SUPPORT) is not None) is applied
    assert (call.fault, call.status) == (str(broken.value.fault), 0)
    assert call.ended_at is not None


@pytest.mark.parametrize(
    ("faults", "sleeps"),
    [
        (["latency:40ms"], [0.04]),
        (["latency:40ms", "latency:1s"], [1.04]),
        (["latency:0ms"], []),
    ],
)
def test_time_passes_on_the_clock(
    faulty: Make, clock: FakeClock, faults: list[str], sleeps: list[float]
) -> None:
    """Delays are waited for, and the reply is whole."""
    reply = faulty(*faults).update()

    assert (reply.status, len(reply.body)) == (200, 22)
    assert clock.sleeps == pytest.approx(sleeps)


def test_a_slow_call_has_two_times(faulty: Make, archive: Storage) -> None:
    """The history knows when a call came and when its reply left."""
    faulty("latency:1s").update()
    call = archive.calls(1)[0]

    assert (call.at[17:23], (call.ended_at or "")[17:23]) == ("00.000", "01.000")


def test_a_late_write_comes_after_the_caller_gave_up(
    faulty: Make, clock: FakeClock, archive: Storage
) -> None:
    """It is stored when its time has come, over what was written meanwhile."""
    caller = faulty("late:5s x1")
    with pytest.raises(WireBroken):
        caller.update(SMTPPort="1")
    clock.advance(4)
    caller.update(SMTPPort="2")
    between = archive.server(SUPPORT)
    clock.advance(1)
    caller.service.settle()
    after = archive.server(SUPPORT)
    second, first = archive.calls(2)

    assert between is not None
    assert after is not None
    assert (between.document["SMTPPort"], after.document["SMTPPort"]) == ("2", "1")
    assert (first.outcome, first.revision, first.stored) == ("applied late", 2, True)
    assert (second.outcome, second.revision) == ("applied", 1)
    assert first.digest == after.digest


def test_whoever_looks_finds_it_settled(faulty: Make, clock: FakeClock) -> None:
    """A write that is due is there for the next question."""
    caller = faulty("late:5s")
    with pytest.raises(WireBroken):
        caller.update()
    clock.advance(5)

    assert caller.look("servers/59/663")["revision"] == 1


def test_a_refused_write_is_not_stored_late(
    faulty: Make, clock: FakeClock, archive: Storage
) -> None:
    """Late is when, not whether."""
    caller = faulty("late:5s")
    with pytest.raises(WireBroken):
        caller.update(Token="junk")
    clock.advance(5)
    caller.service.settle()

    assert archive.server(SUPPORT) is None


def test_a_reset_forgets_what_would_come_late(
    faulty: Make, clock: FakeClock, archive: Storage
) -> None:
    """After a reset nothing of before is stored."""
    caller = faulty("late:5s")
    with pytest.raises(WireBroken):
        caller.update()
    caller.call("POST", "/_emulator/reset")
    clock.advance(5)
    caller.service.settle()

    assert archive.server(SUPPORT) is None


class PausingClock(FakeClock):
    """A clock that sleeps until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep = threading.Event()
        self.go_on = threading.Event()

    def sleep(self, seconds: float) -> None:
        """Sleep for as long as the test wants."""
        super().sleep(seconds)
        self.asleep.set()
        self.go_on.wait(10)


@pytest.mark.parametrize(("skill", "overlaps"), [(663, (2,)), (664, ())])
def test_two_calls_for_one_address_are_seen(
    archive: Storage, skill: int, overlaps: tuple[int, ...]
) -> None:
    """A call knows which others for its address were in flight when it came."""
    from tests.unit.emulator.conftest import Caller

    clock = PausingClock()
    player = FaultInjector([parse_fault("latency:1s x1")])
    caller = Caller(Service(clock, archive, injector=player))
    caller.login()
    slow = threading.Thread(target=caller.update)
    slow.start()
    clock.asleep.wait(10)
    open_at_first = archive.calls(1)[0].ended_at
    caller.update(SkillId=skill)
    clock.go_on.set()
    slow.join()
    second, first = archive.calls(2)

    assert (open_at_first, first.overlaps) == (None, ())
    assert first.ended_at is not None
    assert (second.id, second.overlaps) == (3, overlaps)


def test_an_exchange_ends_once(archive: Storage) -> None:
    """Saying twice that a call is over, or after a reset, changes nothing."""
    clock = FakeClock()
    service = Service(clock, archive, latency_ms=5)
    exchange = service.begin(Request("GET", "/x"))
    service.end(exchange)
    clock.advance(1)
    service.end(exchange)

    assert archive.calls(1)[0].ended_at == "2026-01-01T00:00:00.000Z"


def test_every_call_may_be_slow(clock: FakeClock, archive: Storage) -> None:
    """A latency of the service delays logins and updates alike, looking never."""
    from tests.unit.emulator.conftest import Caller

    caller = Caller(Service(clock, archive, latency_ms=40))
    caller.login()
    caller.update()
    caller.look("stats")

    assert clock.sleeps == [0.04, 0.04]


def test_answers_behind_a_mock_transport() -> None:
    """The same core answers httpx in process, and a wire fault comes out as it is."""
    archive = Storage()
    service = Service(FakeClock(), archive, injector=FaultInjector([parse_fault("reset@nth=2")]))

    def handle(request: httpx.Request) -> httpx.Response:
        reply = service.answer(
            Request(request.method, request.url.path, request.headers, request.content)
        )
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    url = "http://ice.test/ICEAPI/api"
    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        login = {"OrgId": 59, "UserName": "a", "Password": "b"}
        token = client.post(f"{url}/Authenticate/Login", json=login).json()["Token"]
        body = {"OrgId": 59, "SkillId": 663, "Token": token}
        update = f"{url}/EmailAdmin/UpdateEmailServer"
        first = client.post(update, json=body)
        with pytest.raises(WireBroken):
            client.post(update, json=body)
    archive.close()

    assert first.json() == {"Message": " Success"}
