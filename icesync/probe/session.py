"""One conversation with one server: what it may use, and what it writes down."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from icesync.model.probe import Mode, ProbeKind, ProbeStep, StepName
from icesync.probe.connection import Connection, ProbeAborted
from icesync.probe.sasl import CRAM_MD5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icesync.model.probe import Certificate, ProbeTarget, SenderCheck
    from icesync.probe.sasl import Account

__all__ = ["Record", "Session"]


@dataclass(slots=True)
class Record:
    """
    What was seen so far; it is told whether the conversation ends well or not.

    *greeted* turns true with a greeting of the right protocol, *spoken* just
    before the password leaves: from then on nothing is tried a second time.
    """

    mode: Mode
    ip: str = ""
    tls_version: str = ""
    cipher: str = ""
    certificate: Certificate | None = None
    offered: tuple[str, ...] = ()
    mechanism: str = ""
    senders: list[SenderCheck] = field(default_factory=list)
    inbox_messages: int | None = None
    notes: list[str] = field(default_factory=list)
    steps: list[ProbeStep] = field(default_factory=list)
    greeted: bool = False
    spoken: bool = False

    @contextmanager
    def step(self, name: StepName) -> Iterator[None]:
        """Write down how long the step *name* takes, also when it fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.steps.append(ProbeStep(name, time.perf_counter() - began))

    def speak(self, mechanism: str) -> None:
        """Note that the password leaves now; it may do so once."""
        if self.spoken:
            raise AssertionError("a probe logs in once")
        self.spoken = True
        self.mechanism = mechanism
        if not self.tls_version and mechanism != CRAM_MD5:
            self.notes.append("the password travelled in clear text")


@dataclass(slots=True)
class Session:
    """
    A conversation: the *connection*, who logs in where, and how to begin encryption.

    *goodbye* is what a polite client says last, once there is somebody to say it to.
    """

    connection: Connection
    target: ProbeTarget
    account: Account
    record: Record
    secure: Callable[[], None]
    goodbye: bytes = b""

    @property
    def encrypted(self) -> bool:
        """Whether what is said is encrypted."""
        return bool(self.record.tls_version)

    def start_tls(self, ask: Callable[[], None], *, offered: bool) -> bool:
        """
        Begin encryption by *ask* and return whether it has begun; it need not where it must not.

        Raises:
            ProbeAborted: it must begin and cannot; or the password may not go without.

        """
        mode = self.record.mode
        if self.encrypted or mode is Mode.NONE:
            return False
        if offered:
            ask()
            self.secure()
            if mode is Mode.OFFERED:
                self.record.mode = Mode.STARTTLS
                self.record.notes.append("both flags are off, encryption is offered and was used")
            return True
        if mode is Mode.STARTTLS:
            message = "encryption is wanted and the server does not offer it"
            raise ProbeAborted(ProbeKind.NO_STARTTLS, message)
        if not self.target.clear_text:
            raise ProbeAborted(
                ProbeKind.NO_STARTTLS,
                "no encryption is offered, so the password was not spoken",
                hint="encrypt, or let it go in clear text: --allow-cleartext ADDR",
            )
        self.record.mode = Mode.NONE
        return False

    def leave(self) -> None:
        """Say goodbye, if there is anybody; how it is answered does not matter."""
        if not self.goodbye:
            return
        try:
            with self.record.step(StepName.BYE):
                self.connection.write(self.goodbye, "the goodbye")
                self.connection.read(self.connection.timeouts.goodbye_s)
        except ProbeAborted:
            pass
