"""
Rules of thumb about the domains that mail is sent from.

Heuristics, and worded so: from which address ICE or the provider will send in
the end is not known here, so nothing of this is ever a failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from icesync.model.dns import DomainFacts, DomainNote
from icesync.model.probe import MailProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.model.address import Address
    from icesync.planner.probe import WantedProbe

__all__ = ["SenderDomain", "judge_domain", "sender_domains"]

_SPF_LIMIT: Final = 10
"""RFC 7208, section 4.6.4."""

_INCLUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "gmail.com": ("_spf.google.com",),
    "office365.com": ("spf.protection.outlook.com",),
    "amazonaws.com": ("amazonses.com",),
    "sendgrid.net": ("sendgrid.net",),
    "mailgun.org": ("mailgun.org",),
    "postmarkapp.com": ("spf.mtasv.net",),
    "zoho.com": ("zohomail.com", "zoho.com"),
    "fastmail.com": ("spf.messagingengine.com",),
}
"""What the SPF of a domain usually includes when it is sent through a host below the key."""


@dataclass(slots=True)
class SenderDomain:
    """One domain: through which hosts it is sent, which of them spoof, and who asks for that."""

    domain: str
    hosts: set[str] = field(default_factory=set)
    spoofed_by: set[str] = field(default_factory=set)
    addresses: set[Address] = field(default_factory=set)


def sender_domains(probes: Iterable[WantedProbe]) -> tuple[SenderDomain, ...]:
    """Return the domains that the servers behind *probes* send from, sorted."""
    found: dict[str, SenderDomain] = {}
    for probe in probes:
        target = probe.target
        if target.protocol is not MailProtocol.SMTP:
            continue
        domains = [s.rpartition("@")[2].lower() for s in target.senders if "@" in s]
        for domain in domains:
            entry = found.setdefault(domain, SenderDomain(domain))
            entry.hosts.add(target.host.lower())
            entry.addresses.add(probe.address)
            # The mailbox's own domain comes first; the others borrow its server.
            entry.spoofed_by |= {domains[0]} - {domain}
    return tuple(found[domain] for domain in sorted(found))


def judge_domain(sender: SenderDomain, facts: DomainFacts) -> tuple[DomainNote, ...]:
    """Return what is worth a word about *sender*; one calm note where there is nothing."""
    addresses = tuple(sorted(sender.addresses))
    if facts.silent:
        return (DomainNote(sender.domain, f"not judged: {facts.silent}", addresses),)
    texts = [*_mail(facts), *_spf(sender, facts), *_dmarc(sender, facts)]
    if texts:
        return tuple(DomainNote(sender.domain, text, addresses) for text in texts)
    calm = "MX, SPF and DMARC look as usual"
    return (DomainNote(sender.domain, calm, addresses, worrying=False),)


def _mail(facts: DomainFacts) -> Iterator[str]:
    if facts.mail_hosts == (".",):
        yield "says that it takes no mail (null MX): answers will not arrive"
    elif not facts.mail_hosts and not facts.has_address:
        yield "has neither MX nor address: answers will not arrive, and many refuse such senders"


def _spf(sender: SenderDomain, facts: DomainFacts) -> Iterator[str]:
    if not facts.spf:
        yield "publishes no SPF: receivers may distrust its mail"
        return
    if len(facts.spf) > 1:
        yield f"publishes {len(facts.spf)} SPF records: receivers take that for an error"
    if facts.spf_lookups > _SPF_LIMIT:
        yield f"has an SPF of more than {_SPF_LIMIT} look-ups: receivers take that for an error"
    for host in sorted(sender.hosts):
        wanted = next((v for k, v in _INCLUDES.items() if f".{host}".endswith(f".{k}")), ())
        if wanted and not facts.includes & set(wanted):
            yield f"has an SPF without {wanted[0]}, which mail through {host} usually needs"


def _dmarc(sender: SenderDomain, facts: DomainFacts) -> Iterator[str]:
    if facts.dmarc in {"reject", "quarantine"} and sender.spoofed_by:
        others = ", ".join(sorted(sender.spoofed_by))
        yield (
            f"asks for p={facts.dmarc} (DMARC): mail sent for it with a mailbox of {others} "
            "will likely fail alignment"
        )
