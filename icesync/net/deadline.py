"""One thread that ends the calls whose deadline has passed, whatever they are waiting for."""

from __future__ import annotations

import threading
import time
from typing import Final, Protocol, Self

_WATCH_S: Final = 0.1


class Abortable(Protocol):
    """Something that waits and can be woken from another thread."""

    def abort(self) -> None:
        """Wake whoever waits."""
        ...


class Watched:
    """One call under a deadline."""

    __slots__ = ("_client", "_ends", "late")

    def __init__(self, client: Abortable, ends: float) -> None:
        self._client = client
        self._ends = ends
        self.late = False

    def __enter__(self) -> Self:
        WATCHDOG.calls.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        WATCHDOG.calls.discard(self)

    def look(self, now: float) -> None:
        """End the call if its time is over."""
        if now >= self._ends:
            self.late = True
            self._client.abort()


class Watchdog:
    """One thread that ends the calls whose deadline has passed."""

    def __init__(self) -> None:
        self.calls: set[Watched] = set()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, client: Abortable, ends: float) -> Watched:
        """Return *client*'s call, to be entered; it is ended at *ends* of the monotonic clock."""
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
                self._thread.start()
        return Watched(client, ends)

    def _run(self) -> None:
        while True:
            time.sleep(_WATCH_S)
            now = time.monotonic()
            for call in tuple(self.calls):
                call.look(now)


WATCHDOG: Final = Watchdog()
