"""
Use case: bring servers that exist already into files, and perhaps into the snapshot.

All or nothing: any finding in any input stops the whole import, and every one
is told. No password is in anything but the bytes of the file that the caller
asked for.
"""

from __future__ import annotations

import secrets as random
from dataclasses import field
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from icesync.codec.fingerprint import SALT_BYTES, FingerprintKey, fingerprint
from icesync.codec.secretfile import env_lines, fits_env, fits_yaml, yaml_lines
from icesync.config.emitter import write_server_file
from icesync.config.yaml.syntax import MAX_BYTES
from icesync.diagnostics import Diagnostic, SourcePosition, sort_diagnostics
from icesync.engine.drafts import build_servers
from icesync.engine.secret_resolution import resolve_references
from icesync.errors import ConfigInvalid, UsageError
from icesync.frozen import frozen
from icesync.model.secret import SecretRef, parse_secret_ref
from icesync.model.snapshot import UNRECORDED_WIRE, Entry, SecretRecord
from icesync.model.transitions import assume
from icesync.wire.decode import decode_records
from icesync.wire.printed import looks_printed, read_printed
from icesync.wire.table import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icesync.model.address import Address
    from icesync.model.imported import Draft, ImportedServer
    from icesync.model.project import WireOptions
    from icesync.ports import SecretProvider

__all__ = [
    "Import",
    "ImportRequest",
    "Input",
    "NewFile",
    "SecretsKind",
    "assumed_entries",
    "make_import",
]


class SecretsKind(StrEnum):
    """As what the passwords are kept."""

    NONE = "none"
    """not at all: the files refer to variables that somebody sets"""
    ENV = "env"
    YAML = "yaml"


@frozen
class Input:
    """One file that is imported: its name for messages, and its bytes."""

    name: str
    data: bytes


@frozen
class ImportRequest:
    """
    What is imported, and to where.

    *out* is the folder of the server files and *secrets_path* the file of the
    passwords, both relative to the configuration. *taken* are addresses that
    exist already, each with words about where; *exists* knows of files.
    """

    inputs: Sequence[Input]
    exists: Callable[[str], bool]
    taken: Mapping[Address, str] = field(default_factory=dict)
    out: str = "servers"
    secrets: SecretsKind = SecretsKind.NONE
    secrets_path: str = ""


@frozen
class NewFile:
    """A server file that is about to be: its path below the root, its text, how many are in it."""

    path: str
    text: str
    servers: int


@frozen
class Import:
    """
    What an import would write.

    *passwords* are the bytes of the file of secrets, empty where none is kept.
    *tagged* counts the passwords that came as tags of the emulator.
    """

    servers: tuple[ImportedServer, ...]
    files: tuple[NewFile, ...]
    passwords: bytes
    tagged: int = 0

    @property
    def carried(self) -> int:
        """How many passwords came along."""
        return sum(len(server.values) for server in self.servers)

    @property
    def guessed(self) -> int:
        """How many servers did not say whether they are active."""
        return sum(server.guessed for server in self.servers)


def make_import(request: ImportRequest) -> Import:
    """
    Return what importing the inputs of *request* would write.

    Raises:
        ConfigInvalid: with everything that does not fit, or exists already.
        UsageError: the file of the passwords has a name that no reference can spell.

    """
    problems: list[Diagnostic] = []
    drafts: list[Draft] = []
    for source in request.inputs:
        read, found = _read(source)
        drafts += read
        problems += found
    servers, found = build_servers(drafts, request.taken, _references(request))
    problems += [*found, *_unkept(servers, request.secrets)]
    problems += _kept_already(request)
    files = []
    for organization, group in groupby(servers, lambda server: server.address.organization):
        members = tuple(group)
        text = write_server_file(organization, members)
        file = NewFile(f"{request.out}/{organization}.yaml", text, len(members))
        problems += _misplaced(request, file, members[0].position)
        files.append(file)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        told = f"{count} in what is imported; nothing was written"
        raise ConfigInvalid(told, diagnostics=sort_diagnostics(problems))
    tagged = sum(len(draft.tagged) for draft in drafts)
    return Import(servers, tuple(files), _passwords(servers, request.secrets), tagged)


