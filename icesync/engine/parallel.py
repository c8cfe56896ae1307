"""Do the same for many things at once, in threads that never hold the process back."""

from __future__ import annotations

from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_WORKERS: Final = 8
_LOOK_UP_S: Final = 0.2


def run_parallel(do: Callable[[T], None], things: Sequence[T]) -> None:
    """
    Call *do* with each of *things*, at most eight at a time, and return when all are done.

    An interrupt leaves at once: the threads are daemons, so nobody waits for a
    far end that does not answer.

    Raises:
        BaseException: the first that *do* raised; what was not begun then stays undone.

    """
    left = iter(things)
    turn = Lock()
    raised: list[BaseException] = []

    def work() -> None:
        while not raised:
            with turn:
                thing = next(left, _END)
            if thing is _END:
                return
            try:
                do(thing)  # type: ignore[arg-type]
            except BaseException as error:  # noqa: BLE001 - told by who waits
                raised.append(error)

    threads = [Thread(target=work, daemon=True) for _ in range(min(_WORKERS, len(things)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            # In turns: a signal that comes just before a wait is not seen during it.
            thread.join(_LOOK_UP_S)
    if raised:
        raise raised[0]


_END: Final = object()
