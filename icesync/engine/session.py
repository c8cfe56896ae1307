"""
What every use case works with: a project, ports to the world, a viewer, and the lock.

Whatever fails on the way out of a lock adds to the first cause and never replaces it. A
signal that comes while the lock is asked for, or given back, waits for the answer,
so that no lock is left which nobody knows of. No command may write anything else in the
place of a file that icesync lives by.
"""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from icesync.config.discover import find_exposure, is_found, leaves_by_link
from icesync.engine.secret_resolution import fetch_one
from icesync.errors import (
    IcesyncError,
    Interrupted,
    SecretMissing,
    StateLocked,
    UsageError,
    printable,
)
from icesync.frozen import frozen
from icesync.model.project import ORGANIZATION_MARK, Backend, Project
from icesync.model.snapshot import UNSAVED_STATE, LockInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.engine.plan import Planning
    from icesync.model.plan import Refusal
    from icesync.model.probe import ProbeReport
    from icesync.model.report import Event
    from icesync.model.secret import SecretRef, SecretValue
    from icesync.ports import (
        Caller,
        Clock,
        Ice,
        MailServers,
        SecretProvider,
        Signals,
        StateStore,
        StopRequest,
        Stores,
    )


class NoSignals:
    """Leaves signals to whoever runs the process."""

    def stopping(self, stop: StopRequest) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()

    def finishing(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


@frozen
class Session:
    """
    A project with all that a use case needs; nothing is opened before it is used.

    Made by :func:`icesync.open_project`. A test, or another program, can make one
    from ports of its own.
    """

    project: Project
    stores: Stores
    providers: Mapping[str, SecretProvider]
    clock: Clock
    ice: Ice
    mail: MailServers
    caller: Caller
    signals: Signals = field(default_factory=NoSignals)

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the secret behind *reference*.

        Raises:
            SecretMissing: there is none.

        """
        return fetch(self.providers, reference)

    def store_of(self, organization: int | None) -> StateStore:
        """
        Return the store of one state: that of *organization*, or the only one.

        Where an organization must be named and is not, the store refuses each use.

        Raises:
            UsageError: it must not be named, since all have one state.

        """
        if organization is None:
            return self.stores.single()
        if self.project.state.per is None:
            raise UsageError(
                "--organization needs one state per organization; here all share one state",
                "omit --organization",
            )
        return self.stores.of(organization)


def fetch(providers: Mapping[str, SecretProvider], reference: SecretRef) -> SecretValue:
    """
    Return the secret behind *reference*.

    Raises:
        SecretMissing: there is none.

    """
    provider = providers.get(reference.scheme)
    if provider is None:
        raise SecretMissing(f"`{reference}` names an unknown secret provider")
    return fetch_one(reference, provider)


class Part(Protocol):
    """What a use case comes to, part by part."""

    def members(self) -> dict[str, Any]:
        """Return the members of a :class:`~icesync.model.report.CommandResult` it fills."""
        ...


@frozen
class Probed:
    """What mail servers answered, and all refusals that are known by now."""

    report: ProbeReport
    refusals: tuple[Refusal, ...] = ()

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {"probe": self.report, "refusals": self.refusals}


class View(Protocol):
    """Shows, asks and tells; a use case knows no other way to a person."""

    def show(self, part: Part) -> None:
        """Take in a part of the result, as soon as it is known."""
        ...

    def approve(self, planning: Planning) -> bool:
        """Return whether the plan may be carried out."""
        ...

    def notify(self, event: Event) -> None:
        """Take note of what happens meanwhile; called from several threads."""
        ...


class Silent:
    """Shows nothing and approves nothing: for whoever only wants the result."""

    def show(self, part: Part) -> None:
        """Show nothing."""

    def approve(self, planning: Planning) -> bool:  # noqa: ARG002 - the view's signature
        """Approve nothing."""
        return False

    def notify(self, event: Event) -> None:
        """Say nothing."""


SILENT = Silent()


_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 16.0


class Work:
    """What was done under a lock, in words; *done* is None as long as nothing was."""

    def __init__(self, signals: Signals) -> None:
        self.done: str | None = None
        self._signals = signals
        self._saving = False

    @contextmanager
    def saving(self, done: str | None) -> Iterator[None]:
        """
        Let what is saved in the context end first, and note that it is *done*.

        Raises:
            KeyboardInterrupt: a signal came meanwhile.

        """
        with self._signals.finishing():
            self._saving = done is not None
            yield
            self._saving, self.done = False, done

    def certain(self, nothing: str) -> str:
        """Return what is certain if the work ends here; *nothing* where nothing was done."""
        if self._saving:
            return "it is unknown whether the state was saved; run `icesync state list` to check"
        return self.done or nothing


@contextmanager
def hold_lock(
    session: Session,
    store: StateStore,
    operation: str,
    timeout_s: float,
    nothing: str = "nothing was written",
) -> Iterator[Work]:
    """
    Hold the lock of *store*; whoever does something notes in the Work what it came to.

    *nothing* is said of a run that was interrupted before.

    Raises:
        StateLocked: another run held it for *timeout_s*.
        Interrupted: a signal ended the work; the message says what was done.

    """
    info, work = session.caller.lock_owner(operation), Work(session.signals)
    try:
        lock = _acquire(session, store, info, timeout_s)
    except KeyboardInterrupt as error:
        raise interrupted(error, nothing) from None
    try:
        yield work
    except KeyboardInterrupt as error:
        first = interrupted(error, work.certain(nothing))
        raise _released(session, lock, first, info) from None
    except IcesyncError as error:
        raise _released(session, lock, error, info) from error.__cause__
    except BaseException as error:
        with suppress(IcesyncError):
            _release(session, lock)
        raise error from error.__cause__
    try:
        _release(session, lock)
    except KeyboardInterrupt as error:
        message = f"{work.done or nothing}; interrupted while releasing the lock"
        raise interrupted(error, message, f"icesync state unlock --force {info.id}") from None
    except IcesyncError as error:
        if work.done is not None:
            error.message = f"{work.done}; {error.message}"
        raise


def _acquire(
    session: Session, store: StateStore, info: LockInfo, timeout_s: float
) -> AbstractContextManager[None]:
    clock = session.clock
    deadline, wait_s = clock.monotonic() + timeout_s, _FIRST_WAIT_S
    while True:
        lock = store.lock(info, 0.0)
        granted = False
        try:
            with session.signals.finishing():
                lock.__enter__()
                granted = True
        except StateLocked:
            left_s = deadline - clock.monotonic()
            if left_s <= 0:
                raise
            clock.sleep(min(wait_s, left_s))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        except KeyboardInterrupt:
            with suppress(IcesyncError), session.signals.finishing():
                if granted:
                    lock.__exit__(None, None, None)
                else:
                    # Nobody knows whether the store granted what it was asked for.
                    store.break_lock(info.id)
            raise
        else:
            return lock


def _release(session: Session, lock: AbstractContextManager[None]) -> None:
    with session.signals.finishing():
        lock.__exit__(None, None, None)


def _released(
    session: Session, lock: AbstractContextManager[None], first: IcesyncError, info: LockInfo
) -> IcesyncError:
    """Give the lock back and return *first*, with what went wrong now added to it."""
    try:
        _release(session, lock)
    except KeyboardInterrupt:
        freed = f"icesync state unlock --force {info.id}"
        first.add(IcesyncError("interrupted while releasing the lock", freed))
    except IcesyncError as second:
        first.add(second)
    return first


def interrupted(error: KeyboardInterrupt, message: str, *hints: str) -> Interrupted:
    """Return the error of a run that a signal ended; *message* is what is certain."""
    number = getattr(error, "signal_number", 2)
    text = message if "interrupted" in message else f"interrupted; {message}"
    return Interrupted(text, *hints, signal_number=number)


KEY: Final = "a key or a password"
TOKEN: Final = "the token"  # noqa: S105 - a kind of file

_STATE_FILES: Final = {
    "": "the state", ".lock": "the lock of the state", ".journal": "the journal of the state",
    ".backup": "the backup of the state",
}  # fmt: skip
_EMULATOR: Final = ".icesync/emulator.sqlite"


def demand_free(project: Project, option: str, path: Path, *, own: str = "") -> None:
    """
    Demand that *path*, which *option* names, is no file that icesync lives by, or elsewhere.

    *own* is the one kind of them that the command is there to write.

    Raises:
        UsageError: it is one.

    """
    what = _purpose(project, path)
    if what is not None and what != own:
        raise UsageError(f"{option} {printable(path)} would overwrite {what}", "use another path")
    if leaves_by_link(project.root, str(path)):
        raise UsageError(
            f"{option} {printable(path)} leads out of the repository by a symbolic link",
            "remove the link, or name the file that it leads to",
        )


def demand_private(path: Path) -> None:
    """
    Demand that a key or a token may be written to *path*: no link, and not in git.

    Raises:
        UsageError: it may not.

    """
    problem = find_exposure(path)
    if problem is not None:
        raise UsageError(*problem)


def _purpose(project: Project, path: Path) -> str | None:
    """Return what *path* is to icesync, or None."""
    place, root = Path(os.path.realpath(path)), Path(os.path.realpath(project.root))
    for name, what in _named(project):
        other = root / name
        if place == Path(os.path.realpath(other)) or _is_same(place, other):
            return what
    try:
        inside = place.relative_to(root).as_posix()
    except ValueError:
        return None
    if inside.split("/")[0] == ".git":
        return "a file of git"
    if is_found(inside, project.files):
        return "a server file"
    return _state_of_an_organization(project, inside)


KEY_FILES: Final = {".icesync/fingerprint.key": KEY, ".icesync/token": TOKEN}
"""Where `keygen` and `login` write, unless told otherwise."""


def _named(project: Project) -> Iterator[tuple[str, str]]:
    yield project.config_file, "the configuration"
    state = project.state
    if state.backend is Backend.LOCAL and state.per is None:
        yield from ((f"{state.path}{end}", what) for end, what in _STATE_FILES.items())
    for end in ("", "-journal", "-wal", "-shm"):
        yield f"{_EMULATOR}{end}", "the data of the emulator"
    login = project.api.login
    references = {
        project.api.token: TOKEN,
        login.password if login else None: KEY,
        project.fingerprint_key: KEY,
    }
    yield from ((r.path, what) for r, what in references.items() if r and r.scheme == "file")
    yield from KEY_FILES.items()
    yield UNSAVED_STATE, "a state that could not be saved"


def _state_of_an_organization(project: Project, inside: str) -> str | None:
    state = project.state
    if state.backend is not Backend.LOCAL or state.per is None:
        return None
    parts = os.path.normpath(state.path).split(ORGANIZATION_MARK)
    pattern = "[0-9]+".join(map(re.escape, parts))
    for end, what in _STATE_FILES.items():
        if re.fullmatch(pattern + re.escape(end), inside):
            return what
    return None


def _is_same(place: Path, other: Path) -> bool:
    """Return whether both are one file, by whatever names."""
    try:
        return place.samefile(other)
    except OSError:
        return False
