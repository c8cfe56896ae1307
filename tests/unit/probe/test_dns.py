"""Against a DNS of our own on loopback."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from icesync.probe.dns import Domains

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = {
    ("good.test", "MX"): "10 mail.good.test.",
    ("good.test", "A"): "192.0.2.1",
    ("good.test", "TXT"): ['"v=spf1 include:a.test mx -all"', '"other words"'],
    ("a.test", "TXT"): '"v=spf1 ip4:192.0.2.0/24 include:a.test redirect=gone.test a:b.test ~all"',
    ("_dmarc.good.test", "TXT"): '"v=DMARC1; p=reject; sp=quarantine"',
    ("null.test", "MX"): "0 .",
    ("loop.test", "TXT"): '"v=spf1 include:loop.test exists:%{i}.loop.test ?all"',
    ("deep.test", "TXT"): '"v=spf1 ' + " ".join(f"include:n{n}.t" for n in range(15)) + '"',
}


@pytest.fixture(scope="module")
def domains() -> Iterator[Domains]:
    """Ask a responder that knows ZONE; a name in no row does not exist, silent.test is silent."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                data, peer = wire.recvfrom(4_096)
            except OSError:
                return
            if data == b"stop":
                return
            wire.sendto(answer(dns.message.from_wire(data)).to_wire(), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = wire.getsockname()[1]
    yield Domains(resolver)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"stop", wire.getsockname())
    thread.join(20)
    wire.close()


def answer(query: dns.message.Message) -> dns.message.Message:
    """Return what ZONE says."""
    [question] = query.question
    name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    found = ZONE.get((name, kind))
    if found:
        rows = found if isinstance(found, list) else [found]
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *rows))
    elif name == "broken.test":
        reply.set_rcode(dns.rcode.SERVFAIL)
    elif not any(known == name for known, _ in ZONE):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


def test_a_usual_domain(domains: Domains) -> None:
    """MX, address, SPF with all it leads to, and the policy of DMARC."""
    facts = domains.look("good.test")

    assert facts.mail_hosts == ("mail.good.test",)
    assert facts.has_address
    assert facts.spf == ("v=spf1 include:a.test mx -all",)
    assert facts.spf_lookups == 5
    assert facts.includes == {"a.test", "gone.test"}
    assert facts.dmarc == "reject"


def test_dmarc_of_the_domain_above(domains: Domains) -> None:
    """A subdomain without a policy has that which its parent gives to subdomains."""
    assert domains.look("good.test").dmarc == "reject"
    assert domains._dmarc("news.good.test") == "quarantine"


@pytest.mark.parametrize(
    ("domain", "hosts", "spf"),
    [("null.test", (".",), 0), ("nowhere.test", (), 0), ("loop.test", (), 1)],
)
def test_odd_domains(domains: Domains, domain: str, hosts: tuple[str, ...], spf: int) -> None:
    """A null MX, a domain that is not there, an SPF that includes itself."""
    facts = domains.look(domain)

    assert (facts.mail_hosts, len(facts.spf), facts.silent) == (hosts, spf, "")


def test_an_spf_of_many_lookups(domains: Domains) -> None:
    """Every look-up is counted, also those that lead nowhere."""
    assert domains.look("deep.test").spf_lookups == 15


def test_a_dns_that_fails(domains: Domains) -> None:
    """No answer is said to be none; nothing is concluded from it."""
    assert "no answer from the DNS" in domains.look("broken.test").silent
    assert domains.look("a..b").silent


def test_a_machine_without_a_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked, it is an error before the first question."""

    def none() -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", none)

    with pytest.raises(OSError, match="no DNS resolver"):
        Domains()
