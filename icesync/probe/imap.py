"""
IMAP: greeting, CAPABILITY, STARTTLS, one login, EXAMINE INBOX, LOGOUT.

EXAMINE opens the inbox for reading only, so that messages stay recent and unseen.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Final

from icesync.frozen import mutable
from icesync.model.probe import ProbeKind, StepName
from icesync.probe.connection import Connection, ProbeAborted
from icesync.probe.reply_codes import (
    ended_login,
    meaning_of,
    refused_connection,
    refused_inbox,
    refused_login,
)
from icesync.probe.sasl import HIDING, LOGIN, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from icesync.probe.session import Session

_TAG: Final = "a"
_COMMAND: Final = "the command LOGIN"
"""What stands beside the mechanisms for the choice; the mechanism LOGIN is another thing."""

_CAPABILITY: Final = re.compile(r"\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)
_EXISTS: Final = re.compile(r"\* ([0-9]{1,10}) EXISTS", re.IGNORECASE)
_LITERAL: Final = re.compile(rb"\{([0-9]{1,9})\}$")
_MAX_LINES: Final = 1_000


@mutable
class _Answer:
    """How a command ended, and what came before: ``OK``, ``NO``, ``BAD``, ``BYE``; ``+``: go on."""

    status: str
    text: str
    untagged: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The server's own words: of the end, and of each untagged no."""
        refusals = [text[5:] for text in self.untagged if text[:5].upper() == "* NO "]
        return " ".join(filter(None, [self.text, *refusals]))


def converse(session: Session) -> None:
    """
    Log in once and open the inbox for reading.

    Raises:
        ProbeAborted: anything but a login.

    """
    record, connection = session.record, session.connection
    with record.step(StepName.BANNER):
        session.await_greeting()
        greeting = connection.read().decode("utf-8", "replace")
    _check_greeting(greeting)
    record.greeted = True
    session.goodbye = f"{_TAG} LOGOUT".encode()
    features = _capabilities(session, greeting)
    if session.start_tls(lambda: _ask_for_tls(connection), offered="STARTTLS" in features):
        features = _capabilities(session, "")
    mechanism = _choose(session, features)
    with record.step(StepName.AUTH):
        record.begin_login(LOGIN if mechanism == _COMMAND else mechanism)
        answer = _log_in(session, mechanism, inline="SASL-IR" in features)
    if answer.status == "BYE":
        raise ended_login(answer.words)
    if answer.status == "BAD" and meaning_of(answer.words) is None:
        message = "the server did not understand the login"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, text=answer.words)
    if answer.status == "+":
        message = "the server keeps asking instead of ending the login"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, text=answer.words)
    if answer.status != "OK":
        raise refused_login(answer.words)
    record.accept_login()
    with record.step(StepName.INBOX):
        answer = _ask(connection, b"EXAMINE INBOX", "EXAMINE")
    if answer.status != "OK":
        raise refused_inbox(answer.words)
    counts = [match[1] for text in answer.untagged if (match := _EXISTS.match(text))]
    record.inbox_messages = int(counts[-1]) if counts else None


def _check_greeting(greeting: str) -> None:
    word = greeting[:6].upper()
    if word.startswith("* OK"):
        return
    if word.startswith("* BYE"):
        raise refused_connection(greeting[6:])
    message = "the answer is not IMAP"
    if greeting[:9].upper() == "* PREAUTH":
        message = "the server treats everyone as logged in (PREAUTH), so no login can be tested"
    raise ProbeAborted(ProbeKind.PROTOCOL, message, text=greeting)


def _ask(connection: Connection, command: bytes, what: str) -> _Answer:
    connection.write(_TAG.encode() + b" " + command, what)
    return _read(connection)


