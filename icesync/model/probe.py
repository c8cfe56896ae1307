"""What a probe asks of a mail server, and what it saw there and in the DNS of the sender."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from icesync.frozen import NamedTuple, frozen

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import Address


@frozen
class DomainFacts:
    """
    The records of one domain.

    *mail_hosts* are its MX, "." for a null MX (RFC 7505); *spf* its SPF records
    as text, *spf_lookups* how many look-ups they ask a receiver for, *includes*
    all names that they lead to; *dmarc* the policy that counts for it, or
    empty. *silent* says why nothing is known, or is empty.
    """

    domain: str
    mail_hosts: tuple[str, ...] = ()
    has_address: bool = False
    spf: tuple[str, ...] = ()
    spf_lookups: int = 0
    includes: frozenset[str] = frozenset()
    dmarc: str = ""
    silent: str = ""


@frozen
class DomainNote:
    """A remark about the DNS of a sender's domain: a heuristic, never a verdict."""

    domain: str
    text: str
    addresses: tuple[Address, ...]
    worrying: bool = True


WARN_DAYS: Final = 21
"""A certificate that expires sooner is worth a note."""

SPEAKS_FROM_HERE: Final = (
    "probes run from this machine; ICE connects from its own data centre, "
    "where a firewall may decide differently"
)


class MailProtocol(StrEnum):
    """The three protocols of a server's blocks; the block has the same name."""

    SMTP = "smtp"
    POP3 = "pop3"
    IMAP = "imap"


class Mode(StrEnum):
    """When encryption begins."""

    IMPLICIT = "implicit"
    """with the first byte"""
    STARTTLS = "starttls"
    """after STARTTLS or STLS, which must be offered"""
    OFFERED = "starttls if offered"
    """as STARTTLS where the server offers it; without it no password is spoken"""
    NONE = "none"
    """never"""


class ProbeSeverity(StrEnum):
    """The severity of a result."""

    PASSED = "passed"
    WARNING = "warning"
    """says more about the way there, or about this minute, than about the setting"""
    FAILED = "failed"
    SKIPPED = "skipped"


class ProbeKind(StrEnum):
    """What one probe came to."""

    OK = "ok"
    OK_SENDER_REFUSED = "ok_sender_refused"
    """logged in, but may not send under the address that it shall"""
    AUTH_REJECTED = "auth_rejected"
    AUTH_DISABLED = "auth_disabled"
    """passwords, or this protocol, are switched off for this account"""
    AUTH_UNANSWERED = "auth_unanswered"
    """the password was sent, and the server hung up or said nothing"""
    AUTH_UNAVAILABLE = "auth_unavailable"
    """no login is offered, or none that may go without encryption"""
    AUTH_MECHANISM = "auth_mechanism"
    """the server wants a mechanism or an encryption that was not used: no verdict"""
    AUTH_TEMPORARY = "auth_temporary"
    """busy, limited or locked for a while: no verdict"""
    AUTH_BLOCKED = "auth_blocked"
    """the server blocks the address of this machine: no verdict"""
    INBOX_UNAVAILABLE = "inbox_unavailable"
    """logged in, but the mailbox cannot be opened"""
    IN_USE = "in_use"
    """somebody else is collecting this mailbox right now"""
    NO_STARTTLS = "no_starttls"
    TLS_WRONG_MODE = "tls_wrong_mode"
    TLS_CERT_EXPIRED = "tls_cert_expired"
    TLS_CERT_NOT_YET_VALID = "tls_cert_not_yet_valid"
    TLS_CERT_SELF_SIGNED = "tls_cert_self_signed"
    TLS_CERT_UNTRUSTED = "tls_cert_untrusted"
    TLS_CERT_INCOMPLETE = "tls_cert_incomplete"
    """the server does not send the certificate of its issuer"""
    TLS_CERT_NAME_MISMATCH = "tls_cert_name_mismatch"
    TLS_CERT_WEAK = "tls_cert_weak"
    """its key or its signature is too weak"""
    TLS_CERT_WRONG_PURPOSE = "tls_cert_wrong_purpose"
    """not made for servers"""
    TLS_ERROR = "tls_error"
    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    """an answer that this protocol does not know"""
    SKIPPED = "skipped"
    OAUTH_ONLY = "oauth_only"
    """takes tokens only, for which ICE has no field: not tried"""
    INTERNAL_ERROR = "internal_error"
    """icesync itself failed here; nothing is known about the server"""

    @property
    def severity(self) -> ProbeSeverity:
        """Its severity; runners are often firewalled, so the way there only warns."""
        return _SEVERITIES.get(self, ProbeSeverity.FAILED)


