"""Terraform's HTTP protocol, with everything that a state server may do to it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from distant import listening
from distantstate import FakeGitLab, FakeStateServer
from fakes import FakeClock

from icesync.errors import (
    AccessError,
    ConfigInvalid,
    IcesyncError,
    StateConflict,
    StateError,
    StateLocked,
    StateNotSaved,
)
from icesync.model.project import Backend, StateSettings
from icesync.model.snapshot import LockInfo
from icesync.net import ClientOptions, trust_store
from icesync.stores.gitlab import http_endpoint
from icesync.stores.httpcalls import HttpEndpoint, StateServer
from icesync.stores.httpstore import HttpStore

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE, TWO = b'{"serial": 1}', b'{"serial": 2}'
OWNER = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z", "https://ci/1")
OTHER = LockInfo("77aa", "apply", "alex@runner-2", 4712, "2026-01-01T00:01:00Z", "https://ci/2")
OPTIONS = ClientOptions("", 5, "icesync/test", trust=trust_store())


@pytest.fixture
def server() -> FakeStateServer:
    """A state server."""
    return FakeStateServer()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What closes the servers of a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def store(server: FakeStateServer, stack: ExitStack) -> HttpStore:
    """A store at *server*."""
    return at(stack.enter_context(listening(server.answer)))


def at(
    address: str,
    password: str = FakeStateServer.user.partition(":")[2],
    clock: FakeClock | None = None,
) -> HttpStore:
    """Return a store at *address*."""
    endpoint = HttpEndpoint(
        f"{address}/state", f"{address}/lock", None, username="icesync", password=password,
        advice=("the advice",),
    )  # fmt: skip
    return HttpStore(endpoint, StateServer(OPTIONS), clock or FakeClock())


def gitlab(server: FakeGitLab, stack: ExitStack, **environ: str) -> HttpStore:
    """Return a store at a GitLab, as one of its jobs sees it."""
    address = stack.enter_context(listening(server.answer))
    state = StateSettings(Backend.HTTP, preset="gitlab", name="mail.prod")
    variables = {"CI_API_V4_URL": f"{address}/api/v4", "CI_PROJECT_ID": "42", **environ}
    return HttpStore(http_endpoint(state, variables), StateServer(OPTIONS), FakeClock())


@pytest.mark.parametrize(("status", "body"), [(404, b""), (204, b""), (200, b"")])
def test_nothing_stored(
    server: FakeStateServer, store: HttpStore, status: int, body: bytes
) -> None:
    """No row, a row without a file, and an empty file all mean: nothing was ever stored."""
    server.trouble = lambda *_: (status, body)

    assert store.read() is None


def test_a_write_names_its_lock(server: FakeStateServer, store: HttpStore) -> None:
    """The lock's id rides along; without a lock of one's own, one is taken for the moment."""
    store.write(ONE, None)

    assert server.data == ONE
    assert server.lock is None
    assert server.asked == [
        "LOCK /lock", "GET /state", "POST /state", "GET /state", "UNLOCK /lock",
    ]  # fmt: skip


def test_a_run_asks_for_nothing_that_it_knows(server: FakeStateServer, store: HttpStore) -> None:
    """Under a lock what was read and written is there; only the first save is read back."""
    server.data = ONE
    with store.lock(OWNER, 0):
        store.write(TWO, store.read())
        store.write(ONE, TWO)

    assert server.asked == [
        "LOCK /lock", "GET /state", "POST /state", "GET /state", "POST /state", "UNLOCK /lock",
    ]  # fmt: skip


def test_a_lock_may_be_broken_while_a_person_thinks(
    server: FakeStateServer, stack: ExitStack
) -> None:
    """What was read a while ago is read again before it is replaced, also under the lock."""
    clock = FakeClock()
    store = at(stack.enter_context(listening(server.answer)), clock=clock)
    with store.lock(OWNER, 0):
        assert store.read() is None
        clock.sleep(60)
        server.data = TWO
        with pytest.raises(StateConflict, match="was changed by another run"):
            store.write(ONE, None)

    assert server.data == TWO


def test_gitlab_speaks_with_its_own_words(stack: ExitStack) -> None:
    """Addresses and methods are GitLab's; dots in a name are kept, a path of a project escaped."""
    server = FakeGitLab()
    store = gitlab(server, stack, CI_JOB_TOKEN="job-token")

    with store.lock(OWNER, 0):
        store.write(ONE, None)
        store.write(TWO, ONE)

    base = "/api/v4/projects/42/terraform/state/mail.prod"
    assert server.asked[0] == f"POST {base}/lock"
    assert server.asked[-1] == f"DELETE {base}/lock"
    assert (server.data, server.lock) == (TWO, None)
    assert store.describe().endswith(base)


