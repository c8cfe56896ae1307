from __future__ import annotations

import pytest

from icesync.model.fields import FIELDS_BY_KEY
from icesync.sheet.values import provider_of, spell, spell_encryption


@pytest.mark.parametrize(
    ("key", "spelled", "words"),
    [
        ("tls", "true", "TRUE yes y 1 on WAHR ja j vrai VRAI oui"),
        ("tls", "false", "FALSE no n 0 off FALSCH nein faux FAUX non"),
        ("status", "Enabled", "enabled ENABLED aktiv Activé yes 1 ja"),
        ("status", "Disabled", "disabled inaktiv Désactivé no 0 nein"),
        ("incoming", "imap", "IMAP imap4 IMAPS"),
        ("incoming", "pop3", "POP3 pop"),
        ("preset", "gmail", "Gmail gmail.com Google google-workspace"),
        ("preset", "microsoft365", "Office-365 O365 microsoft365"),
        ("preset", "gmx/net", "gmx.de"),
        ("name", "yes", "yes"),
    ],
)
def test_words_for_a_value(key: str, spelled: str, words: str) -> None:
    """In the languages of spreadsheets, without regard to case and accents."""
    for word in words.split():
        assert spell(FIELDS_BY_KEY[key], word) == spelled, word


def test_what_is_no_word_stays() -> None:
    """The reader of the files says what is wrong with it."""
    assert spell(FIELDS_BY_KEY["tls"], "maybe") == "maybe"
    assert spell(FIELDS_BY_KEY["incoming"], "true") == "true"
    assert spell(FIELDS_BY_KEY["incoming"], "nein", flag=True) == "pop3"


def test_encryption_in_a_word() -> None:
    """One column may say both flags."""
    assert spell_encryption("STARTTLS") == {"ssl": False, "tls": True}
    assert spell_encryption("SSL/TLS") == {"ssl": True, "tls": False}
    assert spell_encryption("keine") == {"ssl": False, "tls": False}
    assert spell_encryption("maybe") == {}


def test_provider_of_an_address() -> None:
    """Only of one provider, and only of an address."""
    assert provider_of("a@gmail.com") == "gmail"
    assert provider_of("gmail.com") == ""
    assert provider_of("a@example.org") == ""
