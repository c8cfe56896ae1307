"""
IMAP: greeting, CAPABILITY, STARTTLS, one login, EXAMINE INBOX, LOGOUT.

EXAMINE opens the inbox for reading only, so that messages stay recent and unseen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from icesync.model.probe import ProbeKind, StepName
from icesync.probe.connection import ProbeAborted
from icesync.probe.reply_codes import imap_refusal
from icesync.probe.sasl import CRAM_MD5, LOGIN, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from icesync.probe.connection import Connection
    from icesync.probe.session import Session

__all__ = ["converse"]

_TAG: Final = "a"
_CAPABILITY: Final = re.compile(r"\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)
_EXISTS: Final = re.compile(r"\* ([0-9]{1,10}) EXISTS", re.IGNORECASE)
_LITERAL: Final = re.compile(rb"\{([0-9]{1,9})\}$")
_MAX_LINES: Final = 1_000


@dataclass(slots=True)
class _Answer:
    """How a command ended (``OK``, ``NO``, ``BAD``, or ``+``: go on), and what came before."""

    status: str
    text: str
    untagged: list[str] = field(default_factory=list)


def converse(session: Session) -> None:
    """
    Log in once and open the inbox for reading.

    Raises:
        ProbeAborted: anything but a login.

    """
    record, connection = session.record, session.connection
    with record.step(StepName.BANNER):
        greeting = connection.read(connection.timeouts.banner_s).decode("utf-8", "replace")
    _check_greeting(greeting)
    record.greeted = True
    session.goodbye = f"{_TAG} LOGOUT".encode()
    features = _capabilities(session, greeting)
    if session.start_tls(lambda: _ask_for_tls(connection), offered="STARTTLS" in features):
        features = _capabilities(session, "")
    mechanism = _choose(session, features)
    with record.step(StepName.AUTH):
        record.speak(mechanism)
        _require(_log_in(session, mechanism, initial="SASL-IR" in features), "the login")
    with record.step(StepName.INBOX):
        answer = _ask(connection, b"EXAMINE INBOX", "EXAMINE")
    _require(answer, "EXAMINE", "logged in, but the inbox cannot be opened")
    counts = [match[1] for text in answer.untagged if (match := _EXISTS.match(text))]
    record.inbox_messages = int(counts[-1]) if counts else None


def _check_greeting(greeting: str) -> None:
    word = greeting[:6].upper()
    if word.startswith("* OK"):
        return
    if word.startswith("* BYE"):
        message, hint = "the server takes no connection from here", "its rules may let ICE in"
        raise ProbeAborted(ProbeKind.REFUSED, message, text=greeting[6:], hint=hint)
    message = "the answer is no IMAP"
    if greeting[:9].upper() == "* PREAUTH":
        message = "the server takes everybody for logged in already, so there is no login to try"
    raise ProbeAborted(ProbeKind.PROTOCOL, message, text=greeting)


def _ask(connection: Connection, command: bytes, what: str) -> _Answer:
    connection.write(_TAG.encode() + b" " + command, what)
    return _read(connection)


def _read(connection: Connection) -> _Answer:
    """Return the end of a command, with the untagged lines before it."""
    untagged: list[str] = []
    while len(untagged) < _MAX_LINES:
        text = _whole(connection)
        word, _, rest = text.partition(" ")
        if word == "+":
            return _Answer("+", rest, untagged)
        if word == _TAG:
            status, _, words = rest.partition(" ")
            return _Answer(status.upper(), words, untagged)
        if word != "*":
            raise ProbeAborted(ProbeKind.PROTOCOL, "the answer is no IMAP", text=text)
        if rest[:3].upper() == "BYE":
            raise ProbeAborted(ProbeKind.RESET, "the server said goodbye", text=rest[4:])
        untagged.append(text)
    raise ProbeAborted(ProbeKind.PROTOCOL, f"an answer of more than {_MAX_LINES} lines")


def _whole(connection: Connection) -> str:
    """Return one response, its literals put where they are announced."""
    data = connection.read()
    while (match := _LITERAL.search(data)) is not None:
        data = data[: match.start()] + connection.read_bytes(int(match[1])) + connection.read()
    return data.decode("utf-8", "replace")


def _require(answer: _Answer, what: str, message: str = "") -> None:
    if answer.status == "OK":
        return
    if answer.status == "NO":
        refusal = imap_refusal(answer.text)
        if message and refusal.kind is ProbeKind.AUTH_REJECTED:
            raise ProbeAborted(ProbeKind.PROTOCOL, message, code=refusal.code, text=answer.text)
        raise refusal
    raise ProbeAborted(
        ProbeKind.PROTOCOL, f"the server does not understand {what}", text=answer.text
    )


def _capabilities(session: Session, greeting: str) -> tuple[str, ...]:
    """Return what the server offers, in capitals; a greeting may say it already."""
    match = _CAPABILITY.search(greeting)
    if match is not None:
        return tuple(match[1].upper().split())
    with session.record.step(StepName.CAPABILITIES):
        answer = _ask(session.connection, b"CAPABILITY", "CAPABILITY")
    _require(answer, "CAPABILITY", "the server does not say what it can")
    found = [text[13:] for text in answer.untagged if text[:13].upper() == "* CAPABILITY "]
    return tuple(" ".join(found).upper().split())


def _ask_for_tls(connection: Connection) -> None:
    answer = _ask(connection, b"STARTTLS", "STARTTLS")
    if answer.status != "OK":
        message = "STARTTLS is offered and refused"
        raise ProbeAborted(ProbeKind.NO_STARTTLS, message, text=answer.text)


def _choose(session: Session, features: tuple[str, ...]) -> str:
    """
    Return how to log in.

    The command LOGIN needs no capability, but where only tokens are listed it is
    not tried.
    """
    sasl = [name.removeprefix("AUTH=") for name in features if name.startswith("AUTH=")]
    offered = [name for name in sasl if name != LOGIN]
    tokens_only = bool(offered) and all("OAUTH" in name for name in offered)
    if "LOGINDISABLED" not in features and not tokens_only:
        offered.append(LOGIN)
    session.record.offered = tuple(offered)
    return choose_mechanism(
        offered,
        (PLAIN, LOGIN, CRAM_MD5),
        encrypted=session.encrypted,
        clear_text=session.target.clear_text,
    )


def _log_in(session: Session, mechanism: str, *, initial: bool) -> _Answer:
    account, connection = session.account, session.connection
    if mechanism == LOGIN:
        return _say(connection, b"LOGIN", (account.username, account.password))
    if mechanism == PLAIN and initial:
        answer = _ask(connection, b"AUTHENTICATE PLAIN " + account.plain(), "AUTHENTICATE")
    else:
        answer = _ask(connection, f"AUTHENTICATE {mechanism}".encode(), "AUTHENTICATE")
        if answer.status == "+":
            challenge = answer.text.encode("ascii", "replace")
            response = account.plain() if mechanism == PLAIN else account.cram_md5(challenge)
            answer = _go_on(connection, response)
    if answer.status == "+":
        # The server wants to explain itself first (RFC 4959); an asterisk ends it.
        answer = _go_on(connection, b"*")
    return answer


def _go_on(connection: Connection, data: bytes) -> _Answer:
    connection.write(data, "AUTHENTICATE")
    return _read(connection)


def _say(connection: Connection, command: bytes, words: tuple[bytes, ...]) -> _Answer:
    """Send *command* with *words*, quoted where that is possible, else as literals (RFC 3501)."""
    pending = _TAG.encode() + b" " + command
    for word in words:
        if word.isascii() and word.decode().isprintable():
            quoted = word.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            pending += b' "' + quoted + b'"'
            continue
        connection.write(pending + b" {%d}" % len(word), "LOGIN")
        answer = _read(connection)
        if answer.status != "+":
            return answer
        pending = word
    connection.write(pending, "LOGIN")
    return _read(connection)
