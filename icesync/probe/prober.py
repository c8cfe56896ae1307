"""One probe from the first look-up to the last word: the adapter of the port ``Prober``."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.model.probe import (
    MailProtocol,
    Mode,
    ProbeKind,
    ProbeResult,
    StepName,
)
from icesync.probe import imap, pop3, smtp
from icesync.probe.certificate import read_certificate
from icesync.probe.connect import connect, look_up, system_resolve
from icesync.probe.connection import Connection, Deadline, ProbeAborted, Timeouts
from icesync.probe.sasl import Account
from icesync.probe.session import Record, Session
from icesync.probe.tls import meaning_of, open_looking, open_trust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from icesync.model.probe import Certificate, ProbeTarget
    from icesync.model.secret import SecretValue
    from icesync.probe.connect import Endpoints, Resolve

__all__ = ["MailProber"]

MAX_TEXT: Final = 200
"""What is kept of a server's words."""

_MAX_OFFERED: Final = 20
_WITHHELD: Final = "(not shown: it repeats the password)"

_CONVERSATIONS: Final = {
    MailProtocol.SMTP: smtp.converse,
    MailProtocol.POP3: pop3.converse,
    MailProtocol.IMAP: imap.converse,
}

_GREETINGS: Final = {
    MailProtocol.SMTP: b"220",
    MailProtocol.POP3: b"+OK",
    MailProtocol.IMAP: b"* OK",
}

_AGAIN: Final = frozenset({ProbeKind.RESET, ProbeKind.AUTH_TEMPORARY})
"""Worth a second try, as long as the password was not spoken."""

_DOUBTFUL: Final = frozenset(
    {ProbeKind.TLS_WRONG_MODE, ProbeKind.TIMEOUT, ProbeKind.RESET, ProbeKind.PROTOCOL}
)
"""Where the other mode may be the right one."""

_CERTIFICATES: Final = frozenset(kind for kind in ProbeKind if kind.startswith("tls_cert_"))


class MailProber:
    """Logs in to SMTP, POP3 and IMAP servers; several threads may share one."""

    def __init__(
        self,
        ca_file: str | None = None,
        *,
        timeouts: Timeouts | None = None,
        resolve: Resolve = system_resolve,
        source_address: str | None = None,
    ) -> None:
        """
        Trust the public list and *ca_file*; come from *source_address* if it is given.

        Raises:
            OSError: *ca_file* cannot be read, or holds no certificate.

        """
        self._trust = open_trust(ca_file)
        self._looking = open_looking()
        self._patience = timeouts or Timeouts()
        self._resolve = resolve
        self._source_address = source_address
        self._connections: set[Connection] = set()
        self._closed = False
        self._mutex = threading.Lock()

    def probe(self, target: ProbeTarget, password: SecretValue) -> ProbeResult:
        """Log in once as *target* says and return what was seen; never raises for the far end."""
        return _Probe(self, target, Account(target.username, password)).run()

    def close(self) -> None:
        """Cut all connections and take no more; probes in flight end at once."""
        with self._mutex:
            self._closed = True
            for connection in self._connections:
                connection.cut()

    def endpoints_of(self, target: ProbeTarget, deadline: Deadline) -> Endpoints:
        """Return the addresses of *target*."""
        return look_up(target, self._resolve, deadline, self._patience.connect_s)

    def open(self, endpoints: Endpoints, deadline: Deadline) -> Connection:
        """Return a connection to the first of *endpoints* that answers."""
        sock, ip = connect(endpoints, deadline, self._patience.connect_s, self._source_address)
        connection = Connection(sock, ip, deadline, self._patience)
        with self._mutex:
            if self._closed:
                connection.cut()
            self._connections.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Close *connection* and forget it."""
        with self._mutex:
            self._connections.discard(connection)
        connection.close()

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait."""
        return self._patience

    def context(self, *, trusting: bool) -> ssl.SSLContext:
        """Return how certificates are judged; *trusting* is for a look, never for a login."""
        return self._looking if trusting else self._trust


