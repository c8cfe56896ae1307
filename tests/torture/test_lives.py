"""
Random lives of a repository, against a model that shares no code with the program.

The model is written from the README and the vendor's page: what the files say, which
bodies reached ICE, which of them were stored, and which were answered "Success". A
rule does what a person, a pipeline or bad luck may do; after each, the state must
claim nothing that was not confirmed and is not held, nothing unplanned may have been
sent, and the exit code must be true. At the end of every life everything is sent again,
and then there is nothing left to do.

The short version runs with the suite, the long one by ``pytest -m torture``.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest
from distant import listening
from distantstate import FakeBucket, FakeStateServer
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from rig import TIMEOUT_S, FarEnd, HurriedClock, Ice, Repository
from torture.judge import MEMBERS

from icesync.emulator.service import Service
from icesync.emulator.storage import Storage
from icesync.wire.reply import Reply

ORGANIZATIONS: Final = (59, 70)
ADDRESSES: Final = tuple(f"{org}/{skill}" for org in ORGANIZATIONS for skill in range(1, 5))
PORTS: Final = (25, 465, 587, 2525)
ALLOWED: Final = tuple(f"--allow={rule}" for rule in ("host-change", "disabled", "forgets"))
_OBJECT: Final = "/states/mail.json"
LOST, DROPPED, REFUSED = "lost", "dropped", "refused"

_SERVERS: Final = """\
version: 1
organization: {org}
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
  smtp: {{host: smtp.example.org, username: desk, password: ref+env://ICE_SMTP, mailbox: d@x.org, poll_rate: 10}}
  imap: {{host: imap.example.org, port: 993, username: desk, password: ref+env://ICE_IMAP, mailbox: d@x.org, poll_rate: 10}}
servers:
"""  # noqa: E501 - a line is a line


class Vendor:
    """
    ICE as its page describes it: each update replaces the whole record of a skill.

    *faults* say what becomes of the calls for an address: stored without an answer, not
    even stored, or refused. *hold* stops the call of that number, before or after
    it is stored, until it is let go.
    """

    def __init__(self) -> None:
        self._storage = Storage()
        self._service = Service(HurriedClock(), self._storage)
        self._lock = threading.Lock()
        self.faults: dict[str, str] = {}
        self.held: dict[str, dict[str, Any]] = {}
        self.confirmed: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[str, dict[str, Any], bool]] = []
        self.hold: tuple[int, bool] | None = None
        self.reached, self.let_go = threading.Event(), threading.Event()

    def answer(self, request: Any) -> Reply:
        """Answer one request."""
        if not request.path.endswith("UpdateEmailServer"):
            return self._service.answer(request)
        body = json.loads(request.body)
        address = f"{body['OrganizationId']}/{body['SkillId']}"
        with self._lock:
            stop = self.hold is not None and self.hold[0] == 0
            late = stop and self.hold is not None and self.hold[1]
            self.hold = (self.hold[0] - 1, self.hold[1]) if self.hold else None
        if stop and not late:
            return self._vanish()
        fault = self.faults.get(address)
        if fault in {DROPPED, REFUSED}:
            self.sent.append((address, body, False))
            status = 503 if fault == DROPPED else 400
            return Reply(status, {"content-type": "application/json"}, b'{"Message": "no"}')
        reply = self._service.answer(request)
        assert reply.status == 200, reply
        with self._lock:
            self.held[address] = body
        if late:
            self.sent.append((address, body, False))
            return self._vanish()
        with self._lock:
            self.sent.append((address, body, fault is None))
            if fault is None:
                self.confirmed[address] = body
        return reply if fault is None else Reply(503, {}, b"")

    def _vanish(self) -> Reply:
        """Keep the caller waiting; what it hears afterwards, it hears no more."""
        self.reached.set()
        self.let_go.wait(TIMEOUT_S)
        return Reply(503, {}, b"")

    def close(self) -> None:
        """Let go of everything."""
        self.let_go.set()
        self._storage.close()


def shown(settings_: dict[str, Any]) -> dict[str, str]:
    """Return settings of the state in the vendor's words."""
    return {MEMBERS[k]: str(v).lower() for k, v in settings_.items() if k in MEMBERS}


def held_as(body: dict[str, Any], members: dict[str, str]) -> bool:
    """Return whether *body* says all that *members* say."""
    return all(str(body.get(name)).lower() == value for name, value in members.items())


class Lives(RuleBasedStateMachine):
    """One life: files, secrets, an ICE, and commands against both."""

    store = "file"
    kills = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.vendor = Vendor()
        self.far = FarEnd(self.vendor.answer)
        self.far.__enter__()
        self.repository = Repository(self.folder / "repository")
        self.repository.calls(Ice(self.far.url, self.vendor._storage))
        self.far_state = FakeStateServer()
        self.bucket = FakeBucket()
        self.open = ExitStack()
        self.repository.replace("icesync.yaml", "{path: state.json}", self.place())
        self.clock = patch("icesync.bootstrap.SystemClock", HurriedClock)
        self.clock.start()
        self.ports: dict[str, int] = {"59/1": 587}
        self.removed: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.versions: list[tuple[dict[str, int], dict[str, str], dict[str, str]]] = []
        self.secret = 0
        self.saved: dict[str, dict[str, Any]] | None = None
        self.write()
        if self.store in {"http", "object"}:
            assert self.repository.run("state", "init").code == 0

    def place(self) -> str:
        """Return where the state is kept, and let it be there."""
        if self.store == "file":
            return "{path: state.json}"
        if self.store == "parts":
            return '{per: organization, path: "state/{organization}.json"}'
        if self.store == "object":
            self.repository.environ |= {
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": "eu-west-1",
                "AWS_ENDPOINT_URL": self.open.enter_context(listening(self.bucket.answer)),
            }
            return "{backend: objectstore, url: 's3://states/mail.json'}"
        address = self.open.enter_context(listening(self.far_state.answer))
        self.repository.environ |= {
            "ICESYNC_STATE_ADDRESS": f"{address}/state",
            "ICESYNC_STATE_USERNAME": "icesync",
            "ICESYNC_STATE_PASSWORD": "letmein",
        }
        lock = f"lock_address: '{address}/lock', unlock_address: '{address}/lock'"
        return f"{{backend: http, address: '{address}/state', {lock}}}"

    def lock_far_away(self) -> str | None:
        """Return the id of the lock that stands at the far store, if one does."""
        stored = self.bucket.objects.get(f"{_OBJECT}.lock")
        lock = json.loads(stored) if stored else self.far_state.lock
        return lock["ID"] if lock else None

    # -- the files

    def write(self) -> None:
        """Write the files as the model has them."""
        self.versions.append((dict(self.ports), dict(self.removed), dict(self.moved)))
        for org in ORGANIZATIONS:
            own = [a for a in sorted(self.ports) if a.startswith(f"{org}/")]
            lines = [
                f"  - {{skill: {a.partition('/')[2]}, smtp: {{port: {self.ports[a]}}}}}\n"
                for a in own
            ]
            gone = {a: how for a, how in self.removed.items() if a.startswith(f"{org}/")}
            moves = {a: old for a, old in self.moved.items() if a.startswith(f"{org}/")}
            more = "removed:\n" if gone else ""
            more += "".join(
                f"  - {{skill: {a.partition('/')[2]}, action: {how}}}\n" for a, how in gone.items()
            )
            more += "moved:\n" if moves else ""
            more += "".join(
                f"  - {{skill: {a.partition('/')[2]}, from: {old}}}\n" for a, old in moves.items()
            )
            text = _SERVERS.format(org=org) + ("".join(lines) or "  []\n") + more
            self.repository.write(f"servers/{org}.yaml", text)
        self.repository.environ["ICE_SMTP"] = f"smtp secret {self.secret} 8261"

    def known(self) -> dict[str, dict[str, Any]]:
        """Return what the state says, read from the files themselves and from the journal."""
        if self.store in {"http", "object"}:
            data = self.far_state.data or self.bucket.objects.get(_OBJECT, b"")
            far: dict[str, dict[str, Any]] = json.loads(data)["servers"] if data else {}
            return far
        entries: dict[str, dict[str, Any]] = {}
        for path in sorted(self.repository.root.glob("**/*.json")):
            document = json.loads(path.read_text())
            if document.get("kind") == "icesync-state" and "saved" not in path.name:
                entries |= document["servers"]
        return entries

    # -- what people do

    @rule(address=st.sampled_from(ADDRESSES), port=st.sampled_from(PORTS))
    def edit(self, address: str, port: int) -> None:
        """Add a server, or give it another port."""
        if address in self.moved.values():
            return
        self.removed.pop(address, None)
        self.ports[address] = port
        self.write()

    @rule(pick=st.integers(0, 7), how=st.sampled_from(["", "disable", "forget"]))
    def drop(self, pick: int, how: str) -> None:
        """Take a server out of the files, and perhaps say how it ends."""
        address = sorted(self.ports)[pick % len(self.ports)]
        if len(self.ports) == 1 or address in self.moved:
            return
        del self.ports[address]
        if how:
            self.removed[address] = how
        self.write()

    @rule(source=st.sampled_from(ADDRESSES), new=st.sampled_from(ADDRESSES))
    def move(self, source: str, new: str) -> None:
        """Give a server a new address."""
        taken = {*self.ports, *self.removed, *self.moved, *self.moved.values(), *self.known()}
        if source not in self.ports or new in taken or source in self.moved:
            return
        self.ports[new] = self.ports.pop(source)
        self.moved[new] = source
        self.write()

    @precondition(lambda self: len(self.versions) > 1)
    @rule(back=st.integers(1, 3))
    def revert(self, back: int) -> None:
        """Take the files back to an earlier version."""
        ports, removed, moved = self.versions[max(0, len(self.versions) - 1 - back)]
        known = self.known()
        if any(new in known and old in known for new, old in moved.items()):
            return  # two records, not one: refused by ICE114, and rightly
        self.ports, self.removed, self.moved = dict(ports), dict(removed), dict(moved)
        self.write()

    @rule()
    def rotate(self) -> None:
        """Rotate the password of all servers."""
        self.secret += 1
        self.write()

    # -- what pipelines do

    def plan(self, *options: str) -> dict[str, dict[str, Any]]:
        """Return the planned calls by address."""
        result = self.repository.run("plan", "--json", *options)
        assert result.code == 0, result
        changes = json.loads(result.stdout)["resource_changes"]
        quiet = {"no-op", "not-in-any-file", "forget"}
        return {c["address"]: c for c in changes if c["action"] not in quiet}

    def apply(self, planned: dict[str, dict[str, Any]], *options: str) -> None:
        """Apply, and hold the exit code and the calls to what was planned."""
        before = len(self.vendor.sent)
        result = self.repository.run("apply", *options, *ALLOWED, "--settle", "0")
        sent = self.vendor.sent[before:]
        answered = {address for address, _, ended in sent if ended}

        assert {address for address, _, _ in sent} <= planned.keys(), (sent, planned.keys())
        for address, body, _ in sent:
            self.check_body(address, body, planned[address])
        if result.code == 0:
            assert answered == planned.keys(), result
            ended = {a for a, c in planned.items() if c["action"] == "disable"}
            assert not ended & self.known().keys(), result
            for address in self.ports if options == ("-y",) else ():
                body = self.vendor.held[address]
                assert int(body["SMTPPort"]) == self.ports[address], result
                assert body["SMTPPassword"] == self.repository.environ["ICE_SMTP"], result
        else:
            assert result.code in {7, 10}, result
            assert answered != planned.keys(), result
            stored = {a for a, b, _ in sent if self.vendor.held.get(a) is b}
            assert result.code == 7 or not stored, result

    def check_body(self, address: str, body: dict[str, Any], change: dict[str, Any]) -> None:
        """Demand that *body* is what the files say, or what the plan said of a server that left."""
        if address in self.ports:
            assert int(body["SMTPPort"]) == self.ports[address]
            assert body["Status"] == "Enabled"
            assert body["SMTPPassword"] == self.repository.environ["ICE_SMTP"]
        else:
            assert change["action"] in {"disable", "resend"}
            assert int(body["SMTPPort"]) == change["change"]["after"]["smtp"]["port"]
            assert (body["Status"] == "Disabled") >= (change["action"] == "disable")

    @rule()
    def apply_now(self) -> None:
        """Plan and apply."""
        self.apply(self.plan(), "-y")
        self.look()

    @rule(pick=st.integers(0, 7))
    def end_one(self, pick: int) -> None:
        """Apply, take one server out by disabling it, and apply that."""
        self.apply_now()
        self.drop(pick, "disable")
        self.apply_now()

    @rule(org=st.sampled_from(ORGANIZATIONS), skill=st.integers(1, 4), port=st.sampled_from(PORTS))
    def apply_one_organization(self, org: int, skill: int, port: int) -> None:
        """Change a server of each organization, and apply the change of one of them."""
        for each in ORGANIZATIONS:
            self.edit(f"{each}/{skill}", port)
        if not any(a.startswith(f"{org}/") for a in self.ports):
            return  # a pattern that means nothing is a slip
        before = len(self.vendor.sent)
        target = ("--target", f"{org}/*")
        self.apply(self.plan(*target), "-y", *target)

        assert all(a.startswith(f"{org}/") for a, _, _ in self.vendor.sent[before:])
        self.look()

    @rule(pick=st.integers(0, 7), fault=st.sampled_from([LOST, DROPPED, REFUSED]))
    def apply_with_bad_luck(self, pick: int, fault: str) -> None:
        """Apply while the calls for one server fail."""
        address = sorted(self.ports)[pick % len(self.ports)]
        planned = self.plan()
        self.vendor.faults = {address: fault}
        self.apply(planned, "-y")
        self.vendor.faults = {}
        if address in planned and fault == LOST and address in self.ports:
            entry = self.known()[address]
            assert entry["status"] == "uncertain"
            assert self.repository.run("check").code == 2
        self.look()

    @rule()
    def save_plan(self) -> None:
        """Save a plan, to be applied whenever."""
        result = self.repository.run("plan", "-o", "saved.json")
        assert result.code == 0, result
        self.saved = self.plan()

    @rule(address=st.sampled_from(ADDRESSES), ports=st.permutations(PORTS))
    def apply_saved_too_late(self, address: str, ports: list[int]) -> None:
        """Save a plan, change a server that it is about, and apply what was saved."""
        self.edit(address, ports[0])
        self.save_plan()
        self.edit(address, ports[1])
        self.apply_saved()

    @precondition(lambda self: self.saved is not None)
    @rule()
    def apply_saved(self) -> None:
        """Apply the saved plan: exactly that, or nothing."""
        before = len(self.vendor.sent)
        result = self.repository.run("apply", "saved.json", *ALLOWED, "--settle", "0")
        bodies = {address: body for address, body, _ in self.vendor.sent[before:]}
        reviewed = self.saved or {}

        assert result.code in {0, 3, 6}, result
        assert bodies.keys() == (reviewed.keys() if result.code == 0 else set()), result
        for address, body in bodies.items():
            after = reviewed[address]["change"]["after"]
            assert int(body["SMTPPort"]) == after["smtp"]["port"], result
            assert body["Status"] == after["status"], result
        self.saved = None
        self.look()

    @precondition(lambda self: self.kills)
    @rule(number=st.integers(0, 3), late=st.booleans(), signalled=st.booleans())
    def apply_and_die(self, number: int, late: bool, signalled: bool) -> None:
        """Kill an apply, or end it by a signal, before, at or behind a call."""
        planned = self.plan()
        self.vendor.reached.clear()
        self.vendor.let_go.clear()
        self.vendor.hold = (number, late)
        before = len(self.vendor.sent)
        with self.repository.start("apply", "-y", *ALLOWED, "--parallelism", "1") as process:
            while process.poll() is None and not self.vendor.reached.wait(0.05):
                pass
            if self.vendor.reached.is_set():
                (process.terminate if signalled else process.kill)()
                if not signalled:
                    process.wait(TIMEOUT_S)
                self.vendor.let_go.set()
            process.communicate(timeout=TIMEOUT_S)
        self.vendor.hold = None
        self.vendor.let_go.set()
        lock = self.lock_far_away()
        if lock is not None:
            # Only who was killed leaves a lock: a signal gives it back.
            assert not signalled
            assert self.repository.run("state", "unlock", "--force", lock).code == 0

        assert {a for a, _, _ in self.vendor.sent[before:]} <= planned.keys()
        self.look()

    @precondition(lambda self: self.kills)
    @rule()
    def apply_twice_at_once(self) -> None:
        """Apply while another apply waits for an answer: refused, and nothing is sent."""
        planned = self.plan()
        self.vendor.reached.clear()
        self.vendor.let_go.clear()
        self.vendor.hold = (0, False)
        with self.repository.start("apply", "-y", *ALLOWED, "--parallelism", "1") as process:
            while process.poll() is None and not self.vendor.reached.wait(0.05):
                pass
            before = len(self.vendor.sent)
            if self.vendor.reached.is_set():
                second = self.repository.run("apply", "-y", *ALLOWED)
                assert second.code == 5, second
                assert len(self.vendor.sent) == before
            self.vendor.hold = None
            self.vendor.let_go.set()
            process.communicate(timeout=TIMEOUT_S)

        assert {a for a, _, _ in self.vendor.sent[before:]} <= planned.keys()
        self.look()

    # -- surgery

    @rule(address=st.sampled_from(ADDRESSES))
    def state_rm(self, address: str) -> None:
        """Forget a server."""
        known = self.known()
        scope = self.scope(address)
        result = self.repository.run("state", "rm", address, *scope)
        assert result.code in ({0} if address in known else {0, 8, 64}), result
        self.look()

    def scope(self, address: str) -> tuple[str, ...]:
        """Return which state a command means."""
        parted = self.store == "parts"
        return ("--organization", address.partition("/")[0]) if parted else ()

    @precondition(lambda self: self.store == "file")
    @rule()
    def push_what_was(self) -> None:
        """Put the state back as it was before the last save; its serial still rises."""
        backup = self.repository.root / "state.json.backup"
        if not backup.exists() or not (self.repository.root / "state.json").exists():
            return
        serial = json.loads(self.repository.read("state.json"))["serial"]
        shutil.copy(backup, self.repository.root / "pushed.saved.json")
        result = self.repository.run("state", "push", "pushed.saved.json", "--force")
        assert result.code == 0, result
        assert json.loads(self.repository.read("state.json"))["serial"] > serial
        # ICE holds what it holds: what the older state says is to be asserted anew.
        every = self.plan("--resend", "all") if self.ports else {}
        self.apply(every, "-y", *(("--resend", "all") if every else ()))
        self.look()

    # -- what must hold

    def look(self) -> None:
        """Demand that the state claims nothing that was not confirmed, and is not held."""
        for address, entry in self.known().items():
            if entry["status"] != "applied":
                continue
            claimed = shown(entry["settings"])
            assert held_as(self.vendor.confirmed.get(address, {}), claimed), (address, entry)
            assert held_as(self.vendor.held.get(address, {}), claimed), (address, entry)

    def teardown(self) -> None:
        """Send everything again; then there is nothing left to do, and ICE holds the files."""
        try:
            self.vendor.faults = {}
            self.apply(self.plan("--resend", "all"), "-y", "--resend", "all")
            after = self.repository.run("plan", "--detailed-exitcode")
            assert after.code == 0, after
            for address, port in self.ports.items():
                assert int(self.vendor.held[address]["SMTPPort"]) == port
            self.look()
        finally:
            self.clock.stop()
            self.vendor.close()
            self.far.__exit__(None, None, None)
            self.open.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def live(lives: type[Lives], examples: int, steps: int) -> None:
    """Live so many lives of so many steps."""
    run_state_machine_as_test(
        lives,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


class Parts(Lives):
    """A state for each organization."""

    store = "parts"


class Far(Lives):
    """A state at a server, which is locked there and has no journal."""

    store = "http"


class Bucket(Lives):
    """A state in a bucket, which is locked by an object beside it."""

    store = "object"


class KilledBucket(Bucket):
    """Runs over a state in a bucket are killed, too."""

    kills = True


class KilledFar(Far):
    """Runs over a state far away are killed, too."""

    kills = True


class Killed(Lives):
    """Runs are killed, too."""

    kills = True


class KilledParts(Parts):
    """Runs over the states of organizations are killed, too."""

    kills = True


@pytest.mark.parametrize("lives", [Lives, Parts, Far, Bucket], ids=lambda c: c.store)
def test_short_lives(lives: type[Lives]) -> None:
    """A few lives hold all that is promised."""
    live(lives, 3 if lives is Lives else 2, 8)


@pytest.mark.torture
@pytest.mark.parametrize(
    "lives", [Killed, KilledParts, KilledFar, KilledBucket], ids=lambda c: c.store
)
def test_long_lives(lives: type[Lives]) -> None:
    """Many lives, with kills and signals at chosen calls, hold all that is promised."""
    live(lives, 40, 20)


def _uncertain_as_applied() -> Any:
    from icesync.model import report

    kind = report.OutcomeKind.UNCERTAIN
    return patch.dict(report._MEANINGS, {kind: report._MEANINGS[kind]._replace(was_written=True)})


def _rotation_missed() -> Any:
    return patch("icesync.engine.secret_resolution.fits", lambda *_: True)


def _disabled_kept() -> Any:
    from icesync.planner import recovery

    class NoDisable:
        DISABLE = object()

    return patch.object(recovery, "Action", NoDisable)


def _stale_check_off() -> Any:
    return patch("icesync.engine.plan._moved", lambda *_: None)


def _failures_exit_0() -> Any:
    return patch("icesync.engine.apply.failure_of", lambda *_: None)


def _target_ignored() -> Any:
    return patch("icesync.planner.plan.is_selected", lambda *_: True)


MUTANTS: Final = {
    "uncertain as applied": _uncertain_as_applied,
    "rotation missed": _rotation_missed,
    "disabled entries kept": _disabled_kept,
    "stale check off": _stale_check_off,
    "failures exit 0": _failures_exit_0,
    "targets ignored": _target_ignored,
}


@pytest.mark.torture
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_does_not_live(mutant: str) -> None:
    """A build with a defect is found out within a few lives."""
    with MUTANTS[mutant](), pytest.raises((AssertionError, BaseExceptionGroup)):
        live(Lives, 25, 14)
