"""The protocols that adapters implement, and a quick check for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from typing import TypeGuard

    from icesync.model.pipeline import Post
    from icesync.model.plan import Update
    from icesync.model.probe import DomainFacts, ProbeResult, ProbeTarget
    from icesync.model.project import Login
    from icesync.model.report import Outcome
    from icesync.model.secret import SecretIdentity, SecretMetadata, SecretRef, SecretValue
    from icesync.model.snapshot import LockInfo, Snapshot


JournalLine: TypeAlias = "Callable[[int, int], bytes]"
"""Spells one record, given its number and how many records are durable already."""


class Journal(Protocol):
    """Keeps records in the order in which they come; safe to use from several threads."""

    def append(self, line: JournalLine) -> None:
        """
        Take the record of *line*; it may not be durable yet.

        Raises:
            StateNotSaved: an earlier record could not be kept; no more are taken.

        """
        ...

    def commit(self, line: JournalLine) -> None:
        """
        Take the record of *line*; return when it, and all before it, would survive a power cut.

        Raises:
            StateNotSaved: it could not be kept.

        """
        ...

    def close(self) -> None:
        """
        Make all records durable and take no more.

        Raises:
            StateNotSaved: some could not be kept.

        """
        ...


class Journals(Protocol):
    """Keeps the journal beside a snapshot, where the disk outlives the run."""

    def read(self) -> bytes | None:
        """
        Return the journal that a run left behind, or None.

        Raises:
            StateError: there is one, and it cannot be read.

        """
        ...

    def begin(self, head: bytes, reserve_bytes: int) -> Journal:
        """
        Start a journal whose first line is *head*; room for *reserve_bytes* is set aside.

        Raises:
            StateNotSaved: it cannot be made; there may not be room enough.

        """
        ...

    def drop(self) -> None:
        """
        Remove the journal for good; nothing happens when there is none.

        Raises:
            StateNotSaved: it cannot be removed.

        """
        ...


class StateStore(Protocol):
    """Carries the bytes of a snapshot; it does not understand them."""

    @property
    def journals(self) -> Journals | None:
        """The journal beside the snapshot, or None where the disk may go with the run."""
        ...

    def read(self) -> bytes | None:
        """
        Return the stored bytes, or None when nothing was ever stored.

        Raises:
            StateError: there is something, and it cannot be read.

        """
        ...

    def write(self, data: bytes, previous: bytes | None) -> None:
        """
        Replace the stored bytes at once; a reader sees the old or the new ones, whole.

        Raises:
            StateConflict: what is stored is not *previous* any more.
            StateNotSaved: the store refused.
            StateLocked: the lock is not held by this store, and cannot be had.

        """
        ...

    def lock(self, owner: LockInfo, timeout_s: float) -> AbstractContextManager[None]:
        """
        Hold the lock while the context is open; wait at most *timeout_s* for it.

        Raises:
            StateLocked: somebody else holds it; the message says who.
            StateError: locks cannot be kept there at all.

        """
        ...

    def lock_owner(self) -> LockInfo | None:
        """Return who holds the lock now, or None when it is free."""
        ...

    def break_lock(self, lock_id: str) -> None:
        """
        Remove the lock that *lock_id* names, whatever its holder is doing.

        Raises:
            StateError: it is not that lock, or locks there end with their process.

        """
        ...

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> None:
        """
        Demand that nothing is stored because nothing ever was: a slip in a name reads the same.

        *is_state* says whether some bytes are a state of the same target.

        Raises:
            StateMissing: something else is likely, or nobody can tell.

        """
        ...

    @property
    def recovery(self) -> tuple[str, ...]:
        """How to bring back what was stored before, as hints."""
        ...

    def lock_warning(self) -> str | None:
        """Return why the lock cannot be trusted where the snapshot lives, or None."""
        ...

    def describe(self) -> str:
        """Return where the snapshot lives, in one short line without a secret."""
        ...


class Sealing(Protocol):
    """Makes the seals of a state that is about to be stored."""

    def of(self, after: Snapshot, before: Snapshot) -> Mapping[str, str]:
        """Return the seals of *after*, the successor of *before*."""
        ...

    def renews(self, snapshot: Snapshot) -> bool:
        """Return whether *snapshot* is to be sealed anew, although nothing in it changes."""
        ...


@runtime_checkable
class Joined(Protocol):
    """A store that joins the states of several organizations, each sealed by itself."""

    @property
    def parts(self) -> Mapping[int, Snapshot]:
        """What was read or written last, by organization, where there is something."""
        ...

    @property
    def joined(self) -> Snapshot:
        """What was read or written last, as one: what its bytes say, without decoding them."""
        ...

    def seal_by(self, sealing: Sealing) -> None:
        """Seal each part by *sealing* from now on."""
        ...

    def narrow(self, organizations: frozenset[int]) -> None:
        """Lock only *organizations*: nothing is to be written for the others."""
        ...


class SecretProvider(Protocol):
    """
    Opens the references of one scheme; safe to use from several threads.

    *remote* says that it asks something outside of this process, so that it is
    worth to ask for several secrets at once; each answer has a deadline.
    """

    scheme: str
    remote: bool

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the secret behind *reference*, unaltered.

        Raises:
            SecretMissing: there is none, it is empty, or it must not be used.

        """
        ...


