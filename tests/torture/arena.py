"""
Where runs are tortured: a fleet of servers in files, an ICE that sees it, and a nursery of runs.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from rig import DEFAULTS, HEAD
from torture.judge import Call, Judge, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "PATIENCE_S",
    "Child",
    "Emulator",
    "FarEnd",
    "Fleet",
    "Nursery",
    "Ordeal",
    "Result",
    "seeded",
]

PATIENCE_S: Final = 40.0
"""A run that takes longer hangs."""

ROOT: Final = Path(__file__).parents[2]
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_UPDATE: Final = "/api/EmailAdmin/UpdateEmailServer"
_PAGE: Final = 1000

_CONFIG: Final = """\
version: 1
api:
  base_url: {url}
  rate_per_s: 1000
  concurrency: {concurrency}
  login: {{organization: 59, username: robot, password: ref+env://ICE_PASSWORD}}
fingerprints: {{key: ref+file://key}}
state: {{path: vol/state.json}}
limits: {{updates: 100%, disables: 100%, adds: 1000}}
"""


class FarEnd(Protocol):
    """Something that takes updates and remembers them."""

    url: str

    def settled(self) -> list[Call]:
        """Return the updates since the last time this was asked, once none is in flight."""
        ...


class Emulator:
    """The program's own emulator, in a process of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        ready = folder / "emulator.url"
        self._log = (folder / "emulator.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "icesync", "emulator", "--port", "0",
                "--token-ttl", "86400", "--ready-file", str(ready),
            ],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=self._log,
            stderr=self._log,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while not (ready.exists() and ready.read_text()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the emulator does not start")
            time.sleep(0.02)
        self.url = ready.read_text().strip()
        self._heard = 0
        self._token = ""
        self._token = self._ask("GET", "token")["token"]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._log.close()

    def reset(self, *faults: str) -> None:
        """Forget all, and let these *faults* strike from now on."""
        self._ask("POST", "reset")
        self._ask("DELETE", "faults")
        self._heard = 0
        self.strike(*faults)

    def strike(self, *faults: str) -> None:
        """Let these faults strike, and no others."""
        self._ask("DELETE", "faults")
        if faults:
            self._ask("POST", "faults", "\n".join(faults))

    def settled(self) -> list[Call]:
        """Return the updates since the last time this was asked, once none is in flight."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            raw = self._calls()
            if all(call["ended_at"] for call in raw):
                break
            if time.monotonic() > deadline:
                raise RuntimeError("a call at the emulator never ends")
            time.sleep(0.01)
        self._heard = max([self._heard, *(call["id"] for call in raw)])
        return [_call(call) for call in raw if call["path"].endswith(_UPDATE) and call["skill"]]

    def _calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            page = self._ask("GET", f"calls?limit={_PAGE}{before}")["calls"]
            found += [call for call in page if call["id"] > self._heard]
            if len(page) < _PAGE or page[-1]["id"] <= self._heard:
                return sorted(found, key=lambda call: call["id"])
            before = f"&before={page[-1]['id']}"

    def _ask(self, method: str, room: str, body: str = "") -> Any:
        host = self.url.removeprefix("http://").partition("/")[0]
        connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
        try:
            headers = {"X-Emulator-Token": self._token}
            connection.request(method, f"/_emulator/{room}", body.encode(), headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise RuntimeError(f"{method} {room}: {content!r}")
        return json.loads(content)


def _call(raw: Mapping[str, Any]) -> Call:
    return Call(
        raw["id"],
        f"{raw['org']}/{raw['skill']}",
        json.loads(raw["request"] or "{}"),
        raw["revision"] is not None,
        raw["ended_at"],
        tuple(raw["overlaps"]),
    )


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended; *code* is negative after a signal."""

    code: int
    text: str


class Child:
    """A run in a process group of its own."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self._nursery = nursery
        self.pid = pid
        self._output = output
        self._result: Result | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the run itself, unless it is over."""
        if self._result is None:
            os.kill(self.pid, number)

    def kill(self) -> Result:
        """Kill the whole group, and return how it ended: it may have ended before."""
        if self._result is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_s: float = PATIENCE_S) -> Result:
        """Return how it ended; a run that does not end in time is a violation."""
        if self._result is None:
            code = self._reap(timeout_s)
            if code is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._result = Result(self._reap(PATIENCE_S) or 0, self.text)
                raise Violation(f"hang: no end after {timeout_s} s\n{self.text[-2000:]}")
            self._result = Result(code, self.text)
        return self._result

    def _reap(self, timeout_s: float) -> int | None:
        answer = self._nursery.ask({"wait": {"pid": self.pid, "timeout_s": timeout_s}})
        assert answer is None or isinstance(answer, int)
        return answer

    @property
    def text(self) -> str:
        """What it wrote so far."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""


class Nursery:
    """Starts runs by a process that has the program loaded already."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, str(_LAUNCHER)],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE_S)

    def ask(self, job: Mapping[str, Any]) -> Any:
        """Return the answer to one job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(job)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(
        self,
        fleet: Fleet,
        *arguments: str,
        fresh: bool = False,
        stopped: bool = False,
        defect: str = "",
        trip: Mapping[str, Any] | None = None,
    ) -> Child:
        """
        Start ``icesync ARGUMENTS`` over *fleet*, by a fork, or *fresh* in a new interpreter.

        A fork can have a *defect* or a *trip*, or wait *stopped* until it is continued.
        """
        self._count += 1
        output = self._folder / f"run-{self._count % 50}.txt"
        output.unlink(missing_ok=True)
        job: dict[str, Any] = {
            "folder": str(fleet.root),
            "variables": {**fleet.variables, "PYTHONPATH": str(ROOT)},
            "output": str(output),
            "arguments": list(arguments),
            "defect": defect,
            "trip": trip,
            "stopped": stopped,
        }
        if fresh:
            job["command"] = [sys.executable, "-B", "-m", "icesync", *arguments]
        return Child(self, self.ask(job), output)


@dataclass
class Fleet:
    """Servers in files below *root*, all of one *generation*: each changes every server."""

    root: Path
    url: str
    size: int
    concurrency: int = 4
    generation: int = 1
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "servers").mkdir(parents=True, exist_ok=True)
        (self.root / "vol").mkdir(exist_ok=True)
        (self.root / ".git").mkdir(exist_ok=True)
        (self.root / "key").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
        config = _CONFIG.format(url=self.url, concurrency=self.concurrency)
        (self.root / "icesync.yaml").write_text(config)
        self.turn(self.generation)

    @property
    def volume(self) -> Path:
        """The folder of the state, with nothing else in it."""
        return self.root / "vol"

    @property
    def state(self) -> Path:
        """The snapshot."""
        return self.volume / "state.json"

    def turn(self, generation: int) -> None:
        """Want this generation of every server from now on, with passwords of its own."""
        self.generation = generation
        lines = "".join(f"  - {{skill: {skill}}}\n" for skill in range(1, self.size + 1))
        defaults = DEFAULTS.replace("username: desk\n", f"username: desk-{generation}\n")
        text = f"{HEAD}{defaults}servers:\n{lines}"
        (self.root / "servers" / "59.yaml").write_text(text)
        self.variables = {
            "ICE_PASSWORD": "login secret 9318",
            "ICE_SMTP": f"smtp secret {generation}",
            "ICE_IMAP": f"imap secret {generation}",
        }

    def wipe(self) -> None:
        """Remove snapshot, journal and lock."""
        for path in self.volume.iterdir():
            if path.is_file():
                path.unlink()

    @property
    def wanted(self) -> dict[str, dict[str, str]]:
        """The members that ICE must hold, by address."""
        user = f"desk-{self.generation}"
        members = {"SMTPUserName": user, "ImapUserName": user, "SMTPPort": "587"}
        return {f"59/{skill}": members for skill in range(1, self.size + 1)}

    @property
    def secrets(self) -> dict[str, str]:
        """The passwords that ICE must hold, by member."""
        return {
            "SMTPPassword": self.variables["ICE_SMTP"],
            "ImapPassword": self.variables["ICE_IMAP"],
        }


class Ordeal:
    """One fleet, one ICE, one judge: runs end in whatever way, and must be survived."""

    def __init__(self, fleet: Fleet, ice: FarEnd, nursery: Nursery) -> None:
        self.fleet = fleet
        self.ice = ice
        self.nursery = nursery
        self.judge = Judge(fleet.state, fleet.concurrency)

    def begin(self, *, serial: bool = False) -> None:
        """Start from nothing; with *serial* from a fleet that is applied, and wants a change."""
        self.fleet.wipe()
        if isinstance(self.ice, Emulator):
            self.ice.reset()
        self.judge.forget()
        self.fleet.turn(1)
        if serial:
            self.recover()
            self.fleet.turn(2)

    def start(self, *arguments: str, **how: Any) -> Child:
        """Start an apply, or what *arguments* say."""
        return self.nursery.start(self.fleet, *(arguments or ("apply", "-y")), **how)

    def hear(self) -> list[Call]:
        """Let the judge hear of all that ICE saw since, and return it."""
        return self.judge.hear(self.ice.settled())

    def recover(self, *arguments: str) -> int:
        """
        Apply without disturbance, and demand that all is well then.

        Return how many servers were sent again because their fate was unknown.
        """
        before = self.judge.look()
        result = self.start("apply", "-y", *arguments).wait()
        if result.code != 0:
            raise Violation(f"no recovery: exit {result.code}\n{result.text[-2000:]}")
        again = self.judge.check_resent(before, self.hear(), self.fleet.wanted)
        self.judge.look_after_success()
        self.judge.check_converged(self.fleet.wanted, self.fleet.secrets)
        plan = self.start("plan", "--detailed-exitcode").wait()
        if plan.code != 0:
            raise Violation(f"I7: the plan after it is not empty: {plan.code}\n{plan.text[-2000:]}")
        return again


def seeded(seed: int | None = None) -> random.Random:
    """Return dice that fall the same for the same *seed*."""
    return random.Random(seed)  # noqa: S311 - moments, not secrets
