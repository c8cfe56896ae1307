"""
A far end that distorts what ICE answers, in every way that a wire, a proxy or a bug could.

What a whole reply can show is a function of replies; what only bytes can show is a
script that a socket plays. Both go through :class:`Wire` in process (a broken
script then is a broken connection), and through :class:`SocketFarEnd` on loopback.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from icesync.emulator import aspnet
from icesync.emulator.service import WireBroken
from icesync.model.report import OutcomeKind
from icesync.net import BrokenError, RawReply
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.emulator.service import Service

__all__ = ["DISTORTIONS", "Distortion", "SocketFarEnd", "Wire"]

MIB: Final = 2**20
_SUCCESS: Final = aspnet.accepted(" Success")
_A, _U = OutcomeKind.APPLIED, OutcomeKind.UNCERTAIN
_M, _R = OutcomeKind.MISCONFIGURED, OutcomeKind.REJECTED
_T, _S, _K = OutcomeKind.TRANSIENT, OutcomeKind.THROTTLED, OutcomeKind.AUTH


class End(Enum):
    """How a script ends."""

    KEEP = "the connection goes on"
    CLOSE = "closed"
    RESET = "reset"
    HANG = "nothing, until the caller has gone"


@dataclass(frozen=True)
class Script:
    """*chunks* leave one by one, *pause_s* before each; then comes the *end*."""

    chunks: tuple[bytes, ...] = ()
    end: End = End.CLOSE
    pause_s: float = 0.0


_Reshape: TypeAlias = "Callable[[Reply, bytes], Reply]"
_Author: TypeAlias = "Callable[[bytes, bytes], Script]"


@dataclass(frozen=True)
class Distortion:
    """
    What a client must read it as, whether the write is stored, and what is done to the reply.

    *reshape* gets the reply and the request's body, *script* head and body of the
    reply as bytes; *whole* says that all of the reply arrives in the end.
    """

    kind: OutcomeKind
    stores: bool
    reshape: _Reshape | None = None
    script: _Author | None = None
    whole: bool = False


def _instead(kind: OutcomeKind, reply: Reply, *, stores: bool = False) -> Distortion:
    """Return what answers *reply* whatever was asked."""
    return Distortion(kind, stores, lambda _, __: reply)


def _body(kind: OutcomeKind, change: Callable[[bytes], bytes]) -> Distortion:
    return Distortion(kind, stores=True, reshape=lambda r, _: replace(r, body=change(r.body)))


def _headers(
    kind: OutcomeKind, change: Callable[[Mapping[str, str]], Mapping[str, str]]
) -> Distortion:
    return Distortion(
        kind, stores=True, reshape=lambda r, _: replace(r, headers=dict(change(r.headers)))
    )


def _coded(kind: OutcomeKind, encoding: str, change: Callable[[bytes], bytes]) -> Distortion:
    """Return what says an encoding of the body, and has it or not."""
    header = {"content-encoding": encoding}
    return Distortion(
        kind,
        stores=True,
        reshape=lambda r, _: Reply(r.status, {**r.headers, **header}, change(r.body)),
    )


@lru_cache(maxsize=4)
def _bomb(body: bytes) -> bytes:
    return gzip.compress(body.ljust(MIB), mtime=0)


def _message(text: str) -> bytes:
    return json.dumps({"Message": text}).encode()


def _utf16(reply: Reply, _: bytes) -> Reply:
    kind = {"content-type": "application/json; charset=utf-16"}
    return Reply(reply.status, {**reply.headers, **kind}, reply.body.decode().encode("utf-16"))


def _throttled(status: int, retry_after: str) -> Distortion:
    return _instead(_S, aspnet.message(status, "Slow down", **{"retry-after": retry_after}))


_REFUSED: Final = b'"The request is invalid."'
_FLOOD: Final = {f"x-flood-{number:04}": "x" * 1000 for number in range(8)}

DISTORTIONS: Final[Mapping[str, Distortion]] = {
    "html:200": _instead(_U, aspnet.iis_page(200)),
    "html:200 stored": _instead(_U, aspnet.iis_page(200), stores=True),
    "html:403": _instead(_M, aspnet.iis_page(403)),
    "html:404": _instead(_M, aspnet.iis_page(404)),
    "html:413": _instead(_M, aspnet.iis_page(413)),
    "html:500": _instead(_U, aspnet.iis_page(500)),
    "html:502": _instead(_U, aspnet.iis_page(502)),
    "html:502 stored": _instead(_U, aspnet.iis_page(502), stores=True),
    "html:503": _instead(_T, aspnet.kernel_page(503)),
    "redirect": _instead(_M, aspnet.redirect("/ICEAPI/Login.aspx", 307)),
    "redirect elsewhere": _instead(_M, aspnet.redirect("http://127.0.0.1:9/", 307)),
    "echo": Distortion(
        _K, stores=False, reshape=lambda _, sent: aspnet.message(400, sent.decode(errors="replace"))
    ),
    "throttle": _throttled(429, "1"),
    "throttle:503": _throttled(503, "1"),
    "throttle:date": _throttled(429, "Thu, 01 Jan 2026 00:00:02 GMT"),
    "throttle:asctime": _throttled(429, "Wed Dec 31 23:59:55 2025"),
    "throttle:rfc850": _throttled(503, "Thursday, 01-Jan-26 00:00:02 GMT"),
    "throttle:past": _throttled(429, "-5"),
    "token refused": _instead(_R, aspnet.invalid()),
    "message:plain": _body(_A, lambda _: _message("Success")),
    "message:successful": _body(_A, lambda _: _message(" Successful")),
    "message:lower-case": _body(_A, lambda b: b.replace(b"Message", b"message")),
    "message:list": _body(_A, lambda b: b"[" + b + b"]"),
    "message:spaced": _body(_A, lambda b: b.replace(b'"Message"', b'" Message "')),
    "message:unsuccessful": _body(_U, lambda _: _message("Unsuccessful")),
    "message:duplicate-key": _body(_U, lambda b: b[:-1] + b',"Message":' + _REFUSED + b"}"),
    "message:empty": _body(_U, lambda _: b""),
    "bom": _body(_A, lambda b: b"\xef\xbb\xbf" + b),
    "utf16": Distortion(_A, stores=True, reshape=_utf16),
    "no content-type": _headers(_A, lambda h: {k: v for k, v in h.items() if k != "content-type"}),
    "xml": _body(_U, lambda _: b"<Reply><Message> Success</Message></Reply>"),
    "big": _body(_U, lambda b: b.ljust(2 * MIB)),
    "bad gzip": _coded(_U, "gzip", lambda b: b),
    "gzip bomb": _coded(_U, "gzip", _bomb),
    "header flood": _headers(_A, lambda h: {**h, **_FLOOD}),
    "reset early": Distortion(_U, stores=False, script=lambda _, __: Script(end=End.RESET)),
    "fin": Distortion(_U, stores=False, script=lambda _, __: Script()),
    "fin stored": Distortion(_U, stores=True, script=lambda _, __: Script()),
    "half a head": Distortion(
        _U, stores=False, script=lambda head, _: Script((head[: len(head) // 2],))
    ),
    "half a head stored": Distortion(
        _U, stores=True, script=lambda head, _: Script((head[: len(head) // 2],))
    ),
    "garbage": Distortion(
        _U, stores=False, script=lambda _, __: Script((b"\x00\x15\x03\x01 no HTTP \xff\r\n\r\n",))
    ),
    "truncated": Distortion(_U, stores=True, script=lambda head, body: Script((head + body[:7],))),
    "truncated, dropped": Distortion(
        _U, stores=False, script=lambda head, body: Script((head + body[:-1],))
    ),
    "bad chunk": Distortion(
        _U,
        stores=True,
        script=lambda head, body: Script(
            (
                head.replace(b"content-length: %d" % len(body), b"transfer-encoding: chunked"),
                b"%x\r\n" % len(body) + body + b"\r\nzz\r\n",
            )
        ),
    ),
    "drip": Distortion(
        _A,
        stores=True,
        script=lambda head, body: Script(
            tuple(bytes((b,)) for b in head + body), End.KEEP, pause_s=0.0005
        ),
        whole=True,
    ),
    "interim": Distortion(
        _A,
        stores=True,
        script=lambda head, body: Script(
            (b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + head + body,), End.KEEP
        ),
        whole=True,
    ),
    "hang-up": Distortion(
        _A, stores=True, script=lambda head, body: Script((head + body,)), whole=True
    ),
}  # fmt: skip
"""By name, in the order in which they are tried."""


class Wire:
    """
    The emulator behind a transport, distorted; remembers the last reply that left it whole.

    *choose* names the distortion of each update, or None for one that passes as it is.
    """

    def __init__(self, service: Service, choose: Callable[[], str | None]) -> None:
        self._service = service
        self._choose = choose
        self.reply: RawReply | None = None
        self.struck = 0

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> RawReply:
        """Answer one request, or break."""
        self.reply = None
        name = self._choose() if path.endswith("UpdateEmailServer") else None
        distortion = DISTORTIONS.get(name or "")
        reply = _SUCCESS
        if distortion is None or distortion.stores:
            try:
                reply = self._service.answer(aspnet.Request(method, path, headers, body))
            except WireBroken as broken:
                raise BrokenError(str(broken)) from None
        if distortion is not None:
            self.struck += 1
            if distortion.reshape is not None:
                reply = distortion.reshape(reply, body)
            elif not distortion.whole:
                raise BrokenError(f"the far end broke the wire: {name}")
        self.reply = RawReply(reply.status, reply.headers, reply.body)
        return self.reply


class SocketFarEnd:
    """The same over loopback: one distortion, played for every update while the context is open."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._distortion = DISTORTIONS[name]
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                connection.settimeout(10)
                with connection, suppress(OSError):
                    while self._serve_one(connection):
                        pass

    def _serve_one(self, connection: socket.socket) -> bool:
        """Answer one request; return whether the connection goes on."""
        received = b""
        while b"\r\n\r\n" not in received:
            data = connection.recv(65536)
            if not data:
                return False
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])
        }
        while len(body) < int(headers.get("content-length", "0")):
            body += connection.recv(65536)
        method, path, _ = lines[0].split(" ", 2)
        reply = _SUCCESS
        if self._distortion.stores:
            reply = self._service.answer(aspnet.Request(method, path, headers, body))
        if self._distortion.reshape is not None:
            reply = self._distortion.reshape(reply, body)
        start, content = _encode(reply)
        script = Script((start + content,), End.KEEP)
        if self._distortion.script is not None:
            script = self._distortion.script(start, content)
        for chunk in script.chunks:
            time.sleep(script.pause_s)
            connection.sendall(chunk)
        if script.end is End.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return script.end is End.KEEP


def _encode(reply: Reply) -> tuple[bytes, bytes]:
    """Return head and body of *reply* as bytes."""
    lines = [f"HTTP/1.1 {reply.status} {aspnet.phrase(reply.status)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines += [f"content-length: {len(reply.body)}", "", ""]
    return "\r\n".join(lines).encode(), reply.body
