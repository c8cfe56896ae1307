"""Stand-ins for the ports: small, honest, and with every failure on request."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier, Lock
from time import sleep
from typing import TYPE_CHECKING, Any

from icesync.engine.session import Session
from icesync.errors import (
    AccessError,
    SecretMissing,
    StateConflict,
    StateError,
    StateLocked,
    StateMissing,
    StateNotSaved,
    TextTooLong,
    UsageError,
)
from icesync.model.pipeline import Post
from icesync.model.probe import ProbeKind, ProbeResult
from icesync.model.report import (
    ApplyEnded,
    ApplyStarted,
    CallsPaused,
    CallStarted,
    ChangeEnded,
    Outcome,
    OutcomeKind,
)
from icesync.model.secret import SecretRef, SecretValue
from icesync.model.snapshot import LockInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from icesync.model.desired import Address
    from icesync.model.plan import Update
    from icesync.model.probe import ProbeTarget
    from icesync.model.project import Login, Project
    from icesync.model.report import Event, Result
    from icesync.ports import (
        Clock,
        DomainLookup,
        Gateway,
        Journals,
        Prober,
        SecretProvider,
        StateStore,
    )

__all__ = [
    "FakeBoard",
    "FakeCaller",
    "FakeClock",
    "FakeGateway",
    "FakeIce",
    "FakeMailServers",
    "FakeProber",
    "FakeProgress",
    "FakeProvider",
    "FakeStore",
    "FakeStores",
    "SentUpdate",
    "fake_session",
]


class FakeStore:
    """
    A state store in memory.

    *data* is what is stored, *writes* every accepted write in order. Writes
    after the first *fail_writes_after* are refused; *held_by* plays another run
    that holds the lock; *missing* that a store of another place would be empty, too.
    """

    def __init__(
        self,
        data: bytes | None = None,
        *,
        fail_writes_after: int | None = None,
        held_by: LockInfo | None = None,
        missing: bool = False,
    ) -> None:
        self.data = data
        self.missing = missing
        self.fail_writes_after = fail_writes_after
        self.held_by = held_by
        self.writes: list[bytes] = []
        self.journals: Journals | None = None

    def read(self) -> bytes | None:
        """Return what is stored."""
        return self.data

    def write(self, data: bytes, previous: bytes | None) -> None:
        """Replace what is stored, unless it changed or a failure was asked for."""
        if not data:
            raise ValueError("a state is never empty")
        if self.data != previous:
            raise StateConflict("the fake store was changed by another run")
        if self.fail_writes_after is not None and len(self.writes) >= self.fail_writes_after:
            raise StateNotSaved("the fake store refuses", "fake hint")
        self.data = data
        self.writes.append(data)

    @contextmanager
    def lock(self, owner: LockInfo, timeout_s: float) -> Iterator[None]:
        """Hold the lock; a held one is refused at once, whatever *timeout_s* says."""
        if self.held_by is not None:
            raise StateLocked(f"the fake store is locked by {self.held_by.who} after {timeout_s} s")
        self.held_by = owner
        try:
            yield
        finally:
            self.held_by = None

    def lock_owner(self) -> LockInfo | None:
        """Return who holds the lock."""
        return self.held_by

    def break_lock(self, lock_id: str) -> None:
        """Remove the lock of that id."""
        if self.held_by is None or self.held_by.id != lock_id:
            raise StateError("the fake store is not locked by that")
        self.held_by = None

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> None:  # noqa: ARG002
        """Take nothing for a first use, unless another place is said to be the right one."""
        if self.missing:
            raise StateMissing("the fake store has nothing at that place", "fake hint")

    @property
    def recovery(self) -> tuple[str, ...]:
        """Return a hint."""
        return ("fake recovery",)

    def lock_warning(self) -> str | None:
        """Return None: memory is local."""
        return None

    def describe(self) -> str:
        """Return a short name."""
        return "fake store"


class FakeProvider:
    """
    A secret provider over *values*, keyed by what follows ``ref+SCHEME://``.

    *fetched* lists the references that were asked for, in order.
    """

    def __init__(
        self,
        scheme: str = "fake",
        values: Mapping[str, str] | None = None,
        *,
        remote: bool = False,
    ) -> None:
        self.scheme = scheme
        self.remote = remote
        self.values = dict(values or {})
        self.fetched: list[SecretRef] = []

    def fetch(self, reference: SecretRef) -> SecretValue:
        """Return the value of *reference*, or say that there is none."""
        self.fetched.append(reference)
        value = self.values.get(reference.text.partition("://")[2])
        if value is None:
            raise SecretMissing(f"`{reference}` is not set")
        if not value:
            raise SecretMissing(f"`{reference}` is empty")
        return SecretValue(value)


@dataclass(frozen=True)
class SentUpdate:
    """An update for tests that call a gateway themselves."""

    address: Address
    settings: Mapping[str, int | bool | str]
    secrets: Mapping[str, SecretValue]


class FakeGateway:
    """
    A gateway that records what it is sent; one may serve many threads.

    *outcomes* says by address how calls end: one outcome for all of them, or a
    sequence for one after the other, of which the last one stays. An address
    that is not there is applied. *on_send* runs inside of each call, before its
    outcome: for a barrier, a signal, or an exception that no gateway may raise.
    """

    def __init__(
        self,
        outcomes: Mapping[Address, Outcome | Sequence[Outcome]] | None = None,
        *,
        on_send: Callable[[Update], None] | None = None,
    ) -> None:
        self.updates: list[Update] = []
        self.closed = 0
        self._outcomes = {
            address: [given] if isinstance(given, Outcome) else list(given)
            for address, given in (outcomes or {}).items()
        }
        self._on_send = on_send
        self._mutex = Lock()

    @property
    def addresses(self) -> list[Address]:
        """The addresses that were sent, in order of sending."""
        return [update.address for update in self.updates]

    def send(self, update: Update) -> Outcome:
        """Record *update* and return its outcome."""
        with self._mutex:
            self.updates.append(update)
        if self._on_send is not None:
            self._on_send(update)
        with self._mutex:
            waiting = self._outcomes.get(update.address, [Outcome(OutcomeKind.APPLIED)])
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def close(self) -> None:
        """Count the call."""
        with self._mutex:
            self.closed += 1


class FakeClock:
    """A clock that moves only by :meth:`sleep` and :meth:`advance`; *sleeps* lists the waits."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.sleeps: list[float] = []
        self._start = start
        self._elapsed_s = 0.0
        self._mutex = Lock()

    def now(self) -> datetime:
        """Return the start and what has passed since."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass at once, and remember them."""
        with self._mutex:
            self.sleeps.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass; nobody waited for them."""
        with self._mutex:
            self._elapsed_s += seconds


class FakeProgress:
    """
    Remembers what it was told.

    *total* is None before the start; *called* are addresses, *pauses* pairs of
    seconds and reason.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self.called: list[Address] = []
        self.pauses: list[tuple[float, str]] = []
        self.results: list[Result] = []
        self.stopped = False

    def __call__(self, event: Event) -> None:
        """Remember *event*."""
        match event:
            case ApplyStarted(plan):
                self.total = len(plan.effective)
            case CallStarted(change):
                self.called.append(change.address)
            case CallsPaused(wait_s, reason):
                self.pauses.append((wait_s, reason))
            case ChangeEnded(result):
                self.results.append(result)
            case ApplyEnded():
                self.stopped = True
            case _:
                pass


