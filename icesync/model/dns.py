"""What the DNS says about the domain of a sender, and what is remarked about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.model.address import Address

__all__ = ["DomainFacts", "DomainNote"]


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
