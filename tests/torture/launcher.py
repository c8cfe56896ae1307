"""
Starts the program over and over: a process that has imported everything, and forks.

It reads one job a line on stdin and answers on stdout. A job can plant one
defect (see ``defects``) or a wire to trip over (see ``tripwire``) into the
program, or name a command to execute instead. Loaded once, it starts a run in
milliseconds: that is what makes thousands of kills affordable.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]

_LOADED: Final = (
    "icesync.cli.output", "icesync.engine.apply", "icesync.cli.commands.apply",
    "icesync.cli.commands.plan",
    "icesync.cli.commands.state", "icesync.client.gateway", "icesync.codec.state",
    "icesync.engine.state", "icesync.planner.plan", "icesync.stores.local",
    "torture.defects", "torture.tripwire",
)  # fmt: skip


def main() -> None:
    """Serve jobs until stdin ends."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    _load()
    for line in sys.stdin:
        job = json.loads(line)
        answer = _wait(**job["wait"]) if "wait" in job else _start(job)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _load() -> None:
    from icesync.cli.main import COMMANDS, module_of

    for name in (*_LOADED, *(f"icesync.cli.commands.{module_of(command)}" for command in COMMANDS)):
        importlib.import_module(name)


def _start(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _run(job)
    finally:
        os._exit(code)


def _run(job: dict[str, Any]) -> int:
    os.setsid()
    os.chdir(job["folder"])
    os.environ.update(job["variables"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sink = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    empty = os.open(os.devnull, os.O_RDONLY)
    for theirs, ours in ((empty, 0), (sink, 1), (sink, 2)):
        os.dup2(theirs, ours)
    if "command" in job:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(job["command"][0], job["command"])  # noqa: S606 - no shell is wanted
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, closefd=False) for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    from torture.defects import plant
    from torture.tripwire import stretch

    if job["defect"]:
        plant(job["defect"])
    if job["trip"]:
        stretch(**job["trip"])
    if job["stopped"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    from icesync.cli.main import run

    code = run(job["arguments"])
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


def _wait(pid: int, timeout_s: float) -> int | None:
    """Return the exit code of a child, negative after a signal, or None when it still runs."""
    deadline = time.monotonic() + timeout_s
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


if __name__ == "__main__":
    main()
