"""
Death and disk errors at every step of the write path, one run for each step.

Twice: by strace, which strikes the real system calls (but counts for each
thread on its own, so that there is one worker only), and by the tripwire, which
counts over all threads and can also strike after a call or in the middle of a
write.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from torture.arena import RETRY_FOR_S
from torture.judge import Violation, recall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torture.arena import Fleet, Ordeal, Result

SERVERS: Final = 3
_CALLS: Final = (
    "write", "pwrite64", "fdatasync", "fsync", "rename,renameat,renameat2", "ftruncate",
    "unlink,unlinkat", "openat", "link,linkat", "fallocate",
)  # fmt: skip
_SHORT_CALLS: Final = ("fdatasync", "rename,renameat,renameat2")
_MOST: Final = 400


@dataclass(frozen=True, slots=True)
class Step:
    """
    One step of one run: its ordinal, and what happens there.

    *call* are the system calls that strace counts; without, the tripwire counts
    the functions *only*, or all.
    """

    ordinal: int
    how: str
    call: str = ""
    only: tuple[str, ...] = ()

    def run(self, ordeal: Ordeal, *arguments: str) -> tuple[Result, bool]:
        """Run until this step, and beyond it if there is none; return whether it was struck."""
        log = ordeal.fleet.root / "steps"
        log.unlink(missing_ok=True)
        if self.call:
            result = self._trace(ordeal, log, arguments)
            return result, "INJECTED" in log.read_text() or _killed(result.code)
        trip = {
            "folder": str(ordeal.fleet.volume), "when": self.ordinal, "how": self.how,
            "log": str(log), "only": self.only,
        }  # fmt: skip
        result = ordeal.start(*arguments, trip=trip).wait()
        return result, log.exists() and "struck" in log.read_text()

    def _trace(self, ordeal: Ordeal, log: Path, arguments: tuple[str, ...]) -> Result:
        """Attach strace to a run that waits for it, and let it go on."""
        child = ordeal.start(*arguments, stopped=True)
        status = Path(f"/proc/{child.pid}/status")
        _await(lambda: "T (stopped)" in status.read_text(), "the run does not stop")
        command = [*self._strace(ordeal.fleet, log), "-p", str(child.pid)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
            _await(lambda: "TracerPid:\t0" not in status.read_text(), "strace does not attach")
            child.signal(signal.SIGCONT)
            result = child.wait()
            tracer.wait(RETRY_FOR_S)
        return result

    def _strace(self, fleet: Fleet, log: Path) -> list[str]:
        effect = "signal=SIGKILL" if self.how == "kill" else f"error={self.how}"
        inject = f"inject={self.call}:{effect}:when={self.ordinal}"
        names = ("", ".lock", ".journal", ".backup")
        paths = [str(fleet.volume), *(f"{fleet.state}{name}" for name in names)]
        only = [part for path in paths for part in ("-P", path)] if self.call == "openat" else []
        # Not with --seccomp-bpf: strace 6.1 then strikes at the first ordinal only.
        return ["strace", "-f", "-o", str(log), *only, "-e", f"trace={self.call}", "-e", inject]


@pytest.fixture
def strace() -> None:
    """Skip where system calls cannot be struck."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", sys.executable, "-c"]
    if subprocess.run([*command, "pass"], check=False, capture_output=True).returncode:
        pytest.skip("strace cannot trace here: ptrace is not permitted")


def walk(
    hows: tuple[str, ...], calls: tuple[str, ...] = ("",), only: tuple[str, ...] = ()
) -> Iterator[Iterator[Step]]:
    """Yield, for each call and each way, the steps in their order; the caller ends each row."""
    for call in calls:
        for how in hows:
            yield (Step(ordinal, how, call, only) for ordinal in range(1, _MOST))


def die_everywhere(
    ordeal: Ordeal,
    rows: Iterator[Iterator[Step]],
    prepare: Callable[[], None],
    runs: int = 1,
) -> int:
    """Kill an apply at every step of each row, judge and recover; return how many died."""
    died = 0
    for row in rows:
        for step in row:
            prepare()
            result, struck = step.run(ordeal)
            ordeal.hear()
            with _at(step, result):
                ordeal.judge.look_after_crashes(runs)
                _demand(result.code == (-signal.SIGKILL if struck else 0), "a wrong exit code")
                ordeal.recover()
            if not struck:
                break
            died += 1
    return died


def _await(holds: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + RETRY_FOR_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.002)


def _killed(code: int) -> bool:
    return code == -signal.SIGKILL


