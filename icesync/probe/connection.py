"""One connection, line by line: bounded in time and in size."""

from __future__ import annotations

import math
import socket
import ssl
import time
from contextlib import suppress
from typing import Final

from icesync.frozen import frozen
from icesync.model.host import ascii_host
from icesync.model.probe import ProbeKind

MAX_LINE_BYTES: Final = 8_192
MAX_BYTES: Final = 262_144
"""What a whole probe may have to read; a generous greeting has a thousandth of it."""


@frozen
class Timeouts:
    """
    How long to wait, in seconds; *total_s* bounds a whole probe, whatever happens in it.

    A server may take all of it for its greeting and for each answer: postscreen,
    greet_pause and the look-up of a missing PTR take 5 to 30 s, and after a
    password an answer that comes late is worth more than none. After *look_s* of
    silence at the start it is tried whether the server waits for TLS, and after
    *last_word_s* a server that said goodbye, or an untagged no, says no more.
    """

    connect_s: float = 5.0
    look_s: float = 5.0
    last_word_s: float = 3.0
    goodbye_s: float = 2.0
    retry_s: float = 1.0
    total_s: float = 30.0


class ProbeAborted(Exception):
    """
    The probe ends here: what it came to, in a sentence, with the server's own words.

    *code* and *text* are as the server said them.
    """

    def __init__(
        self, kind: ProbeKind, detail: str, *, code: str = "", text: str = "", hint: str = ""
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.code = code
        self.text = text
        self.hint = hint


class Deadline:
    """The moment at which everything ends."""

    def __init__(self, total_s: float) -> None:
        self._end = time.monotonic() + total_s

    def moment(self, limit_s: float | None = None) -> float:
        """Return when something that begins now and may take *limit_s* must be over."""
        return self._end if limit_s is None else min(time.monotonic() + limit_s, self._end)

    def left_s(self, limit_s: float = math.inf) -> float:
        """Return the seconds that remain for something that may take *limit_s*; 0 is none."""
        return max(min(limit_s, self._end - time.monotonic()), 0.0)


class Connection:
    """A connected socket that is read by lines; one thread uses it, any thread may cut it."""

    def __init__(
        self, sock: socket.socket, peer_ip: str, deadline: Deadline, timeouts: Timeouts
    ) -> None:
        self.peer_ip = peer_ip
        self.timeouts = timeouts
        self._sock = sock
        self._deadline = deadline
        self._buffer = bytearray()
        self._read_bytes = 0
        self._asked = "the greeting"

    @property
    def local_ip(self) -> str:
        """The address that this machine has on this connection."""
        return str(self._sock.getsockname()[0])

    def read(self, limit_s: float | None = None) -> bytes:
        """
        Return the next line without its end.

        Raises:
            ProbeAborted: it did not come in time, or is no line.

        """
        end = self._deadline.moment(limit_s)
        while (at := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                message = (
                    f"the answer to {self._asked} has a line of more than {MAX_LINE_BYTES} bytes"
                )
                raise ProbeAborted(ProbeKind.PROTOCOL, message)
            self._fill(end)
        found = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        return found.removesuffix(b"\r")

    def heard(self, limit_s: float) -> bool:
        """
        Return whether anything comes within *limit_s*.

        Raises:
            ProbeAborted: the connection ended.

        """
        try:
            if not self._buffer:
                self._fill(self._deadline.moment(limit_s))
        except ProbeAborted as aborted:
            if aborted.kind is not ProbeKind.TIMEOUT:
                raise
            return False
        return True

    def read_bytes(self, count: int) -> bytes:
        """
        Return the next *count* bytes.

        Raises:
            ProbeAborted: they did not come in time, or are too many.

        """
        end = self._deadline.moment()
        while len(self._buffer) < count:
            self._fill(end)
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    def write(self, data: bytes, what: str) -> None:
        """
        Send *data* and a line's end; *what* names it in messages, so it is never a secret.

        Raises:
            ProbeAborted: it could not be sent.

        """
        self._asked = what
        try:
            self._sock.settimeout(self._deadline.left_s() or 0.001)
            self._sock.sendall(data + b"\r\n")
        except TimeoutError:
            raise ProbeAborted(ProbeKind.TIMEOUT, f"{what} could not be sent in time") from None
        except OSError as error:
            raise _broken(error, what) from None

    def secure(self, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
        """
        Begin encryption and return the socket that has it.

        Raises:
            ProbeAborted: the server spoke before it began, or the time was up.
            OSError: the handshake failed.

        """
        if self._buffer:
            # Whoever sits in between could have put words into the server's mouth.
            message = "the server sent data after its STARTTLS reply, before encryption"
            raise ProbeAborted(ProbeKind.PROTOCOL, message)
        self._asked = "the TLS handshake"
        name = ascii_host(host)
        sock = context.wrap_socket(self._sock, server_hostname=name, do_handshake_on_connect=False)
        self._sock = sock
        # What is left behind the handshake is for a look at the other mode, should it fail.
        left_s = self._deadline.left_s()
        sock.settimeout(max(left_s - self.timeouts.look_s, left_s / 2) or 0.001)
        sock.do_handshake()
        return sock

    def cut(self) -> None:
        """End the connection at once; whoever waits for it gets an error."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the connection."""
        self._sock.close()

    def _fill(self, end: float) -> None:
        left_s = end - time.monotonic()
        try:
            if left_s <= 0:
                raise TimeoutError  # noqa: TRY301 - as the socket would say it
            self._sock.settimeout(left_s)
            data = self._sock.recv(4_096)
        except TimeoutError:
            message = f"{self._asked} did not arrive in time"
            if self._asked != "the greeting":
                message = f"no complete answer to {self._asked} in time"
            raise ProbeAborted(ProbeKind.TIMEOUT, message) from None
        except OSError as error:
            raise _broken(error, self._asked) from None
        if not data:
            raise ProbeAborted(
                ProbeKind.RESET, f"the server closed the connection instead of {self._due()}"
            )
        self._read_bytes += len(data)
        self._buffer += data
        if self._read_bytes > MAX_BYTES:
            message = f"the server sent more than {MAX_BYTES // 1024} KiB"
            raise ProbeAborted(ProbeKind.PROTOCOL, message)

    def _due(self) -> str:
        return self._asked if self._asked == "the greeting" else f"answering {self._asked}"


def _broken(error: OSError, asked: str) -> ProbeAborted:
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        reason = error.reason or "no reason given"
        return ProbeAborted(ProbeKind.TLS_ERROR, f"encryption failed at {asked}: {reason}")
    return ProbeAborted(ProbeKind.RESET, f"the connection was lost at {asked}")
