"""
ICE303 to ICE312 and the hosts: what one block of a server connects to.

A fleet has few distinct endpoints, so what the rules say about one is
remembered: a rule here may look closely, a second server with the same
endpoint costs one look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.config.lint.hosts import check_host
from icesync.config.lint.problem import Violation
from icesync.diagnostics import Severity
from icesync.model.presets import IMPLICIT_TLS, PRESETS, Offer, Preset, find_offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Endpoint", "check_endpoint"]


class Endpoint(NamedTuple):
    """
    One block: ``smtp``, ``pop3`` or ``imap``, with what its connection depends on.

    None stands for a value that is not given. *live* says whether calls go to the
    real service, where a host of the documentation's domains is a slip.
    """

    block: str
    host: str | None
    port: int | None
    encrypted: bool
    in_use: bool
    poll_rate: int | None
    preset: str
    live: bool


class _Known(NamedTuple):
    """The provider of an endpoint; no offer where it has none for this host or block."""

    preset: Preset
    offer: Offer | None


_PORTS: Final = {
    **dict.fromkeys((25, 465, 586, 587, 2465, 2525, 2587), "smtp"),
    **dict.fromkeys((110, 995), "pop3"),
    **dict.fromkeys((143, 993), "imap"),
}
"""The ports that mail servers use, and their protocol (IANA; 586 and 2xxx by providers)."""

_USUAL: Final = {"smtp": "587", "pop3": "995", "imap": "993"}


def check_endpoint(endpoint: Endpoint) -> tuple[Violation, ...]:
    """Return what the rules about hosts, ports and providers say about *endpoint*."""
    found: list[Violation] = []
    if endpoint.host is not None:
        found += check_host(
            f"{endpoint.block}.host", endpoint.host, in_use=endpoint.in_use, live=endpoint.live
        )
    known = _provider(endpoint)
    for rule in _RULES:
        found += rule(endpoint, known)
    return tuple(found)


def _provider(endpoint: Endpoint) -> _Known | None:
    """Return whose endpoint it is: the preset's by name, else by the host."""
    host = (endpoint.host or "").lower()
    if endpoint.preset:
        preset = PRESETS[endpoint.preset]
        offer = preset.offers[endpoint.block]
        return _Known(preset, offer if host in {offer.host, *offer.also} else None)
    found = find_offer(endpoint.block, host) if host else None
    return _Known(*found) if found else None


def _clear_on_tls_port(endpoint: Endpoint, _: _Known | None) -> Iterator[Violation]:
    if endpoint.in_use and endpoint.port in IMPLICIT_TLS and not endpoint.encrypted:
        yield Violation(
            "ICE303",
            f"{endpoint.block}.port",
            f"`{endpoint.block}.port` {endpoint.port} speaks TLS, but `ssl` and `tls` are both off",
            "switch one of the flags on; the vendor does not say which does what",
        )


def _implicit_sending(endpoint: Endpoint, known: _Known | None) -> Iterator[Violation]:
    if endpoint.block == "smtp" and endpoint.port in {465, 2465}:
        offered = known is not None and known.offer is not None and 587 in known.offer.ports
        where = f"{endpoint.host} offers it" if offered else "where the provider offers it"
        yield Violation(
            "ICE304",
            "smtp.port",
            f"`smtp.port` {endpoint.port}: mail libraries of .NET cannot start with TLS",
            f"prefer 587 with STARTTLS, {where}",
        )


def _not_offered(endpoint: Endpoint, known: _Known | None) -> Iterator[Violation]:
    if known is None or not endpoint.in_use:
        return
    block, (preset, offer) = endpoint.block, known
    if offer is None:
        wanted = preset.offers.get(block)
        told = f"it offers {wanted.host}" if wanted else f"it offers no {block.upper()}"
        yield Violation(
            "ICE305",
            f"{block}.host",
            f"`{block}.host` {endpoint.host} is no {block.upper()} host of {preset.name}: {told}",
            _checked(preset),
        )
    elif endpoint.port is not None and endpoint.port not in offer.ports:
        told = ", ".join(map(_spoken, offer.ports))
        yield Violation(
            "ICE305",
            f"{block}.port",
            f"`{block}.port` {endpoint.port} is none that {preset.name} offers: {told}",
            _checked(preset),
        )


def _checked(preset: Preset) -> str:
    return f"checked on {preset.checked}: {preset.source}"


def _spoken(port: int) -> str:
    return f"{port} ({'TLS' if port in IMPLICIT_TLS else 'STARTTLS'})"


def _no_passwords(endpoint: Endpoint, known: _Known | None) -> Iterator[Violation]:
    if known is None or known.offer is None or not endpoint.in_use:
        return
    offer, key = known.offer, f"{endpoint.block}.host"
    who, what = known.preset.name, endpoint.block.upper()
    hint = _checked(known.preset)
    if offer.refuses:
        told = f"{who} refuses passwords for {what} {offer.refuses}, which ICE has no field for"
        yield Violation("ICE306", key, f"`{key}` {endpoint.host}: {told}", hint)
    elif offer.ends:
        told = f"{who}, {what}: {offer.ends}"
        yield Violation("ICE306", key, f"`{key}` {endpoint.host}: {told}", hint, Severity.WARNING)


def _crossed(endpoint: Endpoint, _: _Known | None) -> Iterator[Violation]:
    home = _PORTS.get(endpoint.port or 0)
    if home is not None and home != endpoint.block:
        key = f"{endpoint.block}.port"
        yield Violation(
            "ICE307",
            key,
            f"`{key}` {endpoint.port} is a port of {home.upper()}",
            f"{endpoint.block.upper()} is usually at {_USUAL[endpoint.block]}",
        )


def _clear_text(endpoint: Endpoint, _: _Known | None) -> Iterator[Violation]:
    open_port = endpoint.port is not None and endpoint.port not in IMPLICIT_TLS
    if endpoint.in_use and open_port and not endpoint.encrypted:
        key = f"{endpoint.block}.port"
        yield Violation(
            "ICE308",
            key,
            f"the password of `{endpoint.block}` travels in clear text on port {endpoint.port}: "
            "`ssl` and `tls` are both off",
            "switch one of the flags on",
        )


def _unusual(endpoint: Endpoint, known: _Known | None) -> Iterator[Violation]:
    offered = known.offer.ports if known is not None and known.offer is not None else ()
    if endpoint.port is not None and endpoint.port not in _PORTS and endpoint.port not in offered:
        key, what = f"{endpoint.block}.port", endpoint.block.upper()
        told = f"`{key}` {endpoint.port} is not a usual port of {what}"
        yield Violation("ICE309", key, told, f"{what} is usually at {_USUAL[endpoint.block]}")


def _eager(endpoint: Endpoint, known: _Known | None) -> Iterator[Violation]:
    incoming = endpoint.in_use and endpoint.block != "smtp"
    if known is not None and incoming and endpoint.poll_rate == 1:
        key = f"{endpoint.block}.poll_rate"
        yield Violation("ICE312", key, f"`{key}` 1: {known.preset.name} may throttle eager polling")


_RULES: Final[tuple[Callable[[Endpoint, _Known | None], Iterator[Violation]], ...]] = (
    _clear_on_tls_port,
    _implicit_sending,
    _not_offered,
    _no_passwords,
    _crossed,
    _clear_text,
    _unusual,
    _eager,
)
