"""
A far end that is as slow, silent or ambiguous as a test needs, on loopback.

Raw on purpose: it shares no code with the program, nor with its emulator.
"""

from __future__ import annotations

import base64
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from torture.judge import Call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["RawFarEnd"]

_SUCCESS: Final = b'{"Message":"Success"}'


def _token() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"orgid": 59, "exp": 4_000_000_000})
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
    return ".".join([*coded, "c2lnbmF0dXJl"])


class RawFarEnd:
    """
    Takes updates and stores them, unless told otherwise; the context is its life.

    It holds every update from number *held_from* on until :meth:`release` (never,
    if that is not called); *stores* says whether updates have effect, *reply* is
    the body of every answer.
    """

    def __init__(
        self, *, held_from: int = 1_000_000, stores: bool = True, reply: bytes = _SUCCESS
    ) -> None:
        self._held_from = held_from
        self._stores = stores
        self._reply = reply
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._raw: list[dict[str, Any]] = []
        self._heard = 0
        self.reached = threading.Event()
        self._server = _server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def count(self) -> int:
        """How many updates came."""
        return len(self._raw)

    def release(self) -> None:
        """Answer what is held, and everything from now on."""
        self._released.set()

    def answer(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Return the answer to one request."""
        if "Login" in path:
            return json.dumps({"Message": "Success", "Token": _token()}).encode()
        with self._lock:
            number = len(self._raw) + 1
            members = {name: value for name, value in body.items() if name != "Token"}
            raw = {"number": number, "members": members, "ended": False}
            self._raw.append(raw)
        if number >= self._held_from and not self._released.is_set():
            self.reached.set()
            self._released.wait()
        raw["ended"] = True
        return self._reply

    def settled(self) -> list[Call]:
        """Return the updates since the last time this was asked; those held count too."""
        with self._lock:
            fresh, self._heard = self._raw[self._heard :], len(self._raw)
        return [
            Call(
                raw["number"],
                f"{raw['members']['OrgId']}/{raw['members']['SkillId']}",
                raw["members"],
                self._stores,
                "over" if raw["ended"] else None,
            )
            for raw in fresh
        ]


def _server(end: RawFarEnd) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            reply = end.answer(self.path, json.loads(self.rfile.read(length)))
            try:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the run was killed
                super().handle()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    return Server(("127.0.0.1", 0), Handler)
