"""
SMTP: greeting, EHLO, STARTTLS, one AUTH, MAIL FROM and RSET for each sender, QUIT.

Never RCPT, never DATA: without them there is no mail. A sender that is accepted
here may still be refused later (some providers judge at DATA), so acceptance is
necessary and not sufficient.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.model.probe import ProbeKind, SenderCheck, StepName
from icesync.probe.connection import ProbeAborted
from icesync.probe.reply_codes import enhanced_code, smtp_refusal
from icesync.probe.sasl import CRAM_MD5, LOGIN, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.probe.connection import Connection
    from icesync.probe.session import Session

__all__ = ["converse"]

_REPLY: Final = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_SENDER: Final = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")
_MAX_LINES: Final = 100
_MAX_INITIAL: Final = 400
"""An initial response beyond this goes on a line of its own (RFC 4954, section 4)."""


class _Reply(NamedTuple):
    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines).strip()

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
        _check_greeting(_read(connection, connection.timeouts.banner_s))
    record.greeted = True
    session.goodbye = b"QUIT"
    features = _hello(session)
    if session.start_tls(lambda: _ask_for_tls(connection), offered="STARTTLS" in features):
        features = _hello(session)
    record.offered = features.get("AUTH", ())
    mechanism = choose_mechanism(
        record.offered,
        (PLAIN, LOGIN, CRAM_MD5),
        encrypted=session.encrypted,
        clear_text=session.target.clear_text,
    )
    with record.step(StepName.AUTH):
        record.speak(mechanism)
        answer = _authenticate(session, mechanism)
        if answer.code != 235:
            raise smtp_refusal(answer.code, answer.text)
    if session.target.senders:
        with record.step(StepName.SENDER):
            _check_senders(session, session.target.senders, utf8="SMTPUTF8" in features)


def _read(connection: Connection, limit_s: float | None = None) -> _Reply:
    """Return the next reply, all its lines."""
    lines: list[str] = []
    while True:
        text = connection.read(limit_s).decode("utf-8", "replace")
        match = _REPLY.fullmatch(text)
        if match is None:
            raise ProbeAborted(ProbeKind.PROTOCOL, "the answer is no SMTP", text=text)
        lines.append(match[3] or "")
        if match[2] != "-":
            return _Reply(int(match[1]), tuple(lines))
        if len(lines) >= _MAX_LINES:
            raise ProbeAborted(ProbeKind.PROTOCOL, f"a reply of more than {_MAX_LINES} lines")


def _ask(connection: Connection, command: bytes, what: str) -> _Reply:
    connection.write(command, what)
    return _read(connection)


def _check_greeting(greeting: _Reply) -> None:
    if greeting.code == 220:
        return
    text, code = greeting.text, greeting.status
    if 400 <= greeting.code < 500:
        message, hint = "the server takes no connections now", "try again later"
        raise ProbeAborted(ProbeKind.AUTH_TEMPORARY, message, code=code, text=text, hint=hint)
    message, hint = "the server takes no connection from here", "its rules may let ICE in"
    raise ProbeAborted(ProbeKind.REFUSED, message, code=code, text=text, hint=hint)


def _hello(session: Session) -> dict[str, tuple[str, ...]]:
    """Return the extensions that the server offers, by name in capitals."""
    with session.record.step(StepName.CAPABILITIES):
        address = ipaddress.ip_address(session.connection.local_ip.partition("%")[0])
        literal = f"[{'IPv6:' if address.version == 6 else ''}{address}]"
        reply = _ask(session.connection, b"EHLO " + literal.encode(), "EHLO")
    if reply.code != 250:
        message = "the server does not take EHLO"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, code=reply.status, text=reply.text)
    features: dict[str, tuple[str, ...]] = {}
    for text in reply.lines[1:]:
        # Old servers write AUTH=LOGIN, some beside a proper line.
        name, *values = text.upper().replace("AUTH=", "AUTH ").split() or [""]
        features[name] = tuple(dict.fromkeys((*features.get(name, ()), *values)))
    return features


def _ask_for_tls(connection: Connection) -> None:
    reply = _ask(connection, b"STARTTLS", "STARTTLS")
    if reply.code != 220:
        message = "STARTTLS is offered and refused"
        raise ProbeAborted(ProbeKind.NO_STARTTLS, message, code=reply.status, text=reply.text)


def _authenticate(session: Session, mechanism: str) -> _Reply:
    account, connection = session.account, session.connection
    if mechanism == PLAIN:
        response = account.plain()
        if len(response) <= _MAX_INITIAL:
            return _ask(connection, b"AUTH PLAIN " + response, "AUTH")
        return _answer(connection, mechanism, [response])
    if mechanism == LOGIN:
        return _answer(connection, mechanism, account.login())
    challenge = _ask(connection, b"AUTH CRAM-MD5", "AUTH")
    if challenge.code != 334:
        return challenge
    return _ask(connection, account.cram_md5(challenge.text.encode("ascii", "replace")), "AUTH")


def _answer(connection: Connection, mechanism: str, responses: Iterable[bytes]) -> _Reply:
    """Return what the server says in the end, after each of *responses* was asked for."""
    reply = _ask(connection, f"AUTH {mechanism}".encode(), "AUTH")
    for response in responses:
        if reply.code != 334:
            break
        reply = _ask(connection, response, "AUTH")
    return reply


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
        except ProbeAborted as stopped:
            message = f"not asked: {stopped.detail}"
            rest = list(senders)[number:]
            known = {check.sender for check in session.record.senders}
            session.record.senders += [
                SenderCheck(s, None, message) for s in rest if s not in known
            ]
            session.goodbye = b""
            return


def _unsayable(sender: str, *, utf8: bool) -> str:
    if _SENDER.fullmatch(sender) is None:
        return "not asked: no email address"
    if not sender.isascii() and not utf8:
        return "not asked: the server does not speak SMTPUTF8"
    return ""


def _verdict(sender: str, reply: _Reply) -> SenderCheck:
    accepted = {2: True, 5: False}.get(reply.code // 100)
    return SenderCheck(sender, accepted, f"{reply.code} {reply.text}")
