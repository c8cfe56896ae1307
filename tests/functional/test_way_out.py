"""Signals and failures around an apply: before the first call, after the last, and at the lock."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from distant import listening
from distantstate import FakeStateServer
from rig import KEY, TIMEOUT_S, HurriedClock, Repository, assert_refused, wait_until

from icesync.model.probe import ProbeKind, ProbeResult

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from typing import IO

    from rig import Ice

SAMPLE = Path(__file__).parents[1] / "examples" / "import" / "printed-sample.txt"
ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def interrupt_this(number: signal.Signals) -> None:
    """Send this process a signal, as a terminal or a pipeline would, and let it be noticed."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, number)
    time.sleep(0.02)


@dataclass
class Server(FakeStateServer):
    """A store that holds one kind of request until it is let go, or answers it badly."""

    holds: str = ""
    signals: tuple[str, signal.Signals] | None = None
    refuses: dict[str, int] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)

    def act(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        """Wait, do what is asked, or refuse."""
        if self.signals is not None and method == self.signals[0]:
            number, self.signals = self.signals[1], None
            interrupt_this(number)
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


def test_signal_while_the_lock_is_given_back(remote: Repository, server: Server) -> None:
    """What was sent is listed and said, whenever the signal comes."""
    server.signals = ("UNLOCK", signal.SIGTERM)
    result = remote.run("apply", "-y")

    assert (result.code, server.lock) == (143, None), result
    assert "2 applied" in result.stdout
    assert "2 of 2 changes were applied, and saved" in result.stderr
    assert "nothing was sent" not in result.stderr


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
    assert "2 of 2 changes were applied, and saved" in stderr


@pytest.fixture
def _in_a_hurry() -> Iterator[None]:
    """Let no time pass between attempts."""
    with patch("icesync.bootstrap.SystemClock", HurriedClock):
        yield


@pytest.mark.usefixtures("_in_a_hurry")
def test_lock_that_cannot_be_given_back_hides_nothing(remote: Repository, server: Server) -> None:
    """The results are printed first; the exit code says that something is wrong."""
    server.refuses = {"UNLOCK": 500}
    result = remote.run("apply", "-y")

    assert result.code == 8
    assert "2 applied" in result.stdout
    assert "2 of 2 changes were applied, and saved; the lock of" in result.stderr


@pytest.mark.usefixtures("_in_a_hurry")
def test_first_cause_stays_first(remote: Repository, server: Server) -> None:
    """A refused plan is refused by the limit, not by the lock that stays."""
    remote.replace("icesync.yaml", "adds: 100", "adds: 1")
    server.refuses = {"UNLOCK": 500}
    result = remote.run("apply", "-y")

    assert result.code == 9
    assert result.stderr.index("nothing was sent") < result.stderr.index("could not be released")


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
    assert "1 applied in" in result.stdout
    repository.write("state.json", old)
    pushed = repository.run("state", "push", "errored.icesync.json")
    assert pushed.code == 0, pushed
    assert repository.run("plan", "--detailed-exitcode").code == 0


def test_text_says_what_was_sent_when_the_state_is_not_saved(repository: Repository) -> None:
    """ICE confirmed it, whatever fails on the way out; the message names what is in the way."""
    repository.apply()
    repository.replace("servers/59.yaml", "587", "2525")
    backup = repository.root / "state.json.backup"
    backup.unlink(missing_ok=True)
    (backup / "folder").mkdir(parents=True)
    result = repository.run("apply", "-y")

    assert_refused(result, 8, "cannot write `state.json.backup`", hint="state push errored")
    assert "1 applied in" in result.stdout
    assert "the state was not saved.\n\nApplied: ICE confirmed it\n  59/663" in result.stdout


INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
SENT, WRITTEN = "error: interrupted; nothing was sent", "error: interrupted; nothing was written"
SAVED, FILES = "error: interrupted; the state is saved", "error: interrupted; the files are written"
UNLOCKED = "error: interrupted; the lock is removed"
IMPORT = ("import", "sample.txt", "--assume-in-sync", "--secrets", "none")
REKEY = ("state", "rekey", "--new-key", "ref+env://ICE_NEW_KEY")


@pytest.mark.parametrize(
    ("words", "moment", "number", "sentence"),
    [
        (("apply", "-y"), "LOCK", HUP, SENT),
        (("apply", "-y"), "LOCK", INT, SENT),
        (("apply", "-y"), "GET", TERM, SENT),
        (("state", "begin"), "LOCK", TERM, WRITTEN),
        (("state", "begin"), "GET", INT, WRITTEN),
        (("state", "begin"), "POST", HUP, "interrupted; the calls are announced in the state"),
        (("state", "rm", "59/663"), "GET", HUP, WRITTEN),
        (("state", "rm", "59/663"), "POST", INT, SAVED),
        (("state", "mv", "59/663", "59/700"), "POST", HUP, SAVED),
        (("state", "rm", "59/663"), "UNLOCK", TERM, "the state is saved; interrupted while"),
        (("state", "mv", "59/663", "59/700"), "LOCK", INT, WRITTEN),
        (("state", "push", "pulled.json", "--force"), "POST", TERM, SAVED),
        (("state", "push", "pulled.json", "--force"), "UNLOCK", HUP, "the state is saved; inter"),
        (REKEY, "GET", TERM, WRITTEN),
        (REKEY, "POST", INT, SAVED),
        (IMPORT, "GET", HUP, WRITTEN),
        (IMPORT, "POST", TERM, FILES),
        (IMPORT, "UNLOCK", INT, "the files are written; interrupted while releasing the lock"),
        (("state", "unlock", "--force", "ID"), "UNLOCK", TERM, UNLOCKED),
        (("plan",), "GET", HUP, "error: interrupted"),
        (("check",), "GET", TERM, "error: interrupted"),
        (("state", "list"), "GET", INT, "error: interrupted"),
        (("state", "pull"), "GET", TERM, "error: interrupted"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else str(value)[:9],
)
def test_signal_at_any_moment_of_any_command(
    remote: Repository,
    server: Server,
    words: tuple[str, ...],
    moment: str,
    number: signal.Signals,
    sentence: str,
) -> None:
    """The lock is free, the exit code names the signal, and the sentence says what is stored."""
    remote.apply()
    remote.environ["ICE_NEW_KEY"] = "B" + KEY[1:]
    remote.write("pulled.json", server.data.decode())
    if "push" in words:
        assert remote.run("state", "rm", "59/664").code == 0
    remote.write("sample.txt", SAMPLE.read_text().replace("59,", "71,"))
    remote.replace("servers/59.yaml", "587", "2525")
    if "ID" in words:
        words = (*words[:-1], "of a dead run")
        server.lock = {"ID": words[-1]}
    before, server.signals = server.data, (moment, number)
    result = remote.run(*words)

    assert (result.code, server.lock) == (128 + number, None), result
    assert server.signals is None
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    saved = sentence not in {SENT, WRITTEN, UNLOCKED, "error: interrupted"}
    assert (server.data != before) is saved
    written = [path for path in remote.root.glob("servers/*") if path.name != "59.yaml"]
    assert bool(written) is (words == IMPORT and saved)


def test_insisting_while_a_state_is_saved_claims_nothing(
    remote: Repository, server: Server
) -> None:
    """Whoever does not wait for the answer is told that nobody knows it."""
    remote.apply()
    server.holds = "POST"
    server.signals = ("POST", signal.SIGINT)

    def insist() -> None:
        server.reached.wait(TIMEOUT_S)
        interrupt_this(signal.SIGINT)
        server.free.set()

    thread = threading.Thread(target=insist)
    thread.start()
    result = remote.run("state", "rm", "59/663")
    thread.join()

    assert (result.code, server.lock) == (130, None), result
    assert "whether the state was saved; run `icesync state list" in result.stderr


@dataclass
class SlowServers:
    """Mail servers that send this process a signal, and answer when they are let go."""

    number: signal.Signals
    left: threading.Event = field(default_factory=threading.Event)

    def probe(self, *_: object) -> ProbeResult:
        """Signal and wait."""
        interrupt_this(self.number)
        self.left.wait(TIMEOUT_S)
        return ProbeResult(ProbeKind.OK, "")

    def close(self) -> None:
        """Let go."""
        self.left.set()


@pytest.mark.parametrize(
    ("words", "number"),
    [(("probe",), TERM), (("plan", "--probe"), HUP), (("apply", "-y", "--probe"), INT)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_signal_while_mail_servers_are_asked(
    remote: Repository, server: Server, words: tuple[str, ...], number: signal.Signals
) -> None:
    """Nobody waits for servers that do not answer, and no lock is left."""
    with patch("icesync.bootstrap.open_prober", lambda *_: SlowServers(number)):
        result = remote.run(*words)

    assert (result.code, server.lock) == (128 + number, None), result
    assert "error: interrupted" in result.stderr


@pytest.mark.parametrize("words", [("login",), ("apply", "-y")], ids=" ".join)
def test_signal_while_a_login_is_answered(
    remote: Repository, server: Server, words: tuple[str, ...]
) -> None:
    """A login that is cut off leaves no token behind, no lock, and sends nothing."""

    def answer(*_: object) -> tuple[int, Any]:
        interrupt_this(signal.SIGTERM)
        return 503, {}

    with listening(answer) as address:
        text = remote.read("icesync.yaml")
        url = text.partition("base_url: ")[2].partition(",")[0]
        remote.replace("icesync.yaml", url, f"{address}/ICEAPI")
        server.data = b""
        remote.run("state", "init")
        result = remote.run(*words)

    assert (result.code, server.lock) == (143, None), result
    assert "error: interrupted" in result.stderr
    assert not (remote.root / ".icesync" / "token").exists()