@runtime_checkable
class NarrowableProviders(Protocol):
    """Providers by scheme that can be held to other allow-lists."""

    def narrowed(
        self, env_allow: tuple[str, ...], file_allow: tuple[str, ...], schemes: tuple[str, ...]
    ) -> Mapping[str, SecretProvider]:
        """Return providers that open only what these lists allow; icesync's own key stays open."""
        ...


@runtime_checkable
class FileOpener(Protocol):
    """A provider that can decrypt a whole file."""

    def open_file(self, path: str) -> bytes:
        """
        Return the decrypted text of the file *path*, relative to the configuration.

        Raises:
            SecretMissing: it cannot be decrypted.

        """
        ...


@runtime_checkable
class MetadataProvider(Protocol):
    """A provider that knows more about a secret than its value."""

    def metadata(self, reference: SecretRef) -> SecretMetadata:
        """
        Return the version of the secret and when it was written, as far as that is known.

        Raises:
            SecretMissing: there is no such secret.

        """
        ...


class ReferenceReader(Protocol):
    """A provider, or all of them, that knows a reference by what it leads to."""

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return what the secret is, whatever the spelling and version; asks nobody.

        Raises:
            SecretMissing: no such secret can be.
            SecretForbidden: it must not be looked up.

        """
        ...


def reads_references(provider: object) -> TypeGuard[ReferenceReader]:
    """Return whether *provider* is one; ``isinstance`` takes ten times as long to tell."""
    return callable(getattr(provider, "identify", None))


@runtime_checkable
class CredentialHolder(Protocol):
    """Knows what the job itself logs in with, so that none of it is sent to a mail server."""

    def job_credentials(self) -> Mapping[str, SecretValue]:
        """Return the credentials by the name of their variable."""
        ...


class Gateway(Protocol):
    """Sends one update at a time; each worker thread has a gateway of its own."""

    def send(self, update: Update) -> Outcome:
        """Make one call and return what it came to; never raises for the far end's behaviour."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Prober(Protocol):
    """Logs in to mail servers; safe to use from several threads."""

    def probe(self, target: ProbeTarget, password: SecretValue) -> ProbeResult:
        """Log in at most once, return what was seen; never raises for the far end's behaviour."""
        ...

    def close(self) -> None:
        """Cut what is in flight and take no more."""
        ...


class DomainLookup(Protocol):
    """Asks the DNS about the domains of senders."""

    def look(self, domain: str) -> DomainFacts:
        """Return the records of *domain*; never raises for what the DNS says."""
        ...


class Stores(Protocol):
    """Opens the store that a run needs: of the one state, or of some organizations' states."""

    def single(self) -> StateStore:
        """Return the store of the one state; a refusing one where organizations have theirs."""
        ...

    def of(self, organization: int) -> StateStore:
        """Return the store of one organization's own state."""
        ...

    def joined(self, organizations: Iterable[int], among: Iterable[int] = ()) -> StateStore:
        """
        Return one store over the states of *organizations*.

        Those that it is *among* are looked at where none of them has a state.
        """
        ...

    def kept(self) -> frozenset[int]:
        """Return the organizations whose state is on the disk, whether files name them or not."""
        ...

    def committed(self, organization: int | None) -> Iterable[bytes]:
        """
        Return the versions of one state that git's history has.

        The newest is first. There are none where the state is not kept in git.
        """
        ...

    def aside(self) -> str | None:
        """Return what is to be said about the state that is read, or None."""
        ...

    def shallow(self) -> str | None:
        """Return why earlier states are not known, where git keeps the state, or None."""
        ...

    def others(self) -> Iterable[tuple[str, Iterable[bytes] | None]]:
        """
        Return place and versions of states that the configuration does not name any more.

        The versions are None where they cannot be read from here.
        """
        ...


