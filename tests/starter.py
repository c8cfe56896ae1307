"""
Starts the program in a process of its own, without waiting until Python has loaded it.

A server has the program loaded and forks for each run: a run then costs what it
does, not half a second more. The process that asks becomes the parent of the run
(Linux lets it adopt one), so signals, exit codes and terminals are those of any
child; a shell finds a script ``icesync`` in :func:`program_folder`, which waits.

Without Linux, and wherever a test asks for variables that Python reads when it
starts, the program is started as users start it.
"""

from __future__ import annotations

import marshal
import os
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET
from _socket import socket as Socket  # noqa: N812 - socket itself takes longer to load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_MESSAGE_BYTES = 200_000
_START_TIMES = ("PYTHON", "LC_", "LANG")
"""How the names of variables start that Python reads when it starts."""


class Starter:
    """The server, from its first use to the end of the tests."""

    _only: Starter | None = None

    def __init__(self) -> None:
        import ctypes
        import subprocess
        import tempfile

        adopt = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if adopt != 0:
            raise OSError("this process cannot adopt what the server starts")
        self._temporary = tempfile.TemporaryDirectory(prefix="icesync-starter-")
        self.folder = self._temporary.name
        self._address = f"{self.folder}/socket"
        listener = Socket(AF_UNIX, SOCK_SEQPACKET)
        listener.bind(self._address)
        listener.listen(16)
        environ = {**os.environ, "PYTHONUTF8": "1"}
        self._settings = _read_at_start(environ)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(listener.fileno()), self.folder],
            env=environ,
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
        listener.close()
        self._write_script()

    @classmethod
    def current(cls) -> Starter | None:
        """Return the server of this process, or None where there can be none."""
        if sys.platform != "linux":
            return None
        if cls._only is None:
            cls._only = cls()
        return cls._only

    @classmethod
    def stop(cls) -> None:
        """End the server, if there is one, before anybody counts what it has covered."""
        if cls._only is not None:
            cls._only._close()
            cls._only = None

    def fits(self, environ: Mapping[str, str]) -> bool:
        """Return whether a run with these variables shows the same as one that Python starts."""
        return _read_at_start(environ).items() <= self._settings.items()

    def start(self, job: Mapping[str, Any], streams: Sequence[int]) -> int:
        """Start a run with these descriptors as its streams, adopt it, and return its number."""
        job = {**job, "adopted": True, "descriptors": (0, 1, 2)}
        connection = submit(self._address, job, streams)
        number = int(connection.recv(16))
        connection.close()
        while True:
            try:
                os.waitid(os.P_PID, number, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:  # its parent is about to end
                os.sched_yield()
            else:
                return number

    def _write_script(self) -> None:
        here = os.path.dirname(__file__)
        with open(f"{self.folder}/icesync", "w") as script:
            script.write(
                f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {here!r})\n"
                f"from starter import stand_in\nstand_in({self._address!r})\n"
            )
            os.fchmod(script.fileno(), 0o755)

    def _close(self) -> None:
        self._process.communicate()
        self._temporary.cleanup()


_PR_SET_CHILD_SUBREAPER = 36


def _read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_START_TIMES)}


def prepared(code: str) -> str:
    """Return a program that runs *code*, then icesync."""
    here = os.path.dirname(__file__)
    program = "from icesync.__main__ import main\nmain()\n"
    return f"import sys\nsys.path.insert(0, {here!r})\n{code}\n{program}"


def shorten_trust(folder: str) -> None:
    """Let the list of public authorities be its first one: reading all takes longer than a run."""
    import certifi

    with open(certifi.where(), encoding="utf-8") as file:
        first = file.read().partition("-----END CERTIFICATE-----\n")
    path = f"{folder}/authorities.pem"
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(first[:2]))
    certifi.where = lambda: path


def program_folder() -> str:
    """Return the folder in which a shell finds ``icesync``."""
    starter = Starter.current()
    return starter.folder if starter else os.path.dirname(sys.executable)


