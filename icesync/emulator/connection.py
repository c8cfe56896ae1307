"""
One connection: bytes become requests, replies become bytes.

A reply leaves in one write; asyncio switches Nagle's algorithm off by itself,
so a kept connection never waits for a delayed acknowledgement.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import h11

from icesync.emulator.framework import Request, iis_page

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from icesync.emulator.service import Service
    from icesync.wire.reply import Reply

__all__ = ["BODY_LIMIT_BYTES", "Connection"]

BODY_LIMIT_BYTES: Final = 30_000_000
"""The largest body that IIS lets through (observed)."""

_CHUNK_BYTES: Final = 2**16
_LINGER_S: Final = 1.0


class _TooLarge(Exception):
    """The body is, or says it is, over the limit."""


class Connection:
    """One client, from accept to close; *scheme* is what its addresses begin with."""

    def __init__(
        self, service: Service, reader: StreamReader, writer: StreamWriter, scheme: str
    ) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self._scheme = scheme
        self._wire = h11.Connection(h11.SERVER)

    async def run(self) -> None:
        """Answer one request after the other until either side has enough, then close."""
        try:
            with suppress(OSError):
                await self._converse()
        finally:
            await self._close()

    async def _converse(self) -> None:
        try:
            while (request := await self._next_request()) is not None:
                await self._send(self._service.answer(request), request.method)
                if self._wire.our_state is h11.MUST_CLOSE:
                    return
                self._wire.start_next_cycle()
        except _TooLarge:
            await self._refuse(413)
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint)

    async def _next_request(self) -> Request | None:
        """Return the next request, or None when the client has closed."""
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        if int(headers.get("content-length", "0")) > BODY_LIMIT_BYTES:
            raise _TooLarge
        return Request(
            method=head.method.decode("ascii"),
            path=head.target.decode("latin-1"),
            headers=headers,
            body=await self._body(),
            scheme=self._scheme,
        )

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT_BYTES:
                raise _TooLarge
        return bytes(body)

    async def _next_event(self) -> object:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            if self._wire.they_are_waiting_for_100_continue:
                go_ahead = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._wire.send(go_ahead) or b"")
            self._wire.receive_data(await self._reader.read(_CHUNK_BYTES))
        return event

    async def _send(self, reply: Reply, method: str, *more: tuple[str, str]) -> None:
        headers = [*reply.headers.items(), ("content-length", str(len(reply.body))), *more]
        parts = [self._wire.send(h11.Response(status_code=reply.status, headers=headers))]
        if method != "HEAD":
            parts.append(self._wire.send(h11.Data(data=reply.body)))
        parts.append(self._wire.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part or b"" for part in parts))
        await self._writer.drain()

    async def _refuse(self, status: int) -> None:
        """Answer as the web server itself; what still arrives is thrown away for a moment."""
        await self._send(iis_page(status), "", ("connection", "close"))
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(_CHUNK_BYTES):
                    pass

    async def _close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            async with asyncio.timeout(_LINGER_S):
                await self._writer.wait_closed()
