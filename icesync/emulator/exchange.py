"""What the service hands to whoever carries its replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icesync.emulator.fault import Fault
    from icesync.wire.reply import Reply

__all__ = ["Exchange", "WireBroken"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """
    One call that was decided: the reply, and what to do with the wire.

    The reply waits for *wait_s*; a *fault* is one of the wire, played instead of
    sending the reply as it is. *ticket* is 0 where nobody needs to say when the
    call ended, because that was at once. With *late_s* the write is stored that
    long after the caller gave up.
    """

    reply: Reply
    ticket: int = 0
    wait_s: float = 0.0
    fault: Fault | None = None
    late_s: float | None = None


class WireBroken(Exception):
    """
    A wire fault that was played in process: the caller gets no usable reply.

    Whether the write was stored is in the history, not here: a client could not
    know either. A bridge turns it into its own error for a broken connection.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"the emulator broke the wire: {fault}")
        self.fault = fault