def submit(address: str, job: Mapping[str, Any], descriptors: Sequence[int]) -> Socket:
    """Hand *job* to the server and return the connection to it."""
    connection = Socket(AF_UNIX, SOCK_SEQPACKET)
    connection.connect(address)
    numbers = b"".join(number.to_bytes(4, sys.byteorder) for number in descriptors)
    connection.sendmsg([marshal.dumps(job)], [(SOL_SOCKET, SCM_RIGHTS, numbers)])
    return connection


def stand_in(address: str) -> None:
    """Let the server run the program with the arguments of this process, and end as it does."""
    import _signal as signal

    descriptors = [number for number in map(int, os.listdir("/proc/self/fd")) if _is_open(number)]
    job = {
        "arguments": sys.argv[1:], "cwd": os.getcwd(), "environ": dict(os.environ),
        "adopted": False, "descriptors": descriptors,
    }  # fmt: skip
    connection = submit(address, job, descriptors)
    number = int(connection.recv(16))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda received, _: os.kill(number, received))
    code = int(connection.recv(16))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _serve(listener: Socket) -> dict[str, Any]:
    """Fork for each job; return it in the process that is to run it."""
    import fcntl
    import select
    import socket

    door = socket.socket(fileno=listener)
    while True:
        if 0 in select.select([door, 0], [], [])[0]:  # whoever started this has gone
            sys.exit()
        connection, _ = door.accept()
        message, received, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, 64)
        job: dict[str, Any] = marshal.loads(message)
        if os.fork() == 0 and _hand_over(job, connection):
            # First out of the way: one may have the number that another is to get.
            moved = [fcntl.fcntl(number, fcntl.F_DUPFD, 1000) for number in received]
            os.closerange(3, 1000)
            for number, descriptor in zip(job["descriptors"], moved, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            door.detach()
            connection.detach()
            return job
        connection.close()
        for descriptor in received:
            os.close(descriptor)
        _reap()


def _hand_over(job: Mapping[str, Any], connection: Any) -> bool:
    """Fork once more, so that the run has another parent; return True in the run."""
    number = os.fork()
    if number == 0:
        return True
    connection.send(b"%d" % number)
    if not job["adopted"]:
        code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        connection.send(b"%d" % code)
    os._exit(0)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _load() -> None:
    """Import everything that a run may import."""
    import importlib
    import pkgutil

    import icesync

    names = [module.name for module in pkgutil.walk_packages(icesync.__path__, "icesync.")]
    for name in (*names, *_LOADED):
        importlib.import_module(name)


_LOADED = ("deepdiff", "httpx", "jsonschema", "rich.console", "rich.progress", "yaml")


def _become(job: Mapping[str, Any]) -> None:
    """Let this process be as one that has just started."""
    import signal
    import time

    if job.get("session"):
        os.setsid()
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["environ"])
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [f"{os.path.dirname(sys.executable)}/icesync", *job["arguments"]]
    streams = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
    for number, (name, mode) in enumerate(streams):
        errors = "backslashreplace" if name == "stderr" else "surrogateescape"
        stream = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)
    exec(job.get("prepare", ""), {})


def _leave(codes: list[int]) -> None:
    """Leave without taking half a thousand modules apart, unless something is still to be said."""
    if codes:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            return
        measuring = sys.modules.get("coverage")
        current = measuring.Coverage.current() if measuring is not None else None
        if current is not None:
            current.stop()
            current.save()
        os._exit(codes[0])


def main() -> None:
    """Serve until whoever started this has gone; forks go on as the program."""
    import atexit
    import gc
    import signal

    codes: list[int] = []
    atexit.register(_leave, codes)  # the first that is registered is the last that is called
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _load()
    shorten_trust(sys.argv[2])
    gc.collect()
    gc.freeze()
    job = _serve(int(sys.argv[1]))
    from icesync.__main__ import main as run

    try:
        _become(job)
        run()
        codes.append(0)
    except SystemExit as end:
        codes.append(end.code if isinstance(end.code, int) else 0)
        raise


if __name__ == "__main__":
    main()
