"""
What people write in a cell, in the spelling of server files: yes and ja, IMAP4, Office 365.

What is none of the words known here stays as it is; the reader of the files says what is
wrong with it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from icesync.model.fields import Field, Kind
from icesync.model.presets import PRESETS, find_providers, tail_presets
from icesync.sheet.columns import fold


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TRUE: Final = _words("true yes y x 1 on wahr ja j ein an vrai oui o si enabled active aktiv")
_FALSE: Final = _words("false no n 0 off falsch nein aus faux non disabled inactive inaktiv")
_ENABLED: Final = _words("enabled enable active aktiv aktiviert actif live")
_DISABLED: Final = _words("disabled disable inactive inaktiv deaktiviert inactif desactive")
_INCOMING: Final = {
    **dict.fromkeys(("imap", "imap4", "imap4rev1", "imaps"), "imap"),
    **dict.fromkeys(("pop3", "pop", "pop3s"), "pop3"),
}
_ENCRYPTION: Final = {
    **dict.fromkeys(("ssl", "ssl tls", "tls ssl", "implicit", "implicit tls", "smtps", "imaps"),
                    (True, False)),
    **dict.fromkeys(("tls", "starttls", "start tls", "explicit"), (False, True)),
    **dict.fromkeys(("none", "no", "keine", "aucun", "aucune", "off", "plain", "unencrypted"),
                    (False, False)),
}  # fmt: skip
"""What a word says of ``ssl`` and ``tls``."""

_PROVIDERS: Final = {
    **dict.fromkeys(("google", "google mail", "googlemail", "google workspace", "g suite"),
                    "gmail"),
    **dict.fromkeys(("office 365", "office365", "o365", "m365", "microsoft 365", "exchange online",
                     "exchange", "microsoft office 365"), "microsoft365"),
    **dict.fromkeys(("outlook", "hotmail", "live"), "outlook.com"),
}  # fmt: skip


def spell(row: Field, text: str, *, flag: bool = False) -> str:
    """Return *text* as the files spell a value of *row*; *flag*: the column asks if it is IMAP."""
    reader = _SPELLERS.get(row.kind)
    return text if reader is None else reader(text, fold(text), flag)


def spell_encryption(text: str) -> dict[str, bool]:
    """Return what a word such as STARTTLS says of ``ssl`` and ``tls``; nothing if it is none."""
    flags = _ENCRYPTION.get(fold(text), ())
    return dict(zip(("ssl", "tls"), flags, strict=False))


@cache
def provider_of(address: str) -> str:
    """Return the preset of the one provider that gives out the mail *address*, or nothing."""
    domain = address.rpartition("@")[2].lower()
    names = {found.name for found in find_providers(domain)} if "@" in address else set()
    return next(iter(names)) if len(names) == 1 and _is_preset(next(iter(names))) else ""


def _read_flag(text: str, word: str, _: bool) -> str:
    return _flag(word) or text


def _read_status(text: str, word: str, _: bool) -> str:
    if word in _ENABLED or (word not in _DISABLED and word in _TRUE):
        return "Enabled"
    return "Disabled" if word in _DISABLED | _FALSE else text


def _read_incoming(text: str, word: str, flag: bool) -> str:
    known = {"true": "imap", "false": "pop3"}.get(_flag(word), "") if flag else ""
    return known or _INCOMING.get(word, text)


def _flag(word: str) -> str:
    return "true" if word in _TRUE else "false" if word in _FALSE else ""


def _read_number(text: str, _word: str, _: bool) -> str:
    return _WHOLE.sub("", text)


def _read_preset(text: str, word: str, _: bool) -> str:
    name = text.strip().lower()
    if _is_preset(name):
        return name
    known = _PROVIDERS.get(word)
    if known is not None:
        return known
    titles = {fold(preset.title): preset.name for preset in PRESETS.values()}
    found = {preset.name for preset in find_providers(name)}
    return titles.get(word) or (found.pop() if len(found) == 1 else text)


def _is_preset(name: str) -> bool:
    return name in PRESETS or name in tail_presets()


_WHOLE: Final = re.compile(r"(?<=[0-9])[.,]0+\Z")
"""What a program appends to a whole number that it took for a fraction."""
_SPELLERS: Final = {
    Kind.ID: _read_number,
    Kind.PORT: _read_number,
    Kind.POLL_RATE: _read_number,
    Kind.FLAG: _read_flag,
    Kind.STATUS: _read_status,
    Kind.INCOMING: _read_incoming,
    Kind.PRESET: _read_preset,
}
