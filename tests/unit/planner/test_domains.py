from __future__ import annotations

import pytest
from builders import SALES, SUPPORT, server

from icesync.model.probe import DomainFacts
from icesync.planner.probe import SenderDomain, judge_domain, sender_domains, wanted_probes

USUAL = DomainFacts(
    "x.test", ("mail.x.test",), has_address=True, spf=("v=spf1 -all",), spf_lookups=0, dmarc="none"
)


def facts(**changed: object) -> DomainFacts:
    """Return usual facts with *changed*."""
    from dataclasses import replace

    return replace(USUAL, **changed)  # type: ignore[arg-type]


def test_domains_of_senders() -> None:
    """Each domain once, with all who send from it and through what."""
    mailbox = {"incoming": "imap", "smtp__mailbox": "a@X.test"}
    spoofing = {"spoofing__enabled": True, "spoofing__address": "b@y.test"}
    probes = [
        *wanted_probes(server(SUPPORT, {"smtp.password": "p"}, **mailbox, **spoofing)),
        *wanted_probes(server(SALES, {"smtp.password": "p"}, **mailbox)),
    ]

    assert sender_domains(probes) == (
        SenderDomain("x.test", {"smtp.example.test"}, set(), {SUPPORT, SALES}),
        SenderDomain("y.test", {"smtp.example.test"}, {"x.test"}, {SUPPORT}),
    )


def test_collecting_has_no_sender() -> None:
    """A block that only collects says nothing about domains."""
    settings = {"pop3__host": "h", "pop3__port": 995, "pop3__username": "u"}
    probes = wanted_probes(server(SUPPORT, {"pop3.password": "p"}, **settings))

    assert len(probes) == 1
    assert sender_domains(probes) == ()


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (facts(silent="no answer from the DNS"), "not checked: no answer"),
        (facts(mail_hosts=(".",)), "accepts no mail (null MX)"),
        (facts(mail_hosts=(), has_address=False), "neither an MX nor an address"),
        (facts(spf=()), "has no SPF"),
        (facts(spf=("v=spf1 a", "v=spf1 b"), includes=frozenset({"_spf.google.com"})), "2 SPF"),
        (facts(spf_lookups=11), "more than 10 DNS lookups"),
        (facts(), "without _spf.google.com, which mail through smtp.gmail.com usually needs"),
        (facts(dmarc="reject"), "p=reject (DMARC): mail sent for it with a mailbox of z.test"),
    ],
)
def test_what_is_worth_a_word(seen: DomainFacts, words: str) -> None:
    """Rules of thumb, each a sentence that does not claim more than it can."""
    sender = SenderDomain("x.test", {"smtp.gmail.com"}, {"z.test"}, {SUPPORT})

    assert any(words in note.text and note.worrying for note in judge_domain(sender, seen))


@pytest.mark.parametrize("host", ["smtp.gmail.com", "mail.example.test", "notgmail.com"])
def test_nothing_to_say(host: str) -> None:
    """A domain that looks as usual gets one calm note."""
    sender = SenderDomain("x.test", {host}, set(), {SUPPORT})
    [note] = judge_domain(sender, facts(includes=frozenset({"_spf.google.com"})))

    assert not note.worrying
