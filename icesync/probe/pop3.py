"""
POP3: greeting, CAPA, STLS, one login, STAT, QUIT.

No RETR and no DELE, so QUIT deletes nothing. A session locks the mailbox while
it lasts; the probe's is short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.probe import ProbeKind, StepName
from icesync.probe.line import Stopped
from icesync.probe.refusal import pop3_refusal
from icesync.probe.sasl import CRAM_MD5, PLAIN, choose_mechanism

if TYPE_CHECKING:
    from icesync.probe.line import Line
    from icesync.probe.session import Session

__all__ = ["converse"]

_USER: Final = "USER"
"""The pair USER and PASS; for the choice it stands where LOGIN does elsewhere."""

_MOST_LINES: Final = 100

_Features = dict[str, tuple[str, ...]]


def converse(session: Session) -> None:
    """
    Log in once and ask how many messages there are.

    Raises:
        Stopped: anything but a login.

    """
    record, line = session.record, session.line
    with record.step(StepName.BANNER):
        good, text = _read(line, line.patience.banner_s)
    record.greeted = True
    session.goodbye = b"QUIT"
    if not good:
        raise _closed(text)
    features = _capabilities(session)
    # CAPA is younger than STLS: who does not know it may be asked all the same.
    offered = features is None or "STLS" in features
    if session.start_tls(lambda: _ask_for_tls(line), offered=offered):
        features = _capabilities(session)
    mechanism = _choose(session, features)
    with record.step(StepName.AUTH):
        record.speak(mechanism)
        good, text = _log_in(session, mechanism)
        if not good:
            raise pop3_refusal(text)
    with record.step(StepName.INBOX):
        good, text = _ask(line, b"STAT", "STAT")
    if not good:
        told = "logged in, but the mailbox cannot be looked at"
        raise Stopped(ProbeKind.PROTOCOL, told, text=text)
    count = text.partition(" ")[0]
    record.inbox_messages = int(count) if count.isascii() and count.isdigit() else None


def _read(line: Line, limit_s: float | None = None) -> tuple[bool, str]:
    """Return whether the answer is a yes, and its words."""
    answer = line.read(limit_s).decode("utf-8", "replace")
    word, _, text = answer.partition(" ")
    if word.upper() not in {"+OK", "-ERR", "+"}:
        raise Stopped(ProbeKind.PROTOCOL, "the answer is no POP3", text=answer)
    return word[0] == "+", text


def _ask(line: Line, command: bytes, what: str) -> tuple[bool, str]:
    line.write(command, what)
    return _read(line)


def _closed(text: str) -> Stopped:
    refusal = pop3_refusal(text)
    if refusal.kind in {ProbeKind.AUTH_TEMPORARY, ProbeKind.IN_USE}:
        return refusal
    told, hint = "the server takes no connection from here", "its rules may let ICE in"
    return Stopped(ProbeKind.REFUSED, told, code=refusal.code, text=text, hint=hint)


def _capabilities(session: Session) -> _Features | None:
    """Return what the server offers, by name in capitals, or None if it does not say."""
    with session.record.step(StepName.CAPABILITIES):
        known, _ = _ask(session.line, b"CAPA", "CAPA")
        if not known:
            return None
        features: _Features = {}
        for _ in range(_MOST_LINES):
            text = session.line.read().decode("utf-8", "replace")
            if text == ".":
                return features
            name, *values = text.upper().split() or [""]
            features[name] = tuple(values)
    raise Stopped(ProbeKind.PROTOCOL, f"more than {_MOST_LINES} capabilities")


def _ask_for_tls(line: Line) -> None:
    good, text = _ask(line, b"STLS", "STLS")
    if not good:
        raise Stopped(ProbeKind.NO_STARTTLS, "the server refuses STLS", text=text)


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
            told = "user name or password hold a line break, which USER and PASS cannot carry"
            raise Stopped(ProbeKind.AUTH_UNAVAILABLE, told)
    # A server that lists USER would be asked for it if it could be: so say that it cannot.
    fallback = (PLAIN,) if _USER in session.record.offered and not sayable else ()
    return choose_mechanism(
        (*sasl, *fallback),
        (PLAIN, CRAM_MD5),
        encrypted=session.encrypted,
        clear_text=session.target.clear_text,
    )


def _log_in(session: Session, mechanism: str) -> tuple[bool, str]:
    account, line = session.account, session.line
    if mechanism == _USER:
        good, text = _ask(line, b"USER " + account.username, "USER")
        return _ask(line, b"PASS " + account.password, "PASS") if good else (good, text)
    good, text = _ask(line, f"AUTH {mechanism}".encode(), "AUTH")
    if not good:
        return good, text
    if mechanism == PLAIN:
        return _ask(line, account.plain(), "AUTH")
    return _ask(line, account.cram_md5(text.encode("ascii", "replace")), "AUTH")