def test_gitlab_does_not_say_whose_words_it_repeats(stack: ExitStack) -> None:
    """Of a holder only id, name and time are GitLab's word; the rest is what the asker sent."""
    server = FakeGitLab()
    store = gitlab(server, stack, CI_JOB_TOKEN="job-token")
    with store.lock(OWNER, 0), pytest.raises(StateLocked) as caught, store.lock(OTHER, 20):
        pass

    assert "locked by chris@runner-7 since 2026-01-01T00:00:00Z" in caught.value.message
    assert "ci/2" not in caught.value.message
    assert caught.value.hints[1] == (
        "if that run is dead for certain: icesync state unlock --force 4f1c"
    )


def test_a_serial_that_is_there_already_decides_by_what_is_there(stack: ExitStack) -> None:
    """A write whose answer was lost is found; another one of the same serial is a conflict."""
    server = FakeGitLab()
    store = gitlab(server, stack, CI_JOB_TOKEN="job-token")
    lost = iter([(502, b"")])
    server.trouble = lambda method, path: (
        next(lost, None) if method == "POST" and not path.endswith("/lock") else None
    )

    store.write(ONE, None)
    assert server.data == ONE

    server.serials.add(2)
    with pytest.raises(StateConflict, match="a different state with the same serial"):
        store.write(TWO, ONE)


@pytest.mark.parametrize("before", [True, False], ids=["not stored", "stored"])
def test_a_server_that_fails_for_a_moment(
    server: FakeStateServer, store: HttpStore, before: bool
) -> None:
    """Reading, locking and writing are tried again; what is stored then is what was written."""
    failures = {"GET": 1, "LOCK": 2, "POST": 2, "UNLOCK": 1}

    def trouble(method: str, _: str) -> tuple[int, Any] | None:
        failures[method] -= 1
        return (503, b"") if failures[method] >= 0 else None

    server.trouble, server.before = trouble, before
    with store.lock(OWNER, 0):
        store.write(ONE, None)

    assert (server.data, server.lock) == (ONE, None)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "LOCK", "POST", "UNLOCK"])
def test_a_server_that_throttles_is_asked_again_when_it_says(
    server: FakeStateServer, stack: ExitStack, method: str, status: int
) -> None:
    """``Retry-After`` is obeyed, for reading, locking, saving and unlocking alike."""
    address = stack.enter_context(listening(server.answer))
    clock, left = FakeClock(), [2]
    store = at(address, clock=clock)

    def trouble(asked: str, _: str) -> tuple[int, Any, dict[str, str]] | None:
        if asked != method or left[0] == 0:
            return None
        left[0] -= 1
        return status, b"", {"Retry-After": "7"}

    server.trouble, server.before = trouble, True
    with store.lock(OWNER, 0):
        store.write(ONE, None)

    assert (server.data, server.lock, left) == (ONE, None, [0])
    assert clock.sleeps[:2] == [7.0, 7.0]


def test_a_save_is_not_given_up_while_there_is_time(
    server: FakeStateServer, stack: ExitStack
) -> None:
    """Two minutes of failures do not lose what ICE confirmed."""
    address = stack.enter_context(listening(server.answer))
    clock = FakeClock()
    store = at(address, clock=clock)
    with store.lock(OWNER, 0):
        ends = clock.monotonic() + 120
        server.trouble = lambda method, _: (
            (503, b"") if method == "POST" and clock.monotonic() < ends else None
        )
        store.write(ONE, None)

    assert server.data == ONE


