"""
The snapshot as an object in a bucket: ``s3://``, ``gs://`` or ``az://``, by obstore.

Needs the extra ``icesync[objectstore]``. Every write says what it replaces
(``If-None-Match``, ``If-Match``), and the lock is an object that only one can
create. Some stores that look like S3 ignore those conditions and answer 200;
there a lock would be none and a write could lose another one. So before each
lock the store is tried with an object of its own, and refused if it lies.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icesync.errors import (
    AccessError,
    ConfigInvalid,
    StateConflict,
    StateError,
    StateNotSaved,
)
from icesync.stores.lock_info import read_lock, wait_for_lock, write_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.model.lock import LockInfo
    from icesync.ports import Clock

_TRIES: Final = 2
_PAUSE_S: Final = 1.0


def open_bucket(url: str, environ: Mapping[str, str]) -> Any:
    """
    Return obstore's store for the bucket of *url*; credentials are the cloud's usual ones.

    Raises:
        ConfigInvalid: the extra is not installed, or the address is none.

    """
    try:
        library = importlib.import_module("obstore.store")
    except ImportError:
        raise ConfigInvalid(
            "`backend: objectstore` needs the extra `objectstore`, which is not installed",
            "pip install 'icesync[objectstore]'",
        ) from None
    bucket, _, _ = url.partition("://")[2].partition("/")
    root = f"{url.partition('://')[0]}://{bucket}"
    # An endpoint on this machine is for tests and for development, without TLS.
    plain = environ.get("AWS_ENDPOINT_URL", "").startswith(("http://127.", "http://localhost"))
    options = {"timeout": "30s", "connect_timeout": "5s", **({"allow_http": True} if plain else {})}
    try:
        return library.from_url(root, client_options=options, retry_config={"max_retries": 2})
    except Exception as error:  # noqa: BLE001 - obstore's errors share no base below this one
        kind = type(error).__name__
    raise ConfigInvalid(f"`state.url` cannot be opened: {kind}", "url: s3://BUCKET/PATH/FILE.json")


@dataclass(frozen=True, slots=True)
class _Object:
    """What is stored, and the tag by which a condition names it."""

    data: bytes
    tag: Mapping[str, str]


class ObjectStore:
    """Keeps the snapshot at *path* of *bucket*; the lock stands at ``PATH.lock``."""

    journals = None

    def __init__(self, bucket: Any, url: str, clock: Clock) -> None:
        self._bucket = bucket
        self._url = url
        self._path = url.partition("://")[2].partition("/")[2]
        self._clock = clock
        self._obstore = importlib.import_module("obstore")
        self._errors = importlib.import_module("obstore.exceptions")
        self._stored: _Object | None = None

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
            raise ValueError("a snapshot is never empty")
        known = self._stored
        if (known.data if known else None) != previous:
            self.read()
            known = self._stored
            if (known.data if known else None) != previous:
                raise self._conflict()
        mode = "create" if known is None else dict(known.tag)
        try:
            tag = self._put(self._path, data, mode)
        except self._taken as error:
            # An answer that was lost may be one's own write.
            if self.read() != data:
                raise self._conflict() from error
        except self._errors.BaseError as error:
            if self._read_or_none() != data:
                raise StateNotSaved(
                    f"{self._url} did not take the snapshot: {type(error).__name__}"
                ) from None
        else:
            self._stored = _Object(data, tag)
            if self._get_tag() != tag:
                raise StateNotSaved(f"{self._url} said yes to the snapshot, and holds another one")

    @contextmanager
    def lock(self, owner: LockInfo, timeout_s: float) -> Iterator[None]:
        """
        Hold the lock while the context is open.

        Raises:
            StateLocked: somebody else held it for *timeout_s*; the message says who.
            StateError: the store cannot be reached, or does not keep its conditions.
            AccessError: the credentials were refused.

        """
        self._try_conditions(owner.id)
        wait_for_lock(lambda: self._try_lock(owner), self._url, timeout_s, self._clock)
        try:
            yield
        finally:
            self.break_lock(owner.id)

    def _try_lock(self, owner: LockInfo) -> LockInfo | None:
        """Return None when the lock is ours now, else who holds it."""
        try:
            self._put(self._lock_path, write_lock(owner), "create")
        except self._taken:
            holder = self.lock_owner()
            return None if holder is None or holder.id == owner.id else holder
        except self._errors.BaseError as error:
            self._refused(error, "lock")
            raise StateError(f"{self._url} cannot be locked: {type(error).__name__}") from None
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
                f"{self._url} is not locked by {lock_id}: another run broke that lock",
                "icesync state unlock   says which one is held",
            )
        try:
            self._obstore.delete(self._bucket, self._lock_path)
        except self._errors.BaseError as error:
            raise StateError(
                f"the lock of {self._url} could not be released: {type(error).__name__}",
                f"icesync state unlock --force {lock_id}",
            ) from None

    def lock_owner(self) -> LockInfo | None:
        """Return who holds the lock now, or None when it is free."""
        found = self._get(self._lock_path)
        return None if found is None else read_lock(found.data)

    def lock_warning(self) -> str | None:
        """Return None: a store that is locked keeps its conditions."""
        return None

    def describe(self) -> str:
        """Return the address."""
        return self._url

    @property
    def _lock_path(self) -> str:
        return f"{self._path}.lock"

    @property
    def _taken(self) -> tuple[type[Exception], ...]:
        """What obstore raises when a condition does not hold."""
        return (self._errors.AlreadyExistsError, self._errors.PreconditionError)

    def _try_conditions(self, name: str) -> None:
        """Refuse a store that lets two create one object, or replaces one that has changed."""
        path = f"{self._path}.probe-{name}"
        try:
            first = self._put(path, b"1", "create")
            try:
                kept = not self._put_again(path, "create")
                if kept:
                    self._put(path, b"22", dict(first))
                    kept = not self._put_again(path, dict(first))
            finally:
                with suppress(self._errors.BaseError, FileNotFoundError):
                    self._obstore.delete(self._bucket, path)
        except self._errors.BaseError as error:
            self._refused(error, "write")
            raise StateError(f"{self._url} cannot be used: {type(error).__name__}") from None
        if not kept:
            raise StateError(
                f"{self._url} ignores conditional writes, so no lock would hold there",
                "keep the snapshot in a store that honours If-None-Match and If-Match",
            )

    def _put_again(self, path: str, mode: Any) -> bool:
        """Return whether the store takes what its condition forbids."""
        try:
            self._put(path, b"333", mode)
        except self._taken:
            return False
        return True

    def _put(self, path: str, data: bytes, mode: Any) -> dict[str, str]:
        return _tag(self._obstore.put(self._bucket, path, data, mode=mode))

    def _get(self, path: str) -> _Object | None:
        for attempt in range(_TRIES):
            try:
                found = self._obstore.get(self._bucket, path)
                return _Object(bytes(found.bytes()), _tag(found.meta))
            except FileNotFoundError:
                return None
            except self._errors.BaseError as error:
                self._refused(error, "read")
                kind = type(error).__name__
            if attempt + 1 < _TRIES:
                self._clock.sleep(_PAUSE_S)
        # Its own text holds the whole exchange, so its kind must do.
        raise StateError(f"{self._url} was not reached: {kind}")

    def _get_tag(self) -> Mapping[str, str] | None:
        try:
            return _tag(self._obstore.head(self._bucket, self._path))
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
                f"{self._url} refused to {what}: {type(error).__name__}",
                "credentials come as for the cloud's own programs: environment, role, identity",
            ) from None

    def _conflict(self) -> StateConflict:
        return StateConflict(
            f"{self._url} was changed by another run since it was read", "icesync plan"
        )


def _tag(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what a later condition can name; obstore takes no None back."""
    return {key: found[key] for key in ("e_tag", "version") if found.get(key) is not None}