class _Probe:
    """One run of :meth:`MailProber.probe`."""

    def __init__(self, prober: MailProber, target: ProbeTarget, account: Account) -> None:
        self._prober = prober
        self._target = target
        self._account = account
        self._deadline = Deadline(prober.timeouts.total_s)
        self._record = Record(target.mode)
        self._endpoints: Endpoints = ()

    def run(self) -> ProbeResult:
        attempts = 1
        stopped = self._attempt()
        if stopped is not None and stopped.kind in _AGAIN and not self._record.spoken:
            time.sleep(self._deadline.left_s(self._prober.timeouts.retry_s))
            attempts = 2
            stopped = self._attempt()
        if stopped is None:
            return self._result(ProbeKind.OK, attempts)
        if stopped.kind in _CERTIFICATES:
            self._look_at_certificate()
        elif stopped.kind in _DOUBTFUL and not (self._record.greeted or self._record.tls_version):
            stopped = self._try_other_mode(stopped)
        return self._result(stopped.kind, attempts, stopped)

    def _attempt(self) -> ProbeAborted | None:
        """Converse once; return why it did not end well, or None."""
        self._record = Record(self._target.mode)
        try:
            if not self._account.fits_sasl:
                message = "user name or password hold a NUL, which no login can carry"
                raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message)  # noqa: TRY301 - as the far end
            with self._record.step(StepName.DNS):
                self._endpoints = self._prober.endpoints_of(self._target, self._deadline)
            self._converse(self._record, self._secure)
        except ProbeAborted as stopped:
            return stopped
        return None

    def _converse(self, record: Record, secure: Callable[[Connection, Record], None]) -> None:
        with record.step(StepName.TCP):
            connection = self._prober.open(self._endpoints, self._deadline)
        session = Session(
            connection, self._target, self._account, record, lambda: secure(connection, record)
        )
        try:
            record.ip = connection.peer_ip
            if record.mode is Mode.IMPLICIT:
                secure(connection, record)
            _CONVERSATIONS[self._target.protocol](session)
        except ProbeAborted as stopped:
            if stopped.kind not in _SILENT:
                session.leave()
            raise
        else:
            session.leave()
        finally:
            self._prober.release(connection)

    def _secure(self, connection: Connection, record: Record) -> None:
        """Begin encryption with a server that proves who it is."""
        context = self._prober.context(trusting=False)
        with record.step(StepName.TLS):
            try:
                sock = connection.secure(context, self._target.host)
            except OSError as error:
                raise meaning_of(error) from None
        record.tls_version = sock.version() or "TLS"
        record.cipher = (sock.cipher() or ("",))[0]
        record.certificate = _certificate_of(sock)

    def _look_at_certificate(self) -> None:
        """Read the certificate that was not accepted: one more connection, nobody logs in."""

        def look(connection: Connection, _record: Record) -> None:
            sock = connection.secure(self._prober.context(trusting=True), self._target.host)
            self._record.certificate = _certificate_of(sock)
            raise ProbeAborted(ProbeKind.RESET, "seen enough")

        with suppress(ProbeAborted, OSError):
            self._converse(Record(self._target.mode), look)

    def _try_other_mode(self, stopped: ProbeAborted) -> ProbeAborted:
        """Return *stopped*, or what one more connection without credentials shows instead."""
        try:
            connection = self._prober.open(self._endpoints, self._deadline)
        except ProbeAborted:
            return stopped
        try:
            if self._target.mode is Mode.IMPLICIT:
                banner = connection.read(self._prober.timeouts.banner_s)
                found = banner.startswith(_GREETINGS[self._target.protocol])
                message, wanted = "the server speaks in clear text first", Mode.STARTTLS
            else:
                connection.secure(self._prober.context(trusting=True), self._target.host)
                found, message, wanted = True, "the server speaks TLS at once", Mode.IMPLICIT
        except (ProbeAborted, OSError):
            return stopped
        finally:
            self._prober.release(connection)
        if not found:
            return stopped
        hint = (
            f"correct the port or the flags; or if ICE knows better, "
            f"`probe: {{{self._target.protocol}: {wanted}}}`"
        )
        return ProbeAborted(
            ProbeKind.TLS_WRONG_MODE, f"{message}: {wanted} expected on this port", hint=hint
        )

    def _result(
        self, kind: ProbeKind, attempts: int, stopped: ProbeAborted | None = None
    ) -> ProbeResult:
        seen = self._record
        made = ProbeResult(
            kind,
            mode=seen.mode,
            ip=seen.ip,
            tls_version=seen.tls_version,
            cipher=seen.cipher,
            certificate=seen.certificate,
            offered=self._shown_names(seen.offered),
            mechanism=seen.mechanism,
            senders=tuple(c._replace(answer=self._shown(c.answer)) for c in seen.senders),
            inbox_messages=seen.inbox_messages,
            notes=tuple(seen.notes),
            steps=tuple(seen.steps),
            attempts=attempts,
        )
        if stopped is None:
            return made
        return replace(
            made,
            detail=stopped.detail,
            hint=stopped.hint,
            code=self._shown(stopped.code),
            text=self._shown(stopped.text),
        )

    def _shown_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return *names* as they may be shown; together they must not spell the password either."""
        if self._account.stands_in(" ".join(names)):
            return (_WITHHELD,)
        return tuple(self._shown(name) for name in names[:_MAX_OFFERED])

    def _shown(self, words: str) -> str:
        """Return a server's *words* as they may be shown: cut, and never with the password."""
        if self._account.stands_in(words):
            return _WITHHELD
        text = " ".join(words.split())
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


_SILENT: Final = frozenset(
    {ProbeKind.TIMEOUT, ProbeKind.RESET, ProbeKind.TLS_WRONG_MODE, ProbeKind.TLS_ERROR}
    | _CERTIFICATES
)
"""After these there is nobody to say goodbye to."""


def _certificate_of(sock: ssl.SSLSocket) -> Certificate | None:
    der = sock.getpeercert(binary_form=True)
    return read_certificate(der) if der else None