class Ice(Protocol):
    """The service itself: a token to call it with, and what makes the calls."""

    def token(self) -> SecretValue:
        """
        Return the configured token, or that of the configured login.

        Raises:
            SecretMissing: a reference leads nowhere.
            AccessError: neither is configured, or the login was refused.

        """
        ...

    def log_in(self, login: Login, password: SecretValue) -> SecretValue:
        """
        Return the token that *login* gives.

        Raises:
            AccessError: ICE refused.
            RemoteError: ICE was not reached.

        """
        ...

    def gateways(self, token: SecretValue) -> Callable[[], Gateway]:
        """Return what opens a gateway for each worker."""
        ...


class MailServers(Protocol):
    """What asks mail servers, and the DNS about them."""

    def prober(self, ca_file: str | None, timeout_s: float | None = None) -> Prober:
        """
        Return what logs in; it trusts the certificates of *ca_file* besides the public ones.

        *timeout_s* bounds the probe of one server; without it, its default does.

        Raises:
            UsageError: *ca_file* cannot be used.

        """
        ...

    def domains(self) -> DomainLookup:
        """
        Return what asks the DNS.

        Raises:
            UsageError: its library is not installed, or this machine has no resolver.

        """
        ...


class Caller(Protocol):
    """Who runs icesync, and where."""

    def lock_owner(self, operation: str) -> LockInfo:
        """Return what other runs are told about this one while it holds the lock."""
        ...

    def commit(self) -> str | None:
        """Return the commit that is checked out, or None."""
        ...

    def files_at(self, ref: str, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """
        Return the files of the configuration's folder at a git ref whose path is *wanted*.

        Raises:
            UsageError: git does not have them.

        """
        ...

    def is_unreviewed(self) -> bool:
        """Return whether this is the pipeline of a change that nobody may have approved yet."""
        ...

    def is_committed(self, path: str) -> bool:
        """Return whether git would take up a file at *path*; False where there is no git."""
        ...

    def is_tracked(self, path: str) -> bool:
        """Return whether git has the file at *path* already; False where there is no git."""
        ...


class Signals(Protocol):
    """What SIGINT, SIGTERM and SIGHUP do; elsewhere they raise KeyboardInterrupt at once."""

    def stopping(self, stop: StopRequest) -> AbstractContextManager[None]:
        """Turn a signal into a request to *stop* while the context is open."""
        ...

    def finishing(self) -> AbstractContextManager[None]:
        """
        Let what is done in the context end first, for a few seconds; then raise.

        Raises:
            KeyboardInterrupt: a signal came meanwhile.

        """
        ...


class StopRequest(Protocol):
    """A request to end early; set by a signal handler, so setting it does nothing else."""

    signal_number: int | None

    def request(self, signal_number: int, grace_s: float) -> None:
        """Begin nothing more; what is in flight gets *grace_s* seconds."""
        ...


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        ...


class CommentThread(Protocol):
    """
    Where texts are posted: the comments of one review, or the open issues of a project.

    All calls may end in ForgeUnreachable, ForgeReadOnly, ForgeRefused, or
    AccessError for a token that is not accepted.
    """

    def posts(self) -> Iterator[Post]:
        """Yield what the token's own account posted, oldest first; others' is not seen."""
        ...

    def post(self, text: str) -> Post:
        """
        Post *text*, whose first line is a marker.

        Raises:
            TextTooLong: the forge keeps no text of that length.

        """
        ...

    def remove(self, post: Post) -> None:
        """Take *post* away: a comment is deleted, an issue is closed."""
        ...

    def edit(self, post: Post, text: str) -> Post:
        """
        Replace the text of *post*.

        Raises:
            TextTooLong: the forge keeps no text of that length.

        """
        ...


class IssueThread(CommentThread, Protocol):
    """The open issues of a project."""

    def close(self, post: Post) -> None:
        """Close the issue *post*; it is not among :meth:`posts` any more."""
        ...
