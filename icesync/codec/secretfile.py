"""
Passwords as a file, for a person who asked for one.

Either lines that a shell reads (``set -a; . FILE``), or YAML that SOPS can
encrypt. This is the one place that spells passwords out on purpose: they came
in by an import, and whoever asked for the file is about to put them into a
secret store.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.frozen import NamedTuple
from icesync.model.desired import Address
from icesync.model.secret import SecretValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ASSIGNED: Final = re.compile(
    r"^([A-Za-z_][A-Za-z0-9_]*)=((?:[\w@%+=:,./-]|'[^']*'|\"'\")*)\n", re.ASCII | re.MULTILINE
)
_QUOTED: Final = re.compile("'([^']*)'|\"(')\"")
"""How a shell's words are quoted here: in single quotes, a single quote in double ones."""
_SERVER: Final = re.compile(r"([0-9]+)-([0-9]+):")
_PASSWORD: Final = re.compile(r"  (smtp|pop3|imap): '((?:[^']|'')*)'")

_BLOCKS: Final = ("smtp", "pop3", "imap")

SecretSlot: TypeAlias = tuple[Address, str]
"""Whose password it is: a server, and one of its blocks."""


class Merged(NamedTuple):
    """A file of passwords as it will be, and which of them are new in it or differ."""

    data: bytes
    added: frozenset[SecretSlot]
    changed: frozenset[SecretSlot]


def variable(address: Address, block: str) -> str:
    """Return the name of the variable for the password of *block* at *address*."""
    return f"ICE_{address.organization}_{address.skill}_{block.upper()}_PASSWORD"


def merge(
    before: bytes, found: Mapping[SecretSlot, SecretValue], *, as_yaml: bool
) -> Merged | None:
    """
    Return the file *before* with the passwords *found*; None where it holds something else.

    What was in it and is not in *found* stays.
    """
    try:
        text = before.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return _merge_yaml(text, found) if as_yaml else _merge_env(text, found)


def _merge_env(text: str, found: Mapping[SecretSlot, SecretValue]) -> Merged | None:
    if _ASSIGNED.sub("", text):
        return None
    held = {
        name: SecretValue(_QUOTED.sub(r"\1\2", value)) for name, value in _ASSIGNED.findall(text)
    }
    names = {place: variable(*place) for place in found}
    merged = held | {names[place]: value for place, value in found.items()}
    known = {place: held[name] for place, name in names.items() if name in held}
    return Merged(env_lines(merged.items()), *_compare(known, found))


def _merge_yaml(text: str, found: Mapping[SecretSlot, SecretValue]) -> Merged | None:
    held: dict[SecretSlot, SecretValue] = {}
    address: Address | None = None
    for line in text.splitlines():
        server, password = _SERVER.fullmatch(line), _PASSWORD.fullmatch(line)
        if server:
            address = Address(int(server[1]), int(server[2]))
        elif password and address is not None:
            held[address, password[1]] = SecretValue(password[2].replace("''", "'"))
        else:
            return None
    merged = {**held, **found}
    order = sorted(merged, key=lambda place: (place[0], _BLOCKS.index(place[1])))
    data = yaml_lines((*place, merged[place]) for place in order)
    return Merged(data, *_compare(held, found))


def _compare(
    held: Mapping[SecretSlot, SecretValue], found: Mapping[SecretSlot, SecretValue]
) -> tuple[frozenset[SecretSlot], frozenset[SecretSlot]]:
    """Return the places of *found* that are not *held*, and those that hold something else."""
    both = held.keys() & found.keys()
    differing = {place for place in both if held[place].reveal() != found[place].reveal()}
    return frozenset(found.keys() - held.keys()), frozenset(differing)


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
