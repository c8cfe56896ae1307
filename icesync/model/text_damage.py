"""
Texts that no longer say what they were: what spreadsheets, masks and word processors leave.

A table that went through a spreadsheet loses leading zeros, turns long numbers into
``2,90650E+11`` and narrow columns into ``########``; a console masks a password; an editor
makes quotes curly. Such a text would be sent as it stands, as a host, a user name or a
password. This is asked by the rules, by an import, and of secrets; it never tells the text.
"""

from __future__ import annotations

import re
from typing import Final

_MASK: Final = "is a mask: the value itself was never copied"
_NOTHING: Final = "is what a program writes for no value"
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
        # The errors of Excel and LibreOffice, in English and in German.
        re.compile(r"#(N/?A|NV|NAME\?|DIV/0!|[A-Z]{3,8}!)"),
        "is an error value of a spreadsheet",
    ),
    (re.compile(r"#{3,}"), "is what a spreadsheet shows where a column is too narrow"),
    (re.compile(r'="[^"]*"|=[A-Z]+\(.*\)'), "is a formula of a spreadsheet"),
    (
        re.compile(r"[-+]?[0-9]+[.,][0-9]+[eE]\+?[0-9]{1,3}"),
        "is a number that a spreadsheet has rounded",
    ),
    (re.compile("[*\u2022\u25cf\u2219\u00b7]{3,}"), _MASK),
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
        return "has curly quotes, as word processors write them"
    if _MISREAD.search(text):
        return "was read in a wrong encoding: characters of it are lost"
    if _QUOTED.fullmatch(bare):
        return "has quotes around it that belong to the value"
    return ""
