from __future__ import annotations

import pytest

from icesync.config.rules.hosts import damage

BROKEN = [
    *("#N/A", "#REF!", "#WERT!", "#NAME?", "#DIV/0!", "########", '="0012"', "=SUM(A1:A2)"),
    *("#NOM?", "#VALEUR!", "#ÜBERLAUF!", "#¡VALOR!", "Err:502", "1E+05", "'0012", "'=x"),
    *("{{smtp_password}}", "${SMTP_USER}", "$(user)", "%USER%"),
    *("2,90650E+11", "1.5e10", "NULL", "null", "None", "undefined", "nan", "N/A", "(null)"),
    *("********", "\u2022\u2022\u2022\u2022\u2022\u2022", "[REDACTED]", "(sensitive)", " *** "),
    *("\u201cdesk\u201d", "\u2018desk\u2019@example.org", '"desk"', "'desk'", "caf\u00c3\u00a9"),
]
WHOLE = [
    *("desk", "desk@example.org", "0012", "290650", "5E10", "Pa#ss=word*", "#abc123!", "=k", "*"),
    *(
        "o'neil@example.org",
        '"a b"@example.org',
        "null-terminated",
        "none@example.org",
        "caf\u00e9",
    ),
    *("caf\u00e9", "nan.smith", "Hidden-Lake-77", "##", "a=b", "CORP\\desk", "=Pass(word)"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_a_sheet_or_a_mask_left_is_told_and_not_quoted(text: str) -> None:
    """The sentence says what happened, and holds nothing of the text: it may be a password."""
    meaning = damage(text)

    assert meaning
    assert text.strip() not in meaning


@pytest.mark.parametrize("text", WHOLE)
def test_what_only_looks_alike_is_whole(text: str) -> None:
    """Passwords and names may hold any of these characters."""
    assert damage(text) == ""
