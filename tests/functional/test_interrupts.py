"""
Signals in the middle of an apply, against an ICE that takes its time.

The history of the emulator is what happened; the snapshot may never claim more.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from rig import TIMEOUT_S, FarEnd, Gate, Ice, Repository, looks_at, wait_until

from icesync.bootstrap import SystemClock
from icesync.emulator.service import Service

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from typing import IO

    from icesync.emulator.storage import Storage

SKILLS = [663, 664, 665, 666, 667, 668]


@contextmanager
def held(
    repository: Repository, archive: Storage, free: int, *, late: bool = False
) -> Iterator[tuple[subprocess.Popen[str], Gate]]:
    """Apply six servers, one call at a time, and stop ICE at the call after *free*."""
    repository.servers(SKILLS)
    gate = Gate(archive, free=free, late=late)
    with FarEnd(gate.answer) as server:
        repository.calls(Ice(server.url, archive))
        with repository.start("apply", "-y", "--parallelism", "1") as process:
            try:
                assert gate.reached.wait(TIMEOUT_S), process.communicate()
                yield process, gate
            finally:
                gate.open()
                if process.poll() is None:
                    process.kill()


def resume(repository: Repository, archive: Storage) -> list[int | None]:
    """Apply again, with an ICE at the old address that holds nothing, and return what was sent."""
    before = len(Ice("", archive).skills)
    with FarEnd(Service(SystemClock(), archive).answer, port_of(repository)):
        repository.apply("--parallelism", "1", "--settle", "0")
    return Ice("", archive).skills[before:]


def port_of(repository: Repository) -> int:
    """Return the port that the configuration names."""
    address = repository.read("icesync.yaml").partition("base_url: ")[2].partition(",")[0]
    return int(address.rpartition(":")[2].partition("/")[0])


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end and return exit code, stdout and stderr."""
    stdout, stderr = process.communicate(timeout=30)
    return process.returncode, stdout, stderr


