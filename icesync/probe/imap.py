"""
IMAP: greeting, CAPABILITY, STARTTLS, one login, EXAMINE INBOX, LOGOUT.

EXAMINE opens the inbox for reading only, so that messages stay recent and unseen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from icesync.model.probe import ProbeKind, StepName
from icesync.probe.line import Stopped
from icesync.probe.refusal import imap_refusal
from icesync.probe.sasl import CRAM_MD5, LOGIN, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from icesync.probe.line import Line
    from icesync.probe.session import Session

__all__ = ["converse"]

_TAG: Final = "a"
_CAPABILITY: Final = re.compile(r"\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)
_EXISTS: Final = re.compile(r"\* ([0-9]{1,10}) EXISTS", re.IGNORECASE)
_LITERAL: Final = re.compile(rb"\{([0-9]{1,9})\}$")
_MOST_LINES: Final = 1_000


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
        Stopped: anything but a login.

    """
    record, line = session.record, session.line
    with record.step(StepName.BANNER):
        greeting = line.read(line.patience.banner_s).decode("utf-8", "replace")
    _check_greeting(greeting)
    record.greeted = True
    session.goodbye = f"{_TAG} LOGOUT".encode()
    features = _capabilities(session, greeting)
    if session.start_tls(lambda: _ask_for_tls(line), offered="STARTTLS" in features):
        features = _capabilities(session, "")
    mechanism = _choose(session, features)
    with record.step(StepName.AUTH):
        record.speak(mechanism)
        _require(_log_in(session, mechanism, initial="SASL-IR" in features), "the login")
    with record.step(StepName.INBOX):
        answer = _ask(line, b"EXAMINE INBOX", "EXAMINE")
    _require(answer, "EXAMINE", "logged in, but the inbox cannot be opened")
    counts = [match[1] for text in answer.untagged if (match := _EXISTS.match(text))]
    record.inbox_messages = int(counts[-1]) if counts else None


def _check_greeting(greeting: str) -> None:
    word = greeting[:6].upper()
    if word.startswith("* OK"):
        return
    if word.startswith("* BYE"):
        told, hint = "the server takes no connection from here", "its rules may let ICE in"
        raise Stopped(ProbeKind.REFUSED, told, text=greeting[6:], hint=hint)
    told = "the answer is no IMAP"
    if greeting[:9].upper() == "* PREAUTH":
        told = "the server takes everybody for logged in already, so there is no login to try"
    raise Stopped(ProbeKind.PROTOCOL, told, text=greeting)


def _ask(line: Line, command: bytes, what: str) -> _Answer:
    line.write(_TAG.encode() + b" " + command, what)
    return _read(line)


def _read(line: Line) -> _Answer:
    """Return the end of a command, with the untagged lines before it."""
    untagged: list[str] = []
    while len(untagged) < _MOST_LINES:
        text = _whole(line)
        word, _, rest = text.partition(" ")
        if word == "+":
            return _Answer("+", rest, untagged)
        if word == _TAG:
            status, _, told = rest.partition(" ")
            return _Answer(status.upper(), told, untagged)
        if word != "*":
            raise Stopped(ProbeKind.PROTOCOL, "the answer is no IMAP", text=text)
        if rest[:3].upper() == "BYE":
            raise Stopped(ProbeKind.RESET, "the server said goodbye", text=rest[4:])
        untagged.append(text)
    raise Stopped(ProbeKind.PROTOCOL, f"an answer of more than {_MOST_LINES} lines")


def _whole(line: Line) -> str:
    """Return one response, its literals put where they are announced."""
    data = line.read()
    while (match := _LITERAL.search(data)) is not None:
        data = data[: match.start()] + line.read_bytes(int(match[1])) + line.read()
    return data.decode("utf-8", "replace")


def _require(answer: _Answer, what: str, told: str = "") -> None:
    if answer.status == "OK":
        return
    if answer.status == "NO":
        refusal = imap_refusal(answer.text)
        if told and refusal.kind is ProbeKind.AUTH_REJECTED:
            raise Stopped(ProbeKind.PROTOCOL, told, code=refusal.code, text=answer.text)
        raise refusal
    raise Stopped(ProbeKind.PROTOCOL, f"the server does not understand {what}", text=answer.text)


def _capabilities(session: Session, greeting: str) -> tuple[str, ...]:
    """Return what the server offers, in capitals; a greeting may say it already."""
    match = _CAPABILITY.search(greeting)
    if match is not None:
        return tuple(match[1].upper().split())
    with session.record.step(StepName.CAPABILITIES):
        answer = _ask(session.line, b"CAPABILITY", "CAPABILITY")
    _require(answer, "CAPABILITY", "the server does not say what it can")
    found = [text[13:] for text in answer.untagged if text[:13].upper() == "* CAPABILITY "]
    return tuple(" ".join(found).upper().split())


def _ask_for_tls(line: Line) -> None:
    answer = _ask(line, b"STARTTLS", "STARTTLS")
    if answer.status != "OK":
        told = "STARTTLS is offered and refused"
        raise Stopped(ProbeKind.NO_STARTTLS, told, text=answer.text)


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
    account, line = session.account, session.line
    if mechanism == LOGIN:
        return _say(line, b"LOGIN", (account.username, account.password))
    if mechanism == PLAIN and initial:
        answer = _ask(line, b"AUTHENTICATE PLAIN " + account.plain(), "AUTHENTICATE")
    else:
        answer = _ask(line, f"AUTHENTICATE {mechanism}".encode(), "AUTHENTICATE")
        if answer.status == "+":
            challenge = answer.text.encode("ascii", "replace")
            response = account.plain() if mechanism == PLAIN else account.cram_md5(challenge)
            answer = _go_on(line, response)
    if answer.status == "+":
        # The server wants to explain itself first (RFC 4959); an asterisk ends it.
        answer = _go_on(line, b"*")
    return answer


def _go_on(line: Line, data: bytes) -> _Answer:
    line.write(data, "AUTHENTICATE")
    return _read(line)


def _say(line: Line, command: bytes, words: tuple[bytes, ...]) -> _Answer:
    """Send *command* with *words*, quoted where that is possible, else as literals (RFC 3501)."""
    pending = _TAG.encode() + b" " + command
    for word in words:
        if word.isascii() and word.decode().isprintable():
            quoted = word.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            pending += b' "' + quoted + b'"'
            continue
        line.write(pending + b" {%d}" % len(word), "LOGIN")
        answer = _read(line)
        if answer.status != "+":
            return answer
        pending = word
    line.write(pending, "LOGIN")
    return _read(line)
