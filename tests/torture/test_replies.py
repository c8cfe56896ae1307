"""
Thousands of calls that go wrong in every way that the emulator knows, each read as it must be.

Through httpx's transport, but without sockets. What a call came to is judged by the
emulator's own history and by a reader of replies that shares nothing with the
program: a call that was not answered by an explicit success is applied nowhere.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from builders import SETTINGS
from fakes import FakeClock
from farend import DISTORTIONS, Wire
from rig import HurriedClock, Repository
from torture.arena import seeded
from torture.judge import Call, Judge

from icesync.client.gateway import IceGateway
from icesync.client.session import Session
from icesync.emulator.faults import FaultInjector, parse_fault
from icesync.emulator.service import Service
from icesync.emulator.storage import Storage
from icesync.model.desired import Address
from icesync.model.plan import Update
from icesync.model.project import WireOptions
from icesync.model.report import OutcomeKind
from icesync.model.secret import SecretValue
from icesync.net import ClientOptions, RawReply, open_client
from icesync.wire.login import sign_token

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

_CALLS: Final = int(os.environ.get("ICESYNC_TORTURE_REPLIES", "10000"))
_NOW_S: Final = 1767225600
_SIZE: Final = 40

_A, _U = OutcomeKind.APPLIED, OutcomeKind.UNCERTAIN
_M, _R = OutcomeKind.MISCONFIGURED, OutcomeKind.REJECTED
_T, _S, _K = OutcomeKind.TRANSIENT, OutcomeKind.THROTTLED, OutcomeKind.AUTH

FAULTS: Final = {
    "status:204": _U, "status:302": _M, "status:400": _R, "status:401": _K, "status:404": _M,
    "status:405": _M, "status:408": _T, "status:413": _M, "status:415": _M, "status:425": _T,
    "status:429": _S, "status:431": _M, "status:500": _U, "status:502": _U, "status:503": _U,
    "status:504": _U, "status:520": _U, "status:418": _U, "status:409": _U,
    "apply-then-500": _U, "apply-then-502": _U, "apply-then-503": _U, "apply-then-520": _U,
    "throttle": _S, "throttle:retry=7": _S, "latency:40ms": _A, "reset": _U,
    "apply-then-reset": _U, "silent": _U, "apply-then-silent": _U, "late:5s": _U,
}  # fmt: skip
"""What each fault of the emulator must be read as."""

EXPECTED: Final = FAULTS | {name: row.kind for name, row in DISTORTIONS.items()}
"""The same, with all that a far end could do; none lets ICE say what is not so."""

PROMPT: Final = [name for name in EXPECTED if not name.startswith("late")]
"""Those behind which nothing comes: against a late write only waiting helps."""


def explicit_success(reply: RawReply | None) -> bool:
    """Return whether *reply* says in so many words that the write was done: a reader of its own."""
    if reply is None or reply.status not in range(200, 300) or len(reply.body) > 2**20:
        return False
    if reply.headers.get("content-encoding"):
        return False
    document = None
    for encoding in ("utf-8-sig", "utf-16"):
        with suppress(ValueError):
            document = json.loads(reply.body.decode(encoding), object_pairs_hook=list)
            break
    if isinstance(document, list) and len(document) == 1 and isinstance(document[0], list):
        document = document[0]
    pairs = [pair for pair in document or () if isinstance(pair, tuple)]
    said = [value for name, value in pairs if name.strip().lower() == "message"]
    return bool(said) and all(str(v).strip().lower() in {"success", "successful"} for v in said)


def read_all(calls: int, chance: random.Random) -> Counter[str]:
    """Make so many calls, each with a fault; return how they were read."""
    read: Counter[str] = Counter()
    archive, clock = Storage(), FakeClock()
    injector = FaultInjector()
    distortion: str | None = None
    service = Service(clock, archive, base_path="", injector=injector)
    wire = Wire(service, lambda: distortion)
    claims = {"orgid": 59, "username": "robot", "exp": _NOW_S + 10**9}
    session = Session(sign_token(claims, archive.signing_key), clock)
    client = open_client(ClientOptions("http://ice.test", 30, "icesync", answer=wire.answer))
    gateway = IceGateway(client, session, WireOptions(), clock)
    for number in range(calls):
        name = chance.choice(list(EXPECTED))
        injector.clear()
        distortion = name if name in DISTORTIONS else None
        if distortion is None:
            injector.add(parse_fault(name))
        address = Address(59, number % 50 + 1)
        before = archive.server(address)
        secrets = {"smtp.password": SecretValue(f"secret {number}")}
        outcome = gateway.send(Update(address, SETTINGS, secrets))
        stored = archive.server(address) != before
        read[outcome.kind] += 1
        assert outcome.kind is EXPECTED[name], (name, outcome)
        assert (outcome.kind is _A) == explicit_success(wire.reply), (name, outcome)
        assert stored or outcome.kind is not _A, (name, outcome)
        assert not stored or outcome.kind in {_A, _U}, (name, outcome)
    archive.close()
    return read


def history(archive: Storage, after: int) -> list[Call]:
    """Return the updates with a higher id, as the judge wants them."""
    return [
        Call(
            call.id, f"{call.org}/{call.skill}", json.loads(call.request or "{}"), call.stored,
            call.ended_at, call.overlaps,
        )
        for call in reversed(archive.calls(100_000))
        if call.id > after and call.path.endswith("UpdateEmailServer") and call.skill
    ]  # fmt: skip


def apply_all(
    root: Path, monkeypatch: pytest.MonkeyPatch, faulted: int, chance: random.Random
) -> tuple[int, int]:
    """Apply until so many calls met a fault; return the applies and the faults, if all was well."""
    archive, injector = Storage(), FaultInjector()
    chosen: list[str] = []
    service = Service(HurriedClock(), archive, base_path="", injector=injector)
    wire = Wire(
        service, lambda: chance.choice(chosen) if chosen and chance.random() < 0.2 else None
    )
    monkeypatch.setattr("icesync.bootstrap.emulator.embedded_emulator", lambda *_: wire.answer)
    repository = Repository(root, range(1, _SIZE + 1))
    judge = Judge(root / "state.json", 4)
    heard = applies = struck = 0
    while struck < faulted:
        applies += 1
        repository.replace("servers/59.yaml", f"port: {586 + applies}", f"port: {587 + applies}")
        names = chance.sample(PROMPT, 12)
        chosen[:] = [name for name in names if name in DISTORTIONS]
        injector.clear()
        for name in names:
            if name not in DISTORTIONS:
                injector.add(parse_fault(f"{name}@every={chance.choice([10, 30, 100])}"))
        code = repository.run("apply", "-y", "--settle", "0").code
        fresh = judge.hear(history(archive, heard))
        heard = max([heard, *(call.number for call in fresh)])
        memory = judge.look()
        struck += sum(call.fault is not None for call in archive.calls(len(fresh))) + wire.struck
        wire.struck = 0
        assert code in {0, 4, 7, 10}
        assert (code != 0) or not memory.uncertain
    injector.clear()
    chosen.clear()
    repository.apply("--settle", "0")
    judge.hear(history(archive, heard))
    judge.look_after_success()
    port = {"SMTPPort": str(587 + applies)}
    judge.check_converged({f"59/{skill}": port for skill in range(1, _SIZE + 1)}, {})
    archive.close()
    return applies, struck


def test_faulted_calls_are_read_right() -> None:
    """Whatever goes wrong with a call, it is read as what it was, and success only as success."""
    assert read_all(600, seeded(1)).keys() == set(OutcomeKind)


@pytest.mark.usefixtures("hurried")
def test_snapshot_claims_nothing_of_faulted_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After applies full of faults the snapshot agrees with the history, and one more ends it."""
    applies, struck = apply_all(tmp_path / "repository", monkeypatch, 100, seeded(2))

    assert applies >= 2
    assert struck >= 100


