"""
The snapshot as an object in a bucket: ``s3://``, ``gs://`` or ``az://``, by obstore.

Needs the extra ``icesync[objectstore]``. Every write says what it replaces
(``If-None-Match``, ``If-Match``), and the lock is an object that only one can
create. Some stores that look like S3 ignore those conditions and answer 200;
there a lock would be none and a write could lose another one. So the first lock
of a run is tried to be taken again, and a store that lets it is refused.
"""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from icesync.errors import (
    AccessError,
    ConfigInvalid,
    StateConflict,
    StateError,
    StateMissing,
    StateNotSaved,
    printable,
)
from icesync.frozen import frozen
from icesync.model.project import SIDE_BY_SIDE
from icesync.net import Backoff, ConcurrencyLimit, is_confidential, job_bundle, told_of_certificate
from icesync.stores.httpcalls import RETRY_FOR_S, SAVE_RETRY_FOR_S
from icesync.stores.lock_info import read_lock, wait_for_lock, write_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from icesync.model.snapshot import LockInfo
    from icesync.ports import Clock

T = TypeVar("T")

_PAUSE_S: Final = 1.5
"""A bucket of Google's takes one write a second to one object."""

_ENDPOINTS: Final = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_ENDPOINT",
    "GOOGLE_BASE_URL",
    "GOOGLE_ENDPOINT_URL",
)

_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
_NO_CREDENTIALS: Final = "no cloud credentials were found"
_THROTTLED: Final = "requests are throttled"
_FAILING: Final = "it fails, with a status of 500 or more"
_UNREACHED: Final = "no connection"
_UNTRUSTED: Final = "its certificate is not trusted"
_CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the job's role; a profile is not read",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS=FILE, or the job's service account",
    "az": "AZURE_STORAGE_ACCOUNT_KEY=KEY, or the job's identity",
}
_MEANINGS: Final = (
    (_NO_BUCKET, "the bucket does not exist", ""),
    (
        ("169.254.169.254", "metadata.google", "CredentialsNotLoaded", "NoCredentials",
         "MissingAccessKey", "MissingSecretAccessKey", "OpenCredentials"),
        _NO_CREDENTIALS, "",
    ),
    (
        ("DecodeCredentials",),
        "the file of credentials cannot be read", "GOOGLE_APPLICATION_CREDENTIALS=FILE",
    ),
    (("MissingAccount",), "no storage account is named", "AZURE_STORAGE_ACCOUNT_NAME=NAME"),
    (("InvalidAccessKey",), "the key of the storage account is not base64", ""),
    (
        ("code: 429", "429 Too Many", "code: 503", "SlowDown", "TooManyRequests", "rateLimit"),
        _THROTTLED, "try again later",
    ),
    (
        ("dns error", "failed to lookup", "Name or service"),
        "its host name is unknown", "check the region, and the endpoint variable if one is set",
    ),
    (
        ("BadScheme", "URL scheme", "HttpsOnly", "scheme is not allowed"),
        "plain http:// is not supported, except on this machine", "give an https:// endpoint",
    ),
    (
        ("InvalidCertificate", "invalid peer certificate", "UnknownIssuer", "certificate verify"),
        _UNTRUSTED, "",
    ),
    (("code: 5",), _FAILING, "try again later"),
    (
        ("Connection refused", "error sending request", "Connect", "timed out", "TimedOut"),
        _UNREACHED, "check the endpoint variable if one is set, and the network",
    ),
)  # fmt: skip
"""What obstore's texts hold, which are not shown: they quote the whole exchange."""

_KNOWN: Final = frozenset(message for _, message, _ in _MEANINGS)
_PASSING: Final = frozenset({_THROTTLED, _FAILING, _UNREACHED})
"""What may be over a moment later."""


class Bucket:
    """
    A bucket, as obstore opened it; several stores and threads may use it.

    *honest* says that it was seen to keep its conditions, *keeps_writes* that what it
    confirmed was seen to be there.
    """

    def __init__(self, opened: Any) -> None:
        self.opened = opened
        self.honest = False
        self.keeps_writes = False
        self.limit = ConcurrencyLimit(SIDE_BY_SIDE)