def _read(source: Input) -> tuple[tuple[Draft, ...], tuple[Diagnostic, ...]]:
    """Return the drafts of one input, and what cannot be read in it."""
    start = SourcePosition(source.name)
    if not source.data.strip():
        return (), (Diagnostic("ICE007", "the file is empty", start),)
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        hint = "save it as UTF-8"
        return (), (Diagnostic("ICE002", "the file is not UTF-8", start, hint),)
    if "\0" in text:
        hint = "import JSON bodies, or CSV with a header"
        return (), (Diagnostic("ICE016", "the file is no text", start, hint),)
    records, slips = read_printed(text) if looks_printed(text) else read_table(text)
    drafts, found = decode_records(records, source.name)
    problems = [
        Diagnostic("ICE016", s.message, SourcePosition(source.name, s.line, s.column), s.hint)
        for s in slips
    ]
    if not drafts and not slips and not found:
        hint = "import JSON bodies, or CSV with a header"
        problems.append(Diagnostic("ICE016", "the file holds no server", start, hint))
    return drafts, (*problems, *found)


def _references(request: ImportRequest) -> Callable[[Address, str], SecretRef]:
    """Return what makes the reference of a password: the same for the same server, always."""

    def refer(address: Address, block: str) -> SecretRef:
        organization, skill = address
        text = f"ref+env://{_variable(address, block)}"
        if request.secrets is SecretsKind.YAML:
            text = f"ref+file://{request.secrets_path}#/{organization}-{skill}/{block}"
        reference = parse_secret_ref(text)
        if reference is None:
            told = f"no reference can spell the path {ascii(request.secrets_path)[1:-1]}"
            raise UsageError(told, "name a file without blanks, `?` and `#`")
        return reference

    return refer


def _variable(address: Address, block: str) -> str:
    return f"ICE_{address.organization}_{address.skill}_{block.upper()}_PASSWORD"


def _unkept(servers: Sequence[ImportedServer], kind: SecretsKind) -> list[Diagnostic]:
    """Return a finding for each password that the wanted file cannot hold."""
    fits = {SecretsKind.ENV: fits_env, SecretsKind.YAML: fits_yaml}.get(kind)
    if fits is None:
        return []
    return [
        Diagnostic(
            "ICE003",
            f"{server.address}: `{key}` holds a character that the file of secrets cannot",
            server.position,
            "leave --secrets away, and keep this password where you like",
        )
        for server in servers
        for key, value in server.values.items()
        if not fits(value)
    ]


def _misplaced(request: ImportRequest, file: NewFile, position: SourcePosition) -> list[Diagnostic]:
    """Return why the server file *file* cannot be written."""
    if request.exists(file.path):
        hint = "import never changes a file; --out DIR writes elsewhere"
        return [Diagnostic("ICE017", f"{file.path} exists already", position, hint)]
    if len(file.text.encode()) > MAX_BYTES:
        told = f"{file.path} would be larger than a server file may be"
        return [Diagnostic("ICE004", told, position, "import it in parts, with --out DIR")]
    return []


def _kept_already(request: ImportRequest) -> list[Diagnostic]:
    if request.secrets is SecretsKind.NONE or not request.exists(request.secrets_path):
        return []
    position = SourcePosition(request.inputs[0].name)
    told = f"{request.secrets_path} exists already"
    return [Diagnostic("ICE017", told, position, "name another file for the passwords")]


def _passwords(servers: Sequence[ImportedServer], kind: SecretsKind) -> bytes:
    found = [
        (server.address, key.partition(".")[0], value)
        for server in servers
        for key, value in server.values.items()
    ]
    if kind is SecretsKind.ENV:
        return env_lines((_variable(address, block), value) for address, block, value in found)
    return yaml_lines(found) if kind is SecretsKind.YAML else b""


def assumed_entries(
    servers: Sequence[ImportedServer],
    providers: Mapping[str, SecretProvider],
    key: FingerprintKey | None,
    wire: WireOptions = UNRECORDED_WIRE,
) -> dict[Address, Entry]:
    """
    Return entries that say: ICE holds this, on the word of whoever imports it.

    With a *key*, each password that came along, or that its reference leads to,
    gets its fingerprint. *wire* is how the configuration spells a body.
    """
    references = [r for s in servers for k, r in s.secrets.items() if k not in s.values]
    values = resolve_references(references, providers).values if key is not None else {}
    entries = {}
    for server in servers:
        records = {}
        for name, reference in server.secrets.items():
            value = server.values.get(name) or values.get(reference.text)
            made = None
            if key is not None and value is not None:
                salt = random.token_bytes(SALT_BYTES)
                made = fingerprint(key, server.address, name, salt, value)
            records[name] = SecretRecord(reference.text, made)
        entries[server.address] = assume(server.settings, records, wire)
    return entries