@pytest.mark.torture
def test_many_faulted_calls_are_read_right(tell: Callable[[str], None]) -> None:
    """The same for so many that rare mixtures come up."""
    read = read_all(_CALLS, seeded())
    told = ", ".join(f"{count} {kind}" for kind, count in read.most_common())
    tell(f"{read.total()} faulted calls, all read right: {told}")

    assert read.total() >= _CALLS


@pytest.mark.torture
@pytest.mark.usefixtures("hurried")
def test_snapshot_claims_nothing_of_many_faulted_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Callable[[str], None]
) -> None:
    """The same for the whole way from the files to the snapshot, a tenth as often."""
    applies, struck = apply_all(tmp_path / "repository", monkeypatch, _CALLS // 10, seeded())
    tell(f"{struck} faulted calls in {applies} applies, the snapshot claims nothing false")

    assert struck >= _CALLS // 10


@pytest.mark.parametrize("defect", ["substring", "status"])
def test_wrong_reading_is_noticed(monkeypatch: pytest.MonkeyPatch, defect: str) -> None:
    """A build that searches for the word, or believes any 200, does not pass."""
    from icesync.client import gateway

    honest = gateway.read_reply

    def read_reply(reply: gateway.Reply) -> object:
        good = b"success" in reply.body.lower() if defect == "substring" else reply.status == 200
        return gateway.Outcome(OutcomeKind.APPLIED) if good else honest(reply)

    monkeypatch.setattr(gateway, "read_reply", read_reply)

    with pytest.raises(AssertionError):
        read_all(600, seeded(1))
