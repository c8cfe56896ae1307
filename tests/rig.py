"""
A repository, the program and an ICE to try them against.

The program runs in this process where that shows the same, and in one of its
own where streams, signals or the end of the process matter.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from starter import Starter, prepared

from icesync.bootstrap import SystemClock
from icesync.cli.main import run
from icesync.emulator.aspnet import Request
from icesync.emulator.faults import FaultInjector, parse_fault
from icesync.emulator.service import Service
from icesync.emulator.storage import Verdict
from icesync.wire.login import sign_token, write_token
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from icesync.emulator.storage import Call, Storage

    Answer = Callable[[subprocess.Popen[str], IO[bytes]], None]

__all__ = [
    "KEY",
    "PROGRAM",
    "TIMEOUT_S",
    "Echo",
    "FarEnd",
    "Gate",
    "HurriedClock",
    "Ice",
    "Picky",
    "Repository",
    "Result",
    "assert_refused",
    "looks_at",
    "run_in_terminal",
    "run_process",
    "run_program",
    "start_process",
    "wait_until",
]

PROGRAM: Final = (sys.executable, "-m", "icesync")
KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""A fingerprint key: the bytes 0 to 31."""

TIMEOUT_S: Final = 20

_CONFIG: Final = """\
version: 1
api: {{base_url: {base_url}, rate_per_s: 1000{access}}}
fingerprints: {{key: ref+file://key}}
state: {{path: state.json}}
limits: {{updates: 100%, disables: 100%, adds: 100}}
"""

HEAD: Final = "version: 1\norganization: 59\n"
DEFAULTS: Final = """\
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
  smtp:
    host: smtp.example.org
    port: 587
    username: desk
    password: ref+env://ICE_SMTP
    mailbox: desk@example.org
    poll_rate: 10
  imap:
    host: imap.example.org
    port: 993
    username: desk
    password: ref+env://ICE_IMAP
    mailbox: desk@example.org
    poll_rate: 10
"""
"""What every server of the sample fleet has."""

_SERVERS: Final = f"{HEAD}{DEFAULTS}servers:\n"

_LOGIN: Final = ", login: {organization: 59, username: robot, password: ref+env://ICE_PASSWORD}"
_TOKEN: Final = ", token: ref+env://ICE_TOKEN"


@dataclass(frozen=True, slots=True)
class Result:
    """How one run of the program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """What stdout holds, read as JSON; what has a published schema fits it."""
        from documents import demand_fit, is_published

        document = json.loads(self.stdout)
        if is_published(document):
            demand_fit(document)
        return document

    @property
    def events(self) -> list[Any]:
        """The events that stdout holds, a line each; each fits its schema."""
        from documents import demand_fit

        events = [json.loads(line) for line in self.stdout.splitlines()]
        for event in events:
            demand_fit(event)
        return events


def run_program(
    arguments: Sequence[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    answer: str = "",
) -> Result:
    """Run the program in this process; *env* is added to the environment."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(3)]
    stdin, stdout, stderr = streams
    stdin.write(answer)
    stdin.seek(0)
    before = Path.cwd()
    os.chdir(cwd)
    try:
        with (
            patch.dict(os.environ, env or {}),
            patch.multiple(sys, stdin=stdin, stdout=stdout, stderr=stderr),
        ):
            code = run(list(arguments))
    finally:
        os.chdir(before)
    return Result(code, _written(stdout), _written(stderr))


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