def fail_everywhere(
    ordeal: Ordeal, rows: Iterator[Iterator[Step]], prepare: Callable[[], None]
) -> tuple[int, int]:
    """
    Let every step of an apply meet an error; return how many runs failed, and how many did not.

    A run may pass over an error only if what it did is saved all the same.
    """
    failed = passed = 0
    for row in rows:
        for step in row:
            prepare()
            result, struck = step.run(ordeal)
            calls = ordeal.hear()
            with _at(step, result):
                ordeal.judge.look_after_crashes()
                if result.code == 0:
                    ordeal.judge.look_after_success()
                    ordeal.judge.check_converged(ordeal.fleet.wanted, ordeal.fleet.secrets)
                _demand(result.code in _SAID, "a wrong exit code")
                untold = "nothing was sent" in result.text and calls
                _demand(not untold, "calls were made, and it says that nothing was sent")
                ordeal.recover()
            if not struck:
                break
            failed += result.code != 0
            passed += result.code == 0
    return failed, passed


@contextmanager
def _at(step: Step, result: Result) -> Iterator[None]:
    """Say at which step a promise was broken."""
    try:
        yield
    except Violation as violation:
        told = f"{step}: {violation}\nexit {result.code}\n{result.text[-1500:]}"
        raise Violation(told) from None


def _demand(holds: bool, complaint: str) -> None:
    if not holds:
        raise Violation(complaint)


_SAID: Final = frozenset({0, 7, 8})
"""Exit codes that an error of the disk may end with."""


def leave_a_journal(ordeal: Ordeal) -> Callable[[], None]:
    """Make what leaves the journal of a killed run behind, for the recovery to be killed too."""

    def prepare() -> None:
        ordeal.begin(serial=True)
        Step(3, "kill-after", only=("fdatasync",)).run(ordeal)
        ordeal.hear()
        if not recall(ordeal.fleet.state).records:
            raise RuntimeError("the run did not leave a journal: the step is out of date")

    return prepare


def test_death_at_every_step(ordeal: Callable[..., Ordeal]) -> None:
    """Wherever a first apply dies, the next one knows what ICE acknowledged."""
    made = ordeal(SERVERS)
    only = ("pwrite", "fdatasync", "rename", "replace", "unlink")
    died = die_everywhere(made, walk(("kill-after",), only=only), made.begin)

    assert died >= 10


@pytest.mark.usefixtures("strace")
def test_death_at_system_calls(ordeal: Callable[..., Ordeal]) -> None:
    """The same, struck at the system calls that make things durable."""
    made = ordeal(SERVERS, 1)
    died = die_everywhere(made, walk(("kill",), _SHORT_CALLS), made.begin)

    assert died >= 4


@pytest.mark.torture
@pytest.mark.parametrize("serial", [False, True])
def test_death_at_all_steps(
    ordeal: Callable[..., Ordeal], tell: Callable[[str], None], *, serial: bool
) -> None:
    """Before and after every step, and in the middle of every write, first apply or later one."""
    made = ordeal(SERVERS)
    hows = ("kill-before", "kill-after", "kill-half")
    died = die_everywhere(made, walk(hows), lambda: made.begin(serial=serial))
    tell(f"{died} deaths at steps of an apply")

    assert died >= 60


@pytest.mark.torture
def test_death_in_recovery(ordeal: Callable[..., Ordeal], tell: Callable[[str], None]) -> None:
    """A recovery that dies at any step is recovered from."""
    made = ordeal(SERVERS)
    hows = ("kill-before", "kill-after", "kill-half")
    died = die_everywhere(made, walk(hows), leave_a_journal(made), runs=2)
    tell(f"{died} deaths in a recovery")

    assert died >= 30


@pytest.mark.usefixtures("strace")
@pytest.mark.torture
def test_death_at_all_system_calls(
    ordeal: Callable[..., Ordeal], tell: Callable[[str], None]
) -> None:
    """Every ordinal of every system call of the write path."""
    made = ordeal(SERVERS, 1)
    died = die_everywhere(made, walk(("kill",), _CALLS), lambda: made.begin(serial=True))
    tell(f"{died} deaths at system calls of an apply")

    assert died >= 30


@pytest.mark.usefixtures("strace")
@pytest.mark.torture
def test_death_at_system_calls_of_recovery(
    ordeal: Callable[..., Ordeal], tell: Callable[[str], None]
) -> None:
    """The same while what a killed run left is taken in."""
    made = ordeal(SERVERS, 1)
    died = die_everywhere(made, walk(("kill",), _CALLS), leave_a_journal(made), runs=2)
    tell(f"{died} deaths at system calls of a recovery")

    assert died >= 30


