"""
SMTP: greeting, EHLO, STARTTLS, one AUTH, MAIL FROM and RSET for each sender, QUIT.

Never RCPT, never DATA: without them there is no mail. A sender that is accepted
here may still be refused later (some providers judge at DATA), so acceptance is
necessary and not sufficient.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Final

from icesync.frozen import NamedTuple
from icesync.model.probe import ProbeKind, SenderCheck, StepName
from icesync.probe.connection import Connection, ProbeAborted
from icesync.probe.reply_codes import enhanced_code, refused_connection, refused_login
from icesync.probe.sasl import PLAIN, SPOKEN, choose_mechanism

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.probe.session import Session

_REPLY: Final = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_LOCAL: Final = r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"|[^\s<>"\x00-\x1f\x7f]+)'
_SENDER: Final = re.compile(rf"{_LOCAL}@[^\s<>@\x00-\x1f\x7f]+")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_MAX_LINES: Final = 100
_MAX_INITIAL: Final = 400
"""An initial response beyond this goes on a line of its own (RFC 4954, section 4)."""

_NO_VERDICT: Final = frozenset({500, 502, 503, 504})
"""Replies to MAIL that say nothing about the sender, but about the order of commands."""


class _Reply(NamedTuple):
    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines in one; the enhanced code that stands before each of them, once."""
        enhanced = enhanced_code(self.lines[0])
        rest = (line.removeprefix(enhanced).strip() for line in self.lines[1:])
        return " ".join((self.lines[0], *rest)).strip()

    @property
    def status(self) -> str:
        """The code with its enhanced one, for a report."""
        return f"{self.code} {enhanced_code(self.text)}".rstrip()


def converse(session: Session) -> None:
    """
    Log in once, ask for each sender, and leave nothing behind.

    Raises:
        ProbeAborted: anything but a login.

    """
    record, connection = session.record, session.connection
    with record.step(StepName.BANNER):
        session.await_greeting()
        greeting = _read(connection)
    if greeting.code != 220:
        raise refused_connection(greeting.text, greeting.code)
    record.greeted = True
    session.goodbye = b"QUIT"
    features = _hello(session)
    if session.start_tls(lambda: _ask_for_tls(connection), offered="STARTTLS" in features):
        features = _hello(session)
    record.offered = features.get("AUTH", ())
    mechanism = choose_mechanism(
        record.offered, SPOKEN, encrypted=session.encrypted, clear_text=session.target.clear_text
    )
    with record.step(StepName.AUTH):
        record.begin_login(mechanism)
        answer = _authenticate(session, mechanism)
    if answer.code >= 400:
        raise refused_login(answer.text, answer.code)
    if answer.code != 235:
        message = "the server's answer to AUTH is invalid"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, code=answer.status, text=answer.text)
    record.accept_login()
    if session.target.senders:
        with record.step(StepName.SENDER):
            _check_senders(session, session.target.senders, utf8="SMTPUTF8" in features)


def _read(connection: Connection, limit_s: float | None = None) -> _Reply:
    """Return the next reply, all its lines."""
    lines: list[str] = []
    code = 0
    while True:
        try:
            text = connection.read(limit_s).decode("utf-8", "replace")
        except ProbeAborted as aborted:
            if code < 400 or aborted.kind not in {ProbeKind.TIMEOUT, ProbeKind.RESET}:
                raise
            # A refusal that breaks off is one: its first line says so.
            return _Reply(code, tuple(lines))
        match = _REPLY.fullmatch(text)
        if match is None:
            raise ProbeAborted(ProbeKind.PROTOCOL, "the answer is not SMTP", text=text)
        code = int(match[1])
        lines.append(match[3] or "")
        if match[2] != "-":
            return _Reply(code, tuple(lines))
        if len(lines) >= _MAX_LINES:
            raise ProbeAborted(ProbeKind.PROTOCOL, f"a reply of more than {_MAX_LINES} lines")


def _ask(connection: Connection, command: bytes, what: str) -> _Reply:
    connection.write(command, what)
    return _read(connection)


