"""Signals and failures around an apply: before the first call, after the last, and at the lock."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from distant import listening
from distantstate import FakeStateServer
from rig import TIMEOUT_S, Repository, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from typing import IO

    from rig import Ice

ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@dataclass
class Server(FakeStateServer):
    """A store that holds one kind of request until it is let go, or answers it badly."""

    holds: str = ""
    refuses: dict[str, int] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)

    def act(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        """Wait, do what is asked, or refuse."""
        if method == self.holds:
            self.reached.set()
            self.free.wait(TIMEOUT_S)
        if method in self.refuses:
            return self.refuses[method], b"no"
        return super().act(method, path, query, body)


@pytest.fixture
def server() -> Server:
    """A store with a lock."""
    return Server()


@pytest.fixture
def remote(repository: Repository, ice: Ice, server: Server) -> Iterator[Repository]:
    """A repository of two servers whose state is at that store."""
    repository.servers([663, 664])
    repository.calls(ice)
    with listening(server.answer) as address:
        lock = f"lock_address: '{address}/lock', unlock_address: '{address}/lock'"
        state = f"state: {{backend: http, address: '{address}/state', {lock}}}"
        repository.replace("icesync.yaml", "state: {path: state.json}", state)
        repository.environ |= {
            "ICESYNC_STATE_ADDRESS": f"{address}/state",
            "ICESYNC_STATE_USERNAME": "icesync",
            "ICESYNC_STATE_PASSWORD": "letmein",
        }
        begun = repository.run("state", "init")
        assert begun.code == 0, begun
        server.asked.clear()
        try:
            yield repository
        finally:
            server.free.set()


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end and return exit code, stdout and stderr."""
    stdout, stderr = process.communicate(timeout=30)
    return process.returncode, stdout, stderr


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_signal_at_the_question_frees_the_lock(
    remote: Repository, server: Server, ice: Ice, number: signal.Signals, code: int
) -> None:
    """Whoever closes the terminal, or cancels the job, leaves no lock behind."""

    def leave(process: subprocess.Popen[str], _: IO[bytes]) -> None:
        assert server.lock is not None
        process.send_signal(number)

    result = remote.in_terminal("apply", answer=leave)

    assert (result.code, server.lock, ice.accepted) == (code, None, [])
    assert "error: interrupted; nothing was sent" in result.stderr


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_signal_while_a_secret_is_asked_for_frees_the_lock(
    remote: Repository, server: Server, number: signal.Signals, code: int
) -> None:
    """A vault that does not answer can be left, too."""
    fifo = remote.root / "fifo"
    remote.replace("servers/59.yaml", "ref+env://ICE_IMAP", "ref+exec://sh/slow")
    remote.write("slow", f"echo $$ > {fifo}\nexec sleep 60\n")
    remote.environ["ICESYNC_ALLOW_EXEC"] = "1"
    with remote.start("apply", "-y") as process:
        wait_until(fifo.exists, "the program was started")
        process.send_signal(number)
        returned, _, stderr = end(process)

    assert (returned, server.lock) == (code, None), stderr
    assert "error: interrupted; nothing was sent" in stderr


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_lock_granted_while_a_signal_came_is_given_back(
    remote: Repository, server: Server, number: signal.Signals, code: int
) -> None:
    """The answer is waited for: a lock that nobody knows of would stop every later run."""
    server.holds = "LOCK"
    with remote.start("apply", "-y") as process:
        assert server.reached.wait(TIMEOUT_S)
        process.send_signal(number)
        server.free.set()
        returned, _, stderr = end(process)

    assert (returned, server.lock) == (code, None), stderr
    assert "UNLOCK /lock" in server.asked
    assert "interrupted; nothing was sent" in stderr


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_signal_while_the_lock_is_given_back(
    remote: Repository, server: Server, number: signal.Signals, code: int
) -> None:
    """What was sent is listed and said, whenever the signal comes."""
    server.holds = "UNLOCK"
    with remote.start("apply", "-y") as process:
        assert server.reached.wait(TIMEOUT_S)
        process.send_signal(number)
        server.free.set()
        returned, stdout, stderr = end(process)

    assert (returned, server.lock) == (code, None), stderr
    assert "2 applied" in stdout
    assert "2 of 2 changes were applied, and that is saved" in stderr
    assert "nothing was sent" not in stderr


def test_insisting_leaves_the_lock_and_says_how_to_free_it(
    remote: Repository, server: Server
) -> None:
    """Twice leaves at once; the message names the lock that stays."""
    server.holds = "UNLOCK"
    with remote.start("apply", "-y") as process:
        assert server.reached.wait(TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        returned, _, stderr = end(process)

    assert returned in {130, 143}
    assert server.lock is not None
    assert f"icesync state unlock --force {server.lock['ID']}" in stderr
    assert "2 of 2 changes were applied, and that is saved" in stderr


def test_lock_that_cannot_be_given_back_hides_nothing(remote: Repository, server: Server) -> None:
    """The results are printed first; the exit code says that something is wrong."""
    server.refuses = {"UNLOCK": 500}
    result = remote.run("apply", "-y")

    assert result.code == 8
    assert "2 applied" in result.stdout
    assert "2 of 2 changes were applied, and that is saved; the lock of" in result.stderr


def test_first_cause_stays_first(remote: Repository, server: Server) -> None:
    """A refused plan is refused by the limit, not by the lock that stays."""
    remote.replace("icesync.yaml", "adds: 100", "adds: 1")
    server.refuses = {"UNLOCK": 500}
    result = remote.run("apply", "-y")

    assert result.code == 9
    assert result.stderr.index("nothing was sent") < result.stderr.index("could not be released")


@pytest.mark.parametrize("words", [("rm", "59/663"), ("mv", "59/663", "59/700")])
@pytest.mark.parametrize(("number", "code"), ENDS)
def test_signal_while_the_state_is_operated_on(
    remote: Repository, server: Server, words: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    """A save that began is ended, the lock is free, and the sentence is true."""
    remote.apply()
    before, server.holds = server.data, "POST"
    server.reached.clear()
    with remote.start("state", *words) as process:
        assert server.reached.wait(TIMEOUT_S)
        process.send_signal(number)
        server.free.set()
        returned, _, stderr = end(process)

    assert (returned, server.lock) == (code, None), stderr
    assert server.data != before
    assert "error: interrupted; the state is saved" in stderr


def test_state_replaced_under_a_running_apply_is_rescued(repository: Repository, ice: Ice) -> None:
    """A checkout in the middle: what ICE confirmed is kept, and can be pushed."""
    repository.calls(ice).apply()
    old = repository.read("state.json")
    repository.replace("servers/59.yaml", "587", "2525")

    def replace_state(_: subprocess.Popen[str], screen: IO[bytes]) -> None:
        repository.write("state.json", old.replace('"serial": ', '"serial":  '))
        screen.write(b"yes\n")

    result = repository.in_terminal("apply", answer=replace_state)

    assert result.code in {6, 8}, result
    assert "icesync state push errored.icesync.json" in result.stderr
    repository.write("state.json", old)
    pushed = repository.run("state", "push", "errored.icesync.json")
    assert pushed.code == 0, pushed
    assert repository.run("plan", "--detailed-exitcode").code == 0
