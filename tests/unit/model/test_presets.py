from __future__ import annotations

import re
from datetime import date

import pytest

from icesync.model.presets import IMPLICIT_TLS, PRESETS, Preset, find_offer

EVERY = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda p: p.name)


@EVERY
def test_preset_is_a_fact_of_a_day(preset: Preset) -> None:
    """Each row offers something, says how to log in, and names its source and the day."""
    assert preset.offers
    assert preset.title
    assert preset.login
    assert "." in preset.source
    assert date.fromisoformat(preset.checked) >= date(2026, 11, 22)


@EVERY
def test_offers_are_whole(preset: Preset) -> None:
    """Hosts are names with a dot, ports are some, blocks are those of a server."""
    hosts = [h for offer in preset.offers.values() for h in (offer.host, *offer.also)]

    assert set(preset.offers) <= {"smtp", "pop3", "imap"}
    assert all(offer.ports for offer in preset.offers.values())
    assert all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host) for host in hosts)


@EVERY
def test_hosts_lead_back_to_their_provider(preset: Preset) -> None:
    """A host is recognised without the preset's name, unless two providers share it."""
    for block, offer in preset.offers.items():
        found = find_offer(block, offer.host)

        assert found is not None
        assert preset.name in {found[0].name, "outlook.com"}


def test_there_are_sixteen_providers() -> None:
    """A name with a slash is a region."""
    assert len({name.partition("/")[0] for name in PRESETS}) == 16
    assert list(PRESETS) == sorted(PRESETS)


def test_incoming_is_encrypted_from_the_first_byte() -> None:
    """The port that a preset fills for collecting speaks TLS at once."""
    ports = {
        offer.ports[0]
        for preset in PRESETS.values()
        for block, offer in preset.offers.items()
        if block != "smtp"
    }

    assert ports <= IMPLICIT_TLS


@pytest.mark.parametrize("host", ["mail.com", "smtp.example.org", "com", "", "xmail.com"])
def test_other_hosts_are_nobodys(host: str) -> None:
    """Only what lies below a provider's domain is its own."""
    assert find_offer("smtp", host) is None


def test_a_host_in_a_providers_domain_is_near() -> None:
    """Then there is a provider and no offer."""
    found = find_offer("pop3", "pop3.mail.com")

    assert found is not None
    assert (found[0].name, found[1]) == ("mail.com", None)
