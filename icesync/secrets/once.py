"""A slow look-up is made once, by one thread, and what it came to is remembered."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Once"]

T = TypeVar("T")


class Once(Generic[T]):
    """Results by key, failures too: five hundred servers ask, one decryption is made."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._results: dict[Hashable, Future[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """
        Return what *make* returned for *key*; who comes second waits for who came first.

        Raises:
            BaseException: what *make* raised.

        """
        with self._lock:
            known = self._results.get(key)
            result: Future[T] = known or Future()
            self._results[key] = result
        if known is None:
            try:
                result.set_result(make())
            except BaseException as error:  # noqa: BLE001 - whoever waits must be woken
                result.set_exception(error)
        return result.result()
