"""How an import is shown and asked about: what was understood, what is missing, what changes."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from icesync.cli.files import read_named, replace_text, write_new, write_secret
from icesync.engine.fmt import FileChangedError
from icesync.engine.import_ import (
    FileChange,
    ImportRequest,
    Input,
    Proposal,
    SecretsKind,
    counted,
    print_rows,
    propose_import,
)
from icesync.engine.import_writing import write_import
from icesync.errors import FileUnwritable, PolicyRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.engine.session import Session

_STDIN: Final = "-"
_QUESTIONS: Final = {
    "organization": "Id of the organization",
    "status": "Status of all (Enabled, Disabled)",
    "incoming": "How mail is collected (imap, pop3)",
    "ssl": "SSL enabled (true, false)",
    "tls": "TLS enabled (true, false)",
    "smtp.poll_rate": "Poll rate",
    "preset": "Mail provider of all (gmail, microsoft365, ...)",
}
"""What is asked for when no server has it; hosts and ports are those of a provider."""


def print_template(common: Common, kind: str) -> None:
    """
    Write a table to fill in to stdout.

    Raises:
        UsageError: a workbook would go to a terminal.

    """
    if kind == "xlsx" and sys.stdout.isatty():
        raise UsageError(
            "a workbook is not for a terminal", "icesync import --template xlsx > mailboxes.xlsx"
        )
    common.console.binary(print_rows(as_workbook=kind == "xlsx"))


def import_servers(
    common: Common, names: Sequence[str], request: ImportRequest, *, confirmed: bool, dry_run: bool
) -> None:
    """
    Write the servers of the files *names* into server files; ``-`` is stdin.

    Raises:
        ConfigInvalid: something does not fit; nothing was written.
        UsageError: a flag or a file cannot be used.
        PolicyRefused: nobody confirmed changes of servers that are there.
        StateError: the state cannot be read or kept; nothing was written.

    """
    session, console = common.open(), common.console
    request = replace(request, inputs=tuple(_input(name) for name in names))
    asking = console.interactive and not common.no_input and _STDIN not in names
    proposal = propose_import(session, request)
    if asking:
        request, proposal = _complete(console, session, request, proposal)
    if dry_run:
        _show(console, proposal)
        return
    proposal.require()
    _tell_changes(console, proposal)
    _confirm(proposal, confirmed=confirmed, asking=asking)
    root = Path(session.project.root)
    told = write_import(session, request, proposal, lambda file: _write(root, file), console.note)
    for file in proposal.files:
        private = ", readable by you only" if file.mode == 0o600 else ""
        console.talk(f"wrote {file.path}: {file.told}{private}")
    _tell_notes(console, proposal)
    if told:
        console.talk(told)
    _tell_next(console, proposal)


def _input(name: str) -> Input:
    if name == _STDIN:
        return Input("<stdin>", sys.stdin.buffer.read())
    return Input(name, read_named(Path(name)))


def _write(root: Path, file: FileChange) -> None:
    """Write *file* below *root*; one that is there must hold what was read."""
    target = root / file.path
    try:
        if file.mode == 0o600 and file.before is not None:
            write_secret(target, file.after)
        elif file.before is not None:
            replace_text(target, file.before, file.after)
        elif not write_new(target, file.after, file.mode):
            raise UsageError(f"{file.path} exists already; nothing was written")
    except FileChangedError:
        raise FileUnwritable(f"{file.path} was changed meanwhile", "import again") from None
    except OSError as error:
        raise FileUnwritable(f"cannot write {file.path}: {error.strerror}") from None


# -- asking


def _complete(
    console: Console, session: Session, request: ImportRequest, proposal: Proposal
) -> tuple[ImportRequest, Proposal]:
    """Show what was understood and ask for what is missing, as often as there is an answer."""
    _tell_columns(console, proposal)
    if proposal.unknown:
        named = ", ".join(proposal.unknown)
        if click.confirm(f"Leave out what is not known: {named}?", default=False, err=True):
            columns = (*request.columns, *(f"{name}=" for name in proposal.unknown))
            request = replace(request, columns=columns)
            proposal = propose_import(session, request)
    for key in _open_questions(proposal):
        answer = click.prompt(_QUESTIONS[key], err=True, default="", show_default=False).strip()
        if answer:
            name = "poll_rate" if key.endswith("poll_rate") else key
            request = replace(request, values=(*request.values, f"{name}={answer}"))
    proposal = propose_import(session, request)
    if proposal.carried and proposal.destination is None and not proposal.problems:
        told = counted(proposal.carried, "password")
        kind = click.prompt(
            f"Where {told} go: env (variables for a shell), yaml (a file for sops), none",
            default="env", type=click.Choice([*SecretsKind]), show_choices=False, err=True,
        )  # fmt: skip
        if kind != SecretsKind.NONE:
            usual = f".icesync/passwords.{kind}"
            kind = f"{kind}:{click.prompt('Name of the file', default=usual, err=True)}"
        request = replace(request, secrets=kind)
        proposal = propose_import(session, request)
    return request, proposal


def _open_questions(proposal: Proposal) -> list[str]:
    """Return the questions about what no server has a value for."""
    missing = dict(proposal.missing)
    hosts = [key for key in missing if key.endswith((".host", ".port"))]
    if hosts:
        missing["preset"] = missing[hosts[0]]
    return [key for key in _QUESTIONS if key in missing]


def _confirm(proposal: Proposal, *, confirmed: bool, asking: bool) -> None:
    if asking and not confirmed and proposal.files:
        parts = [f"add {counted(len(proposal.new), 'server')}"] * bool(proposal.new)
        parts += [f"change {counted(len(proposal.changed), 'server')}"] * bool(proposal.changed)
        question = f"{' and '.join(parts).capitalize() or 'Write the passwords'}?"
        if not click.confirm(question, default=not proposal.changed, err=True):
            raise PolicyRefused("not confirmed; nothing was written")
    elif proposal.changed and not confirmed:
        told = counted(len(proposal.changed), "server")
        raise PolicyRefused(
            f"{told} would change; nothing was written",
            "--yes   writes the changes shown above",
        )


# -- showing


def _show(console: Console, proposal: Proposal) -> None:
    """Write the server files to stdout; of the passwords, only say how many there are."""
    if proposal.problems:
        proposal.require()
    for file in proposal.files:
        if file.mode == 0o600:
            console.talk(f"{file.path} would hold {file.told}")
        elif file.before is None:
            console.data(f"# {file.path}\n{file.after.decode()}")
        else:
            console.talk(f"{file.path}: {file.told}")
    _tell_changes(console, proposal)
    _tell_notes(console, proposal)
    if proposal.carried and proposal.destination is None:
        told = counted(proposal.carried, "password")
        console.talk(f"note: {told} came along: choose where they go with --secrets")
    console.talk("dry run: nothing was written")


def _tell_columns(console: Console, proposal: Proposal) -> None:
    """Show which setting each column gives."""
    if not proposal.uses:
        return
    width = max(len(use.name) for use in proposal.uses)
    console.talk("Understood:")
    for use in proposal.uses:
        keys = ", ".join(use.keys)
        console.talk(f"  {use.name:{width}}  {keys}  ({counted(use.rows, 'row')})")


def _tell_changes(console: Console, proposal: Proposal) -> None:
    for change in proposal.changed:
        console.talk(f"~ {change.address}  {change.position.file}:{change.position.line}")
        for key, (before, after) in change.values.items():
            console.talk(f"    {key}: {before} -> {after}")


def _tell_notes(console: Console, proposal: Proposal) -> None:
    """Say what was guessed, left out or kept."""
    for note in proposal.notes:
        console.talk(f"note: {note}")
    if proposal.unchanged:
        told = counted(proposal.unchanged, "server")
        console.talk(f"{told} unchanged")
    if proposal.carried and proposal.destination and not proposal.destination.path:
        told = counted(proposal.carried, "password")
        console.talk(f"note: {told} not kept, as --secrets none says")


def _tell_next(console: Console, proposal: Proposal) -> None:
    """Say which commands come next, complete enough to be pasted."""
    commands = ["icesync validate", "icesync plan"]
    destination = proposal.destination
    if destination is not None and destination.kind is SecretsKind.ENV and proposal.carried:
        path = destination.path if os.sep in destination.path else f"./{destination.path}"
        commands.insert(1, f"set -a; . {shlex.quote(path)}; set +a")
    if proposal.files:
        console.talk("next:")
        for command in commands:
            console.talk(f"  {command}")