def _hello(session: Session) -> dict[str, tuple[str, ...]]:
    """Return the extensions that the server offers, by name in capitals."""
    with session.record.step(StepName.CAPABILITIES):
        for name in _own_names(session.connection):
            reply = _ask(session.connection, b"EHLO " + name, "EHLO")
            if reply.code in {250, 421}:
                break
    if reply.code in {500, 502}:
        message = "the server does not support EHLO, so it offers no login"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, code=reply.status, text=reply.text)
    if reply.code != 250:
        refusal = refused_connection(reply.text, reply.code)
        if refusal.kind is ProbeKind.REFUSED:
            # ICE greets with a name of its own, so this says nothing about the setting.
            refusal.detail = "the server rejects this machine's name in EHLO"
        raise refusal
    features: dict[str, tuple[str, ...]] = {}
    for text in reply.lines[1:]:
        # Old servers write AUTH=LOGIN, some beside a proper line.
        word, *values = text.upper().replace("AUTH=", "AUTH ").split() or [""]
        features[word] = tuple(dict.fromkeys((*features.get(word, ()), *values)))
    return features


def _own_names(connection: Connection) -> tuple[bytes, ...]:
    """Return how this machine may call itself: by its address, which is true, else by its name."""
    address = ipaddress.ip_address(connection.local_ip.partition("%")[0])
    literal = f"[{'IPv6:' if address.version == 6 else ''}{address}]"
    name = socket.gethostname()
    if _HOST_NAME.fullmatch(name) is None:
        name = "localhost"
    # A name without a dot is refused by those who refuse addresses.
    return literal.encode(), (name if "." in name else f"{name}.localdomain").encode()


def _ask_for_tls(connection: Connection) -> None:
    reply = _ask(connection, b"STARTTLS", "STARTTLS")
    if reply.code != 220:
        message = "the server offers STARTTLS, but rejects it"
        raise ProbeAborted(ProbeKind.NO_STARTTLS, message, code=reply.status, text=reply.text)


def _authenticate(session: Session, mechanism: str) -> _Reply:
    connection, command = session.connection, f"AUTH {mechanism}".encode()

    def start(initial: bytes | None) -> _Reply:
        if initial is None or len(initial) > _MAX_INITIAL:
            return _ask(connection, command, "AUTH")
        reply = _ask(connection, command + b" " + initial, "AUTH")
        if reply.code == 501 and mechanism == PLAIN:
            # Not read: the initial response itself is refused (RFC 4954, section 4).
            return _ask(connection, command, "AUTH")
        return reply

    return session.authenticate(
        mechanism,
        start,
        lambda data: _ask(connection, data, "AUTH"),
        lambda reply: reply.text if reply.code == 334 else None,
        inline=True,
    )


def _check_senders(session: Session, senders: Iterable[str], *, utf8: bool) -> None:
    """Ask for each sender; a server that has enough of it ends the asking, not the login."""
    for number, sender in enumerate(senders):
        refusal = _unsayable(sender, utf8=utf8)
        if refusal:
            session.record.senders.append(SenderCheck(sender, None, refusal))
            continue
        parameter = b"" if sender.isascii() else b" SMTPUTF8"
        try:
            reply = _ask(
                session.connection, b"MAIL FROM:<%b>" % sender.encode() + parameter, "MAIL"
            )
            session.record.senders.append(_verdict(sender, reply))
            _ask(session.connection, b"RSET", "RSET")
        except ProbeAborted as aborted:
            message = f"not tested: {aborted.detail}"
            rest = list(senders)[number:]
            known = {check.sender for check in session.record.senders}
            session.record.senders += [
                SenderCheck(s, None, message) for s in rest if s not in known
            ]
            session.goodbye = b""
            return


def _unsayable(sender: str, *, utf8: bool) -> str:
    if _SENDER.fullmatch(sender) is None:
        return "not tested: not an email address"
    if not sender.isascii() and not utf8:
        return "not tested: the server does not support SMTPUTF8"
    return ""


def _verdict(sender: str, reply: _Reply) -> SenderCheck:
    accepted = {2: True, 5: False}.get(reply.code // 100)
    if reply.code in _NO_VERDICT:
        accepted = None
    return SenderCheck(sender, accepted, f"{reply.code} {reply.text}")