def open_bucket(url: str, environ: Mapping[str, str]) -> Bucket:
    """
    Return the bucket of *url*; credentials are the cloud's usual ones.

    Raises:
        ConfigInvalid: the extra is not installed, or the address is none.
        AccessError: there are no credentials.

    """
    try:
        library = importlib.import_module("obstore.store")
    except ImportError:
        raise ConfigInvalid(
            "`backend: objectstore` needs the extra `objectstore`, which is not installed",
            "pip install 'icesync[objectstore]'",
        ) from None
    bucket, _, key = url.partition("://")[2].partition("/")
    if {"", ".", ".."} & set(key.split("/")):
        raise ConfigInvalid(
            f"`state.url` {printable(url)} does not name an object: a bucket, then a path "
            "without empty, `.` or `..` steps",
            "url: s3://BUCKET/PATH/FILE.json",
        )
    root = f"{url.partition('://')[0]}://{bucket}"
    # An endpoint on this machine is for tests and for development, without TLS.
    addresses = [environ.get(name, "") for name in _ENDPOINTS]
    plain = any(a.startswith("http://") and is_confidential(a) for a in addresses)
    options: dict[str, Any] = {"timeout": "30s", "connect_timeout": "5s"}
    options |= {"allow_http": True} if plain else {}
    bundle = job_bundle(environ)
    options |= {"root_certificate": Path(bundle).read_bytes()} if bundle else {}
    try:
        retry = {"max_retries": 0}  # asked again on the schedule of all that icesync calls
        return Bucket(library.from_url(root, client_options=options, retry_config=retry))
    except Exception as error:  # noqa: BLE001 - obstore's errors share no base below this one
        problem, hint = _meaning(error)
    if problem == _NO_CREDENTIALS:
        raise AccessError(f"{root} cannot be called: {problem}", _CREDENTIALS[root[:2]])
    hint = hint or "url: s3://BUCKET/PATH/FILE.json"
    raise ConfigInvalid(f"`state.url` cannot be opened: {problem}", hint)


@frozen
class _Object:
    """What is stored, and the tag by which a condition names it."""

    data: bytes
    tag: Mapping[str, str]


