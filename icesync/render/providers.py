"""Mail providers for people and as data: hosts, ports, encryption, login, and who says so."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, cast

from icesync.model.presets import find_preset
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.model.presets import Offer, Preset
    from icesync.render import documents
    from icesync.render.style import Style

_WIDTH: Final = 88
_LABEL: Final = 10
"""The column where the text behind a label starts."""
_ENCRYPTION: Final = {"implicit": "TLS", "starttls": "STARTTLS", "none": "no encryption"}


def render_providers(providers: Sequence[Preset], style: Style) -> str:
    """Return a page for each of *providers*."""
    return "\n".join(_render(preset, style) for preset in providers)


def _render(preset: Preset, style: Style) -> str:
    lines = [f"{style.paint(safe(preset.name), 'bold')}  {safe(preset.title)}", ""]
    for label, text in _facts(preset):
        width = min(style.width or _WIDTH, _WIDTH) - _LABEL
        wrapped = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        painted = style.paint(label, "cyan") + " " * (_LABEL - len(label))
        lines.append(painted + f"\n{' ' * _LABEL}".join(map(safe, wrapped)))
    return "\n".join(lines) + "\n"


def _facts(preset: Preset) -> Iterator[tuple[str, str]]:
    for block, offer in preset.offers.items():
        yield block.upper(), f"{offer.host}, {_ports(offer)}"
        if offer.also:
            yield "", f"also {', '.join(offer.also)}"
        if offer.refuses:
            yield "", f"passwords are refused: {offer.refuses}"
        if offer.ends:
            yield "", f"passwords: {offer.ends}"
    if not preset.complete:
        yield "", "There may be other ports: these are the ones that the source names."
    yield "Login", preset.login
    yield "Preset", f"preset: {preset.name}" if _is_preset(preset) else "none: give host and port"
    yield "Source", preset.source
    yield "Checked", preset.checked or "no date recorded"


def _ports(offer: Offer) -> str:
    ports = [f"{port} ({_ENCRYPTION[offer.mode(port)]})" for port in offer.ports]
    return f"port {' or '.join(ports)}"


def _is_preset(preset: Preset) -> bool:
    return find_preset(preset.name) == preset


def providers_document(providers: Sequence[Preset]) -> documents.Providers:
    """Return *providers* as plain data."""
    return {
        "kind": "icesync-providers",
        "format_version": "1.0",
        "providers": [_plain(preset) for preset in providers],
    }


def _plain(preset: Preset) -> documents.ProviderExplained:
    return {
        "name": preset.name,
        "title": preset.title,
        "preset": _is_preset(preset),
        "servers": [_server(block, offer) for block, offer in preset.offers.items()],
        "all_ports": preset.complete,
        "login": preset.login,
        "username": preset.user or None,
        "relay": preset.relay,
        "source": preset.source,
        "checked": preset.checked or None,
    }


def _server(block: str, offer: Offer) -> documents.ServerOffered:
    plain = {
        "protocol": block,
        "host": offer.host,
        "other_hosts": list(offer.also),
        "ports": [{"port": port, "encryption": offer.mode(port)} for port in offer.ports],
        "passwords_refused": offer.refuses or None,
        "passwords_end": offer.ends or None,
    }
    return cast("documents.ServerOffered", plain)
