"""One write to ICE; whatever the far end does comes back as an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.report import Outcome, OutcomeKind
from icesync.net import (
    BrokenError,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    read_retry_after,
)
from icesync.wire.reply import Reply, read_reply
from icesync.wire.update import UPDATE_PATH, encode_update

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.client.session import Session
    from icesync.model.plan import Update
    from icesync.model.project import WireOptions
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock


class IceGateway:
    """
    Sends updates over one connection of its own.

    A call may be sent again, because it always carries the whole record and
    replaces it; that is true only as long as :mod:`icesync.wire.update` never
    leaves a member out that it knows.
    """

    def __init__(
        self, client: HttpClient, session: Session, wire: WireOptions, clock: Clock
    ) -> None:
        self._client = client
        self._session = session
        self._wire = wire
        self._clock = clock

    def send(self, update: Update) -> Outcome:
        """Make one call and return what it came to; the body is kept nowhere."""
        token = self._session.token()
        outcome = self._call(update, token)
        if self._blames(token, outcome):
            return self._call(update, self._session.token())
        return outcome

    def _blames(self, token: SecretValue, outcome: Outcome) -> bool:
        """Return whether *outcome* may be the fault of *token*, and there is another one."""
        if outcome.kind is OutcomeKind.AUTH:
            return self._session.refused(token)
        silent = outcome.kind is OutcomeKind.REJECTED and not outcome.fields
        return silent and self._session.refused(token, surely=False)

    def _call(self, update: Update, token: SecretValue) -> Outcome:
        try:
            raw = self._client.post_json(UPDATE_PATH, encode_update(update, token, self._wire))
        except NotSentError as error:
            return Outcome(OutcomeKind.TRANSIENT, f"not sent: {error}")
        except MisconfiguredError as error:
            return Outcome(OutcomeKind.MISCONFIGURED, str(error))
        except BrokenError as error:
            return Outcome(OutcomeKind.UNCERTAIN, f"outcome unknown: {error}")
        outcome = read_reply(_reply(raw, self._clock.now()))
        if raw.repeated and outcome.kind is not OutcomeKind.APPLIED:
            detail = f"{outcome.detail}; an earlier attempt got no reply"
            return Outcome(OutcomeKind.UNCERTAIN, detail)
        if outcome.kind is OutcomeKind.REJECTED and not outcome.fields and self._session.ended():
            # The documented refusal covers bad tokens and bad values alike (doc).
            return Outcome(OutcomeKind.AUTH, "ICE rejected the call, and the token has expired")
        return outcome

    def close(self) -> None:
        """Release the connection."""
        self._client.close()


def _reply(raw: RawReply, now: datetime) -> Reply:
    wait = read_retry_after(raw.headers.get("retry-after", ""), now)
    return Reply(raw.status, raw.headers, raw.body, wait)