@pytest.mark.parametrize(
    ("method", "status", "kind", "told"),
    [
        ("GET", 401, AccessError, "refused to read: status 401"),
        ("GET", 403, AccessError, "refused to read: status 403"),
        ("GET", 500, StateError, ": status 500"),
        ("GET", 302, StateError, ": status 302"),
        ("LOCK", 403, AccessError, "refused to lock: status 403"),
        ("LOCK", 201, StateError, ": status 201"),
        ("LOCK", 500, StateError, ": status 500"),
        ("POST", 401, StateNotSaved, "rejected the state: status 401"),
        ("POST", 413, StateNotSaved, "is too large"),
        ("POST", 400, StateNotSaved, "rejected the state: status 400"),
        ("POST", 409, StateNotSaved, "was removed by another run"),
        ("POST", 500, StateNotSaved, "did not store the state: status 500"),
        ("POST", 200, StateNotSaved, "accepted the state, but returns a different one"),
        ("UNLOCK", 409, StateError, "could not be released: status 409"),
    ],
)
def test_what_a_server_refuses(
    server: FakeStateServer,
    store: HttpStore,
    method: str,
    status: int,
    kind: type[IcesyncError],
    told: str,
) -> None:
    """Each refusal has its own error, and says where; a write that is lost is no write."""
    server.trouble = lambda asked, _: (status, b"") if asked == method else None
    server.before = True

    with pytest.raises(kind) as caught, store.lock(OWNER, 0):
        store.write(ONE, None)

    assert type(caught.value) is kind
    assert told in caught.value.message
    assert "letmein" not in repr(caught.value.hints) + caught.value.message


def test_advice_stands_where_access_is_refused(server: FakeStateServer, stack: ExitStack) -> None:
    """Wrong credentials: exit 4, with what to look at."""
    store = at(stack.enter_context(listening(server.answer)), password="wrong")

    with pytest.raises(AccessError) as caught:
        store.read()

    assert caught.value.hints == ("the advice",)


def test_a_server_that_is_away() -> None:
    """Nothing can be read, locked, written nor said of the lock."""
    store = at("http://127.0.0.1:1")

    for act in (store.read, lambda: store.lock(OWNER, 0).__enter__(), store.lock_owner,
                lambda: store.break_lock("x")):  # fmt: skip
        with pytest.raises(StateError, match="is unreachable: no connection"):
            act()


def test_a_reply_that_was_damaged_on_its_way(stack: ExitStack) -> None:
    """A server that tells a digest of what it sends is held to it."""

    def answer(*_: Any) -> Any:
        return 200, ONE, {"Content-MD5": "bm90IGl0"}

    store = at(stack.enter_context(listening(answer)))

    with pytest.raises(StateError, match="was damaged in transit"):
        store.read()


def test_another_run_wrote_meanwhile(server: FakeStateServer, store: HttpStore) -> None:
    """Under the lock, what was read must still be there."""
    server.data = TWO

    with pytest.raises(StateConflict, match="was changed by another run"), store.lock(OWNER, 0):
        store.write(ONE, None)

    assert server.data == TWO


@pytest.mark.parametrize("reply", [b"<html>", b"[]", b'{"ID": 7, "Who": "a\\u001b[31m"}'])
def test_a_holder_that_nobody_can_read(
    server: FakeStateServer, store: HttpStore, reply: bytes
) -> None:
    """A lock is held even where nobody says by whom."""
    server.trouble = lambda method, _: (423, reply) if method == "LOCK" else None

    with pytest.raises(StateLocked, match=r"is locked; holder unknown") as caught:
        store.lock(OWNER, 0).__enter__()

    assert caught.value.hints == ("pass `--lock-timeout 5m` to wait for it",)


def test_waiting_for_a_lock_backs_off(server: FakeStateServer, stack: ExitStack) -> None:
    """One second, doubling up to sixteen, and never beyond the time that was given."""
    clock = FakeClock()
    address = stack.enter_context(listening(server.answer))
    endpoint = HttpEndpoint(f"{address}/state", f"{address}/lock", username="icesync",
                            password="letmein")  # fmt: skip
    store, waiting = (HttpStore(endpoint, StateServer(OPTIONS), clock) for _ in range(2))

    with store.lock(OWNER, 0), pytest.raises(StateLocked), waiting.lock(OTHER, 40):
        pass

    assert [m for m in server.asked if m == "LOCK /lock"] == ["LOCK /lock"] * 8
    assert clock.monotonic() == 40


def test_a_lock_of_a_dead_run_is_broken_by_its_id(
    server: FakeStateServer, store: HttpStore
) -> None:
    """Only the lock that was meant, and the server has the last word."""
    server.lock = {"ID": "4f1c", "Who": "chris@runner-7", "Created": "then"}

    with pytest.raises(StateError, match="did not release that lock: status 409"):
        store.break_lock("another")
    store.break_lock("4f1c")

    assert server.lock is None
    assert store.lock_owner() is None


