"""Objects of a bucket: conditions that hold, and stores that only say so."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from distant import listening
from distantstate import DishonestProxy, FakeGoogleStorage, aim_at, aim_at_google
from fakes import FakeClock

from icesync.errors import (
    AccessError,
    ConfigInvalid,
    IcesyncError,
    SecretStoreUnreachable,
    StateConflict,
    StateError,
    StateLocked,
    StateNotSaved,
)
from icesync.model.secret import parse_secret_ref
from icesync.model.snapshot import LockInfo
from icesync.secrets.aws import AwsProvider
from icesync.stores.lock_info import write_lock
from icesync.stores.objectstore import ObjectStore, open_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mailscript import Certificates

OWNER = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z", "https://ci/1")
OTHER = LockInfo("77aa", "apply", "alex@runner-2", 4712, "2026-01-01T00:01:00Z", "https://ci/2")


@pytest.fixture
def proxy(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DishonestProxy]:
    """A store that is honest until a test says otherwise."""
    proxy = DishonestProxy(s3_address)
    with ExitStack() as stack:
        aim_at(stack.enter_context(listening(proxy.answer)), monkeypatch)
        yield proxy


@pytest.fixture
def url() -> str:
    """An object that no other test has."""
    return f"s3://icesync-states/{os.urandom(8).hex()}/mail.json"


def at(url: str) -> ObjectStore:
    """Return a store at *url*."""
    return ObjectStore(open_bucket(url, os.environ), url, FakeClock())


def test_a_store_that_ignores_conditions_is_refused(proxy: DishonestProxy, url: str) -> None:
    """Where two can create one object no lock holds; nothing of the trial stays behind."""
    proxy.ignores = True

    with pytest.raises(
        StateError, match="does not support conditional writes, so it cannot be locked"
    ):
        at(url).lock(OWNER, 0).__enter__()

    proxy.ignores = False
    assert at(url).lock_owner() is None


def test_a_write_that_is_lost_is_no_write(proxy: DishonestProxy, url: str) -> None:
    """A yes is believed once the object is the one that was written."""
    store = at(url)
    store.write(b"one", None)
    proxy.loses = True

    with pytest.raises(StateNotSaved, match="confirmed the state, but returns a different one"):
        store.write(b"two", b"one")


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (403, AccessError, "refused to read: PermissionDeniedError"),
        (401, AccessError, "refused to read: UnauthenticatedError"),
        (400, StateError, "is unreachable: GenericError"),
    ],
)
def test_a_store_that_refuses(
    proxy: DishonestProxy, url: str, status: int, kind: type[Exception], told: str
) -> None:
    """Wrong credentials are told apart from a store that cannot be used."""
    proxy.status = status

    with pytest.raises(kind, match=told):
        at(url).read()
    with pytest.raises(StateNotSaved if status == 400 else kind):
        at(url).write(b"one", b"zero" if status != 400 else None)
    with pytest.raises(kind):
        at(url).lock(OWNER, 0).__enter__()


@pytest.mark.usefixtures("proxy")
def test_two_writers_and_one_wins(url: str) -> None:
    """Who read first and wrote second is told, though neither held a lock."""
    first, second = at(url), at(url)
    first.write(b"one", None)
    second.read()
    first.write(b"two", b"one")

    with pytest.raises(StateConflict, match="was changed by another run"):
        second.write(b"three", b"one")
    with pytest.raises(StateConflict):
        at(url).write(b"four", None)

    assert first.read() == b"two"


@pytest.mark.usefixtures("proxy")
def test_a_lock_of_a_dead_run_is_broken_by_its_id(url: str) -> None:
    """The next one is told who, and breaks it by that id only."""
    dead = at(url)
    dead._put(dead._lock_path, write_lock(OWNER), "create")
    with pytest.raises(StateLocked) as caught:
        at(url).lock(OTHER, 3).__enter__()

    assert "by chris@runner-7 since 2026-01-01T00:00:00Z: https://ci/1" in caught.value.message
    assert at(url).lock_owner() == OWNER
    with pytest.raises(StateError, match="is not locked by 77aa"):
        at(url).break_lock("77aa")
    at(url).break_lock("4f1c")
    assert at(url).lock_owner() is None


@pytest.mark.usefixtures("proxy")
def test_a_lock_that_was_broken_meanwhile_is_told(url: str) -> None:
    """Who comes to free a lock that is gone learns that it did not hold."""
    store = at(url)

    with pytest.raises(StateError, match="another run removed that lock"), store.lock(OWNER, 0):
        at(url).break_lock("4f1c")


def test_an_extra_and_an_address_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that installs it is told; an address that obstore does not know is wrong."""
    with pytest.raises(ConfigInvalid, match="cannot be opened"):
        open_bucket("nowhere://bucket/x.json", {})

    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigInvalid) as caught:
        open_bucket("s3://bucket/x.json", {})

    assert caught.value.hints == ("pip install 'icesync[objectstore]'",)


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("action", ["read", "lock"])
def test_a_bucket_that_is_not_there_is_no_empty_state(action: str) -> None:
    """A slip in its name would plan the whole fleet anew."""
    store = at("s3://no-such-bucket-of-ours/mail.json")

    with pytest.raises(StateError, match="container `no-such-bucket-of-ours` of"):
        store.read() if action == "read" else store.lock(OWNER, 0).__enter__()


