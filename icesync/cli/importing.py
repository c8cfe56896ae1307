"""The order of an import: read, check, lock, write all of it or nothing, say what was written."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.cli.files import read_named, write_new
from icesync.config.discover import is_found
from icesync.engine.import_ import (
    Import,
    ImportRequest,
    Input,
    SecretsKind,
    assumed_entries,
    make_import,
)
from icesync.engine.secret_resolution import open_key
from icesync.engine.session import Work
from icesync.engine.state import Writer, load, locked, save
from icesync.engine.validate import NO_SERVER_FILE, check_files
from icesync.errors import FileUnwritable, SecretMissing, UsageError
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.codec.fingerprint import FingerprintKey
    from icesync.engine.session import Session
    from icesync.engine.state import Stored
    from icesync.model.address import Address
    from icesync.ports import StateStore

__all__ = ["ImportOptions", "import_servers"]

_STDIN: Final = "-"
_NOT_IGNORED: Final = 1
"""What ``git check-ignore`` exits with for a path that git would track."""


@frozen
class ImportOptions:
    """How to import, as the command line wants it; *secrets* is ``env:FILE`` or ``yaml:FILE``."""

    out: str
    secrets: str | None
    assume_in_sync: bool
    dry_run: bool
    lock_timeout_s: float


def import_servers(common: Common, names: Sequence[str], options: ImportOptions) -> None:
    """
    Write the servers of the files *names* into new server files; ``-`` is stdin.

    Raises:
        ConfigInvalid: something does not fit or exists already; nothing was written.
        UsageError: a flag or a file cannot be used.
        StateError: the snapshot cannot be read or kept; nothing was written.

    """
    session, console = common.open(), common.console
    store = session.stores.single()
    out = _folder(session, options.out)
    kind, secrets_path = _secrets_file(session, options.secrets)
    inputs = [_input(name) for name in names]
    if options.assume_in_sync and session.project.state.per is not None:
        request = ImportRequest(inputs, _exists(session), {}, out, kind, secrets_path)
        servers = make_import(request).servers
        store = session.stores.joined(server.address.organization for server in servers)
    with _locked(session, store, options, console) as work:
        stored = _stored(session, store) if options.assume_in_sync else None
        taken = _taken(session, stored)
        made = make_import(ImportRequest(inputs, _exists(session), taken, out, kind, secrets_path))
        if options.dry_run:
            _show(console, made, secrets_path)
            return
        with (
            session.signals.finishing(),
            _all_or_nothing(Path(session.project.root)) as write,
        ):
            if made.passwords:
                write(secrets_path, made.passwords, 0o600)
            for file in made.files:
                write(file.path, file.text.encode(), 0o644)
            after = _assume(session, store, made, stored) if stored is not None else None
            work.done = "the files are written"
    _tell(console, made, secrets_path)
    if after is not None:
        told = _counted(len(made.servers), "server")
        place, serial = store.describe(), after.snapshot.serial
        console.talk(f"{place}: serial {serial}, {told} unconfirmed")
    console.talk("next: icesync validate, icesync plan")


def _locked(
    session: Session, store: StateStore, options: ImportOptions, console: Console
) -> AbstractContextManager[Work]:
    """Hold the lock of the snapshot, if it will be written."""
    if not options.assume_in_sync or options.dry_run:
        return nullcontext(Work())
    return locked(session, store, "import", options.lock_timeout_s, console.note)


def _stored(session: Session, store: StateStore) -> Stored:
    return load(store, session.project.api.base_url)


def _assume(session: Session, store: StateStore, made: Import, stored: Stored) -> Stored:
    """Store that ICE holds the servers of *made*, on the word of whoever imports them."""
    key = _key(session, stored)
    wire = session.project.api.wire
    entries = assumed_entries(made.servers, session.providers, key, wire)
    writer = Writer(__version__, key.id if key else None, key=key)
    return save(store, stored, {**stored.snapshot.entries, **entries}, writer)


def _folder(session: Session, out: str) -> str:
    """Return the folder of the server files, which ``files:`` must find."""
    root = Path(session.project.root)
    relative = os.path.relpath(root / out, root).replace(os.sep, "/")
    shown, sample = ascii(out)[1:-1], f"{relative}/59.yaml"
    if relative == ".." or relative.startswith("../"):
        raise UsageError(f"--out {shown} leads outside of the configuration's folder")
    if not is_found(sample, session.project.files):
        raise UsageError(
            f"no pattern of `files:` would find a file in {shown}",
            f"use a folder that one of them finds: {', '.join(session.project.files)}",
        )
    return relative


def _secrets_file(session: Session, text: str | None) -> tuple[SecretsKind, str]:
    """Return as what and where the passwords are kept; the path is relative to the root."""
    if text is None:
        return SecretsKind.NONE, ""
    kind, _, name = text.partition(":")
    if kind not in {SecretsKind.ENV, SecretsKind.YAML} or not name:
        raise UsageError(
            f"--secrets {ascii(text)[1:-1]} names no kind of file",
            "write env:FILE for variables, or yaml:FILE for a file that SOPS can encrypt",
        )
    root = Path(session.project.root)
    path = os.path.relpath(root / name, root).replace(os.sep, "/")
    if kind == SecretsKind.YAML and not path.endswith((".yaml", ".yml")):
        raise UsageError("--secrets yaml: needs a file named .yaml or .yml")
    if _tracked(root, path):
        raise UsageError(
            f"{ascii(path)[1:-1]} would hold passwords, and git does not ignore it",
            f"echo {ascii(path)[1:-1]} >> .gitignore   keeps it out of the repository",
        )
    return SecretsKind(kind), path


def _tracked(root: Path, path: str) -> bool:
    """Return whether git would take up a file at *path*; False without a repository or git."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a path behind `--`
            ["git", "-C", str(root), "check-ignore", "--quiet", "--", path],  # noqa: S607
            capture_output=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == _NOT_IGNORED


