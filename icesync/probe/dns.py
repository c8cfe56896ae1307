"""Asks the DNS about the domains of senders; the only home of dnspython."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

import dns.exception
import dns.resolver

from icesync.frozen import mutable
from icesync.model.probe import DomainFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIFETIME_S: Final = 5.0
_MAX_LOOKUPS: Final = 20
"""SPF allows 10; that far beyond it nothing new is learnt."""


class Domains:
    """Looks at one domain after the other, by this machine's resolver or the one given."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        """
        Use *resolver* instead of the one that this machine is configured with.

        Raises:
            OSError: this machine has none.

        """
        try:
            self._resolver = resolver or dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            raise OSError("this machine has no DNS resolver") from error

    def look(self, domain: str) -> DomainFacts:
        """Return the records of *domain*; never raises for what the DNS says."""
        try:
            return self._look(domain)
        except dns.resolver.NXDOMAIN:
            return DomainFacts(domain)
        except dns.exception.DNSException as error:
            return DomainFacts(domain, silent=f"no answer from the DNS ({type(error).__name__})")

    def _look(self, domain: str) -> DomainFacts:
        hosts = tuple(str(r.exchange).rstrip(".") or "." for r in self._ask(domain, "MX"))
        has_address = any(True for kind in ("A", "AAAA") for _ in self._ask(domain, kind))
        walk = _SpfWalk()
        spf = self._spf(domain)
        for record in spf:
            self._follow(record, walk)
        return DomainFacts(
            domain,
            tuple(sorted(hosts)),
            has_address,
            spf,
            walk.lookups,
            frozenset(walk.names),
            self._dmarc(domain),
        )

    def _ask(self, name: str, kind: str) -> Iterator[Any]:
        """Yield the records of *kind*; a domain without them yields none."""
        try:
            yield from self._resolver.resolve(name, kind, lifetime=_LIFETIME_S)
        except dns.resolver.NoAnswer:
            return

    def _texts(self, name: str) -> Iterator[str]:
        for record in self._ask(name, "TXT"):
            yield b"".join(record.strings).decode("ascii", "replace")

    def _spf(self, name: str) -> tuple[str, ...]:
        found = (text for text in self._texts(name) if text.lower().split(" ")[0] == "v=spf1")
        return tuple(sorted(found))

    def _follow(self, record: str, walk: _SpfWalk) -> None:
        """Count the look-ups of *record*, and of what it leads to."""
        for term in record.lower().split()[1:]:
            word = term.lstrip("+-~?")
            if not _asks(word):
                continue
            walk.lookups += 1
            name = word.partition(":")[2] or word.partition("=")[2]
            if not word.startswith(("include:", "redirect=")) or name in walk.names:
                continue
            walk.names.add(name)
            if walk.lookups > _MAX_LOOKUPS or "%" in name:
                continue
            try:
                more = self._spf(name)
            except (dns.resolver.NXDOMAIN, dns.exception.SyntaxError):
                continue
            for text in more:
                self._follow(text, walk)

    def _dmarc(self, domain: str) -> str:
        """Return the policy for *domain*: its own, or that of the domains above it."""
        labels = domain.split(".")
        for depth in range(len(labels) - 1):
            try:
                texts = list(self._texts("_dmarc." + ".".join(labels[depth:])))
            except dns.resolver.NXDOMAIN:
                continue
            for text in texts:
                tags = dict(_tag(part) for part in text.split(";"))
                if tags.get("v") == "dmarc1":
                    return tags.get("sp" if depth else "p") or tags.get("p", "")
        return ""


@mutable
class _SpfWalk:
    """How far an SPF leads."""

    lookups: int = 0
    names: set[str] = field(default_factory=set)


def _asks(word: str) -> bool:
    """Return whether a term costs a receiver a look-up (RFC 7208, section 4.6.4)."""
    bare = word.partition("/")[0].partition(":")[0]
    return word.startswith(("include:", "redirect=", "exists:")) or bare in {"a", "mx", "ptr"}


def _tag(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip().lower()
