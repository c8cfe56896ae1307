"""
A headless Chromium, driven over two pipes.

The DevTools protocol over pipes needs no port and no library: messages are JSON,
each ended by a zero byte. Nothing here reaches any network.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PROGRAM", "Browser"]

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

PROGRAM: Final = next(filter(None, map(shutil.which, _NAMES)), None)
"""Where Chromium is, None where it is not installed."""

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-quic",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip

_TIMEOUT_S: Final = 30


def _spawn(command: list[str], down: int, up: int) -> int:
    """Start Chromium, which reads from descriptor 3 and writes to 4, and return its process id."""
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (down, up)]
    actions = [
        *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)),
        *((os.POSIX_SPAWN_DUP2, end, 3 + n) for n, end in enumerate(high)),
    ]
    try:
        return os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    finally:
        for end in high:
            os.close(end)


class Browser:
    """
    One page in one browser; a context manager.

    *trouble* collects what the page complained about: uncaught errors, errors
    and warnings of its console, refused scripts, and every attempt to load
    something else.
    """

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        self.trouble: list[str] = []
        self._number = 0
        self._loads = 0
        self._page: str | None = None
        self._received = b""
        down, self._down = os.pipe()
        self._up, up = os.pipe()
        command = [PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._pid = _spawn(command, down, up)
        os.close(down)
        os.close(up)

    def __enter__(self) -> Self:
        targets = self._call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._page = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *raised: object) -> None:
        with suppress(OSError, AssertionError):
            self._page = None
            self._call("Browser.close")
        os.close(self._down)
        os.close(self._up)
        os.waitpid(self._pid, 0)

    def open(self, path: Path, fragment: str = "") -> None:
        """Open the page in *path*, anew, and wait until it is loaded."""
        self._go("about:blank")
        self.trouble.clear()
        self._go(f"{path.as_uri()}{fragment}")

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Let the page be so large, and the reader's eyes want it *dark* or light."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def allow_scripts(self, *, allowed: bool) -> None:
        """Let pages run their scripts, or not; what a test runs itself always does."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def run(self, expression: str) -> Any:
        """Return what *expression* comes to in the page; a promise is waited for."""
        reply = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def settle(self) -> None:
        """Wait until the page has drawn what was asked of it."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, key: str) -> None:
        """Press one key: a character, or a name such as ``ArrowDown``."""
        named = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        text = {"text": named} if named else {}
        code = {"Tab": 9, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "Enter": 13}.get(key, 0)
        named_key = {"key": key, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", type="keyDown", **named_key, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", **named_key)
        self.settle()

    def picture(self, *, height: int | None = None) -> bytes:
        """Return what is shown as PNG: the window, or from the top of the page to *height*."""
        clip: dict[str, Any] = {}
        if height is not None:
            width = self.run("document.documentElement.clientWidth")
            area = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            clip = {"clip": area, "captureBeyondViewport": True}
        return base64.b64decode(self._call("Page.captureScreenshot", format="png", **clip)["data"])

    def printed(self) -> bytes:
        """Return the page on paper, as PDF."""
        reply = self._call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(reply["data"])

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._page is not None:
            message["sessionId"] = self._page
        os.write(self._down, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._receive()
            if reply.get("id") == self._number:
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]

    def _go(self, url: str) -> None:
        before = self._loads
        self._call("Page.navigate", url=url)
        while self._loads == before:
            self._receive()

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _TIMEOUT_S
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._up], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "the browser fell silent"
            piece = os.read(self._up, 1 << 20)
            assert piece, "the browser ended"
            self._received += piece
        first, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        self._notice(message.get("method", ""), message.get("params", {}))
        return message

    def _notice(self, method: str, told: dict[str, Any]) -> None:
        """Take down that a page was loaded, and whatever no good page causes."""
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Runtime.exceptionThrown":
            self.trouble.append(str(told["exceptionDetails"]))
        elif method in {"Runtime.consoleAPICalled", "Log.entryAdded"}:
            self.trouble.append(str(told.get("entry", told)))
        elif method == "Network.requestWillBeSent":
            url = told["request"]["url"]
            if not url.startswith(("file:", "about:")):
                self.trouble.append(f"wanted {url}")
        elif method == "Page.javascriptDialogOpening":
            self.trouble.append(f"asked: {told['message']}")
