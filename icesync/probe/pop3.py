"""
POP3: greeting, CAPA, STLS, one login, STAT, QUIT.

No RETR and no DELE, so QUIT deletes nothing. A session locks the mailbox while
it lasts; the probe's is short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.model.probe import ProbeKind, StepName
from icesync.probe.connection import Connection, ProbeAborted
from icesync.probe.reply_codes import refused_connection, refused_inbox, refused_login
from icesync.probe.sasl import HIDING, LOGIN, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from icesync.probe.session import Session

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
        session.await_greeting()
        good, text = _read(connection)
    record.greeted = True
    session.goodbye = b"QUIT"
    if not good:
        raise refused_connection(text)
    features = _capabilities(session)
    # CAPA is younger than STLS: who does not know it may be asked all the same.
    offered = features is None or "STLS" in features
    if session.start_tls(lambda: _ask_for_tls(connection), offered=offered):
        features = _capabilities(session)
    mechanism = _choose(session, features)
    with record.step(StepName.AUTH):
        record.begin_login(mechanism)
        good, text = _log_in(session, mechanism)
    if not good:
        raise refused_login(text)
    record.accept_login()
    with record.step(StepName.INBOX):
        good, text = _ask(connection, b"STAT", "STAT")
    if not good:
        raise refused_inbox(text)
    match = _COUNT.match(text)
    record.inbox_messages = int(match[0]) if match else None


def _read(connection: Connection, limit_s: float | None = None) -> tuple[bool, str]:
    """Return whether the answer is a yes, and its words."""
    return _judged(connection.read(limit_s).decode("utf-8", "replace"))


def _judged(answer: str) -> tuple[bool, str]:
    word, _, text = answer.partition(" ")
    if word.upper() not in {"+OK", "-ERR"}:
        raise ProbeAborted(ProbeKind.PROTOCOL, "the answer is not POP3", text=answer)
    return word[0] == "+", text


def _ask(connection: Connection, command: bytes, what: str) -> tuple[bool, str]:
    connection.write(command, what)
    return _read(connection)


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
        raise ProbeAborted(ProbeKind.NO_STARTTLS, "the server rejects STLS", text=text)


def _choose(session: Session, features: _Features | None) -> str:
    """
    Return how to log in: by USER, which needs no SASL, before all where it is safe and works.

    Dovecot lists USER whatever it takes, and treats it as PLAIN: where others
    are listed and PLAIN is not, USER would not work either.
    """
    known = features or {}
    sasl = known.get("SASL", ())
    by_user = features is None or _USER in known
    if PLAIN not in sasl and {LOGIN, *HIDING} & {*sasl}:
        by_user = False
    session.record.offered = ((_USER,) if features is None or _USER in known else ()) + sasl
    if by_user and not session.account.fits_a_line:
        by_user = False
        if not {PLAIN, LOGIN, *HIDING} & {*sasl}:
            message = (
                "the user name or password contains a line break, which USER and PASS cannot send"
            )
            raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message)
    return choose_mechanism(
        (*((_USER,) if by_user else ()), *sasl),
        (_USER, PLAIN, LOGIN, *HIDING),
        encrypted=session.encrypted,
        clear_text=session.target.clear_text,
    )


def _log_in(session: Session, mechanism: str) -> tuple[bool, str]:
    account, connection = session.account, session.connection
    if mechanism == _USER:
        good, text = _ask(connection, b"USER " + account.username, "USER")
        if not good:
            return good, text
        session.record.speak()
        return _ask(connection, b"PASS " + account.password, "PASS")
    # The initial response is younger than AUTH (RFC 5034): so it is not used.
    answer = session.authenticate(
        mechanism,
        lambda _initial: _ask_raw(connection, f"AUTH {mechanism}".encode()),
        lambda data: _ask_raw(connection, data),
        lambda answer: answer.removeprefix("+").strip() if _goes_on(answer) else None,
        inline=False,
    )
    return _judged(answer)


def _ask_raw(connection: Connection, command: bytes) -> str:
    connection.write(command, "AUTH")
    return connection.read().decode("utf-8", "replace")


def _goes_on(answer: str) -> bool:
    return answer == "+" or answer.startswith("+ ")