_SEVERITIES: Final = {
    ProbeKind.OK: ProbeSeverity.PASSED,
    ProbeKind.SKIPPED: ProbeSeverity.SKIPPED,
    ProbeKind.AUTH_TEMPORARY: ProbeSeverity.WARNING,
    ProbeKind.AUTH_BLOCKED: ProbeSeverity.WARNING,
    ProbeKind.AUTH_MECHANISM: ProbeSeverity.WARNING,
    ProbeKind.OAUTH_ONLY: ProbeSeverity.WARNING,
    ProbeKind.IN_USE: ProbeSeverity.WARNING,
    ProbeKind.DNS: ProbeSeverity.WARNING,
    ProbeKind.REFUSED: ProbeSeverity.WARNING,
    ProbeKind.TIMEOUT: ProbeSeverity.WARNING,
    ProbeKind.RESET: ProbeSeverity.WARNING,
}


class StepName(StrEnum):
    """The steps of a probe, in their order; a step may come more than once."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    BANNER = "banner"
    CAPABILITIES = "capabilities"
    AUTH = "auth"
    SENDER = "sender"
    INBOX = "inbox"
    BYE = "bye"


class ProbeStep(NamedTuple):
    """One step and how long it took, in seconds."""

    name: StepName
    elapsed_s: float


@frozen
class ProbeTarget:
    """
    One login to try: an endpoint, an account, and the senders it shall send as.

    *reason* says where the mode comes from; *clear_text* lets a password go
    without encryption.
    """

    protocol: MailProtocol
    host: str
    port: int
    mode: Mode
    reason: str
    username: str
    senders: tuple[str, ...] = ()
    clear_text: bool = False


@frozen
class Certificate:
    """What a certificate says about itself; moments are UTC and aware."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime

    def days_left(self, now: datetime) -> int:
        """Return the whole days until it expires; negative: the days since it has."""
        left = self.not_after - now
        return left.days if left.days >= 0 else -(-left).days


class SenderCheck(NamedTuple):
    """How a server answered ``MAIL FROM``; *accepted* is None where it gave no verdict."""

    sender: str
    accepted: bool | None
    answer: str


@frozen
class ProbeResult:
    """
    What one probe saw.

    *detail* is our sentence; *code* and *text* are the server's own words, cut
    and without the user's secrets, but not escaped. *mode* is what was done in
    the end. *notes* are remarks that change nothing.
    """

    kind: ProbeKind
    detail: str = ""
    hint: str = ""
    code: str = ""
    text: str = ""
    mode: Mode | None = None
    ip: str = ""
    tls_version: str = ""
    cipher: str = ""
    certificate: Certificate | None = None
    offered: tuple[str, ...] = ()
    mechanism: str = ""
    senders: tuple[SenderCheck, ...] = ()
    inbox_messages: int | None = None
    notes: tuple[str, ...] = ()
    steps: tuple[ProbeStep, ...] = ()
    attempts: int = 1

    def ending(self, now: datetime) -> int | None:
        """Return in how many days the certificate ends, where it ends soon; negative when past."""
        if self.certificate is None or not self.tls_version:
            return None
        days = self.certificate.days_left(now)
        return days if days < WARN_DAYS else None

    @property
    def elapsed_s(self) -> float:
        """How long all steps took."""
        return sum(step.elapsed_s for step in self.steps)


@frozen
class ProbeRow:
    """What a probe says about one block of one server; *shared_with* had the same login."""

    address: Address
    target: ProbeTarget
    result: ProbeResult
    name: str = ""
    position: SourcePosition | None = None
    shared_with: tuple[Address, ...] = ()

    @property
    def severity(self) -> ProbeSeverity:
        """The severity of the result."""
        return self.result.kind.severity


@frozen
class ProbeReport:
    """
    All rows, sorted by address and protocol.

    *logins* counts the probes that were made: servers that share a login share
    one. *made_at* is what the days of certificates count from.
    """

    rows: tuple[ProbeRow, ...]
    made_at: datetime
    logins: int = 0
    elapsed_s: float = 0.0
    domains: tuple[DomainNote, ...] = ()

    def with_severity(self, severity: ProbeSeverity) -> tuple[ProbeRow, ...]:
        """Return the rows of *severity*."""
        return tuple(row for row in self.rows if row.severity is severity)
