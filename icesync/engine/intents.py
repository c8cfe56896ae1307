"""
Where the intent of a call is made durable before its first byte leaves.

Beside a local snapshot a journal takes one record for each call. Where the disk
may go with the run there is none, and the snapshot itself says *pending* for
every planned server, in one save, before the first call.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from icesync.codec.journal import encode_head, encode_record

if TYPE_CHECKING:
    from icesync.model.journal import CallEnded, Intent, JournalHead, JournalRecord
    from icesync.ports import Journal, Journals

__all__ = ["JournaledIntents"]

_RESERVED_A_CALL: Final = 3_072
"""An intent with 25 settings and three fingerprints takes about 1,900 bytes, an outcome 150."""


class JournaledIntents:
    """Numbers the records of one run and hands them to the journal; several threads use it."""

    def __init__(self, journals: Journals, head: JournalHead, calls: int) -> None:
        self._journal: Journal = journals.begin(encode_head(head), calls * _RESERVED_A_CALL)
        self._numbering = threading.Lock()
        self._number = 0
        self._durable = 0

    def begin_call(self, intent: Intent) -> None:
        """
        Return when *intent* is durable; the call may leave then.

        Raises:
            StateNotSaved: it could not be kept; the call must not leave.

        """
        number, ticket = self._append(intent)
        self._journal.wait(ticket)
        with self._numbering:
            self._durable = max(self._durable, number)

    def end_call(self, ended: CallEnded) -> None:
        """
        Take down how a call ended; durable together with the worker's next intent.

        Raises:
            StateNotSaved: the journal takes no more.

        """
        self._append(ended)

    def close(self) -> None:
        """
        Make everything durable.

        Raises:
            StateNotSaved: something could not be kept.

        """
        self._journal.close()

    def _append(self, record: JournalRecord) -> tuple[int, int]:
        """Return the number of *record*, and its ticket."""
        # One lock over number and append: the numbers must rise in the file.
        with self._numbering:
            self._number += 1
            line = encode_record(self._number, record, self._durable)
            return self._number, self._journal.append(line)
