"""
Which logins a probe tries, in which mode, and what its result forbids.

The vendor documents ``IsSSL`` and ``IsTLS`` as "SSL enabled" and "TLS enabled"
(doc:table) and not which protocols they concern or when encryption begins. One
pair serves three protocols, and the sample gives 587, 995 and 589 with both
off, so the flags cannot be read literally: the port says when encryption
begins, the flags only whether it is wanted (assumed). ``probe:`` of a server
overrides both and is never sent.

What is said about the domains that mail is sent from are rules of thumb, and worded so:
from which address ICE or the provider will send in the end is not known here, so nothing
of this is ever a failure.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen, mutable
from icesync.model.fields import INCOMING_BLOCKS, Setting
from icesync.model.host import ascii_host
from icesync.model.plan import Refusal
from icesync.model.presets import find_offer
from icesync.model.probe import (
    DomainFacts,
    DomainNote,
    MailProtocol,
    Mode,
    ProbeKind,
    ProbeReport,
    ProbeResult,
    ProbeSeverity,
    ProbeTarget,
)
from icesync.planner.policy import is_allowed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from icesync.model.desired import Address, DesiredServer
    from icesync.model.secret import SecretRef

_IMPLICIT_PORTS: Final = frozenset({465, 2465, 586, 993, 995})
_STARTTLS_PORTS: Final = frozenset({25, 587, 2525, 2587, 110, 143})


@frozen
class WantedProbe:
    """One block of one server to probe; *known* is its result where none is needed."""

    address: Address
    target: ProbeTarget
    secret: SecretRef | None
    known: ProbeResult | None = None


def choose_mode(port: int, override: str | None, *, ssl: bool, tls: bool) -> tuple[Mode, str]:
    """Return when encryption begins, and why, as every row of a report says it."""
    if override is not None:
        return Mode(override), "override"
    flags = _flags(ssl=ssl, tls=tls)
    if port in _IMPLICIT_PORTS:
        note = "" if ssl or tls else "; both flags are off"
        return Mode.IMPLICIT, f"from port {port}{note}"
    if port not in _STARTTLS_PORTS and ssl:
        return Mode.IMPLICIT, f"from {flags}"
    if ssl or tls:
        where = f"from port {port}" if port in _STARTTLS_PORTS else f"from {flags}"
        return Mode.STARTTLS, where
    return Mode.OFFERED, "both flags are off"


def _flags(*, ssl: bool, tls: bool) -> str:
    return ", ".join(name for name, on in (("`ssl`", ssl), ("`tls`", tls)) if on)


def wanted_probes(
    server: DesiredServer, *, unused: bool = False, clear_text: bool = False
) -> tuple[WantedProbe, ...]:
    """
    Return what to probe of *server*: SMTP, and the way in which mail is collected.

    *unused* adds the other way to collect, if it is given in full. A server
    that is ``Disabled`` is named and not probed.
    """
    incoming = server.settings.get("incoming")
    blocks = [MailProtocol.SMTP]
    blocks += [MailProtocol(b) for b in INCOMING_BLOCKS if unused or b == incoming]
    found = (_wanted(server, block, clear_text=clear_text) for block in blocks)
    return tuple(probe for probe in found if probe is not None)


def _wanted(server: DesiredServer, block: MailProtocol, *, clear_text: bool) -> WantedProbe | None:
    settings = server.settings
    secret = server.secrets.get(f"{block}.password")
    host, port = settings.get(f"{block}.host"), settings.get(f"{block}.port")
    username = settings.get(f"{block}.username")
    if host is None or port is None:
        return None
    relayed = block is MailProtocol.SMTP and secret is None and username is None
    if not relayed and (secret is None or username is None):
        return None
    override = server.local.get(f"probe.{block}")
    mode, reason = choose_mode(
        int(port),
        None if override is None else str(override),
        ssl=bool(settings.get("ssl")),
        tls=bool(settings.get("tls")),
    )
    senders = _senders(settings) if block is MailProtocol.SMTP else ()
    target = ProbeTarget(
        block, str(host), int(port), mode, reason, str(username or ""), senders, clear_text
    )
    known = None
    if settings.get("status") != "Enabled":
        known = ProbeResult(ProbeKind.SKIPPED, "the server is `Disabled`")
    elif relayed:
        message = "no login to test: smtp has no user name and password"
        hint = "the relay must accept mail from ICE's IP addresses without a login"
        known = ProbeResult(ProbeKind.SKIPPED, message, hint)
    elif message := _refusing(block, target.host):
        hint = (
            "ICE has no field for a token; use another provider, or a relay that accepts passwords"
        )
        known = ProbeResult(ProbeKind.AUTH_DISABLED, message, hint)
    return WantedProbe(server.address, target, secret, known)


def _refusing(block: MailProtocol, host: str) -> str:
    """Return that the provider of *host* takes no passwords, or nothing: it need not be asked."""
    try:
        name = ascii_host(host)
    except ValueError:
        return ""
    preset, offer = find_offer(block, name) or (None, None)
    if preset is None or offer is None or not offer.refuses:
        return ""
    return f"{preset.title}: no passwords ({offer.refuses})"


def _senders(settings: Mapping[str, Setting]) -> tuple[str, ...]:
    """Return the addresses that mail is sent from: the mailbox's, and the spoofed one."""
    keys = ["smtp.mailbox"]
    if settings.get("spoofing.enabled"):
        keys.append("spoofing.address")
    return tuple(dict.fromkeys(str(settings[key]) for key in keys if key in settings))