class ObjectStore:
    """Keeps the snapshot at *path* of *bucket*; the lock stands at ``PATH.lock``."""

    journals = None

    def __init__(self, bucket: Bucket, url: str, clock: Clock) -> None:
        self._bucket = bucket
        self._url = url
        self._path = url.partition("://")[2].partition("/")[2]
        self._clock = clock
        self._obstore = importlib.import_module("obstore")
        self._errors = importlib.import_module("obstore.exceptions")
        self._stored: _Object | None = None
        self._locked = False

    def read(self) -> bytes | None:
        """
        Return the stored bytes, or None when nothing was ever stored.

        Raises:
            AccessError: the credentials were refused.
            StateError: it cannot be reached.

        """
        self._stored = self._get(self._path)
        return None if self._stored is None else self._stored.data

    def write(self, data: bytes, previous: bytes | None) -> None:
        """
        Replace the stored bytes, on the condition that they are *previous*.

        Raises:
            StateConflict: they are not.
            StateNotSaved: the store refused, or cannot be reached.

        """
        if not data:
            raise ValueError("a state is never empty")
        known = self._stored
        if (known.data if known else None) != previous:
            self.read()
            known = self._stored
            if (known.data if known else None) != previous:
                raise self._conflict()
        mode = "create" if known is None else dict(known.tag)
        try:
            tag = self._patiently(lambda: self._put(self._path, data, mode), "write")
        except self._taken as error:
            # An answer that was lost may be one's own write.
            if self.read() != data:
                raise self._conflict() from error
        except (StateError, AccessError) as error:
            if self._read_or_none() != data:
                raise StateNotSaved(
                    f"the state was not saved: {error.message}", *error.hints
                ) from None
        else:
            self._stored = _Object(data, tag)
            self._demand_kept(tag)

    def _demand_kept(self, tag: Mapping[str, str]) -> None:
        """Look at what was confirmed; under a lock a bucket that kept one write is believed."""
        if self._locked and self._bucket.keeps_writes:
            return
        if self._get_tag() != tag:
            raise StateNotSaved(f"{self._url} confirmed the state, but returns a different one")
        self._bucket.keeps_writes = True

    @contextmanager
    def lock(self, owner: LockInfo, timeout_s: float) -> Iterator[None]:
        """
        Hold the lock while the context is open.

        Raises:
            StateLocked: somebody else held it for *timeout_s*; the message says who.
            StateError: the store cannot be reached, or does not keep its conditions.
            AccessError: the credentials were refused.

        """
        wait_for_lock(lambda: self._try_lock(owner), self._url, timeout_s, self._clock)
        if not self._bucket.honest:
            self._try_conditions(owner)
        self._locked = True
        try:
            yield
        finally:
            self._locked = False
            self.break_lock(owner.id)

    def _try_lock(self, owner: LockInfo) -> LockInfo | None:
        """Return None when the lock is ours now, else who holds it."""
        data = write_lock(owner)
        try:
            self._patiently(lambda: self._put(self._lock_path, data, "create"), "lock")
        except self._taken:
            holder = self.lock_owner()
            return None if holder is None or holder.id == owner.id else holder
        return None

    def break_lock(self, lock_id: str) -> None:
        """
        Remove the lock that *lock_id* names.

        Raises:
            StateError: it is not that lock, or the store refused.

        """
        found = self._get(self._lock_path)
        if found is None or read_lock(found.data).id != lock_id:
            raise StateError(
                f"{self._url} is not locked by {lock_id}: another run removed that lock",
                "run `icesync state unlock` to see the lock",
            )
        self._delete_lock(lock_id)

    def lock_owner(self) -> LockInfo | None:
        """Return who holds the lock now, or None when it is free."""
        found = self._get(self._lock_path)
        return None if found is None else read_lock(found.data)

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> None:  # noqa: ARG002
        """
        Refuse: a slip in a name reads as if nothing were stored.

        Raises:
            StateMissing: always.

        """
        raise StateMissing.at(self.describe(), "state.url")

    @property
    def recovery(self) -> tuple[str, ...]:
        """The versions that the store may keep, and a copy."""
        return (
            "restore an older version of the object, if the bucket keeps them",
            "if you have a copy, run `icesync state push --force FILE` to store it",
        )

    def lock_warning(self) -> str | None:
        """Return None: a store that is locked keeps its conditions."""
        return None

    def describe(self) -> str:
        """Return the address."""
        return self._url

    @property
    def _credentials(self) -> str:
        """Where credentials for this cloud come from."""
        return _CREDENTIALS[self._url.partition("://")[0]]

    @property
    def _lock_path(self) -> str:
        return f"{self._path}.lock"

    @property
    def _taken(self) -> tuple[type[Exception], ...]:
        """What obstore raises when a condition does not hold."""
        return (self._errors.AlreadyExistsError, self._errors.PreconditionError)

    def _try_conditions(self, owner: LockInfo) -> None:
        """
        Refuse a store that lets two create one object, or replaces one that has changed.

        It is tried with the lock that was just taken: nothing can be left over, and
        nothing is written, since some stores take no second write within a second.
        """
        data = write_lock(owner)
        try:
            lock = self._get(self._lock_path)
            kept = lock is not None and not self._put_again(data, "create")
            kept = kept and lock is not None and not self._put_again(data, _other(lock.tag))
        except BaseException:
            self._delete_lock(owner.id)
            raise
        if not kept:
            self._delete_lock(owner.id)
            raise StateError(
                f"{self._url} does not support conditional writes, so it cannot be locked",
                "use a store that supports If-None-Match and If-Match",
            )
        self._bucket.honest = True

    def _put_again(self, data: bytes, mode: Any) -> bool:
        """Return whether the store takes what its condition forbids."""
        try:
            self._patiently(lambda: self._put(self._lock_path, data, mode), "lock")
        except self._taken:
            return False
        return True

    def _delete_lock(self, lock_id: str) -> None:
        try:
            self._patiently(self._delete, "unlock")
        except StateError as error:
            raise StateError(
                f"the lock of {self._url} could not be released: {error.message}",
                f"icesync state unlock --force {lock_id}",
            ) from None

    def _patiently(self, do: Callable[[], T], what: str) -> T:
        """
        Return what *do* returns; try again while the store is throttled or fails.

        Raises:
            AccessError: the credentials were refused.
            StateError: it cannot be done.

        """
        with self._bucket.limit.turn():
            return self._persist(do, what)

    def _persist(self, do: Callable[[], T], what: str) -> T:
        saving = what == "write"
        budget_s = SAVE_RETRY_FOR_S if saving else RETRY_FOR_S
        backoff = Backoff(self._clock.monotonic, budget_s, _PAUSE_S)
        while True:
            try:
                return do()
            except self._taken:
                raise
            except (self._errors.BaseError, FileNotFoundError) as error:
                self._refused(error, what)
                self._demand_bucket(error)
                problem, hint = _meaning(error)
                if problem == _UNTRUSTED:
                    message = told_of_certificate(str(error), os.environ)
                    raise StateError(f"{self._url} cannot be called: {message}") from None
            if problem == _NO_CREDENTIALS:
                raise AccessError(f"{self._url} cannot be called: {problem}", self._credentials)
            # What is not known may pass: that is worth the time of a save alone.
            passing = problem in _PASSING or (saving and problem not in _KNOWN)
            pause_s = backoff.pause() if passing else None
            if pause_s is None:
                break
            self._bucket.limit.narrow()
            self._clock.sleep(pause_s)
        raise StateError(f"{self._url} is unreachable: {problem}", *([hint] if hint else ()))

    def _delete(self) -> None:
        try:
            self._obstore.delete(self._bucket.opened, self._lock_path)
        except FileNotFoundError as error:
            # Deleted by a first try whose answer was lost, or with its bucket.
            self._demand_bucket(error)

    def _put(self, path: str, data: bytes, mode: Any) -> dict[str, str]:
        return _tag(self._obstore.put(self._bucket.opened, path, data, mode=mode))

    def _get(self, path: str) -> _Object | None:
        def get() -> _Object | None:
            try:
                found = self._obstore.get(self._bucket.opened, path)
                return _Object(bytes(found.bytes()), _tag(found.meta))
            except FileNotFoundError as error:
                self._demand_bucket(error)
                return None

        return self._patiently(get, "read")

    def _demand_bucket(self, error: Exception) -> None:
        """Refuse to take a bucket that is not there for one that holds nothing yet."""
        if any(word in str(error) for word in _NO_BUCKET):
            bucket = self._url.partition("://")[2].partition("/")[0]
            raise StateError(
                f"the bucket or container `{bucket}` of {self._url} does not exist",
                "correct `state.url`, or create the bucket first",
            ) from None

    def _get_tag(self) -> Mapping[str, str] | None:
        try:
            return _tag(self._obstore.head(self._bucket.opened, self._path))
        except (FileNotFoundError, self._errors.BaseError):
            return None

    def _read_or_none(self) -> bytes | None:
        try:
            return self.read()
        except (StateError, AccessError):
            return None

    def _refused(self, error: Exception, what: str) -> None:
        kinds = (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError)
        if isinstance(error, kinds):
            raise AccessError(
                f"{self._url} refused to {what}: {type(error).__name__}", self._credentials
            ) from None

    def _conflict(self) -> StateConflict:
        return StateConflict(
            f"{self._url} was changed by another run in the meantime", "icesync plan"
        )


def _meaning(error: Exception) -> tuple[str, str]:
    """Return in words what went wrong, and a hint; the kind of an error that is not known."""
    text = str(error)
    known = (
        (message, hint) for words, message, hint in _MEANINGS if any(word in text for word in words)
    )
    return next(known, (type(error).__name__, ""))


def _other(tag: Mapping[str, str]) -> dict[str, str]:
    """Return the tag of an object that does not exist, alike in form to *tag*."""
    return {
        key: str(int(value) + 1) if value.isdecimal() else value.translate(_TURNED)
        for key, value in tag.items()
    }


_TURNED: Final = str.maketrans("0123456789abcdef", "123456789abcdef0")


def _tag(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what a later condition can name; obstore takes no None back."""
    return {key: found[key] for key in ("e_tag", "version") if found.get(key) is not None}