class FakeStores:
    """One store for everything; *kept* are organizations with a state on the disk."""

    def __init__(self, store: StateStore, kept: frozenset[int] = frozenset()) -> None:
        self._store = store
        self._kept = kept
        self.opened: list[frozenset[int]] = []

    def single(self) -> StateStore:
        """Return the store."""
        return self._store

    def of(self, organization: int) -> StateStore:
        """Return the store."""
        self.opened.append(frozenset({organization}))
        return self._store

    def joined(self, organizations: Iterable[int], among: Iterable[int] = ()) -> StateStore:  # noqa: ARG002
        """Return the store, and remember whose state it was opened for."""
        self.opened.append(frozenset(organizations))
        return self._store

    def kept(self) -> frozenset[int]:
        """Return what was said."""
        return self._kept

    def committed(self, organization: int | None) -> Iterable[bytes]:  # noqa: ARG002
        """Return nothing: the store is not kept in git."""
        return ()

    def aside(self) -> str | None:
        """Return nothing."""
        return None

    def shallow(self) -> str | None:
        """Return nothing: the store is not kept in git."""
        return None

    def others(self) -> Iterable[tuple[str, Iterable[bytes] | None]]:
        """Return nothing: there is one store."""
        return ()


class FakeIce:
    """Gives *token* to whoever asks, and *gateway* to each worker."""

    def __init__(self, token: SecretValue | None = None, gateway: Gateway | None = None) -> None:
        self._token = token
        self._gateway = gateway

    def token(self) -> SecretValue:
        """Return the token."""
        if self._token is None:
            raise AccessError("the fake ICE has no token")
        return self._token

    def log_in(self, login: Login, password: SecretValue) -> SecretValue:  # noqa: ARG002
        """Return the token."""
        return self.token()

    def gateways(self, token: SecretValue) -> Callable[[], Gateway]:  # noqa: ARG002
        """Return what gives the one gateway."""
        gateway = self._gateway or FakeGateway()
        return lambda: gateway


class FakeMailServers:
    """Gives *prober* to whoever asks; there is no DNS."""

    def __init__(self, prober: Prober | None = None) -> None:
        self._prober = prober

    def prober(self, ca_file: str | None, timeout_s: float | None = None) -> Prober:  # noqa: ARG002
        """Return the prober."""
        return self._prober or FakeProber()

    def domains(self) -> DomainLookup:
        """Refuse."""
        raise UsageError("the fake mail servers have no DNS")