def judge(result: ProbeResult, senders: Collection[str], now: datetime) -> ProbeResult:
    """
    Return what *result* means for a server that sends as *senders*.

    Servers may share a login and not a sender: one refused sender is the matter
    of those who use it. A certificate that ends soon is worth a word.
    """
    checks = tuple(check for check in result.senders if check.sender in senders)
    notes = [f"sender {c.sender}: {c.answer}" for c in checks if c.accepted is None]
    days = result.ending(now)
    if days is not None:
        notes.append(f"the certificate expires in {days} day{'' if days == 1 else 's'}")
    judged = replace(result, senders=checks, notes=(*result.notes, *notes))
    refused = next((check for check in checks if check.accepted is False), None)
    if result.kind is not ProbeKind.OK or refused is None:
        return judged
    code, _, text = refused.answer.partition(" ")
    detail = f"logged in, but not allowed to send as {refused.sender}"
    hint = "allow the account to send as this address at the provider, or correct the address"
    if _NO_DOMAIN.search(text):
        domain = refused.sender.rpartition("@")[2]
        detail = f"logged in, but the server cannot find the domain of {refused.sender} in DNS"
        hint = f"correct the address, or publish MX or A records for {domain}"
    return replace(
        judged, kind=ProbeKind.OK_SENDER_REFUSED, detail=detail, hint=hint, code=code, text=text
    )


_NO_DOMAIN: Final = re.compile(
    r"5\.1\.8\b|domain\b.{0,40}\b(not found|(does not|must|doesn't) (exist|resolve)|unresolvable"
    r"|invalid|cannot be resolved|no mx|no valid mx)|unknown domain|(no|unresolvable) such domain",
    re.IGNORECASE,
)
"""How a server says that it looked for the sender's domain in DNS (rfc:3463, X.1.8)."""


def probe_refusals(report: ProbeReport, allowed: Collection[str]) -> tuple[Refusal, ...]:
    """Return a refusal for each server of *report* that a mail server said no to."""
    refusals: dict[Address, Refusal] = {}
    for row in report.with_severity(ProbeSeverity.FAILED):
        allow = f"probe:{row.address}"
        if is_allowed(allowed, "probe", row.address) or row.address in refusals:
            continue
        message = f"{row.address}: {row.target.protocol} probe: {row.result.kind}"
        refusals[row.address] = Refusal("probe", message, allow, row.address)
    return tuple(refusals.values())


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


@mutable
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
        return (DomainNote(sender.domain, f"not checked: {facts.silent}", addresses),)
    texts = [*_mail(facts), *_spf(sender, facts), *_dmarc(sender, facts)]
    if texts:
        return tuple(DomainNote(sender.domain, text, addresses) for text in texts)
    calm = "MX, SPF and DMARC look normal"
    return (DomainNote(sender.domain, calm, addresses, worrying=False),)


def _mail(facts: DomainFacts) -> Iterator[str]:
    if facts.mail_hosts == (".",):
        yield "accepts no mail (null MX): replies will not arrive"
    elif not facts.mail_hosts and not facts.has_address:
        yield (
            "has neither an MX nor an address record: replies will not arrive, and many "
            "servers reject such senders"
        )


def _spf(sender: SenderDomain, facts: DomainFacts) -> Iterator[str]:
    if not facts.spf:
        yield "has no SPF record: receivers may not trust its mail"
        return
    if len(facts.spf) > 1:
        yield f"has {len(facts.spf)} SPF records, which receivers treat as an error"
    if facts.spf_lookups > _SPF_LIMIT:
        yield (
            f"has an SPF record with more than {_SPF_LIMIT} DNS lookups, which receivers "
            "treat as an error"
        )
    for host in sorted(sender.hosts):
        wanted = next((v for k, v in _INCLUDES.items() if f".{host}".endswith(f".{k}")), ())
        if wanted and not facts.includes & set(wanted):
            yield (
                f"has an SPF record without {wanted[0]}, which mail through {host} usually needs"
            )


def _dmarc(sender: SenderDomain, facts: DomainFacts) -> Iterator[str]:
    if facts.dmarc in {"reject", "quarantine"} and sender.spoofed_by:
        others = ", ".join(sorted(sender.spoofed_by))
        yield (
            f"asks for p={facts.dmarc} (DMARC): mail sent for it with a mailbox of {others} "
            "will likely fail alignment"
        )
