"""
Fill what a preset knows: hosts, ports, and the flags.

A value of the user's own always wins, from whichever layer it comes. The preset
of a block goes before that of the server. The server's preset fills the blocks
that are in use and those that the files give something; a block that nobody
mentions stays empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.model.presets import find_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.fields import Setting
    from icesync.model.secret import SecretRef

__all__ = ["Filled", "fill"]

_BLOCKS: Final = ("smtp", "pop3", "imap")


class Filled(NamedTuple):
    """
    Settings with what presets gave them.

    *sources* names the ``preset`` key behind each filled setting, *presets* the
    preset that governs each block.
    """

    settings: dict[str, Setting]
    sources: Mapping[str, str]
    presets: Mapping[str, str]


def fill(
    settings: Mapping[str, Setting],
    secrets: Mapping[str, SecretRef],
    presets: Mapping[str, str],
) -> Filled:
    """Return *settings* with the values of *presets*, which are names by ``preset`` key."""
    full = dict(settings)
    sources: dict[str, str] = {}
    governing: dict[str, str] = {}
    mentioned = {key.partition(".")[0] for key in (*settings, *secrets, *presets) if "." in key}
    in_use = {"smtp", settings.get("incoming"), *mentioned}
    for block in _BLOCKS:
        key = _governs(block, presets)
        preset = find_preset(presets[key]) if key else None
        offer = preset.offers.get(block) if preset is not None else None
        if offer is not None and block in in_use:
            governing[block] = presets[key]
            _give(full, sources, {f"{block}.host": offer.host}, key)
            _give(full, sources, {f"{block}.port": offer.ports[0]}, key)
    for key in ("preset", "smtp.preset", f"{settings.get('incoming')}.preset"):
        preset = find_preset(presets.get(key, ""))
        if preset is not None:
            _give(full, sources, _flags(full, implicit=preset.implicit), key)
    return Filled(full, sources, governing)


def _governs(block: str, presets: Mapping[str, str]) -> str:
    """Return the key of the preset that governs *block*, or an empty string."""
    keys = (f"{block}.preset", "preset")
    return next((key for key in keys if key in presets), "")


def _flags(settings: Mapping[str, Setting], *, implicit: bool) -> dict[str, Setting]:
    """Return the flags that have no value; where one has, the other is its opposite."""
    ssl, tls = settings.get("ssl"), settings.get("tls")
    if ssl is None and tls is None:
        return {"ssl": implicit, "tls": not implicit}
    return {"ssl": not tls} if ssl is None else {"tls": not ssl}


def _give(
    settings: dict[str, Setting], sources: dict[str, str], values: Mapping[str, Setting], key: str
) -> None:
    for name, value in values.items():
        if name not in settings:
            settings[name] = value
            sources[name] = key