@pytest.mark.parametrize("key", ["", "a/../x.json", "a//x.json", "./x.json", "a/"])
def test_an_object_has_a_name(key: str) -> None:
    """A bucket alone, or a path that readers fold, names none; nothing is asked."""
    with pytest.raises(ConfigInvalid, match="does not name an object"):
        open_bucket(f"s3://icesync-states/{key}", os.environ)


def test_a_store_that_throttles_is_asked_again(proxy: DishonestProxy, url: str) -> None:
    """A bucket takes only so many writes a second; the trial, the lock and the save wait."""
    left = [2]

    def throttled(method: str, *_: object) -> bool:
        left[0] -= method == "PUT"
        return method == "PUT" and left[0] >= 0

    proxy.throttles = throttled
    store = at(url)
    with store.lock(OWNER, 0):
        store.write(b"one", None)

    assert store.read() == b"one"


@pytest.mark.parametrize(
    ("place", "environ", "kind", "told", "hint"),
    [
        ("s3", {"AWS_ENDPOINT_URL": "http://s3.test"}, StateError, "plain http:// is not", "https"),
        ("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, StateError, "no connection", "endpoint"),
        ("az", {}, ConfigInvalid, "no storage account is named", "AZURE_STORAGE_ACCOUNT_NAME="),
        ("az", {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "?"},
         ConfigInvalid, "is not base64", ""),
        ("gs", {"GOOGLE_APPLICATION_CREDENTIALS": "/void"}, AccessError, "no cloud cred", "GOOGLE"),
    ],
)  # fmt: skip
def test_what_obstore_says_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, place: str, environ: dict[str, str],
    kind: type[IcesyncError], told: str, hint: str,
) -> None:  # fmt: skip
    """Its errors quote the whole exchange; whoever reads ours knows what to set."""
    aim_at("http://127.0.0.1:9", monkeypatch)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    url = f"{place}://bucket/state.json"

    with pytest.raises(kind, match=told) as caught:
        ObjectStore(open_bucket(url, os.environ), url, FakeClock()).read()

    assert hint in " ".join(caught.value.hints)


def test_whoever_issued_an_unknown_certificate_is_named(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    """Also where a library calls: issuer, host and the variable; with that variable it works."""
    url = "s3://bucket/state.json"
    with listening(lambda *_: (404, b"", {}), certificates.contexts["good"]) as address:
        aim_at(address, monkeypatch)
        with pytest.raises(StateError, match="is issued by `trustme") as caught:
            ObjectStore(open_bucket(url, os.environ), url, FakeClock()).read()
        secret = parse_secret_ref("ref+awssecrets://mail")
        assert secret is not None
        with pytest.raises(SecretStoreUnreachable, match="is issued by `trustme") as missing:
            AwsProvider("awssecrets").fetch(secret)
        monkeypatch.setenv("ICESYNC_CA_FILE", certificates.ca_file)
        known = ObjectStore(open_bucket(url, os.environ), url, FakeClock()).read()

    for error in (caught.value, missing.value):
        assert "set ICESYNC_CA_FILE=FILE" in error.message
    assert known is None


def test_one_change_a_second_to_an_object_is_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At Google, a run that saves twice at once waits its second; no object of a trial is left."""
    clock = FakeClock()
    google = FakeGoogleStorage(clock.monotonic)
    url = "gs://icesync-states/mail.json"
    with listening(google.answer) as address:
        aim_at_google(address, tmp_path, monkeypatch)
        store = ObjectStore(open_bucket(url, os.environ), url, clock)
        with store.lock(OWNER, 0):
            store.write(b"one", store.read())
            store.write(b"two", b"one")
            held = set(google.objects)
        slip = url.replace("icesync-states", "no-such-bucket")
        with pytest.raises(StateError, match="container `no-such-bucket` of"):
            ObjectStore(open_bucket(slip, os.environ), slip, clock).read()

    assert google.throttled == 1
    assert held == {"mail.json", "mail.json.lock"}
    assert {name: data for name, (_, data) in google.objects.items()} == {"mail.json": b"two"}
    assert clock.monotonic() < 10


def test_a_key_file_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a file that is no service account's, the variable is told, not a kind of error."""
    (tmp_path / "key.json").write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))

    with pytest.raises(ConfigInvalid, match="the file of credentials cannot be read") as caught:
        open_bucket("gs://bucket/x.json", os.environ)

    assert caught.value.hints == ("GOOGLE_APPLICATION_CREDENTIALS=FILE",)
