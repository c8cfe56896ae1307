"""
Texts that a slip or a copy has spoiled, recognized without telling them.

A table that went through a spreadsheet loses leading zeros, turns long numbers into
``2,90650E+11`` and narrow columns into ``########``; a console masks a password; an editor
makes quotes curly. Such a text would be sent as it stands, as a host, a user name or a
password. And a host such as ``smtp.gmial.com`` exists, belongs to somebody else, and would
be shown the password. A name that is a provider's own, or of its addresses, is no slip.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

from icesync.model.presets import PRESETS, known_hosts, providers_of

_MASK: Final = "is a masked value: the real value was not copied"
_NOTHING: Final = 'is a placeholder for "no value"'
_WORDS: Final = {
    **dict.fromkeys(("null", "nil", "none", "undefined", "nan", "n/a", "(null)"), _NOTHING),
    **dict.fromkeys(("(none)", "<null>", "<none>", "[object object]", "<nil>"), _NOTHING),
    **dict.fromkeys(("redacted", "hidden", "masked", "sensitive"), _MASK),
    **dict.fromkeys(("(redacted)", "[redacted]", "<redacted>", "<hidden>", "(hidden)"), _MASK),
    **dict.fromkeys(("(sensitive)", "(sensitive value)", "<sensitive>", "[masked]"), _MASK),
}
_ORDINARY: Final = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@-]*")
_KINDS: Final = (
    (
        # The errors of Excel and LibreOffice, in English, German, French and Spanish.
        re.compile(
            r"#(N/?[AD]|NV|DIV/0!|[A-Z\u00c0-\u00de]{3,9}[!?]|\u00a1[A-Z]+!|\u00bf[A-Z]+\?)"
            r"|(Err|Fehler):5[0-9]{2}"
        ),
        "is a spreadsheet error value",
    ),
    (re.compile(r"#{3,}"), "is shown by spreadsheets when a column is too narrow"),
    (re.compile(r'="[^"]*"|=[A-Z]+\(.*\)'), "is a spreadsheet formula"),
    (
        re.compile(r"[-+]?[0-9]+([.,][0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}"),
        "is a number that a spreadsheet rounded",
    ),
    (re.compile("[*\u2022\u25cf\u2219\u00b7]{3,}"), _MASK),
    (
        re.compile(r"'[0-9=+@-][^']*"),
        "starts with the apostrophe that marks text in a spreadsheet",
    ),
    (
        # Postman and .http files, shells and CI, cmd.
        re.compile(r"\{\{.*\}\}|\$\{.*\}|\$\(.*\)|%[A-Za-z_]\w*%"),
        "is a variable that was not filled in",
    ),
)
_CURLY: Final = re.compile("[\u2018-\u201f\u00ab\u00bb\u2039\u203a]")
_MISREAD: Final = re.compile("\ufffd|\u00c3[\u0080-\u00bf]|\u00e2\u20ac")
_QUOTED: Final = re.compile(r'"[^"]*"|\'[^\']*\'|`[^`]*`')


def damage(text: str) -> str:
    """
    Return what happened to *text*, as the rest of a sentence; empty if nothing shows.

    The answer never quotes the text, so it may be asked of a password.
    """
    bare = text.strip()
    word = _WORDS.get(bare.lower(), "")
    if word or _ORDINARY.fullmatch(text):
        return word
    for pattern, meaning in _KINDS:
        if pattern.fullmatch(bare):
            return meaning
    if _CURLY.search(text):
        return "contains curly quotes from a word processor"
    if _MISREAD.search(text):
        return "was read with the wrong encoding; characters are lost"
    if _QUOTED.fullmatch(bare):
        return "has quotes that are part of the value"
    return ""


_SECOND_LEVEL: Final = frozenset({"co", "com", "ne", "or", "ac", "net", "org", "gov", "edu", "gr"})
_SERVICES: Final = {
    **dict.fromkeys(("mstp", "stmp", "smpt", "smttp", "smtpp", "smt", "smtop", "sntp"), "smtp"),
    **dict.fromkeys(("miap", "iamp", "impa", "imaap", "imapp", "imp", "inap", "umap"), "imap"),
}
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST: Final = 5
_LONG: Final = 9


class NearMiss(NamedTuple):
    """What was likely meant, and what of the name is the slip."""

    meant: str
    slip: str


class _Domain(NamedTuple):
    label: str
    ending: str

    def __str__(self) -> str:
        return f"{self.label}.{self.ending}"


def _split(host: str) -> tuple[str, _Domain] | None:
    """Return what stands before the domain that somebody registered, and that domain."""
    labels = host.split(".")
    if len(labels) < 2 or not all(labels):
        return None
    ends = 2 if len(labels) > 2 and labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2 else 1
    if len(labels) <= ends:
        return None
    return ".".join(labels[: -ends - 1]), _Domain(labels[-ends - 1], ".".join(labels[-ends:]))


@cache
def _domains() -> dict[_Domain, bool]:
    """Return the domains of all known hosts, and whether a preset is behind it."""
    own = {h for p in PRESETS.values() for o in p.offers.values() for h in (o.host, *o.also)}
    found: dict[_Domain, bool] = {}
    for host in sorted(known_hosts()):
        parts = _split(host)
        if parts is not None:
            found[parts[1]] = found.get(parts[1], False) or host in own
    return found


@lru_cache(maxsize=4096)
def near_miss(host: str) -> NearMiss | None:
    """Return what *host*, a name in lower case, was likely meant to be; None if it is fine."""
    parts = _split(host)
    if parts is None or host in known_hosts():
        return None
    before, domain = parts
    if domain in _domains():
        return _same_domain(host, before, domain)
    known = _meant(domain)
    if known is not None:
        return NearMiss(f"{before}.{known}".lstrip("."), str(domain))
    label = before.partition(".")[0].partition("-")[0]
    if label in _SERVICES:
        return NearMiss(_SERVICES[label] + host[len(label) :], label)
    return None


@lru_cache(maxsize=4096)
def _meant(domain: _Domain) -> _Domain | None:
    """Return the domain that *domain* is a slip of; the hosts of a fleet share few of them."""
    if providers_of(str(domain)):
        return None
    near = (k for k, written in _domains().items() if _is_slip(domain, k, written=written))
    return next(near, None)


def _same_domain(host: str, before: str, domain: _Domain) -> NearMiss | None:
    """Return the provider's host that differs in one letter, not in a number."""
    for known in known_hosts():
        if known.endswith(f".{domain}") and _distance(host, known) == 1:
            other = known[: -len(str(domain)) - 1]
            if _without_digits(before) != _without_digits(other):
                return NearMiss(known, before)
    return None


