from __future__ import annotations

import re
from datetime import date

import pytest

from icesync.model import provider_data
from icesync.model.presets import (
    IMPLICIT_TLS,
    PRESETS,
    Preset,
    find_offer,
    find_preset,
    find_providers,
    known_hosts,
    known_providers,
    preset_names,
    providers_of,
    tail,
    tail_presets,
)

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
        assert found[1] is not None


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


def test_old_names_of_a_consumer_service_lead_to_it() -> None:
    """The day on which it stopped to take passwords is the right one's."""
    for host in ("smtp.live.com", "smtp-mail.outlook.com", "smtp.outlook.com"):
        found = find_offer("smtp", host)

        assert found is not None
        assert found[1] is not None
        assert (found[0].name, "16 September 2024" in found[1].refuses) == ("outlook.com", True)


FACTS = [
    (line.split("|")[0], *server.split(":"))
    for line in provider_data.TABLE.splitlines()
    for server in line.split("|")[3].split()
]
MODES = {"=": "implicit", "+": "starttls", "-": "none"}


@pytest.mark.parametrize("fact", FACTS, ids=" ".join)
def test_no_row_contradicts_the_source(fact: tuple[str, str, str, str]) -> None:
    """Host, port, encryption and whether a password is taken are those of the public database."""
    _, block, host, rest = fact
    port = re.match("[0-9]+", rest)
    assert port is not None
    mode = MODES[rest[port.end()]]

    found = find_offer(block, host)

    assert found is not None
    offer = found[1]
    assert offer is not None
    assert int(port[0]) in offer.ports
    assert offer.mode(int(port[0])) == mode
    assert bool(offer.refuses or offer.ends) is rest.endswith("!")


@pytest.mark.parametrize("name", tail_presets())
def test_a_preset_of_the_long_tail_is_unambiguous(name: str) -> None:
    """One host a protocol, encrypted; the row says where it comes from and of which day."""
    preset = find_preset(name)

    assert preset is not None
    assert all(not offer.also for offer in preset.offers.values())
    assert all(offer.mode(offer.ports[0]) != "none" for offer in preset.offers.values())
    assert preset.source.endswith(name)
    assert date.fromisoformat(preset.checked)


def test_names_are_not_taken_twice() -> None:
    """A name leads to one row."""
    names = preset_names()

    assert len(set(names)) == len(names)
    assert len(tail()) > 100


def test_addresses_lead_to_their_provider() -> None:
    """Of presets and of the long tail."""
    assert [p.name for p in providers_of("hotmail.de")] == ["outlook.com"]
    assert providers_of("example.org") == ()
    assert {p.name for p in providers_of("googlemail.com")} == {"gmail"}
    assert [p.name for p in providers_of("web.de")] == ["web.de"]
    assert {p.name for p in providers_of("gmx.at")} == {"gmx/net"}


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("gmail", ["gmail"]),
        ("amazon-ses/eu-west-1", ["amazon-ses/eu-west-1"]),
        ("brevo", ["brevo"]),
        ("web.de", ["web.de"]),
        ("hotmail.com", ["outlook.com"]),
        ("smtp.office365.com", ["microsoft365"]),
        ("amazon-ses", []),
        ("example.org", []),
    ],
)
def test_word_that_means_a_provider(word: str, names: list[str]) -> None:
    """A provider is meant by its name, else by a domain of addresses, else by a host."""
    assert [preset.name for preset in find_providers(word)] == names


def test_every_provider_is_found_by_its_name() -> None:
    """No provider hides another one of the same name; each says where its facts are from."""
    known = known_providers()

    assert {name: find_providers(name) for name in known} == {n: (p,) for n, p in known.items()}
    assert {*preset_names()} <= known.keys()
    assert all(preset.source for preset in known.values())


def test_host_that_is_none_is_looked_up_at_once() -> None:
    """A text of any length costs no more than its length."""
    assert find_offer("smtp", "a." * 200_000) is None


def test_hosts_and_domains_of_all_providers_are_known() -> None:
    """They are looked for before the rows of the long tail are read, and nothing is missed."""
    providers = known_providers().values()
    offers = [offer for provider in providers for offer in provider.offers.values()]

    assert {host for offer in offers for host in (offer.host, *offer.also)} <= known_hosts()
    assert all(providers_of(domain) for p in providers for domain in p.accounts)
