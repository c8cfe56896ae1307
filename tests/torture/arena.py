"""Where runs are tortured: a fleet of servers in files, an ICE that sees it, and their judge."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rig import DEFAULTS, HEAD, Process
from torture.judge import Call, Judge, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rig import Ice

RETRY_FOR_S: Final = 40.0
"""A run that takes longer hangs."""

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


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended; *code* is negative after a signal."""

    code: int
    text: str


class Child:
    """A run in a process group of its own, whose *output* is a file."""

    def __init__(self, process: Process, output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the run itself, unless it is over."""
        self._process.send_signal(number)

    def kill(self) -> Result:
        """Kill the whole group, and return how it ended: it may have ended before."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_s: float = RETRY_FOR_S) -> Result:
        """Return how it ended; a run that does not end in time is a violation."""
        try:
            return Result(self._process.wait(timeout_s), self.text)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Violation(f"hang: no end after {timeout_s} s\n{self.text[-2000:]}") from None

    @property
    def text(self) -> str:
        """What it wrote so far."""
        return self._output.read_text(errors="replace")


def start(
    root: Path,
    variables: Mapping[str, str],
    *arguments: str,
    fresh: bool = False,
    stopped: bool = False,
    defect: str = "",
    trip: Mapping[str, Any] | None = None,
) -> Child:
    """
    Start ``icesync ARGUMENTS`` in *root*, by a fork, or *fresh* in a new interpreter.

    A fork can have a *defect* or a *trip*, or wait *stopped* until it is continued.
    """
    prepare = [
        f"from torture.defects import plant\nplant({defect!r})" if defect else "",
        f"from torture.tripwire import stretch\nstretch(**{trip!r})" if trip else "",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)" if stopped else "",
    ]
    descriptor, name = tempfile.mkstemp(dir=root.parent, prefix="run-", suffix=".txt")
    try:
        process = Process(
            arguments,
            fresh=fresh,
            prepare="\n".join(filter(None, prepare)),
            cwd=root,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    return Child(process, Path(name))


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

    def __init__(self, fleet: Fleet, ice: Ice) -> None:
        self.fleet = fleet
        self.ice = ice
        self.judge = Judge(fleet.state, fleet.concurrency)

    def begin(self, *, serial: bool = False) -> None:
        """Start from nothing; with *serial* from a fleet that is applied, and wants a change."""
        self.fleet.wipe()
        self.ice.strike()
        self.ice.settled(RETRY_FOR_S)
        self.judge.forget()
        self.fleet.turn(1)
        if serial:
            self.recover()
            self.fleet.turn(2)

    def start(self, *arguments: str, **how: Any) -> Child:
        """Start an apply, or what *arguments* say."""
        fleet = self.fleet
        return start(fleet.root, fleet.variables, *(arguments or ("apply", "-y")), **how)

    def hear(self) -> list[Call]:
        """Let the judge hear of all that ICE saw since, and return it."""
        return self.judge.hear(
            Call(
                call.id,
                f"{call.org}/{call.skill}",
                json.loads(call.request or "{}"),
                call.revision is not None,
                call.ended_at,
                call.overlaps,
            )
            for call in self.ice.settled(RETRY_FOR_S)
        )

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