@pytest.mark.parametrize(
    "hows",
    [
        pytest.param(("kill-after",), id="short"),
        pytest.param(
            ("kill-before", "kill-after", "kill-half"), id="all", marks=pytest.mark.torture
        ),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("state", "mv", "59/1", "59/9"), id="mv"),
        pytest.param(("state", "rm", "59/1"), id="rm", marks=pytest.mark.torture),
    ],
)
def test_death_in_surgery(
    ordeal: Callable[..., Ordeal], arguments: tuple[str, ...], hows: tuple[str, ...]
) -> None:
    """An entry that is moved or removed is there wholly, in the old or the new way."""
    made = ordeal(SERVERS)
    old, new = {"59/1"}, ({"59/9"} if "mv" in arguments else set())
    died = 0
    only = ("replace", "rename", "unlink") if len(hows) == 1 else ()
    for row in walk(hows, only=only):
        for step in row:
            made.begin(serial=True)
            before = recall(made.fleet.state)
            result, struck = step.run(made, *arguments)
            memory = recall(made.fleet.state)
            rest = {a: b for a, b in memory.beliefs.items() if a not in old | new}
            if rest != {a: b for a, b in before.beliefs.items() if a not in old}:
                raise Violation(f"{step}: other entries changed")
            if memory.beliefs.keys() - rest.keys() not in (old, new):
                raise Violation(f"{step}: neither the old nor the new names")
            again = made.start(*arguments).wait().code if result.code else 0
            if (again == 0) != (memory.beliefs.keys() - rest.keys() == old or result.code == 0):
                raise Violation(f"{step}: the second time it ended with {again}")
            if not struck:
                break
            died += 1

    assert died >= 3


def test_error_at_every_step(ordeal: Callable[..., Ordeal]) -> None:
    """A disk that is full at any step ends the run with an error, and costs nothing."""
    made = ordeal(2)
    only = ("write", "pwrite", "fdatasync", "posix_fallocate")
    failed, _ = fail_everywhere(made, walk(("ENOSPC",), only=only), made.begin)

    assert failed >= 6


def test_no_memory_for_the_journal(ordeal: Callable[..., Ordeal]) -> None:
    """Nobody waits for ever for a thread that met an error which is not of the disk."""
    made = ordeal(SERVERS)
    result, struck = Step(2, "MemoryError", only=("fdatasync",)).run(made)
    made.hear()
    made.judge.look_after_crashes()
    made.recover()

    assert struck
    assert result.code == 8


@pytest.mark.torture
def test_all_errors_at_all_steps(
    ordeal: Callable[..., Ordeal], tell: Callable[[str], None]
) -> None:
    """The same for other errors, and for writes that take half of what they are given."""
    hows = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "short")
    made = ordeal(SERVERS)
    failed, passed = fail_everywhere(made, walk(hows), lambda: made.begin(serial=True))
    tell(f"{failed} runs failed at an error, {passed} could pass over it")

    assert failed >= 60


@pytest.mark.usefixtures("strace")
@pytest.mark.torture
def test_errors_at_all_system_calls(
    ordeal: Callable[..., Ordeal], tell: Callable[[str], None]
) -> None:
    """The same, struck at the system calls."""
    calls = tuple(call for call in _CALLS if call not in {"openat", "write"})
    made = ordeal(SERVERS, 1)
    rows = walk(("ENOSPC", "EIO"), calls)
    failed, passed = fail_everywhere(made, rows, lambda: made.begin(serial=True))
    tell(f"{failed} runs failed at an error of a system call, {passed} could pass over it")

    assert failed >= 20


@pytest.mark.torture
def test_step_log_is_complete(ordeal: Callable[..., Ordeal], tmp_path: Path) -> None:
    """The tripwire sees each kind of step: a step that it misses would never be tortured."""
    made = ordeal(SERVERS)
    made.begin(serial=True)
    log = tmp_path / "steps"
    trip = {"folder": str(made.fleet.volume), "when": 0, "how": "", "log": str(log)}
    made.start(trip=trip).wait()
    seen = {json.loads(line)[1] for line in log.read_text().splitlines()}

    assert seen >= {
        "open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "posix_fallocate",
        "link", "unlink",
    }  # fmt: skip
    assert seen & {"rename", "replace"}