class Process(subprocess.Popen[str]):
    """
    The program in a process of its own, which does not outlive a test that failed.

    It is a fork of one that is loaded (see ``starter``) unless it is to be *fresh*;
    a fork can run the code *prepare* before the program begins.
    """

    def __init__(
        self, arguments: Sequence[str], *, fresh: bool = False, prepare: str = "", **how: Any
    ) -> None:
        self._arguments = arguments
        self._prepare = prepare
        self._starter = None if fresh else Starter.current()
        program = [sys.executable, "-c", prepared(prepare)] if prepare else PROGRAM
        super().__init__([*program, *arguments], text=True, encoding="utf-8", **how)

    def _execute_child(self, *details: Any) -> None:
        """Start the program; called by Python's own class with the streams made ready."""
        usual = super()._execute_child
        how = inspect.signature(usual).bind(*details).arguments
        if self._starter is None or not self._starter.fits(how["env"]):
            usual(*details)
            return
        streams = [how[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        job = {
            "arguments": list(self._arguments),
            "cwd": os.fspath(how["cwd"] or Path.cwd()),
            "environ": dict(how["env"]),
            "session": how["start_new_session"],
            "prepare": self._prepare,
        }
        descriptors = [usual if given == -1 else given for usual, given in enumerate(streams)]
        self.pid = self._starter.start(job, descriptors)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(how[name] for name in pipes))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the program if the block failed, then wait for it."""
        if failure is not None:
            self.kill()
        super().__exit__(kind, failure, trace)


def start_process(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, **streams: Any
) -> Process:
    """Start the program in a process of its own; streams that are not given are pipes."""
    usual = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return Process(arguments, cwd=cwd, env={**os.environ, **(env or {})}, **{**usual, **streams})


def run_process(
    arguments: Sequence[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    answer: str = "",
    **streams: Any,
) -> Result:
    """Run the program in a process of its own, to its end."""
    with start_process(arguments, cwd, env, **streams) as process:
        stdout, stderr = process.communicate(answer, timeout=TIMEOUT_S)
    return Result(process.returncode, stdout or "", stderr or "")


def run_in_terminal(
    arguments: Sequence[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    *,
    answer: Answer | None = None,
    question: bytes = b"Only `yes` is accepted",
    later: Sequence[tuple[bytes, Answer]] = (),
    stdout_too: bool = False,
) -> Result:
    """
    Run the program with a terminal as stdin and stderr, and as stdout if asked.

    *answer* is called once the program shows *question*; *later* are more questions with their
    answers, in order. What the terminal showed is the result's stderr, or its stdout if the
    terminal is both.
    """
    script = [*([(question, answer)] if answer else []), *later]
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stderr": theirs, **({"stdout": theirs} if stdout_too else {})}
    with (
        start_process(arguments, cwd, env, **streams) as process,
        os.fdopen(ours, "r+b", buffering=0) as screen,
    ):
        os.close(theirs)
        shown = _watch(process, screen, script)
        stdout = process.stdout.read() if process.stdout else ""
        code = process.wait(TIMEOUT_S)
    return Result(code, shown if stdout_too else stdout, "" if stdout_too else shown)


def _watch(
    process: subprocess.Popen[str], screen: IO[bytes], script: list[tuple[bytes, Answer]]
) -> str:
    """Return what appears on *screen* until the program lets go of it."""
    shown = b""
    answered = 0
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        if time.monotonic() > deadline:
            raise AssertionError(f"the terminal stayed open after: {shown.decode()}")
        ready, _, _ = select.select([screen], [], [], 0.5)
        if not ready:
            continue
        try:
            piece = screen.read(65_536)
        except OSError:  # how Linux says that the last program closed the terminal
            break
        if not piece:
            break
        shown += piece
        while script and script[0][0] in shown[answered:]:
            answered = len(shown)
            script.pop(0)[1](process, screen)
    return shown.decode()


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Wait until *holds*; fail with *what* when it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)


def looks_at(pid: int, suffix: str) -> bool:
    """Return whether a process has a file open whose name ends so."""
    with suppress(OSError):
        return any(str(fd.readlink()).endswith(suffix) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False


def assert_refused(result: Result, code: int, *sentences: str, hint: str | None = "") -> None:
    """
    Demand a refusal as the house writes it.

    The exit code, one `error:` line, each of *sentences* on stderr, no
    traceback, and a hint that holds *hint* (None: no hint is due).
    """
    __tracebackhide__ = True
    assert result.code == code, result
    assert result.stderr.count("error: ") == 1, result.stderr
    assert "Traceback" not in result.stderr
    for sentence in sentences:
        assert sentence in result.stderr
    hints = [line for line in result.stderr.splitlines() if line.strip().startswith("hint: ")]
    assert hint is None or any(hint in line for line in hints), result.stderr


class Ice:
    """ICE at the far end, emulated: its address, its memory, its faults, and tokens for it."""

    def __init__(self, url: str, archive: Storage, faults: FaultInjector | None = None) -> None:
        self.url = url
        self.archive = archive
        self._faults = faults or FaultInjector()
        self._heard = 0

    def strike(self, *faults: str) -> None:
        """Let these faults strike from now on, and no others."""
        self._faults.clear()
        for fault in faults:
            self._faults.add(parse_fault(fault))

    def token(self, lives_s: float = 3600) -> str:
        """Return a token that ends in so many seconds."""
        end = int(SystemClock().now().timestamp() + lives_s)
        claims = {"orgid": 59, "username": "robot", "exp": end}
        return write_token(sign_token(claims, self.archive.signing_key)).decode().strip()

    @property
    def updates(self) -> list[Call]:
        """The updates that came for a server, in order."""
        calls = reversed(self.archive.calls(100_000))
        return [call for call in calls if call.path.endswith("UpdateEmailServer") and call.skill]

    def settled(self, timeout_s: float = TIMEOUT_S) -> list[Call]:
        """Return the updates since the last time this was asked, once none is in flight."""
        wait_until(
            lambda: all(call.ended_at for call in self.updates), "all calls have ended", timeout_s
        )
        fresh = [call for call in self.updates if call.id > self._heard]
        self._heard = max([self._heard, *(call.id for call in fresh)])
        return fresh

    @property
    def accepted(self) -> list[Call]:
        """The updates that were accepted, in order."""
        return [call for call in self.updates if call.outcome == Verdict.APPLIED]

    @property
    def skills(self) -> list[int | None]:
        """The skills of the accepted updates, in order."""
        return [call.skill for call in self.accepted]


class HurriedClock(SystemClock):
    """The clock of this machine, but whoever waits has waited already."""

    _skipped_s = 0.0
    _mutex = threading.Lock()

    def monotonic(self) -> float:
        """Return the seconds that have passed, or were skipped."""
        return super().monotonic() + HurriedClock._skipped_s

    def sleep(self, seconds: float) -> None:
        """Skip *seconds*, and let the other threads have their turn."""
        with HurriedClock._mutex:
            HurriedClock._skipped_s += seconds
        super().sleep(0.001)


class FarEnd:
    """
    HTTP on loopback, answered by a function, a thread for each connection.

    Leaving the context waits until every call was answered.
    """

    def __init__(self, answer: Callable[[Request], Reply], port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/ICEAPI"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that was killed is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one call."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        reply = self.answer(Request(self.command, self.path, headers, body))
        self.send_response_only(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_PATCH = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names of the library

    @staticmethod
    def answer(request: Request) -> Reply:
        """Answer *request*; each server has its own way."""
        raise NotImplementedError(request.path)


class Gate:
    """
    An ICE that holds updates once *free* of them were answered, until it is opened.

    *late* holds them when they are written already, and only the reply is due.
    """

    def __init__(self, archive: Storage, *, free: int = 0, late: bool = False) -> None:
        self._service = Service(SystemClock(), archive)
        self.reached = threading.Event()
        self._opened = threading.Event()
        self._mutex = threading.Lock()
        self._free = free
        self._late = late

    def open(self) -> None:
        """Let everything through."""
        self._opened.set()

    def answer(self, request: Request) -> Reply:
        """Answer, sooner or later."""
        update = request.path.endswith("UpdateEmailServer")
        with self._mutex:
            held = update and self._free == 0
            self._free -= update and not held
        if not held:
            return self._service.answer(request)
        reply = self._service.answer(request) if self._late else None
        self.reached.set()
        self._opened.wait(TIMEOUT_S)
        return reply or self._service.answer(request)


class Echo:
    """An ICE that answers every update with the request itself, as *status* and as a message."""

    def __init__(self, archive: Storage, status: int) -> None:
        self._service = Service(SystemClock(), archive)
        self._status = status

    def answer(self, request: Request) -> Reply:
        """Answer a login as usual; shout the rest back."""
        if not request.path.endswith("UpdateEmailServer"):
            return self._service.answer(request)
        text = request.body.decode("utf-8", "replace")
        body = json.dumps({"Message": text, "ModelState": {text: [text]}}).encode()
        return Reply(self._status, {"content-type": "application/json", "x-echo": "yes"}, body)


class Picky:
    """An ICE that answers the updates of one *skill*, or all, with *reply*, until that is None."""

    def __init__(self, archive: Storage, skill: int | None, reply: Reply | None) -> None:
        self._service = Service(SystemClock(), archive)
        self._mark = b'"SkillId":' if skill is None else b'"SkillId":%d,' % skill
        self.reply = reply

    def answer(self, request: Request) -> Reply:
        """Answer as usual, but for one skill."""
        picked = self._mark in request.body
        return self.reply if picked and self.reply else self._service.answer(request)


class Repository:
    """A repository of one organization, below *root*; *environ* holds what its secrets need."""

    def __init__(self, root: Path, skills: Sequence[int] = (663,)) -> None:
        self.root = root
        self.environ = {"ICE_SMTP": "smtp secret 8261", "ICE_IMAP": "imap secret 7450"}
        (root / ".git").mkdir(parents=True, exist_ok=True)
        self.write("key", f"{KEY}\n")
        self.write("icesync.yaml", _CONFIG.format(base_url="emulator", access=""))
        self.servers(skills)

    def calls(self, ice: Ice, *, token: str | None = None) -> Repository:
        """Let it call *ice*: by a login, or with *token*."""
        access = _LOGIN if token is None else _TOKEN
        self.write("icesync.yaml", _CONFIG.format(base_url=ice.url, access=access))
        self.environ["ICE_PASSWORD"] = "login secret 9318"
        if token is not None:
            self.environ["ICE_TOKEN"] = token
        return self

    def servers(self, skills: Sequence[int], more: str = "") -> None:
        """Write the server file: these *skills*, and *more* YAML behind them."""
        lines = "".join(f"  - {{skill: {skill}, name: Desk {skill}}}\n" for skill in skills)
        self.write("servers/59.yaml", _SERVERS + (lines or "  []\n") + more)

    def write(self, name: str, text: str) -> Path:
        """Write one file and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        """Return the text of one file."""
        return (self.root / name).read_text()

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace *old* by *new* in one file."""
        text = self.read(name)
        if old not in text:
            raise AssertionError(f"{name} does not hold {old!r}")
        self.write(name, text.replace(old, new))

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        """Run the program here, in this process; no secret may come out."""
        environ = {**self.environ, **(env or {})}
        return _without(environ, run_program(arguments, self.root, environ))

    def spawn(
        self, *arguments: str, env: Mapping[str, str] | None = None, **streams: Any
    ) -> Result:
        """Run the program here, in a process of its own; no secret may come out."""
        environ = {**self.environ, **(env or {})}
        return _without(environ, run_process(arguments, self.root, environ, **streams))

    def in_terminal(self, *arguments: str, **options: Any) -> Result:
        """Run the program here, in front of a terminal; no secret may come out."""
        environ = {"NO_COLOR": "1", **self.environ, **options.pop("env", {})}
        return _without(environ, run_in_terminal(arguments, self.root, environ, **options))

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        """Start the program here, in a process of its own."""
        return start_process(arguments, self.root, self.environ, **streams)

    def apply(self, *arguments: str) -> Repository:
        """Apply everything, and return this repository."""
        result = self.run("apply", "-y", *arguments)
        if result.code != 0:
            raise AssertionError(result)
        return self

    @property
    def entries(self) -> dict[str, Any]:
        """What the snapshot says of each server, by address."""
        servers = self.run("show", "--json").document["servers"]
        return {server["address"]: server for server in servers}

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each server in the snapshot, by address."""
        return {address: entry["status"] for address, entry in self.entries.items()}

    @contextmanager
    def locked(self) -> Iterator[subprocess.Popen[str]]:
        """Let another process hold the lock, as one that applies does."""
        command = [sys.executable, "-c", _HOLDER, str(self.root / "state.json")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, **pipes) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if process.stdout.readline() != "held\n":
                raise AssertionError("the other process did not get the lock")
            try:
                yield process
            finally:
                with suppress(BrokenPipeError):
                    process.stdin.close()
                process.wait(TIMEOUT_S)


def _without(environ: Mapping[str, str], result: Result) -> Result:
    """Return *result*; a value of *environ* in it is a leak, but for those too short to tell."""
    for name, value in environ.items():
        shown = value in result.stdout or value in result.stderr
        if shown and name.startswith("ICE_") and len(value) > 3:
            raise AssertionError(f"the value of {name} was shown: {result}")
    return result


_HOLDER: Final = """
import sys
from pathlib import Path
from icesync.bootstrap import SystemClock
from icesync.model.snapshot import LockInfo
from icesync.stores.local import LocalStore

owner = LockInfo("1", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z", "https://ci/7")
with LocalStore(Path(sys.argv[1]), SystemClock()).lock(owner, 0):
    print("held", flush=True)
    sys.stdin.readline()
"""
