from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.config.resolve import fill
from icesync.model.secret import SecretRef

if TYPE_CHECKING:
    from icesync.model.fields import Setting

SECRET = SecretRef("ref+env://ICE_A", "env", "ICE_A")


def _filled(
    settings: dict[str, Setting], presets: dict[str, str], *secrets: str
) -> dict[str, tuple[Setting, str]]:
    """Return what presets gave: each value with the key that gave it."""
    found = fill(settings, dict.fromkeys(secrets, SECRET), presets)
    return {key: (found.settings[key], source) for key, source in found.sources.items()}


def test_a_preset_fills_what_is_in_use() -> None:
    """Sending, the incoming block and the flags; a block that nobody mentions stays empty."""
    assert _filled({"incoming": "imap"}, {"preset": "gmail"}) == {
        "smtp.host": ("smtp.gmail.com", "preset"),
        "smtp.port": (587, "preset"),
        "imap.host": ("imap.gmail.com", "preset"),
        "imap.port": (993, "preset"),
        "ssl": (False, "preset"),
        "tls": (True, "preset"),
    }


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [({"pop3.username": "desk"}, ()), ({}, ("pop3.password",))],
    ids=["a setting", "a secret"],
)
def test_a_block_that_is_given_something_is_filled(
    settings: dict[str, Setting], secrets: tuple[str, ...]
) -> None:
    """A record that mirrors the other block gets its host too."""
    found = _filled({"incoming": "imap", **settings}, {"preset": "gmail"}, *secrets)

    assert found["pop3.host"] == ("pop.gmail.com", "preset")


def test_a_value_of_ones_own_wins() -> None:
    """Nothing that is given is touched, whether it fits the provider or not."""
    own = {"smtp.host": "relay.example.org", "smtp.port": 25, "ssl": True, "tls": True}

    assert _filled(own, {"smtp.preset": "gmail"}) == {}


def test_the_preset_of_a_block_goes_first() -> None:
    """One provider sends, another collects; the flags are those of the server's preset."""
    found = _filled({"incoming": "pop3"}, {"preset": "rediffmail", "smtp.preset": "sendgrid"})

    assert found["smtp.host"] == ("smtp.sendgrid.net", "smtp.preset")
    assert found["pop3.host"] == ("pop.rediffmail.com", "preset")
    assert (found["ssl"], found["tls"]) == ((True, "preset"), (False, "preset"))


def test_what_a_provider_does_not_offer_stays_empty() -> None:
    """A provider that only sends leaves collecting to the files."""
    found = fill({"incoming": "pop3"}, {}, {"preset": "sendgrid"})

    assert found.presets == {"smtp": "sendgrid"}
    assert "pop3.host" not in found.settings


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"ssl": True}, {"tls": False}),
        ({"tls": False}, {"ssl": True}),
        ({"ssl": False}, {"tls": True}),
        ({"tls": True}, {"ssl": False}),
    ],
)
def test_one_flag_decides_the_other(given: dict[str, Setting], filled: dict[str, Setting]) -> None:
    """Where one flag is given, the preset keeps encryption on, and one flag only."""
    found = fill(given, {}, {"preset": "gmail"}).settings

    assert {key: found[key] for key in filled} == filled


def test_the_incoming_preset_gives_the_flags_if_no_other_does() -> None:
    """A preset for collecting alone knows the flags too; one out of use does not."""
    found = _filled({"incoming": "imap"}, {"imap.preset": "gmx"})
    unused = _filled({"incoming": "imap"}, {"pop3.preset": "gmx"})

    assert found["tls"] == (True, "imap.preset")
    assert set(unused) == {"pop3.host", "pop3.port"}
