"""The emulator on loopback in a thread of the test that talks to it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

from icesync.emulator.server import LOOPBACK, serve
from icesync.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from icesync.emulator.service import Service


class BackgroundServer:
    """
    The service on loopback, in a daemon thread, while the context is open.

    *url* is what belongs into ``api.base_url``. Entering raises what
    :func:`serve` raises.
    """

    def __init__(
        self, service: Service, *, port: int = 0, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self.url = ""
        self._service = service
        self._port = port
        self._ssl_context = ssl_context
        self._started: Future[tuple[str, Callable[[], object]]] = Future()
        self._thread = threading.Thread(target=self._run, name="ice-emulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url, self._stop = self._started.result()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass
        except UsageError as problem:
            self._started.set_exception(problem)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        serving = loop.create_task(
            serve(
                self._service,
                LOOPBACK,
                self._port,
                ready=lambda url: self._started.set_result((url, stop)),
                ssl_context=self._ssl_context,
            )
        )

        def stop() -> None:
            loop.call_soon_threadsafe(serving.cancel)

        await serving
