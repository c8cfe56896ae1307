"""
How many calls a second ``icesync apply`` makes, against bare httpx.

The emulator runs in a process of its own. The yardstick is a program that only
posts the same bodies with as many threads, a synchronous httpx client each, and
reads the replies: no plan, no snapshot, no rate, no deadline, no look at what
the reply says beyond "success". The goal is 80 % of its rate. The call phase is
timed inside of the process, which begins as the installed program does, from the
saved intent to the last outcome; the whole process from outside; once more with a
journal that keeps nothing, to see what it costs to have every intent on the disk
before its call leaves. The goal is 85 % of that rate. It depends on the disk: a
flush of 0.05 ms costs only its processor time; one of 2 to 4 ms, as beside others
that write, takes an eighth to a third of the rate, and no intent may be written
ahead of its turn to hide it.

    python tests/benchmarks/throughput.py [--servers 2000] [--concurrency 8]
    python tests/benchmarks/throughput.py --servers 3200 --concurrency 32 --latency-ms 50

Without latency every microsecond of either program shows; with some, as over a
network, the most that is possible is concurrency / latency, less the first call,
which goes alone, and the last round: so many calls that these two do not count.
All processes share this machine: the rates are lower bounds, the ratios count.

What a call without latency takes of the processor, in microseconds, each part in a
loop of its own, where a call of bare httpx takes 630:

    the request, through httpx and h11      380
    intent: digest, three fingerprints       50
    its line and that of the outcome         45
    the body                                 30
    the reply                                20
    into the journal, with a flush           20
    next call, pace, progress                15
    taking the outcome in                    10
    is the lock file still there              4

Threads that wake each other cost more, in both programs: with 8 in flight bare httpx
takes 740 to 860, an apply 1.05 to 1.3 times as much. Most of that is waking who waits
for the journal.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from corpus import environment, write_fleet
from measure import (
    arguments,
    cpu,
    icesync,
    inner,
    interleave,
    median,
    peak,
    print_table,
    ratio,
    run,
    wall,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Sample

PREPARE = """
import json, sys
from pathlib import Path
from icesync.bootstrap import open_session
from icesync.engine.plan import PlanRequest, plan
from icesync.model.plan import Update
from icesync.wire.update import UPDATE_PATH, encode_update

folder = Path(sys.argv[1])
context = open_session(folder)
made = plan(context, PlanRequest())
token, api = context.ice.token(), context.project.api
bodies = []
for change in made.plan.calls:
    secrets = {s.key: made.resolution.values[s.reference] for s in change.secrets}
    update = Update(change.address, change.after, secrets)
    bodies.append(encode_update(update, token, api.wire).decode())
url = api.base_url + UPDATE_PATH
(folder / "bodies.json").write_text(json.dumps({"url": url, "bodies": bodies}))
"""

BARE = """
import json, sys, threading, time
from collections import deque
import httpx

with open(sys.argv[1]) as file:
    document = json.load(file)
url, bodies = document["url"], deque(body.encode() for body in document["bodies"])
headers = {"Content-Type": "application/json; charset=utf-8", "Accept-Encoding": "identity"}
wrong = []

def post():
    with httpx.Client(verify=False, trust_env=False) as client:
        while bodies:
            try:
                body = bodies.popleft()
            except IndexError:
                return
            reply = client.post(url, content=body, headers=headers)
            if reply.status_code != 200 or b"uccess" not in reply.content:
                wrong.append(reply.content)

threads = [threading.Thread(target=post) for _ in range(int(sys.argv[2]))]
began = time.perf_counter()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("inner", time.perf_counter() - began, file=sys.stderr)
sys.exit(bool(wrong))
"""

APPLY = """
import atexit, sys, time
from icesync.__main__ import main
from icesync.cli import progress
from icesync.model.report import ApplyEnded, ApplyStarted

class Timer:
    def take(self, event):
        if isinstance(event, ApplyStarted):
            self.began = time.perf_counter()
        elif isinstance(event, ApplyEnded):
            took = time.perf_counter() - self.began
            # The program leaves without returning from its main function.
            atexit.register(print, "inner", took, file=sys.stderr)

