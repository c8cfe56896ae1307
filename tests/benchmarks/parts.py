"""
What a state for each organization costs where the store is far away.

A server of Terraform's HTTP protocol answers each request after a pause, as one that is
50 ms away does. Measured are a plan, which reads each part once, an apply of one server in
each organization, and one after a change in a single organization, of which alone the
state is locked; connections are counted.

    python tests/benchmarks/parts.py [--organizations 200] [--pause-ms 50]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from icesync.bootstrap import open_session
from icesync.engine.apply import ApplyRequest, apply
from icesync.engine.plan import plan
from icesync.engine.state_operations import StateRequest, init_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = """\
version: 1
api: {{base_url: emulator,
      login: {{organization: 1, username: a@b.example, password: ref+env://ICE_LOGIN}},
      rate_per_s: 10000, concurrency: 8}}
state: {{per: organization, backend: http, address: "{url}/{{organization}}",
        lock_address: "{url}/{{organization}}/lock"}}
limits: {{adds: 100000}}
"""

SERVERS = """\
version: 1
organization: {number}
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
  smtp:
    host: smtp.org{number}.example.net
    port: 587
    username: desk
    password: ref+env://ICE_A
    mailbox: desk@org{number}.example.net
    poll_rate: 10
  imap:
    host: imap.org{number}.example.net
    port: 993
    username: desk
    password: ref+env://ICE_A
    mailbox: desk@org{number}.example.net
    poll_rate: 10
servers:
  - skill: 1
"""


class Counts:
    """What arrived at the server."""

    requests = 0
    connections = 0


@contextmanager
def store(pause_s: float, counts: Counts) -> Iterator[str]:
    """Serve states; give the address."""
    kept: dict[str, bytes] = {}
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            with turn:
                counts.connections += 1

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with turn:
                counts.requests += 1
            time.sleep(pause_s)
            path = self.path.partition("?")[0]
            if self.command == "POST":
                kept[path] = body
            found = kept.get(path, b"") if self.command == "GET" else b""
            self.send_response(404 if self.command == "GET" and not found else 200)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        do_GET = do_POST = do_LOCK = do_UNLOCK = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def measure(name: str, counts: Counts, work: Callable[[], object]) -> None:
    """Do *work* and print what it took."""
    requests, connections, start = counts.requests, counts.connections, time.perf_counter()
    work()
    took_s = time.perf_counter() - start
    made = (
        f"{counts.requests - requests:5} requests {counts.connections - connections:4} connections"
    )
    print(f"{name:10} {took_s:6.2f} s {made}")


def main() -> None:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=200)
    parser.add_argument("--pause-ms", type=float, default=50)
    asked = parser.parse_args()
    os.environ["ICE_A"] = "a password for benchmarks"
    os.environ["ICE_LOGIN"] = "another password"
    os.environ["ICESYNC_STATE_PASSWORD"] = "letmein"
    counts = Counts()
    with tempfile.TemporaryDirectory() as name, store(asked.pause_ms / 1000, counts) as url:
        folder = Path(name)
        (folder / "servers").mkdir()
        (folder / "icesync.yaml").write_text(CONFIG.format(url=url))
        for number in range(1, asked.organizations + 1):
            (folder / "servers" / f"{number}.yaml").write_text(SERVERS.format(number=number))
        os.environ["ICESYNC_STATE_ADDRESS"] = f"{url}/{{organization}}"
        measure("state init", counts, lambda: init_state(open_session(folder), StateRequest()))
        measure("plan", counts, lambda: plan(open_session(folder)))
        request = ApplyRequest(automatic=True)
        measure("apply", counts, lambda: apply(open_session(folder), request))
        one = folder / "servers" / "1.yaml"
        one.write_text(one.read_text().replace("poll_rate: 10", "poll_rate: 20", 1))
        measure("apply of 1", counts, lambda: apply(open_session(folder), request))


if __name__ == "__main__":
    main()
