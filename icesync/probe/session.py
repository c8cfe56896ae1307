"""One conversation with one server: what it may use, and what it writes down."""

from __future__ import annotations

import base64
import time
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Final, TypeVar

from icesync.frozen import mutable
from icesync.model.probe import Mode, ProbeKind, ProbeStep, StepName
from icesync.probe.connection import Connection, ProbeAborted
from icesync.probe.sasl import HIDING, Account, decode_challenge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icesync.model.probe import Certificate, ProbeTarget, SenderCheck

_Answer = TypeVar("_Answer")

_MAX_CHALLENGES: Final = 5


@mutable
class Record:
    """
    What was seen so far, whether the conversation ends well or not.

    *greeted* turns true with a greeting of the right protocol, *spoken* just
    before the password leaves, *logged_in* when it was accepted.
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
    logged_in: bool = False

    @contextmanager
    def step(self, name: StepName) -> Iterator[None]:
        """Write down how long the step *name* takes, also when it fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.steps.append(ProbeStep(name, time.perf_counter() - began))

    def begin_login(self, mechanism: str) -> None:
        """Note that the one login begins."""
        if self.mechanism:
            raise AssertionError("a probe logs in once")
        self.mechanism = mechanism

    def accept_login(self) -> None:
        """
        Note that the login was accepted.

        Raises:
            ProbeAborted: the server heard no password, so it says nothing about one.

        """
        if not self.spoken:
            message = "the server accepted the login before it received the password"
            raise ProbeAborted(ProbeKind.PROTOCOL, message)
        self.logged_in = True

    def speak(self) -> None:
        """Note that the password leaves now: from here on nothing is tried a second time."""
        if not self.spoken and not self.tls_version and self.mechanism not in HIDING:
            self.notes.append("the password was sent unencrypted")
        self.spoken = True


@mutable
class Session:
    """
    A conversation: the *connection*, who logs in where, and how to begin encryption.

    *look* aborts if the server waits for TLS. *goodbye* is what a polite client
    says last, once there is somebody to say it to.
    """

    connection: Connection
    target: ProbeTarget
    account: Account
    record: Record
    secure: Callable[[], None]
    look: Callable[[], None]
    goodbye: bytes = b""

    @property
    def encrypted(self) -> bool:
        """Whether what is said is encrypted."""
        return bool(self.record.tls_version)

    def await_greeting(self) -> None:
        """
        Wait for the greeting, and find out what else the server may be waiting for.

        Raises:
            ProbeAborted: it waits for TLS, or hung up.

        """
        timeouts = self.connection.timeouts
        if not self.encrypted and not self.connection.heard(timeouts.look_s):
            self.look()

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
                self.record.notes.append(
                    "both flags are off; the server offers encryption, so the probe used it"
                )
            return True
        if mode is Mode.STARTTLS:
            message = "the settings require STARTTLS, but the server does not offer it"
            hint = "correct the port or the flags"
            raise ProbeAborted(ProbeKind.NO_STARTTLS, message, hint=hint)
        if not self.target.clear_text:
            raise ProbeAborted(
                ProbeKind.NO_STARTTLS,
                "the server offers no encryption, so the password was not sent",
                hint="use a port with encryption, or pass --allow-cleartext ADDR",
            )
        self.record.mode = Mode.NONE
        return False

    def authenticate(
        self,
        mechanism: str,
        start: Callable[[bytes | None], _Answer],
        go_on: Callable[[bytes], _Answer],
        challenge_of: Callable[[_Answer], str | None],
        *,
        inline: bool,
    ) -> _Answer:
        """
        Carry out *mechanism* and return the server's last answer.

        *start* names the mechanism, with an initial response where *inline* lets
        it and there is one; *go_on* sends a response; *challenge_of* an answer is
        None when it is the last.

        Raises:
            ProbeAborted: the exchange broke.

        """
        dialogue = self.account.dialogue(mechanism)
        first = dialogue.first
        early = inline and first is not None
        if early and dialogue.secret:
            self.record.speak()
        answer = start(base64.b64encode(first) or b"=" if early and first is not None else None)
        pending = None if early else first
        # A server may not read what stands behind the name of a mechanism, and ask for it.
        unread = first if early else None
        for _ in range(_MAX_CHALLENGES):
            challenge = challenge_of(answer)
            if challenge is None:
                return answer
            decoded = decode_challenge(challenge)
            if pending is None and not decoded:
                pending = unread
            unread = None
            data = pending if pending is not None else dialogue.answer(decoded)
            pending = None
            if data is None:
                return go_on(b"*")
            if dialogue.secret:
                self.record.speak()
            answer = go_on(base64.b64encode(data))
        return answer

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