def _input(name: str) -> Input:
    if name == _STDIN:
        return Input("<stdin>", sys.stdin.buffer.read())
    return Input(name, read_named(Path(name)))


def _exists(session: Session) -> Callable[[str], bool]:
    root = Path(session.project.root)
    return lambda path: os.path.lexists(root / path)


def _taken(session: Session, stored: Stored | None) -> dict[Address, str]:
    """Return the addresses that exist already, in the files or in the snapshot *stored*."""
    validation = check_files(session.project, session.providers)
    # That there is no server file yet is no fault here: one is coming.
    problems = tuple(d for d in validation.problems if d.message != NO_SERVER_FILE)
    # Whether the mail settings are good ones is not asked: what exists is known all the same.
    desired = replace(validation, problems=problems, findings=()).require()
    taken = {} if stored is None else dict.fromkeys(stored.snapshot.entries, "in the state")
    taken |= {m.source: f"moved away at {m.position}" for m in desired.moves.values()}
    taken |= {a: f"under `removed:` at {r.position}" for a, r in desired.removals.items()}
    return taken | {a: str(server.origin.position()) for a, server in desired.servers.items()}


def _key(session: Session, stored: Stored) -> FingerprintKey | None:
    reference = session.project.fingerprint_key
    if reference is None:
        return None
    try:
        return open_key(reference, session.providers, stored.snapshot)
    except SecretMissing:
        return None


@contextmanager
def _all_or_nothing(root: Path) -> Iterator[Callable[[str, bytes, int], None]]:
    """Give what writes a new file below *root*; a failure removes those that were written."""
    written: list[Path] = []

    def write(path: str, data: bytes, mode: int) -> None:
        target = root / path
        if os.path.lexists(target):
            raise UsageError(f"{path} exists already; nothing was written")
        written.append(target)
        try:
            write_new(target, data, mode)
        except OSError as error:
            raise FileUnwritable(f"{path} cannot be written: {error.strerror}") from None

    try:
        yield write
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _show(console: Console, made: Import, secrets_path: str) -> None:
    """Write the server files to stdout; of the passwords, only say how many there are."""
    for file in made.files:
        console.data(f"# {file.path}\n{file.text}")
    if made.passwords:
        console.talk(f"{secrets_path} would hold {_counted(made.carried, 'password')}")
    _tell_notes(console, made)
    console.talk("dry run: nothing was written")


def _tell(console: Console, made: Import, secrets_path: str) -> None:
    """Say what was written."""
    for file in made.files:
        console.talk(f"wrote {file.path}: {_counted(file.servers, 'server')}")
    if made.passwords:
        told = _counted(made.carried, "password")
        console.talk(f"wrote {secrets_path}: {told}, readable by you only")
    _tell_notes(console, made)


def _tell_notes(console: Console, made: Import) -> None:
    """Say what became of passwords that no file keeps, and what was not given."""
    if made.carried and not made.passwords:
        told = _counted(made.carried, "password")
        console.talk(
            f"note: {told} not kept; --secrets env:FILE or yaml:FILE keeps what came along"
        )
    if made.tagged:
        console.talk(
            f"note: {_counted(made.tagged, 'password')} are only tags of the emulator; "
            "set the variables that the files refer to"
        )
    if made.guessed:
        told = _counted(made.guessed, "server")
        console.talk(f"note: {told} did not say IsActive; `active` follows the status")


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