def test_without_a_lock_address_there_is_no_lock(server: FakeStateServer, stack: ExitStack) -> None:
    """It works, and says so each time."""
    address = stack.enter_context(listening(server.answer))
    endpoint = HttpEndpoint(f"{address}/state", username="icesync", password="letmein")
    store = HttpStore(endpoint, StateServer(OPTIONS), FakeClock())

    with store.lock(OWNER, 0):
        assert store.lock_owner() is None
    assert "has no lock" in str(store.lock_warning())
    with pytest.raises(StateError, match="has no lock"):
        store.break_lock("x")


def test_credentials_do_not_travel_in_clear() -> None:
    """An address is https, or on this machine; and an endpoint does not show its password."""
    endpoint = HttpEndpoint("http://states.example.org/x", username="u", password="hunter2")

    assert "hunter2" not in repr(endpoint)
    with pytest.raises(ConfigInvalid, match="start with https://"):
        HttpStore(endpoint, StateServer(OPTIONS), FakeClock())


def test_a_description_holds_neither_user_nor_query() -> None:
    """What is shown is where, not who."""
    endpoint = HttpEndpoint("https://user:pw@states.example.org/x?token=hunter2")

    assert (
        HttpStore(endpoint, StateServer(OPTIONS), FakeClock()).describe()
        == "https://states.example.org/x"
    )


@pytest.mark.parametrize(
    ("environ", "user"),
    [
        ({"CI_JOB_TOKEN": "x"}, "gitlab-ci-token:x"),
        ({"GITLAB_TOKEN": "x"}, "icesync:x"),
        ({"ICESYNC_GITLAB_TOKEN": "x", "GITLAB_TOKEN": "y"}, "icesync:x"),
        ({"ICESYNC_STATE_PASSWORD": "x", "CI_JOB_TOKEN": "y"}, "icesync:x"),
        (
            {
                "TF_HTTP_USERNAME": "bot",
                "TF_HTTP_PASSWORD": "x",
                "TF_HTTP_ADDRESS": "https://gitlab.com/api/v4/projects/1/terraform/state/a",
            },
            "bot:x",
        ),
        ({"TF_HTTP_USERNAME": "bot", "TF_HTTP_PASSWORD": "x", "GITLAB_TOKEN": "y"}, "icesync:y"),
    ],
)
def test_who_asks_gitlab(environ: dict[str, str], user: str) -> None:
    """What was given for icesync comes before what a job has anyway."""
    state = StateSettings(Backend.HTTP, preset="gitlab", name="mail", project="team/ice")

    endpoint = http_endpoint(state, environ)

    assert f"{endpoint.username}:{endpoint.password}" == user
    assert endpoint.address == (
        "https://gitlab.com/api/v4/projects/team%2Fice/terraform/state/mail"
    )


def test_gitlab_outside_of_its_jobs() -> None:
    """Which project and who asks must then be said."""
    state = StateSettings(Backend.HTTP, preset="gitlab", name="mail")

    with pytest.raises(ConfigInvalid, match="needs a project"):
        http_endpoint(state, {"GITLAB_TOKEN": "x"})
    with pytest.raises(AccessError, match="has no token"):
        http_endpoint(state, {"CI_PROJECT_ID": "42"})


@pytest.mark.parametrize(
    ("named", "lock", "user"),
    [
        ("https://s.test/a/7", None, "bot:x"),
        ("https://s.test/a/7", "https://s.test/lock", "bot:x"),
        ("https://s.test/a/{organization}", None, "bot:x"),
        ("https://s.test/a/7", "https://evil.test/lock", ":"),
        ("https://s.test/a/7", "https://s.test:1/lock", ":"),
        ("https://s.test/b", None, ":"),
        ("https://other.test/a/7", None, ":"),
        ("", None, ":"),
    ],
)
def test_credentials_of_terraform_are_for_its_own_address(
    named: str, lock: str | None, user: str
) -> None:
    """They open another state, unless the job says that the address is the same one."""
    state = StateSettings(Backend.HTTP, address="https://s.test/a/7", lock_address=lock)
    environ = {"TF_HTTP_USERNAME": "bot", "TF_HTTP_PASSWORD": "x", "TF_HTTP_ADDRESS": named}

    endpoint = http_endpoint(state, environ)

    assert f"{endpoint.username}:{endpoint.password}" == user
