"""
Passwords as a file, for a person who asked for one.

Either lines that a shell reads (``set -a; . FILE``), or YAML that SOPS can
encrypt. This is the one place that spells passwords out on purpose: they came
in by an import, and whoever asked for the file is about to put them into a
secret store.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.model.address import Address
    from icesync.model.secret import SecretValue


def fits_env(secret: SecretValue) -> bool:
    """Return whether a variable can hold *secret*."""
    return "\0" not in secret.reveal()


def fits_yaml(secret: SecretValue) -> bool:
    """Return whether icesync reads *secret* back from YAML: one line of printable text."""
    return secret.reveal().isprintable()


def env_lines(secrets: Iterable[tuple[str, SecretValue]]) -> bytes:
    """Return ``NAME='…'`` for each variable, quoted for a shell."""
    lines = (f"{name}={shlex.quote(secret.reveal())}\n" for name, secret in secrets)
    return "".join(lines).encode("utf-8", "surrogatepass")


def yaml_lines(secrets: Iterable[tuple[Address, str, SecretValue]]) -> bytes:
    """Return a mapping for each address with a password for each block, in their order."""
    lines: list[str] = []
    last: Address | None = None
    for address, block, secret in secrets:
        if address != last:
            lines.append(f"{address.organization}-{address.skill}:\n")
            last = address
        quoted = secret.reveal().replace("'", "''")
        lines.append(f"  {block}: '{quoted}'\n")
    return "".join(lines).encode("utf-8", "surrogatepass")
