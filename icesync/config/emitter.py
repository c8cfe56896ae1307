"""
The text of a server file, for files that icesync writes itself.

Canonical: indented by 2, a key a line in the order of the field table, quoted
only where YAML versions would read something else than the text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from icesync.config.values import NOTHING, surprise
from icesync.model.fields import FIELDS, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icesync.model.imported import ImportedServer
    from icesync.model.secret import SecretRef

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+ -]*(?<! )")
_REFERENCE: Final = re.compile(r"ref\+[^\s'\"]*[^\s'\":]")
_SHARED: Final = ("preset", "status", "active", "incoming", "ssl", "tls")
"""What moves up into ``defaults`` where all servers of a file agree about it."""
_ORDER: Final = {row.key: place for place, row in enumerate(FIELDS)}
_NOTHING_SHARED: Final[Mapping[str, Setting]] = {}


def write_server_file(organization: int, servers: Sequence[ImportedServer]) -> str:
    """Return the server file of *organization* for *servers*, in their order."""
    shared = _shared([server.given for server in servers])
    lines = ["version: 1", f"organization: {organization}"]
    if shared:
        lines.append("defaults:")
        lines += [f"  {key}: {write_scalar(value)}" for key, value in shared.items()]
    lines.append("servers:")
    for server in servers:
        lines += write_server(server, "  ", shared)
    return "\n".join(lines) + "\n"


def write_server(
    server: ImportedServer, margin: str, shared: Mapping[str, Setting] = _NOTHING_SHARED
) -> list[str]:
    """Return the lines of *server* in a list at *margin*, without what is *shared*."""
    lines = [f"{margin}- skill: {server.address.skill}"]
    values = {**server.given, **server.secrets}
    if server.name:
        values["name"] = server.name
    for key, above, start in _layout(tuple(key for key in values if key not in shared)):
        if above:
            lines.append(f"{margin}{above}")
        lines.append(f"{margin}{start}{write_scalar(values[key])}")
    return lines


@lru_cache(maxsize=256)
def _layout(keys: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    """Return *keys* in their order, each with the line above it and the start of its own."""
    found = []
    block = ""
    for key in sorted(keys, key=_ORDER.__getitem__):
        above, _, leaf = key.rpartition(".")
        begins = f"  {above}:" if above and above != block else ""
        found.append((key, begins, f"  {'  ' if above else ''}{leaf}: "))
        block = above
    return tuple(found)


def _shared(settings: Sequence[Mapping[str, Setting]]) -> dict[str, Setting]:
    if len(settings) < 2:
        return {}
    first, *others = settings
    return {
        key: first[key]
        for key in _SHARED
        if key in first and all(other.get(key) == first[key] for other in others)
    }


def write_scalar(value: Setting | SecretRef) -> str:
    """Return *value* as it stands in a file, quoted where some YAML reads something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, int) or _is_plain(text):
        return text
    return f"'{text.replace(chr(39), chr(39) * 2)}'"


@lru_cache(maxsize=4096)
def _is_plain(text: str) -> bool:
    if text.startswith("ref+") and _REFERENCE.fullmatch(text):
        return True
    return bool(_PLAIN.fullmatch(text)) and text not in NOTHING and surprise(text) is None