class Nowhere:
    def append(self, line):
        pass
    def commit(self, line):
        pass
    def close(self):
        pass

if sys.argv[2:] == ["without"]:
    from icesync.stores.journal import LocalJournals
    LocalJournals.begin = lambda *_: Nowhere()

progress.open_progress = lambda console: Timer().take
sys.argv[1:] = ["-C", sys.argv[1], "apply", "--auto-approve"]
main()
"""

INSIDE, OUTSIDE, BASE = "apply, timed inside", "icesync apply", "bare httpx"
WITHOUT = "apply without its journal"


@contextmanager
def emulator(folder: Path, latency_ms: float) -> Iterator[str]:
    """Serve an emulated ICE in a process of its own, each reply late, and give its address."""
    ready = folder / "ready"
    options = ["--port", "0", "--token-ttl", "86400", "--ready-file", str(ready)]
    if latency_ms:
        options += ["--latency", f"{latency_ms:g}ms"]
    command = [sys.executable, "-m", "icesync", "emulator", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (ready.exists() and ready.read_text()):
            if process.poll() is not None:
                sys.exit("the emulator did not start")
            time.sleep(0.05)
        yield ready.read_text().strip()
    finally:
        process.terminate()
        process.wait()


def flush_ms(folder: Path) -> float:
    """Return how long the disk of *folder* takes for a flush just now, in milliseconds."""
    times = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        file.write(bytes(2**20))
        os.fsync(file.fileno())
        for number in range(200):
            file.seek(number * 2048)
            file.write(b"x" * 2048)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def apply(command: list[str], folder: Path, secrets: dict[str, str]) -> Sample:
    """Run an apply that sends everything for the first time."""
    (folder / "icesync.state.json").unlink(missing_ok=True)
    return run(command, secrets)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--servers", type=int, default=2000, metavar="N")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N")
    parser.add_argument("--latency-ms", type=float, default=0, metavar="N")
    asked = parser.parse_args()
    servers, secrets = asked.servers, environment(asked.servers)
    with tempfile.TemporaryDirectory() as name, emulator(Path(name), asked.latency_ms) as url:
        folder = Path(name)
        write_fleet(folder, servers, base_url=url, concurrency=asked.concurrency)
        prepare = [sys.executable, "-c", PREPARE, name]
        subprocess.run(prepare, check=True, env=secrets)
        bodies = str(folder / "bodies.json")
        bare = [sys.executable, "-c", BARE, bodies, str(asked.concurrency)]
        inside = [sys.executable, "-c", APPLY, name]
        outside = [*icesync(), "-C", name, "apply", "--auto-approve"]
        cases = {
            BASE: partial(run, bare),
            INSIDE: partial(apply, inside, folder, secrets),
            WITHOUT: partial(apply, [*inside, "without"], folder, secrets),
            OUTSIDE: partial(apply, outside, folder, secrets),
        }
        samples = interleave(cases, asked.rounds)
        flush = flush_ms(folder)
    rows = []
    for case in cases:
        timed = case != OUTSIDE
        rows.append(
            [
                case,
                f"{servers / median(samples, case, inner):.0f}" if timed else "",
                f"{1 / ratio(samples, case, BASE, inner):.0%}" if timed else "",
                f"{median(samples, case, wall):.2f}",
                f"{ratio(samples, case, BASE, wall):.2f}",
                f"{median(samples, case, cpu) / servers * 1e6:.0f}",
                f"{ratio(samples, case, BASE, cpu):.2f}",
                f"{median(samples, case, peak):.0f}",
            ]
        )
    head = ["", "calls/s", "of bare", "whole s", "x bare", "CPU us/call", "x bare", "peak MiB"]
    title = f"{servers:,} calls, {asked.concurrency} at a time, {asked.latency_ms:g} ms latency"
    title += f", medians of {asked.rounds} rounds"
    print_table(title, head, rows)
    kept = 1 / ratio(samples, INSIDE, WITHOUT, inner)
    print(f"rate with the journal: {kept:.0%} of the rate without it (a flush: {flush:.2f} ms)")


if __name__ == "__main__":
    main()
