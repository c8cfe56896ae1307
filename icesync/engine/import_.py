"""
Use case: bring servers that exist already into files, and perhaps into the state.

What an import would do is a proposal first: what was understood, what is wrong, what is
missing, which files would change. It is carried out as a whole or not at all. Importing
the same again changes nothing. No password is in anything but the bytes of the file that
was asked for.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import field, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.codec.secretfile import SecretSlot, env_lines, fits_env, fits_yaml, merge, variable
from icesync.config.discover import DEFAULTS_NAMES, find_files, is_found, read_file
from icesync.config.editing import edit_server_file
from icesync.config.emitter import write_server_file
from icesync.config.resolve import defaults_of, resolve
from icesync.config.rules import lint_each
from icesync.config.severity import SeverityPolicy
from icesync.config.values import Layer
from icesync.config.yaml_document import Document, SourceFile, is_sealed, parse_document
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.engine.drafts import JUDGED, ColumnUse, Drafter, Findings
from icesync.engine.import_options import (
    PASSWORDS,
    Destination,
    SecretsKind,
    check_columns,
    ignore_command,
    read_column_options,
    read_destination,
    read_folder,
)
from icesync.engine.imported_servers import Builder
from icesync.engine.secret_resolution import resolve_references
from icesync.engine.validate import NO_SERVER_FILE, Validation, check_files
from icesync.errors import ConfigInvalid, UsageError, counted, listed, printable
from icesync.frozen import NamedTuple, frozen
from icesync.model.desired import DesiredServer
from icesync.model.project import Level
from icesync.model.secret import SecretRef, SecretValue
from icesync.sheet.columns import Column, find_column, is_secret
from icesync.sheet.source import read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icesync.engine.session import Session
    from icesync.model.desired import Address, Given
    from icesync.model.fields import Setting
    from icesync.model.imported import Draft, ImportedServer, Sheet

_MAX_SERVERS: Final = 1000
"""In one file; the strict reader takes about twice as many."""


@frozen
class Input:
    """One file that is imported: its name for messages, and its bytes."""

    name: str
    data: bytes


@frozen
class ImportRequest:
    """
    What is imported, and how.

    *out* is the folder of the server files. *columns* are the arguments of ``--map``,
    *values* those of ``--set``. *secrets* is ``env:FILE``, ``yaml:FILE`` or ``none``;
    without it nothing can be written that came with passwords.
    """

    inputs: Sequence[Input]
    out: str = "servers"
    columns: Sequence[str] = ()
    values: Sequence[str] = ()
    sheet: str = ""
    secrets: str | None = None
    as_is: bool = False
    assume_in_sync: bool = False
    lock_timeout_s: float = 0.0


class FileChange(NamedTuple):
    """A file that is written: *before* is None for a new one."""

    path: str
    before: bytes | None
    after: bytes
    mode: int
    summary: str
    """what is in it, or new in it, in words"""


class Exposed(NamedTuple):
    """A file that holds passwords and that git does not ignore; *tracked*: git has it already."""

    path: str
    tracked: bool
    command: str
    """what a shell runs so that git leaves it alone"""

    def __str__(self) -> str:
        """Return what is wrong with it."""
        why = "git tracks it" if self.tracked else "git does not ignore it"
        return f"{printable(self.path)} holds passwords, and {why}"


class ServerChange(NamedTuple):
    """A server that is there already, and the values that differ: before and after."""

    address: Address
    position: SourcePosition
    values: Mapping[str, tuple[str, str]]


@frozen
class Proposal:
    """
    What an import would write, and what was understood of the files.

    *new* are the servers that are added, *changed* those that differ from what the files
    say, *unchanged* counts the others. *missing* are settings without a value, and of how
    many servers; *unknown* names of columns, with the nearest known ones. *carried* counts
    the passwords that came along, *homeless* those that would be lost. What is wrong is in
    *problems*, and in *exposed*: then nothing can be written.
    """

    files: tuple[FileChange, ...] = ()
    new: tuple[ImportedServer, ...] = ()
    changed: tuple[ServerChange, ...] = ()
    unchanged: int = 0
    uses: tuple[ColumnUse, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()
    carried: int = 0
    homeless: int = 0
    exposed: tuple[Exposed, ...] = ()
    destination: Destination | None = None

    def require(self) -> None:
        """
        Demand that the import can be carried out.

        Raises:
            ConfigInvalid: something does not fit.
            UsageError: nobody said where the passwords go, or a commit would take them up.

        """
        self.require_ignored()
        if self.problems:
            count = "1 error" if len(self.problems) == 1 else f"{len(self.problems)} problems"
            message = f"{count}; nothing was imported"
            raise ConfigInvalid(message, diagnostics=self.problems)
        if self.homeless:
            raise UsageError(
                f"{counted(self.homeless, 'password')} would be lost; nothing was written",
                "say where passwords go: --secrets env:.icesync/passwords.env, or yaml:FILE for "
                "sops, or none",
            )

    def require_ignored(self) -> None:
        """
        Demand that no commit takes up the passwords of what is imported.

        Raises:
            UsageError: git does not ignore it.

        """
        hints = []
        for exposed in self.exposed:
            hint = f"run `{exposed.command}` to keep it out of the repository"
            if exposed.tracked:
                hint += "; passwords that were committed stay in the history: change them"
            hints.append(hint)
        if hints:
            raise UsageError(f"{', '.join(map(str, self.exposed))}; nothing was written", *hints)


def propose_import(session: Session, request: ImportRequest) -> Proposal:
    """
    Return what importing the inputs of *request* would write; nothing is written.

    Raises:
        ConfigInvalid: the files that are there already have errors.
        ConfigMalformed: a workbook, and openpyxl is not installed.
        UsageError: an option does not fit.

    """
    return _Importer(session, request).propose()


class _Importer:
    """Joins what is imported with what is there."""

    def __init__(self, session: Session, request: ImportRequest) -> None:
        self.session = session
        self.request = request
        self.root = Path(session.project.root)
        self.out = read_folder(session, request.out)
        self.destination = read_destination(session, request.secrets)
        validation = _check_existing(session)
        self.desired = validation.require()
        self.findings = Findings()
        self.folder = self._folder_defaults()
        self.own: dict[int, Document | None] = {}
        self.layers: dict[int, Layer] = {}
        """defaults by organization; 0 is an organization without a file of its own"""
        self.homeless = 0
        self.exposed: list[Exposed] = []
        self.notes = [
            f"{path}: what sops encrypted was not looked at; its servers count as new"
            for path in validation.sealed
        ]

    def propose(self) -> Proposal:
        """Return the proposal."""
        request = self.request
        options = read_column_options(request.columns, request.values, as_is=request.as_is)
        levels = self.session.project.rules
        lenient = frozenset(rule for rule, level in levels.items() if level is not Level.ERROR)
        drafter = Drafter(replace(options, lenient=lenient), self.findings, self._collecting)
        drafts: list[Draft] = []
        slips: list[Diagnostic] = []
        for source in self.request.inputs:
            sheet = read_source(source.data, self.request.sheet, drafter.find)
            self.notes += [f"{source.name}: {note}" for note in sheet.notes]
            if _holds_passwords(sheet, drafter.find):
                self._check_exposure(source.name)
            slips += [
                Diagnostic(s.rule, s.message, SourcePosition(source.name, s.line, s.column), s.hint)
                for s in sheet.slips
            ]
            drafts += drafter.add(source.name, sheet)
        check_columns(drafter)
        builder = Builder(
            self.findings,
            self._refer,
            self._base,
            self.desired.servers,
            self._taken(),
            drafter.unknown.values(),
            drafter.headings,
        )
        servers = builder.add(drafts)
        new = tuple(s for s in servers if s.address not in self.desired.servers)
        changes = self._changes(servers)
        merged, rotated = self._passwords(servers)
        if not slips and not self.findings.found:
            self._judge(servers)
        files: tuple[FileChange, ...] = ()
        if not slips and not self.findings.found:
            files = (*((merged,) if merged else ()), *self._files(new, changes))
        problems = [*slips, *self.findings.diagnostics()]
        self._note(drafter, builder, drafts, new)
        if drafter.uses and len(new) < len(servers):
            self._note_left(servers)
        keys = {
            a: {f"{b}.password" for _, b in group}
            for a, group in groupby(sorted(rotated), key=itemgetter(0))
        }
        shown = tuple(
            _server_change(
                self.desired.servers[address], changes.get(address, {}), keys.get(address, set())
            )
            for address in sorted(changes.keys() | keys.keys())
            if address in self.desired.servers
        )
        return Proposal(
            files,
            new,
            shown,
            len(servers) - len(new) - len(shown),
            tuple(drafter.uses),
            builder.missing,
            drafter.unknown,
            sort_diagnostics(problems),
            tuple(self.notes),
            sum(len(server.values) for server in servers),
            self.homeless,
            tuple(self.exposed),
            self.destination,
        )

    def _check_exposure(self, name: str) -> None:
        """Note that a commit would take up the passwords of the input *name*."""
        caller = self.session.caller
        if (self.root / name).is_file() and caller.is_committed(name):
            tracked = caller.is_tracked(name)
            command = ignore_command(self.root, name)
            if tracked:
                file = shlex.quote(os.path.relpath(self.root / name))
                command = f"git rm --cached {file} && {command}"
            self.exposed.append(Exposed(name, tracked, command))

    # -- what is there

    def _folder_defaults(self) -> list[Document]:
        parts = self.out.split("/") if self.out != "." else []
        folders = ["/".join(parts[:n]) for n in range(len(parts) + 1)]
        found = []
        for folder in folders:
            for name in DEFAULTS_NAMES:
                path = f"{folder}/{name}".removeprefix("/")
                source = read_file(self.root, path) if (self.root / path).is_file() else None
                if isinstance(source, SourceFile):
                    found.append(parse_document(source))
        return found

    def _own(self, organization: int) -> Document | None:
        """Return the file that new servers of *organization* are added to, if there is one."""
        if organization not in self.own:
            path = self._path(organization)
            source = read_file(self.root, path) if (self.root / path).is_file() else None
            document = parse_document(source) if isinstance(source, SourceFile) else None
            data = document.data if document is not None else None
            fits = isinstance(data, dict) and data.get("organization") == str(organization)
            self.own[organization] = document if fits else None
        return self.own[organization]

    def _path(self, organization: int, number: int = 1) -> str:
        name = f"{organization}.yaml" if number == 1 else f"{organization}-{number}.yaml"
        return name if self.out == "." else f"{self.out}/{name}"

    def _base(self, address: Address) -> Layer:
        """Return what the server at *address* has before the import says anything."""
        server = self.desired.servers.get(address)
        if server is not None:
            # Nobody changes a layer that is looked at.
            return Layer(server.settings, server.secrets)  # type: ignore[arg-type]
        return self._defaults(address.organization)

    def _defaults(self, organization: int) -> Layer:
        document = self._own(organization)
        key = organization if document is not None else 0
        if key not in self.layers:
            self.layers[key] = defaults_of([*self.folder, *([document] if document else [])])
        return self.layers[key]

    def _collecting(self, address: Address | None) -> str:
        base = self._base(address) if address is not None else self._defaults(0)
        return str(base.settings.get("incoming", ""))

    def _taken(self) -> dict[Address, str]:
        """Return the addresses that must not be imported, each with words about why."""
        taken = {m.source: f"was moved away at {m.position}" for m in self.desired.moves.values()}
        taken |= {
            a: f"is under `removed:` at {r.position}" for a, r in self.desired.removals.items()
        }
        return taken

    def _refer(self, address: Address, block: str) -> SecretRef:
        """Return the reference of a password: the one that is there, or always the same."""
        server = self.desired.servers.get(address)
        there = server.secrets.get(f"{block}.password") if server is not None else None
        return there or self._reference(address, block)

    def _reference(self, address: Address, block: str) -> SecretRef:
        kind, path = self.destination or Destination()
        if kind is SecretsKind.YAML:
            keys = f"/{address.organization}-{address.skill}/{block}"
            return SecretRef(f"ref+file://{path}#{keys}", "file", path, "", keys)
        name = variable(address, block)
        return SecretRef(f"ref+env://{name}", "env", name)

    # -- what differs

    def _changes(
        self, servers: Sequence[ImportedServer]
    ) -> dict[Address, dict[str, Setting | SecretRef]]:
        """Return by address what is to be written into servers that are there already."""
        changes = {}
        for server in servers:
            there = self.desired.servers.get(server.address)
            if there is not None:
                changes[server.address] = _difference(server, there)
        return {address: values for address, values in changes.items() if values}

    def _passwords(
        self, servers: Sequence[ImportedServer]
    ) -> tuple[FileChange | None, set[SecretSlot]]:
        """Return the file of the passwords as it will be, and those that differ in it."""
        if self.destination is None:
            self.homeless = self._count_homeless(servers)
            return None, set()
        found: dict[SecretSlot, SecretValue] = {}
        elsewhere = 0
        kind, path = self.destination
        fits = fits_yaml if kind is SecretsKind.YAML else fits_env
        for server in servers if kind is not SecretsKind.NONE else ():
            for key, value in server.values.items():
                block = key.partition(".")[0]
                if server.secrets[key].text != self._reference(server.address, block).text:
                    elsewhere += 1
                elif fits(value):
                    found[server.address, block] = value
                else:
                    self.findings.add(
                        server.position, "ICE003",
                        f"`{key}` contains a character that cannot be stored in the "
                        "secrets file",
                        "choose --secrets none, and keep this password where you like",
                        subject=f"{server.address}:",
                    )  # fmt: skip
        self._note_elsewhere(elsewhere)
        if not found:
            return None, set()
        target = self.root / path
        before = target.read_bytes() if target.is_file() else None
        merged = merge(before or b"", found, as_yaml=kind is SecretsKind.YAML)
        if merged is None:
            self.findings.add(
                SourcePosition(self.request.inputs[0].name), "ICE017",
                f"{path} exists already, and holds more than passwords of an import",
                "use another file for the passwords",
            )  # fmt: skip
            return None, set()
        if not merged.added and not merged.changed:
            return None, set()
        summary = counted(len(merged.added) + len(merged.changed), "password")
        return FileChange(path, before, merged.data, 0o600, summary), set(merged.changed)

    def _note_elsewhere(self, number: int) -> None:
        if number:
            count = counted(number, "password")
            self.notes.append(f"{count} left out: the server refers to another place already")

    def _count_homeless(self, servers: Sequence[ImportedServer]) -> int:
        """Return how many passwords are not where the references of their servers lead."""
        new = elsewhere = 0
        homes: dict[Destination, dict[SecretSlot, SecretValue]] = {}
        for server in servers:
            there = self.desired.servers.get(server.address)
            for key, value in server.values.items():
                block = key.partition(".")[0]
                reference = there.secrets.get(key) if there is not None else None
                if reference is None:
                    new += 1
                elif (home := _home(reference, server.address, block)) is not None:
                    homes.setdefault(home, {})[server.address, block] = value
                else:
                    elsewhere += 1
        self._note_elsewhere(elsewhere)
        return new + sum(len(self._not_held(home, found)) for home, found in homes.items())

    def _not_held(
        self, home: Destination, found: Mapping[SecretSlot, SecretValue]
    ) -> frozenset[SecretSlot]:
        """Return which of *found* neither the file *home* nor this environment has."""
        target = self.root / home.path
        data = target.read_bytes() if target.is_file() else b""
        merged = merge(data, found, as_yaml=home.kind is SecretsKind.YAML)
        missing = frozenset(found) if merged is None else merged.added | merged.changed
        if home.kind is not SecretsKind.ENV or not missing:
            return missing
        references = [self._reference(*slot) for slot in missing]
        known = {k: p for k, p in self.session.providers.items() if k == "env"}
        values = resolve_references(references, known).values
        exported = env_lines((r.path, values[r.text]) for r in references if r.text in values)
        merged = merge(exported, {slot: found[slot] for slot in missing}, as_yaml=False)
        return missing if merged is None else merged.added | merged.changed

    def _judge(self, servers: Sequence[ImportedServer]) -> None:
        """
        Refuse what the rules of the files call an error in one server, before it is in a file.

        What shows between servers, such as a mailbox that two of them collect, is for validate.
        """
        project = self.session.project
        found = lint_each(map(_desired, servers), live=project.api.live)
        near = (finding for finding in found if finding.rule not in JUDGED)
        broken: dict[tuple[str, str, str | None], list[DesiredServer]] = {}
        for finding, severity in SeverityPolicy(project.rules).apply(near):
            if severity is Severity.ERROR:
                _, message, hint, _ = finding.violation
                broken.setdefault((finding.rule, message, hint), []).append(finding.server)
        for (rule, message, hint), found_at in broken.items():
            taken = f"or write `rules: {{{rule}: warning}}` into icesync.yaml"
            names = listed([str(server.address) for server in found_at])
            self.findings.add(
                found_at[0].origin.position(), rule, message,
                f"{hint}; {taken}" if hint else taken, subject=f"{names}:",
            )  # fmt: skip

    # -- what is written

    def _files(
        self,
        new: Sequence[ImportedServer],
        changes: Mapping[Address, Mapping[str, Setting | SecretRef]],
    ) -> tuple[FileChange, ...]:
        edits: dict[
            str, tuple[dict[int, Mapping[str, Setting | SecretRef]], list[ImportedServer]]
        ] = {}
        made: list[FileChange] = []
        for address, values in changes.items():
            file = self.desired.servers[address].origin.position().file
            edits.setdefault(file, ({}, []))[0][address.skill] = values
        for organization, group in groupby(new, lambda server: server.address.organization):
            members = list(group)
            own = self._own(organization)
            if own is not None and edit_server_file(own.source, {}, members[:1]) is not None:
                room = max(0, _MAX_SERVERS - len(own.data["servers"]))
                if members[:room]:
                    edits.setdefault(own.file, ({}, []))[1].extend(members[:room])
                members = members[room:]
            made += self._new_files(organization, members)
        edited = [self._edited(path, *edit) for path, edit in sorted(edits.items())]
        done = [file for file in edited if file is not None]
        if done:
            self._verify(done, new, changes)
        return (*done, *made)

    def _new_files(
        self, organization: int, members: Sequence[ImportedServer]
    ) -> Iterator[FileChange]:
        number = 1
        for start in range(0, len(members), _MAX_SERVERS):
            while os.path.lexists(self.root / self._path(organization, number)):
                number += 1
            part = members[start : start + _MAX_SERVERS]
            text = write_server_file(organization, part).encode()
            path = self._path(organization, number)
            if not is_found(path, self.session.project.files):
                self.findings.add(
                    part[0].position, "ICE017", f"no pattern of `files:` would find {path}",
                    "add a pattern, or change --out",
                )  # fmt: skip
            yield FileChange(path, None, text, 0o644, counted(len(part), "server"))
            number += 1

    def _edited(
        self,
        path: str,
        changed: Mapping[int, Mapping[str, Setting | SecretRef]],
        added: Sequence[ImportedServer],
    ) -> FileChange | None:
        source = read_file(self.root, path)
        made = edit_server_file(source, changed, added) if isinstance(source, SourceFile) else None
        if made is None or not isinstance(source, SourceFile):
            self._report_by_hand(path)
            return None
        parts = [counted(len(added), "server") + " added"] * bool(added)
        parts += [counted(len(changed), "server") + " changed"] * bool(changed)
        return FileChange(path, source.data, made.data, 0o644, ", ".join(parts))

    def _report_by_hand(self, path: str) -> None:
        self.findings.add(
            SourcePosition(path), "ICE017", "the file cannot be changed in place by an import",
            "change it by hand, or leave these servers out of what is imported",
        )  # fmt: skip

    def _verify(
        self,
        edited: Sequence[FileChange],
        new: Sequence[ImportedServer],
        changes: Mapping[Address, Mapping[str, Setting | SecretRef]],
    ) -> None:
        """Read the edited files again: each server is as it was, but for what was to change."""
        texts = {file.path: SourceFile(file.path, file.after) for file in edited}
        there = {f.path: f for f in _sources(self.session)}
        state, problems = resolve(parse_document(f) for f in (there | texts).values())
        wanted: dict[Address, dict[str, Setting | SecretRef]] = {
            server.address: {**server.settings} for server in new
        }
        for address, server in self.desired.servers.items():
            wanted[address] = {**_all_values(server), **changes.get(address, {})}
        added = {server.address for server in new}
        wrong = {d.position.file for d in problems}
        wrong |= {
            server.origin.position().file
            for address, server in state.servers.items()
            if (server.settings if address in added else _all_values(server)) != wanted.get(address)
        }
        for path in sorted(wrong & texts.keys()):
            self._report_by_hand(path)

    def _note(
        self, drafter: Drafter, builder: Builder, drafts: Sequence[Draft],
        new: Sequence[ImportedServer],
    ) -> None:  # fmt: skip
        """Say what was trimmed, left out, inferred and not given."""
        say = self.notes.append
        if drafter.trimmed:
            say(f"spaces around {counted(drafter.trimmed, 'value')} were removed")
        if drafter.unwrapped:
            count = counted(len(drafter.unwrapped), "cell")
            say(f"{count} with a link or `Name <address>`: only the address was taken")
        if drafter.left_out:
            say(f"not imported: {listed([f'`{name}`' for name in drafter.left_out])}")
        for message, number in drafter.inferred.items():
            verb = "collects" if number == 1 else "collect"
            say(f"{counted(number, 'server')} {verb} {message}")
        for message, number in builder.inferred.items():
            say(f"{counted(number, 'server')}: {message}")
        self._note_absent(builder.absent)
        guessed = sum(server.guessed for server in new)
        if guessed:
            say(f"{counted(guessed, 'server')}: `active` is not given, so it follows the status")
        tagged = sum(len(draft.tagged) for draft in drafts)
        if tagged:
            say(
                f"{counted(tagged, 'password')} are only tags of the emulator; "
                "set the variables that the files refer to"
            )

    def _note_absent(self, absent: Sequence[SecretSlot]) -> None:
        """Say which passwords somebody else has to give."""
        if not absent:
            return
        verb = "is" if len(absent) == 1 else "are"
        kind, path = self.destination or Destination()
        names = [variable(*slot) for slot in absent]
        what = f"set {listed(names)}"
        if kind is SecretsKind.YAML:
            what = f"add to {path} {listed([f'{address}.{block}' for address, block in absent])}"
        count = counted(len(absent), "password")
        self.notes.append(f"{count} {verb} not in the input: {what}")

    def _note_left(self, servers: Sequence[ImportedServer]) -> None:
        """Say which servers of the files have no row in a table that was imported before."""
        given = {server.address for server in servers}
        organizations = {address.organization for address in given}
        left = [
            str(address)
            for address in sorted(self.desired.servers.keys() - given)
            if address.organization in organizations
        ]
        if left:
            verb, stays = ("is", "stays") if len(left) == 1 else ("are", "stay")
            self.notes.append(
                f"{listed(left)} {verb} in the files, but not in the input, and {stays} there; "
                "to end a server, list it under `removed:`"
            )


@frozen
class _Row:
    """Where everything of an imported server comes from: its row, or its request."""

    place: SourcePosition

    @property
    def file(self) -> str:
        """The file that is imported."""
        return self.place.file

    def position(self, key: str = "") -> SourcePosition:  # noqa: ARG002 - all keys are there
        """Return the place of the row."""
        return self.place

    def files(self) -> frozenset[str]:
        """Return the file that is imported."""
        return frozenset({self.file})

    def chain(self, key: str) -> tuple[Given, ...]:  # noqa: ARG002 - nothing is inherited
        """Return that nothing is known."""
        return ()


def _desired(server: ImportedServer) -> DesiredServer:
    """Return *server* as the files will want it."""
    return DesiredServer(
        server.address, server.settings, server.secrets, _Row(server.position), server.name
    )


def _home(reference: SecretRef, address: Address, block: str) -> Destination | None:
    """Return where an import put the password that *reference* leads to; None: it did not."""
    if reference.text == f"ref+env://{variable(address, block)}":
        return Destination(SecretsKind.ENV, f"{PASSWORDS}.env")
    key = f"/{address.organization}-{address.skill}/{block}"
    if reference.scheme == "file" and reference.text.endswith(f"#{key}"):
        return Destination(SecretsKind.YAML, reference.path)
    return None


def _holds_passwords(sheet: Sheet, find: Callable[[str], Column | None]) -> bool:
    """Return whether *sheet* has a password in the clear, be it one that is left out."""
    names = {cell.name for record in sheet.records for cell in record.cells}
    secret = {
        name
        for name in names
        for column in (find(name), find_column(name))
        if column is not None and any(map(is_secret, column.keys))
    }
    return any(
        cell.name in secret and isinstance(cell.value, str) and _is_clear(cell.value)
        for record in sheet.records
        for cell in record.cells
    )


def _is_clear(text: str) -> bool:
    return bool(text.strip()) and not text.startswith("ref+")


def _difference(server: ImportedServer, there: DesiredServer) -> dict[str, Setting | SecretRef]:
    """Return what *server* says and *there* does not."""
    found: dict[str, Setting | SecretRef] = {
        key: value
        for key, value in server.given.items()
        if there.settings.get(key) != value and not (key == "active" and server.guessed)
    }
    found |= {key: r for key, r in server.secrets.items() if there.secrets.get(key) != r}
    if server.name and server.name != there.name:
        found["name"] = server.name
    return found


def _all_values(server: DesiredServer) -> dict[str, Setting | SecretRef]:
    return {**server.settings, **server.secrets, "name": server.name}


def _server_change(
    there: DesiredServer, values: Mapping[str, Setting | SecretRef], rotated: set[str]
) -> ServerChange:
    shown, old = {}, _all_values(there)
    for key, value in values.items():
        shown[key] = (_shown(old.get(key)), _shown(value))
    shown |= dict.fromkeys(sorted(rotated), ("(sensitive)", "(sensitive, changed)"))
    return ServerChange(there.address, there.origin.position(), shown)


def _shown(value: Setting | SecretRef | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "(none)" if value is None or value == "" else str(value)


def _sources(session: Session) -> tuple[SourceFile, ...]:
    project = session.project
    files, _ = find_files(
        Path(project.root), project.files, lambda: SourcePosition(project.config_file)
    )
    return tuple(file for file in files if not is_sealed(file))


def _check_existing(session: Session) -> Validation:
    """Return what the files want that are there already; their mail settings are not judged."""
    validation = check_files(session.project, session.providers, rules=False)
    # That there is no server file yet is no fault here: one is coming.
    problems = tuple(d for d in validation.problems if d.message != NO_SERVER_FILE)
    return replace(validation, problems=problems)
