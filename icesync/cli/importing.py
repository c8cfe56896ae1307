"""How an import is shown and asked about: what was understood, what is missing, what changes."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from icesync.cli.files import read_named, replace_text, write_new, write_secret
from icesync.engine.drafts import Drafter, Findings
from icesync.engine.fmt import FileChangedError
from icesync.engine.import_ import (
    FileChange,
    ImportRequest,
    Input,
    Proposal,
    propose_import,
)
from icesync.engine.import_options import PASSWORDS, SecretsKind, print_rows, read_column_options
from icesync.engine.import_writing import write_import
from icesync.errors import FileUnwritable, PolicyRefused, UsageError, counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.engine.session import Session

_STDIN: Final = "-"
_NUMBER: Final = click.IntRange(1, 2**31 - 1)
_FLAG: Final = click.Choice(["true", "false"])
_QUESTIONS: Final[Mapping[str, tuple[str, Any]]] = {
    "organization": ("Id of the organization", _NUMBER),
    "status": ("Status", click.Choice(["Enabled", "Disabled"], case_sensitive=False)),
    "incoming": ("How mail is collected", click.Choice(["imap", "pop3"], case_sensitive=False)),
    "preset": ("Mail provider, such as gmail or web.de", click.STRING),
    "ssl": ("SSL", _FLAG),
    "tls": ("TLS", _FLAG),
    "smtp.poll_rate": ("Poll rate", _NUMBER),
}
"""What is asked for where servers have no value; hosts and ports are those of a provider."""


def print_template(common: Common, kind: str) -> None:
    """
    Write a table to fill in to stdout.

    Raises:
        UsageError: a workbook would go to a terminal.

    """
    if kind == "xlsx" and sys.stdout.isatty():
        raise UsageError(
            "a workbook is not for a terminal",
            "icesync import --template xlsx > ../mailboxes.xlsx",
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
        PolicyRefused: changes of existing servers were not confirmed.
        StateError: the state cannot be read or kept; nothing was written.

    """
    session, console = common.open(), common.console
    root = Path(session.project.root)
    request = replace(request, inputs=tuple(_input(name, root) for name in names))
    asking = console.interactive and not common.no_input and _STDIN not in names
    proposal = propose_import(session, request)
    answered = request
    if asking:
        proposal.require_ignored()
        answered, proposal = _complete(console, session, request, proposal)
    if dry_run:
        _show(console, proposal)
        return
    proposal.require()
    _tell_notes(console, proposal)
    _tell_changes(console, proposal)
    _confirm(proposal, confirmed=confirmed, asking=asking)
    message = write_import(
        session, answered, proposal, lambda file: _write(root, file), console.note
    )
    for file in proposal.files:
        private = ", readable by you only" if file.mode == 0o600 else ""
        console.talk(f"wrote {console.named(file.path)}: {file.summary}{private}")
    if message:
        console.talk(message)
    _tell_next(console, root, proposal)
    if answered != request:
        console.talk("the same without questions:")
        _tell_command(console, _command(names, answered))


def _command(names: Sequence[str], request: ImportRequest) -> str:
    """Return the command that imports the files *names* as the answers in *request* say."""
    words = ["icesync", "import", *names]
    words += [word for column in request.columns for word in ("--map", column)]
    words += [word for value in request.values for word in ("--set", value)]
    for option, text, default in (("--sheet", request.sheet, ""), ("--out", request.out, "servers"),
                                ("--secrets", request.secrets, None)):  # fmt: skip
        words += [option, text] if text and text != default else []
    words += ["--as-is"] * request.as_is + ["--assume-in-sync"] * request.assume_in_sync
    return shlex.join(words)


def _input(name: str, root: Path) -> Input:
    """Return the file *name* under the name that it has in the project, as findings need it."""
    if name == _STDIN:
        return Input("<stdin>", sys.stdin.buffer.read())
    return Input(os.path.relpath(name, root), read_named(Path(name)))


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
    if not _can_be_answered(proposal):
        return request, proposal
    columns = _ask_columns(proposal)
    if columns:
        request = replace(request, columns=(*request.columns, *columns))
        proposal = propose_import(session, request)
        if not _can_be_answered(proposal):
            return request, proposal
    for key, number in _open_questions(proposal).items():
        question, values = _QUESTIONS[key]
        prompt = f"{question}, for {counted(number, 'server')}"
        name = "poll_rate" if key.endswith("poll_rate") else key
        check = partial(_read_constant, name) if values is click.STRING else None
        answer = click.prompt(prompt, type=values, value_proc=check, err=True)
        request = replace(request, values=(*request.values, f"{name}={answer}"))
        proposal = propose_import(session, request)
    if proposal.homeless and not proposal.problems:
        request = replace(request, secrets=_ask_destination(proposal))
        proposal = propose_import(session, request)
    return request, proposal


def _ask_columns(proposal: Proposal) -> list[str]:
    """Return what unknown columns are, as arguments of ``--map``."""
    found = []
    for name, near in proposal.unknown.items():
        question = f"Column {printable(name)}: which setting, such as smtp.host? - leaves it out"
        answer = click.prompt(
            question, default=near or None, value_proc=partial(_read_setting, name), err=True
        )
        found.append(f"{name}={answer}")
    return found


def _read_constant(name: str, text: str) -> str:
    """Return *text*, which must be a value of the setting *name*."""
    try:
        Drafter(read_column_options((), [f"{name}={text}"], as_is=False), Findings(), lambda _: "")
    except UsageError as error:
        message = error.message.removeprefix(f"--set {name} ")
        raise click.UsageError("; ".join((message, *error.hints))) from None
    return text


