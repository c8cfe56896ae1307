"""One probe from the first look-up to the last word: the adapter of the port ``Prober``."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from icesync.model.probe import (
    Certificate,
    MailProtocol,
    Mode,
    ProbeKind,
    ProbeResult,
    ProbeTarget,
    SenderCheck,
    StepName,
)
from icesync.net.certificate import read_certificate, read_details
from icesync.probe import imap, pop3, smtp
from icesync.probe.connect import Endpoints, Resolve, connect, look_up, system_resolve
from icesync.probe.connection import Connection, Deadline, ProbeAborted, Timeouts
from icesync.probe.reply_codes import ended_login, enhanced_code
from icesync.probe.sasl import Account
from icesync.probe.session import Record, Session
from icesync.probe.tls import (
    CertificateRefused,
    explain,
    meaning_of,
    open_looking,
    open_trust,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from icesync.model.secret import SecretValue

MAX_TEXT: Final = 200
"""What is kept of a server's words."""

_MAX_OFFERED: Final = 20
_MAX_DETAIL: Final = 400
_WITHHELD: Final = "(not shown: it may repeat the password)"

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
        self._timeouts = timeouts or Timeouts()
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
        return look_up(target, self._resolve, deadline, self._timeouts.connect_s)

    def open(self, endpoints: Endpoints, deadline: Deadline) -> Connection:
        """Return a connection to the first of *endpoints* that answers."""
        sock, ip = connect(endpoints, deadline, self._timeouts.connect_s, self._source_address)
        connection = Connection(sock, ip, deadline, self._timeouts)
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
    def closed(self) -> bool:
        """Whether the probes in flight were cut from this side."""
        return self._closed

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait."""
        return self._timeouts

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
        aborted = self._attempt()
        if aborted is not None and self._is_worth_another(aborted):
            time.sleep(self._deadline.left_s(self._prober.timeouts.retry_s))
            attempts = 2
            aborted = self._attempt(avoided=self._record.ip)
        if aborted is None:
            return self._result(ProbeKind.OK, attempts)
        if isinstance(aborted, CertificateRefused):
            aborted = self._look_at_certificate(aborted)
        elif aborted.kind in _DOUBTFUL and self._is_silent_so_far():
            try:
                self._look_at_other_mode()
            except ProbeAborted as better:
                aborted = better
        return self._result(aborted.kind, attempts, aborted)

    def _is_worth_another(self, aborted: ProbeAborted) -> bool:
        """Return whether to try once more, at another address of the host if it has one."""
        if self._record.spoken or not self._record.ip:
            return False
        return aborted.kind is ProbeKind.RESET or (
            aborted.kind is ProbeKind.AUTH_TEMPORARY and len(self._endpoints) > 1
        )

    def _is_silent_so_far(self) -> bool:
        """Return whether a server was reached that has said nothing in its protocol."""
        record = self._record
        return bool(record.ip) and not (record.greeted or record.tls_version)

    def _attempt(self, avoided: str = "") -> ProbeAborted | None:
        """
        Converse once; return why it did not end well, or None.

        *avoided* is an address that was tried before: others come first.
        """
        self._record = Record(self._target.mode)
        try:
            if not self._account.fits_sasl:
                message = "the user name or password contains a NUL character"
                raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message)  # noqa: TRY301 - as the far end
            with self._record.step(StepName.DNS):
                found = self._prober.endpoints_of(self._target, self._deadline)
                self._endpoints = sorted(found, key=lambda endpoint: endpoint[4][0] == avoided)
            self._converse(self._record, self._secure)
        except ProbeAborted as aborted:
            return self._judged(aborted)
        return None

    def _judged(self, aborted: ProbeAborted) -> ProbeAborted:
        """Return *aborted*, but for the answer to a password that never came: that is a no."""
        if not self._record.spoken or self._record.logged_in or self._prober.closed:
            return aborted
        if aborted.kind not in {ProbeKind.TIMEOUT, ProbeKind.RESET, ProbeKind.TLS_ERROR}:
            return aborted
        ended = ended_login(aborted.text)
        if ended.kind is ProbeKind.AUTH_UNANSWERED and not aborted.text:
            ended.detail = f"{aborted.detail} (the password was sent)"
        return ended

    def _converse(self, record: Record, secure: Callable[[Connection, Record], None]) -> None:
        with record.step(StepName.TCP):
            connection = self._prober.open(self._endpoints, self._deadline)
        session = Session(
            connection,
            self._target,
            self._account,
            record,
            lambda: secure(connection, record),
            self._look_at_other_mode,
        )
        try:
            record.ip = connection.peer_ip
            if record.mode is Mode.IMPLICIT:
                secure(connection, record)
            _CONVERSATIONS[self._target.protocol](session)
        except ProbeAborted as aborted:
            if aborted.kind not in _SILENT:
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

    def _look_at_certificate(self, refused: CertificateRefused) -> ProbeAborted:
        """Read the certificate that was not accepted: one more connection, nobody logs in."""
        seen: list[tuple[bytes, int]] = []

        def look(connection: Connection, _record: Record) -> None:
            sock = connection.secure(self._prober.context(trusting=True), self._target.host)
            seen.append((sock.getpeercert(binary_form=True) or b"", _count_sent(sock)))
            raise ProbeAborted(ProbeKind.RESET, "seen enough")

        with suppress(ProbeAborted, OSError):
            self._converse(Record(self._target.mode), look)
        der, sent = seen[0] if seen else (b"", 0)
        details = read_details(der)
        if details is not None:
            self._record.certificate = details.certificate
        return explain(refused, details, sent, self._target.host, datetime.now(UTC))

    def _look_at_other_mode(self) -> None:
        """
        Find out by one more connection, without credentials, whether the mode is wrong.

        Raises:
            ProbeAborted: the server speaks in the other mode.

        """
        message = wanted = ""
        connection = None
        with suppress(ProbeAborted, OSError):
            connection = self._prober.open(self._endpoints, self._deadline)
            if self._target.mode is Mode.IMPLICIT:
                if connection.read().startswith(_GREETINGS[self._target.protocol]):
                    message, wanted = "the server starts unencrypted", Mode.STARTTLS
            else:
                connection.secure(self._prober.context(trusting=True), self._target.host)
                message, wanted = "the server starts with TLS", Mode.IMPLICIT
        if connection is not None:
            self._prober.release(connection)
        if message:
            hint = (
                "correct the port or the flags; if they are right for ICE, set `probe: "
                f"{{{self._target.protocol}: {wanted}}}`"
            )
            message = f"{message}: {wanted} expected on this port"
            raise ProbeAborted(ProbeKind.TLS_WRONG_MODE, message, hint=hint)

    def _result(
        self, kind: ProbeKind, attempts: int, aborted: ProbeAborted | None = None
    ) -> ProbeResult:
        seen = self._record
        made = ProbeResult(
            kind,
            mode=seen.mode,
            ip=seen.ip,
            tls_version=seen.tls_version,
            cipher=seen.cipher,
            certificate=self._shown_certificate(seen.certificate),
            offered=self._shown_names(seen.offered),
            mechanism=seen.mechanism,
            senders=tuple(self._shown_sender(check) for check in seen.senders),
            inbox_messages=seen.inbox_messages,
            notes=tuple(seen.notes),
            steps=tuple(seen.steps),
            attempts=attempts,
        )
        if aborted is None:
            return made
        return replace(
            made,
            # Our own words, but they may name what a certificate or a list of mechanisms holds.
            detail=self._shown(aborted.detail, _MAX_DETAIL),
            hint=self._shown(aborted.hint, _MAX_DETAIL),
            code=aborted.code,
            text=self._shown(aborted.text),
        )

    def _shown_sender(self, check: SenderCheck) -> SenderCheck:
        """Return *check* with the answer as it may be shown; its codes are always shown."""
        code, _, text = check.answer.partition(" ")
        if not code.isdigit():
            return check._replace(answer=self._shown(check.answer))
        shown = self._shown(text)
        if shown == _WITHHELD:
            shown = f"{enhanced_code(text)} {shown}".strip()
        return check._replace(answer=f"{code} {shown}")

    def _shown_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return *names* as they may be shown; together they must not spell the password either."""
        kept = tuple(" ".join(name.split())[:MAX_TEXT] for name in names[:_MAX_OFFERED])
        return (_WITHHELD,) if self._account.stands_in(" ".join(kept)) else kept

    def _shown_certificate(self, certificate: Certificate | None) -> Certificate | None:
        """Return *certificate* as it may be shown: its names are the server's words, too."""
        if certificate is None:
            return None
        return replace(
            certificate,
            subject=self._shown(certificate.subject),
            issuer=self._shown(certificate.issuer),
            names=tuple(self._shown(name) for name in certificate.names),
        )

    def _shown(self, words: str, limit: int = MAX_TEXT) -> str:
        """Return a server's *words* as they may be shown: cut, and never with the password."""
        text = " ".join(words.split())
        text = text if len(text) <= limit else text[: limit - 1] + "…"
        return _WITHHELD if self._account.stands_in(text) else text


_SILENT: Final = frozenset(
    {ProbeKind.TIMEOUT, ProbeKind.RESET, ProbeKind.TLS_WRONG_MODE, ProbeKind.TLS_ERROR}
    | _CERTIFICATES
)
"""After these there is nobody to say goodbye to."""


def _count_sent(sock: ssl.SSLSocket) -> int:
    """Return how many certificates the server sent; 0 where this Python does not tell."""
    for holder in (sock, getattr(sock, "_sslobj", None)):
        chain = getattr(holder, "get_unverified_chain", None)
        if chain is not None:
            return len(chain() or ())
    return 0


def _certificate_of(sock: ssl.SSLSocket) -> Certificate | None:
    der = sock.getpeercert(binary_form=True)
    return read_certificate(der) if der else None
