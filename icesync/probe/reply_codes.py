"""What a server means by its no: pure, from the words that are documented or were seen."""

from __future__ import annotations

import re
from typing import Final

from icesync.model.probe import ProbeKind
from icesync.probe.connection import ProbeAborted

__all__ = ["enhanced_code", "imap_refusal", "pop3_refusal", "smtp_refusal"]

_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_RESPONSE_CODE: Final = re.compile(r"\[([A-Z][A-Z/-]*)[^\]]*\]", re.IGNORECASE)

_DISABLED: Final = re.compile(
    r"5\.7\.139|5\.7\.30\b|basic authentication is disabled|SmtpClientAuthentication is disabled"
    r"|application-specific password|app(lication)? password|WEBALERT|web ?login ?required",
    re.IGNORECASE,
)
"""Microsoft's 535 5.7.139 and 550 5.7.30; Google's 534 5.7.9 and its IMAP alert."""

_PRIVACY: Final = re.compile(
    r"must issue a starttls|encryption (is )?required"
    r"|(plain|clear)text (login|authentication)s? (is |are )?(disallowed|disabled|not allowed)",
    re.IGNORECASE,
)

_HINTS: Final = {
    ProbeKind.AUTH_REJECTED: "check user name and password; some providers want an app password",
    ProbeKind.AUTH_DISABLED: "make an app password, or let the administrator switch passwords on",
    ProbeKind.AUTH_UNAVAILABLE: "the server wants encryption, or another way to log in",
    ProbeKind.AUTH_TEMPORARY: "try again later; it says nothing about the password",
    ProbeKind.IN_USE: "somebody else collects this mailbox now; ICE would wait as well",
}

_UNAVAILABLE_REPLIES: Final = frozenset({502, 503, 504, 530, 538})

_CODES: Final = {
    "UNAVAILABLE": ProbeKind.AUTH_TEMPORARY,
    "LIMIT": ProbeKind.AUTH_TEMPORARY,
    "SYS/TEMP": ProbeKind.AUTH_TEMPORARY,
    "LOGIN-DELAY": ProbeKind.AUTH_TEMPORARY,
    "SERVERBUG": ProbeKind.AUTH_TEMPORARY,
    "PRIVACYREQUIRED": ProbeKind.AUTH_UNAVAILABLE,
    "INUSE": ProbeKind.IN_USE,
    "IN-USE": ProbeKind.IN_USE,
}
"""Response codes of IMAP (RFC 5530) and POP3 (RFC 2449, RFC 3206)."""


def enhanced_code(text: str) -> str:
    """Return the enhanced status code that *text* opens with, such as ``5.7.8``."""
    match = _ENHANCED.match(text)
    return match[0] if match else ""


def smtp_refusal(reply: int, text: str) -> ProbeAborted:
    """Return what a refused AUTH means."""
    if 400 <= reply < 500:
        kind = ProbeKind.AUTH_TEMPORARY
    elif _DISABLED.search(text):
        kind = ProbeKind.AUTH_DISABLED
    elif reply in _UNAVAILABLE_REPLIES or _PRIVACY.search(text):
        kind = ProbeKind.AUTH_UNAVAILABLE
    elif 500 <= reply < 600:
        kind = ProbeKind.AUTH_REJECTED
    else:
        return ProbeAborted(ProbeKind.PROTOCOL, "an answer to AUTH that is none", code=str(reply))
    return _stopped(kind, f"{reply} {enhanced_code(text)}".rstrip(), text)


def imap_refusal(text: str) -> ProbeAborted:
    """Return what NO means, after a login or an EXAMINE."""
    return _by_words(text)


def pop3_refusal(text: str) -> ProbeAborted:
    """Return what -ERR means, after a login."""
    return _by_words(text)


def _by_words(text: str) -> ProbeAborted:
    match = _RESPONSE_CODE.search(text)
    code = match[1].upper() if match else ""
    if _DISABLED.search(text):
        kind = ProbeKind.AUTH_DISABLED
    elif code in _CODES:
        kind = _CODES[code]
    elif _PRIVACY.search(text):
        kind = ProbeKind.AUTH_UNAVAILABLE
    else:
        kind = ProbeKind.AUTH_REJECTED
    return _stopped(kind, code, text)


def _stopped(kind: ProbeKind, code: str, text: str) -> ProbeAborted:
    return ProbeAborted(kind, _SENTENCES[kind], code=code, text=text, hint=_HINTS[kind])


_SENTENCES: Final = {
    ProbeKind.AUTH_REJECTED: "the server does not take this user name and password",
    ProbeKind.AUTH_DISABLED: "the server takes no such password for this account",
    ProbeKind.AUTH_UNAVAILABLE: "the server takes no password this way",
    ProbeKind.AUTH_TEMPORARY: "the server cannot say now whether the password is right",
    ProbeKind.IN_USE: "the password is right or not asked for; the mailbox is in use",
}
