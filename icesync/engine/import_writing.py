"""
Use case: carry out an import that was proposed, all of it or nothing.

With the word that ICE holds these servers, they enter the state as assumed.
"""

from __future__ import annotations

import os
import secrets as random
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from icesync import __version__
from icesync.codec.fingerprint import SALT_BYTES, FingerprintKey, fingerprint
from icesync.diagnostics import Diagnostic
from icesync.engine.secret_resolution import resolve_references
from icesync.engine.state import Stored, Writer, load, locked, save, sealing_key
from icesync.errors import ConfigInvalid, IcesyncError, UsageError, counted, listed
from icesync.model.snapshot import UNRECORDED_WIRE, Entry, SecretRecord, assume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icesync.engine.import_ import FileChange, ImportRequest, Proposal
    from icesync.engine.session import Session
    from icesync.model.desired import Address
    from icesync.model.imported import ImportedServer
    from icesync.model.project import WireOptions
    from icesync.model.report import Notify
    from icesync.ports import SecretProvider, StateStore


def write_import(
    session: Session,
    request: ImportRequest,
    proposal: Proposal,
    write: Callable[[FileChange], None],
    notify: Notify,
) -> str:
    """
    Carry out *proposal* with *write*, all of it or nothing; return what became of the state.

    Raises:
        FileUnwritable: a file cannot be written, or changed meanwhile.
        StateError: the state cannot be read or kept; no file was changed.

    """
    if not request.assume_in_sync or not proposal.new:
        with session.signals.finishing(), _all_or_nothing(session, write) as keep:
            for file in proposal.files:
                keep(file)
        return ""
    store = _store(session, proposal.new)
    with locked(session, store, "import", request.lock_timeout_s, notify) as work:
        stored = load(store, session.project.api.base_url)
        _check_state(stored, proposal.new)
        # Secrets are looked up before: a signal waits for what is written.
        assume = _assuming(session, store, proposal.new, stored)
        with work.saving("the files are written"), _all_or_nothing(session, write) as keep:
            for file in proposal.files:
                keep(file)
            after = assume()
    count = counted(len(proposal.new), "server")
    return f"{store.describe()}: serial {after.snapshot.serial}, {count} unconfirmed"


def _store(session: Session, servers: Sequence[ImportedServer]) -> StateStore:
    if session.project.state.per is None:
        return session.stores.single()
    return session.stores.joined(server.address.organization for server in servers)


def _check_state(stored: Stored, servers: Sequence[ImportedServer]) -> None:
    there = [s for s in servers if s.address in stored.snapshot.entries]
    if there:
        named = listed([str(server.address) for server in there])
        problem = Diagnostic(
            "ICE017", f"{named}: in the state already", there[0].position,
            "leave them out, or import without --assume-in-sync",
        )  # fmt: skip
        raise ConfigInvalid("the state knows servers that are imported; nothing was written",
                            diagnostics=(problem,))  # fmt: skip


@contextmanager
def _all_or_nothing(
    session: Session, write: Callable[[FileChange], None]
) -> Iterator[Callable[[FileChange], None]]:
    """Give what writes a file; a failure puts back those that were written."""
    root = Path(session.project.root)
    written: list[FileChange] = []

    def keep(file: FileChange) -> None:
        if file.before is None and os.path.lexists(root / file.path):
            raise UsageError(f"{file.path} exists already; nothing was written")
        written.append(file)
        write(file)

    try:
        yield keep
    except BaseException:
        for file in reversed(written):
            with suppress(OSError, IcesyncError):
                if file.before is None:
                    (root / file.path).unlink()
                elif (root / file.path).read_bytes() == file.after:
                    write(file._replace(before=file.after, after=file.before))
        raise


def _assuming(
    session: Session, store: StateStore, servers: Sequence[ImportedServer], stored: Stored
) -> Callable[[], Stored]:
    """Return what stores that ICE holds *servers*, on the word of whoever imports them."""
    key = sealing_key(session, stored.snapshot)
    wire = session.project.api.wire
    entries = assumed_entries(servers, session.providers, key, wire)
    writer = Writer(__version__, key.id if key else None, key=key)
    return partial(save, store, stored, {**stored.snapshot.entries, **entries}, writer)


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