def interrupt(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> None:
    """Send a signal, and wait until the run says that it stops."""
    process.send_signal(number)
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("stopping: "):
        assert line, "it ended"


def assert_honest(repository: Repository, archive: Storage) -> None:
    """Demand that nothing is called applied that ICE did not acknowledge."""
    __tracebackhide__ = True
    acknowledged = {f"{call.org}/{call.skill}" for call in Ice("", archive).accepted}
    applied = {address for address, status in repository.statuses.items() if status == "applied"}
    assert applied <= acknowledged


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_ends_cleanly(
    repository: Repository, archive: Storage, number: signal.Signals, code: int
) -> None:
    """The call in flight may end, nothing new is sent, what was acknowledged is saved."""
    with held(repository, archive, free=2) as (process, gate):
        interrupt(process, number)
        gate.open()
        returned, _, stderr = end(process)

    assert returned == code
    assert "interrupted; what ICE confirmed is saved" in stderr
    assert repository.statuses == dict.fromkeys(["59/663", "59/664", "59/665"], "applied")


def test_after_ctrl_c_only_the_rest_is_sent(repository: Repository, archive: Storage) -> None:
    """The next apply sends what is still open, and nothing else."""
    with held(repository, archive, free=2) as (process, gate):
        interrupt(process)
        gate.open()
        end(process)

    assert resume(repository, archive) == [666, 667, 668]


def test_report_of_an_interrupted_run(repository: Repository, archive: Storage) -> None:
    """What was not attempted is listed, with the command that sends it."""
    with held(repository, archive, free=4) as (process, gate):
        interrupt(process)
        gate.open()
        _, stdout, _ = end(process)

    assert "5 applied, 1 not attempted" in stdout
    assert "icesync apply --target 59/668" in stdout


def test_call_without_an_answer_is_uncertain(repository: Repository, archive: Storage) -> None:
    """A call that does not end in the time of grace is left, and called uncertain."""
    with held(repository, archive, free=2, late=True) as (process, _):
        process.send_signal(signal.SIGTERM)
        returned, stdout, _ = end(process)

    assert returned == 143
    assert "1 uncertain" in stdout
    assert repository.statuses["59/665"] == "uncertain"


def test_uncertain_call_is_sent_again(repository: Repository, archive: Storage) -> None:
    """Nobody knows whether ICE has it, so the next apply sends it again."""
    with held(repository, archive, free=2, late=True) as (process, _):
        process.send_signal(signal.SIGTERM)
        end(process)

    assert resume(repository, archive) == [665, 666, 667, 668]


def test_second_signal_leaves_at_once(repository: Repository, archive: Storage) -> None:
    """Who insists gets out, and loses nothing that was recorded."""
    with held(repository, archive, free=2) as (process, _):
        interrupt(process)
        process.send_signal(signal.SIGINT)
        returned, _, _ = end(process)

    assert returned == 130
    assert_honest(repository, archive)
    assert set(resume(repository, archive)) >= {665, 666, 667, 668}


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("free", [0, 1, 3, 5])
def test_kill(repository: Repository, archive: Storage, free: int, *, late: bool) -> None:
    """A killed run claims nothing that ICE did not acknowledge."""
    with held(repository, archive, free=free, late=late) as (process, _):
        process.kill()
        end(process)

    assert_honest(repository, archive)
    assert repository.statuses.get(f"59/{SKILLS[free]}") != "applied"


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
def test_recovery_from_a_kill(repository: Repository, archive: Storage, *, late: bool) -> None:
    """The next apply sends what was in flight again, and all that was not sent."""
    with held(repository, archive, free=2, late=late) as (process, _):
        process.kill()
        end(process)

    assert set(resume(repository, archive)) >= {665, 666, 667, 668}


def test_acknowledged_before_a_kill(repository: Repository, archive: Storage) -> None:
    """What was acknowledged before the kill is known, and is not sent again."""
    with held(repository, archive, free=2) as (process, _):
        process.kill()
        end(process)

    assert resume(repository, archive) == [665, 666, 667, 668]


def test_reverted_files_after_a_kill(repository: Repository, archive: Storage) -> None:
    """A call in flight stays open, even if the files say again what was there before."""
    gate = Gate(archive, free=1, late=True)
    with FarEnd(gate.answer) as server:
        repository.calls(Ice(server.url, archive)).apply()
        repository.replace("servers/59.yaml", "587", "2525")
        with repository.start("apply", "-y") as process:
            assert gate.reached.wait(TIMEOUT_S)
            process.kill()
        gate.open()
    repository.replace("servers/59.yaml", "2525", "587")

    assert resume(repository, archive) == [663]


def test_kill_at_any_moment(repository: Repository, archive: Storage) -> None:
    """Wherever the kill falls, the snapshot is honest, and an apply leaves nothing to do."""
    repository.servers(range(1, 60))
    with FarEnd(Service(SystemClock(), archive).answer) as server:
        repository.calls(Ice(server.url, archive))
        for pause_s in (0.25, 0.3, 0.35, 0.4, 0.45):
            process = repository.start("apply", "-y")
            time.sleep(pause_s)
            process.kill()
            process.communicate()
            assert_honest(repository, archive)
        repository.apply()

    assert repository.run("check").code == 0
    assert len(repository.statuses) == 59


def test_ctrl_c_at_the_question(repository: Repository, archive: Storage) -> None:
    """Ctrl-C instead of an answer sends nothing."""

    def interrupt(process: subprocess.Popen[str], _: IO[bytes]) -> None:
        process.send_signal(signal.SIGINT)

    result = repository.in_terminal("apply", answer=interrupt)

    assert result.code == 130
    assert "interrupted; nothing was sent" in result.stderr
    assert archive.calls(1) == ()


def test_ctrl_c_while_waiting_for_the_lock(repository: Repository) -> None:
    """Waiting for another run can be given up."""
    with repository.locked(), repository.start("apply", "-y", "--lock-timeout", "60") as process:
        wait_until(lambda: looks_at(process.pid, ".lock"), "the lock was tried")
        process.send_signal(signal.SIGINT)
        returned, _, stderr = end(process)

    assert returned == 130
    assert "Traceback" not in stderr


def test_emulator_ends_by_ctrl_c(repository: Repository) -> None:
    """The served emulator stops when asked, without noise."""
    ready = repository.root / "ready"
    with repository.start("emulator", "--port", "0", "--ready-file", str(ready)) as process:
        wait_until(ready.exists, "the emulator said that it is ready")
        process.send_signal(signal.SIGINT)
        returned, stdout, stderr = end(process)

    assert (returned, stderr.splitlines()[-1]) == (0, "stopped")
    assert stdout == f"listening on {ready.read_text()}"


@pytest.mark.parametrize("signals", [1, 2])
def test_terminal_is_left_clean(repository: Repository, archive: Storage, signals: int) -> None:
    """However often Ctrl-C is pressed, the bar goes, what was said stays and the cursor is back."""
    gate = Gate(archive)

    def agree(process: subprocess.Popen[str], screen: IO[bytes]) -> None:
        screen.write(b"yes\n")
        gate.reached.wait(TIMEOUT_S)
        process.send_signal(signal.SIGINT)

    def insist(process: subprocess.Popen[str], _: IO[bytes]) -> None:
        if signals == 2:
            process.send_signal(signal.SIGINT)
            process.wait(TIMEOUT_S)
        gate.open()

    with FarEnd(gate.answer) as server:
        repository.calls(Ice(server.url, archive))
        result = repository.in_terminal(
            "apply", env={"NO_COLOR": ""}, answer=agree, later=[(b"stopping: ", insist)]
        )

    assert result.code == 130
    assert "\r\x1b[2K\x1b[1A\x1b[2K\r\r\nstopping: " in result.stderr
    assert result.stderr.rfind("\x1b[?25h") > result.stderr.rfind("\x1b[?25l") > 0
    assert "applying" not in result.stderr[result.stderr.rfind("\x1b[2K") :]