class FakeCaller:
    """
    Somebody on a machine, at a commit; *history* has the files of each git ref.

    *committed* are the files that git takes up, and whether it has them already.
    """

    def __init__(
        self,
        history: Mapping[str, Mapping[str, bytes]] | None = None,
        committed: Mapping[str, bool] | None = None,
    ) -> None:
        self.history = history or {}
        self.committed = committed or {}

    def lock_owner(self, operation: str) -> LockInfo:
        """Return what a lock says."""
        return LockInfo("1", operation, "chris@fake", 4711, "2026-01-01T00:00:00Z")

    def commit(self) -> str | None:
        """Return a commit."""
        return "0123456789abcdef" * 2 + "01234567"

    def files_at(self, ref: str, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """Return the files of *ref* that are wanted."""
        return {path: data for path, data in self.history[ref].items() if wanted(path)}

    def is_unreviewed(self) -> bool:
        """Return that it was approved."""
        return False

    def is_committed(self, path: str) -> bool:
        """Return whether it is one of the files that git takes up."""
        return path in self.committed

    def is_tracked(self, path: str) -> bool:
        """Return whether git has it already."""
        return self.committed.get(path, False)


def fake_session(
    project: Project,
    store: StateStore,
    provider: SecretProvider,
    clock: Clock | None = None,
    **ports: Any,
) -> Session:
    """Return a session over fakes; *ports* replace any of them."""
    chosen = {
        "stores": FakeStores(store), "ice": FakeIce(), "mail": FakeMailServers(),
        "caller": FakeCaller(), **ports,
    }  # fmt: skip
    return Session(project, providers={"fake": provider}, clock=clock or FakeClock(), **chosen)


class FakeBoard:
    """
    A board in memory; *texts* is what stands there, in order.

    *failures* are raised one after the other by whatever is called next; None
    lets a call through. *lost* posts the text and then fails, as a reply that is lost.
    """

    def __init__(self, *failures: Exception | None, most_bytes: int = 1_000_000) -> None:
        self.failures = list(failures)
        self.most_bytes = most_bytes
        self.lost: Exception | None = None
        self.writes: list[str] = []
        self._posts: dict[int, Post] = {}

    @property
    def texts(self) -> list[str]:
        """What stands there."""
        return [post.text for post in self._posts.values()]

    def say(self, text: str, token: str | None = None) -> None:
        """Let the account of this board post *text*, or a stranger by whatever other *token*."""
        if token is None or "ours" in token:
            self._put(len(self._posts) + 1, text)

    def posts(self) -> Iterator[Post]:
        """Yield what stands there."""
        self._fail()
        yield from list(self._posts.values())

    def post(self, text: str) -> Post:
        """Put *text* there."""
        self._fail()
        self.writes.append("post")
        return self._put(len(self._posts) + 1, text)

    def edit(self, post: Post, text: str) -> Post:
        """Replace the text of *post*."""
        self._fail()
        self.writes.append("edit")
        return self._put(post.id, text)

    def remove(self, post: Post) -> None:
        """Take *post* away."""
        self.close(post)

    def close(self, post: Post) -> None:
        """Take *post* away."""
        self._fail()
        self.writes.append("close")
        del self._posts[post.id]

    def _put(self, number: int, text: str) -> Post:
        if len(text.encode()) > self.most_bytes:
            raise TextTooLong("the fake board keeps no text of that length")
        self._posts[number] = Post(number, text, f"https://fake.test/{number}")
        lost, self.lost = self.lost, None
        if lost is not None:
            raise lost
        return self._posts[number]

    def _fail(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure


class FakeProber:
    """
    Gives each login the result of its port, :attr:`ProbeKind.OK` unless told otherwise.

    *probed* lists the targets in the order in which they began; *most* says how
    many were under way at once: in all, for a host, for an account. With *meet*
    each waits until so many are there; with *linger_s* a moment, so that whoever may come does.
    """

    def __init__(
        self,
        results: Mapping[int, ProbeResult] | None = None,
        *,
        meet: int = 0,
        linger_s: float = 0.0,
    ) -> None:
        self.probed: list[ProbeTarget] = []
        self.closed = 0
        self.most: Counter[str] = Counter()
        self._results = results or {}
        self._under_way: list[ProbeTarget] = []
        self._mutex = Lock()
        self._meeting = Barrier(meet, timeout=20) if meet else None
        self._linger_s = linger_s

    def probe(self, target: ProbeTarget, password: SecretValue) -> ProbeResult:  # noqa: ARG002
        """Return the result for *target*."""
        with self._mutex:
            self.probed.append(target)
            self._under_way.append(target)
            hosts = Counter(t.host for t in self._under_way)
            accounts = Counter((t.host, t.username) for t in self._under_way)
            now = (len(self._under_way), max(hosts.values()), max(accounts.values()))
            for name, count in zip(("all", "host", "account"), now, strict=True):
                self.most[name] = max(self.most[name], count)
        if self._meeting is not None:
            self._meeting.wait()
        sleep(self._linger_s)
        with self._mutex:
            self._under_way.remove(target)
        return self._results.get(target.port, ProbeResult(ProbeKind.OK))

    def close(self) -> None:
        """Count the call."""
        self.closed += 1
