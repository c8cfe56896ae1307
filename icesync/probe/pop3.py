"""
POP3: greeting, CAPA, STLS, one login, STAT, QUIT.

No RETR and no DELE, so QUIT deletes nothing. A session locks the mailbox while
it lasts; the probe's is short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.model.probe import ProbeKind, StepName
from icesync.probe.connection import ProbeAborted
from icesync.probe.reply_codes import pop3_refusal
from icesync.probe.sasl import CRAM_MD5, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from icesync.probe.connection import Connection
    from icesync.probe.session import Session

__all__ = ["converse"]

_USER: Final = "USER"
"""The pair USER and PASS; for the choice it stands where LOGIN does elsewhere."""

_MAX_LINES: Final = 100
_COUNT: Final = re.compile(r"[0-9]{1,10}(?![^ ])")

_Features = dict[str, tuple[str, ...]]


def converse(session: Session) -> None:
    """
    Log in once and ask how many messages there are.

    Raises:
        ProbeAborted: anything but a login.

    """
    record, connection = session.record, session.connection
    with record.step(StepName.BANNER):
        good, text = _read(connection, connection.timeouts.banner_s)
    record.greeted = True
    session.goodbye = b"QUIT"
    if not good:
        raise _closed(text)
    features = _capabilities(session)
    # CAPA is younger than STLS: who does not know it may be asked all the same.
    offered = features is None or "STLS" in features
    if session.start_tls(lambda: _ask_for_tls(connection), offered=offered):
        features = _capabilities(session)
    mechanism = _choose(session, features)
    with record.step(StepName.AUTH):
        record.speak(mechanism)
        good, text = _log_in(session, mechanism)
        if not good:
            raise pop3_refusal(text)
    with record.step(StepName.INBOX):
        good, text = _ask(connection, b"STAT", "STAT")
    if not good:
        message = "logged in, but the mailbox cannot be looked at"
        raise ProbeAborted(ProbeKind.PROTOCOL, message, text=text)
    match = _COUNT.match(text)
    record.inbox_messages = int(match[0]) if match else None


def _read(connection: Connection, limit_s: float | None = None) -> tuple[bool, str]:
    """Return whether the answer is a yes, and its words."""
    answer = connection.read(limit_s).decode("utf-8", "replace")
    word, _, text = answer.partition(" ")
    if word.upper() not in {"+OK", "-ERR", "+"}:
        raise ProbeAborted(ProbeKind.PROTOCOL, "the answer is no POP3", text=answer)
    return word[0] == "+", text


def _ask(connection: Connection, command: bytes, what: str) -> tuple[bool, str]:
    connection.write(command, what)
    return _read(connection)


def _closed(text: str) -> ProbeAborted:
    refusal = pop3_refusal(text)
    if refusal.kind in {ProbeKind.AUTH_TEMPORARY, ProbeKind.IN_USE}:
        return refusal
    message, hint = "the server takes no connection from here", "its rules may let ICE in"
    return ProbeAborted(ProbeKind.REFUSED, message, code=refusal.code, text=text, hint=hint)


def _capabilities(session: Session) -> _Features | None:
    """Return what the server offers, by name in capitals, or None if it does not say."""
    with session.record.step(StepName.CAPABILITIES):
        known, _ = _ask(session.connection, b"CAPA", "CAPA")
        if not known:
            return None
        features: _Features = {}
        for _ in range(_MAX_LINES):
            text = session.connection.read().decode("utf-8", "replace")
            if text == ".":
                return features
            name, *values = text.upper().split() or [""]
            features[name] = tuple(values)
    raise ProbeAborted(ProbeKind.PROTOCOL, f"more than {_MAX_LINES} capabilities")


def _ask_for_tls(connection: Connection) -> None:
    good, text = _ask(connection, b"STLS", "STLS")
    if not good:
        raise ProbeAborted(ProbeKind.NO_STARTTLS, "the server refuses STLS", text=text)


def _choose(session: Session, features: _Features | None) -> str:
    """Return how to log in; USER, which needs no SASL, before all where it is safe."""
    known = features or {}
    sasl = known.get("SASL", ())
    session.record.offered = ((_USER,) if features is None or _USER in known else ()) + sasl
    sayable = session.encrypted or session.target.clear_text
    if _USER in session.record.offered and sayable:
        if session.account.fits_a_line:
            return _USER
        if PLAIN not in sasl:
            message = "user name or password hold a line break, which USER and PASS cannot carry"
            raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message)
    # A server that lists USER would be asked for it if it could be: so say that it cannot.
    fallback = (PLAIN,) if _USER in session.record.offered and not sayable else ()
    return choose_mechanism(
        (*sasl, *fallback),
        (PLAIN, CRAM_MD5),
        encrypted=session.encrypted,
        clear_text=session.target.clear_text,
    )


def _log_in(session: Session, mechanism: str) -> tuple[bool, str]:
    account, connection = session.account, session.connection
    if mechanism == _USER:
        good, text = _ask(connection, b"USER " + account.username, "USER")
        return _ask(connection, b"PASS " + account.password, "PASS") if good else (good, text)
    good, text = _ask(connection, f"AUTH {mechanism}".encode(), "AUTH")
    if not good:
        return good, text
    if mechanism == PLAIN:
        return _ask(connection, account.plain(), "AUTH")
    return _ask(connection, account.cram_md5(text.encode("ascii", "replace")), "AUTH")