def _read(connection: Connection) -> _Answer:
    """
    Return the end of a command, with the untagged lines before it.

    A server that said goodbye, or an untagged no, and nothing after it has
    answered with that.
    """
    untagged: list[str] = []
    limit_s: float | None = None
    while len(untagged) < _MAX_LINES:
        try:
            text = _whole(connection, limit_s)
        except ProbeAborted as aborted:
            last = next((t for t in reversed(untagged) if _is_refusal(t)), "")
            if not last or aborted.kind not in {ProbeKind.TIMEOUT, ProbeKind.RESET}:
                raise
            others = [line for line in untagged if line is not last]
            return _Answer("BYE", last.partition(" ")[2].partition(" ")[2], others)
        word, _, rest = text.partition(" ")
        if word == "+":
            return _Answer("+", rest, untagged)
        if word == _TAG:
            status, _, words = rest.partition(" ")
            return _Answer(status.upper(), words, untagged)
        if word != "*":
            raise ProbeAborted(ProbeKind.PROTOCOL, "the answer is not IMAP", text=text)
        untagged.append(text)
        if _is_refusal(text):
            limit_s = connection.timeouts.last_word_s
    raise ProbeAborted(ProbeKind.PROTOCOL, f"an answer of more than {_MAX_LINES} lines")


def _is_refusal(text: str) -> bool:
    return text[:6].upper().rstrip() in {"* BYE", "* NO"} or text[:5].upper() == "* NO "


def _whole(connection: Connection, limit_s: float | None) -> str:
    """Return one response, its literals put where they are announced."""
    data = connection.read(limit_s)
    while (match := _LITERAL.search(data)) is not None:
        data = data[: match.start()] + connection.read_bytes(int(match[1])) + connection.read()
    return data.decode("utf-8", "replace")


def _capabilities(session: Session, greeting: str) -> tuple[str, ...]:
    """Return what the server offers, in capitals; a greeting may say it already."""
    match = _CAPABILITY.search(greeting)
    if match is not None:
        return tuple(match[1].upper().split())
    with session.record.step(StepName.CAPABILITIES):
        answer = _ask(session.connection, b"CAPABILITY", "CAPABILITY")
    if answer.status == "BYE":
        raise refused_connection(answer.words)
    if answer.status != "OK":
        message = "the server does not list its capabilities"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, text=answer.words)
    found = [text[13:] for text in answer.untagged if text[:13].upper() == "* CAPABILITY "]
    return tuple(" ".join(found).upper().split())


def _ask_for_tls(connection: Connection) -> None:
    answer = _ask(connection, b"STARTTLS", "STARTTLS")
    if answer.status != "OK":
        message = "the server offers STARTTLS, but rejects it"
        raise ProbeAborted(ProbeKind.NO_STARTTLS, message, text=answer.words)


def _choose(session: Session, features: tuple[str, ...]) -> str:
    """
    Return how to log in.

    The command LOGIN needs no capability, but where only tokens are listed it is
    not tried.
    """
    sasl = [name.removeprefix("AUTH=") for name in features if name.startswith("AUTH=")]
    tokens_only = bool(sasl) and all("OAUTH" in name for name in sasl)
    by_command = "LOGINDISABLED" not in features and not tokens_only
    session.record.offered = tuple(dict.fromkeys([*sasl, *([LOGIN] if by_command else [])]))
    return choose_mechanism(
        [*sasl, *([_COMMAND] if by_command else [])],
        (PLAIN, _COMMAND, LOGIN, *HIDING),
        encrypted=session.encrypted,
        clear_text=session.target.clear_text,
    )


def _log_in(session: Session, mechanism: str, *, inline: bool) -> _Answer:
    account, connection = session.account, session.connection
    if mechanism == _COMMAND:
        session.record.speak()
        return _say(connection, b"LOGIN", (account.username, account.password))
    command = f"AUTHENTICATE {mechanism}".encode()

    def start(initial: bytes | None) -> _Answer:
        return _ask(connection, command if initial is None else command + b" " + initial, "LOGIN")

    def go_on(data: bytes) -> _Answer:
        connection.write(data, "LOGIN")
        return _read(connection)

    return session.authenticate(
        mechanism,
        start,
        go_on,
        lambda answer: answer.text if answer.status == "+" else None,
        inline=inline,
    )


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