def _read_setting(name: str, text: str) -> str:
    """Return the settings that *text* names for the column *name*; nothing for a dash."""
    if text.strip() == "-":
        return ""
    try:
        read_column_options([f"{name}={text}"], (), as_is=False)
    except UsageError as error:
        message = error.message.removeprefix("--map: ")
        raise click.UsageError("; ".join((message, *error.hints))) from None
    return text.strip()


def _can_be_answered(proposal: Proposal) -> bool:
    """Return whether questions can mend all that is wrong: nobody is asked in vain."""
    rules = {problem.rule for problem in proposal.problems}
    if proposal.unknown:
        return rules <= {"ICE101", "ICE105", "ICE107"}
    known = all(
        key in _QUESTIONS or key.endswith((".host", ".port", ".poll_rate"))
        for key in proposal.missing
    )
    return known and rules <= {"ICE101", "ICE107"}


def _ask_destination(proposal: Proposal) -> str:
    count = counted(proposal.homeless, "password")
    verb = "does" if proposal.homeless == 1 else "do"
    question = f"Where {verb} {count} go: env (variables for a shell), yaml (a file for SOPS), none"
    choice = click.Choice([place.value for place in SecretsKind])
    kind = click.prompt(question, default="env", type=choice, show_choices=False, err=True)
    if kind == SecretsKind.NONE:
        return str(kind)
    default = f"{PASSWORDS}.{kind}"
    return f"{kind}:{click.prompt('Name of the file', default=default, err=True)}"


def _open_questions(proposal: Proposal) -> dict[str, int]:
    """Return the questions about what has no value, and of how many servers."""
    missing = dict(proposal.missing)
    hosts = [number for key, number in missing.items() if key.endswith((".host", ".port"))]
    if hosts:
        # A provider gives the flags, too.
        missing = {k: n for k, n in missing.items() if k not in {"ssl", "tls"}}
        missing["preset"] = max(hosts)
    return {key: missing[key] for key in _QUESTIONS if key in missing}


def _confirm(proposal: Proposal, *, confirmed: bool, asking: bool) -> None:
    if asking and not confirmed and proposal.files:
        parts = [f"add {counted(len(proposal.new), 'server')}"] * bool(proposal.new)
        parts += [f"change {counted(len(proposal.changed), 'server')}"] * bool(proposal.changed)
        question = f"{' and '.join(parts).capitalize() or 'Write the passwords'}?"
        if not click.confirm(question, default=not proposal.changed, err=True):
            raise PolicyRefused("not confirmed; nothing was written")
    elif proposal.changed and not confirmed:
        count = counted(len(proposal.changed), "server")
        raise PolicyRefused(
            f"{count} would change; nothing was written",
            "pass --yes to write the changes shown above",
        )


# -- showing


def _show(console: Console, proposal: Proposal) -> None:
    """Write the server files to stdout; of the passwords, only say how many there are."""
    if proposal.problems:
        proposal.require()
    for file in proposal.files:
        if file.mode == 0o600:
            console.talk(f"{console.named(file.path)} would hold {file.summary}")
        elif file.before is None:
            console.data(f"# {console.named(file.path)}\n{file.after.decode()}")
        else:
            console.talk(f"{console.named(file.path)}: {file.summary}")
    _tell_changes(console, proposal)
    _tell_notes(console, proposal)
    if proposal.homeless:
        count = counted(proposal.homeless, "password")
        console.talk(f"note: the input has {count} not kept yet: choose a place with --secrets")
    for exposed in proposal.exposed:
        console.talk(f"caution: {exposed}: run `{exposed.command}`")
    console.talk("dry run: nothing was written")


def _tell_columns(console: Console, proposal: Proposal) -> None:
    """Show which setting each column gives."""
    rows = [(use.name, ", ".join(use.keys), counted(use.rows, "row")) for use in proposal.uses]
    rows += [(name, "(unknown)", "") for name in proposal.unknown]
    if proposal.uses:
        wide, wider = (max(len(row[n]) for row in rows) for n in (0, 1))
        for name, keys, filled in rows:
            console.talk(f"  {name:{wide}}  {keys:{wider}}  {filled}".rstrip())


def _tell_changes(console: Console, proposal: Proposal) -> None:
    for change in proposal.changed:
        console.talk(f"~ {change.address}  {console.talk_style.place(change.position)}")
        for key, (before, after) in change.values.items():
            console.talk(f"    {key}: {before} -> {after}")


def _tell_notes(console: Console, proposal: Proposal) -> None:
    """Say what was guessed, left out or kept."""
    for note in proposal.notes:
        console.talk(f"note: {note}")
    if proposal.unchanged:
        console.talk(f"{counted(proposal.unchanged, 'server')} unchanged")
    if proposal.carried and proposal.destination and not proposal.destination.path:
        count = counted(proposal.carried, "password")
        console.talk(f"note: {count} not kept, as --secrets none says")


def _tell_next(console: Console, root: Path, proposal: Proposal) -> None:
    """Say which commands come next, complete enough to be pasted."""
    commands = ["icesync validate", "icesync plan"]
    destination = proposal.destination
    if destination is not None and destination.kind is SecretsKind.ENV and proposal.carried:
        path = os.path.relpath(root / destination.path)
        path = path if os.sep in path else f"./{path}"
        commands.insert(1, f"set -a; . {shlex.quote(path)}; set +a")
    if proposal.files:
        console.talk("next:")
        for command in commands:
            _tell_command(console, command)


def _tell_command(console: Console, command: str) -> None:
    """Show *command* on one line, however long, so that it can be copied."""
    if not console.quiet:
        console.complain(f"  {command}\n")