def _without_digits(text: str) -> str:
    return "".join(c for c in text if not c.isdigit())


def _is_slip(domain: _Domain, known: _Domain, *, written: bool) -> bool:
    label, right = domain.label, known.label
    if len(right) < _SHORTEST or abs(len(label) - len(right)) > 2:
        return False
    if label == right:
        close = _distance(domain.ending, known.ending) == 1
        return close and (written or len(right) > _SHORTEST + 1)
    if domain.ending != known.ending:
        return False
    distance = _distance(label, right)
    if distance == 1 and len(label) == len(right) and label[0] != right[0]:
        # Another first letter is often another word: only a neighbour on the keyboard counts.
        return label[1:] != right[1:] or _neighbours(label[0], right[0])
    return distance == 1 or (distance == 2 and len(right) >= _LONG)


def _neighbours(one: str, other: str) -> bool:
    places = {c: (row, column) for row, keys in enumerate(_KEYS) for column, c in enumerate(keys)}
    if one not in places or other not in places:
        return False
    (row, column), (row2, column2) = places[one], places[other]
    return abs(row - row2) <= 1 and abs(column - column2) <= 1


def _distance(one: str, other: str) -> int:
    """Return how many letters are wrong, missing, too many or swapped; at most 3."""
    # Each wrong letter changes at most two of the letters that only one of them has.
    if abs(len(one) - len(other)) > 2 or len(set(one) ^ set(other)) > 4:
        return 3
    older: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        new = [i]
        for j, right in enumerate(other, start=1):
            cost = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (letter != right))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == right:
                cost = min(cost, older[j - 2] + 1)
            new.append(cost)
        older, row = row, new
    return min(row[-1], 3)
