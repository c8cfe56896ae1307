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
from icesync.probe.line import Deadline, Line, Patience, Stopped
from icesync.probe.sasl import Account
from icesync.probe.session import Record, Session
from icesync.probe.tls import meaning_of, open_looking, open_trust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from icesync.model.probe import Certificate, ProbeTarget
    from icesync.model.secret import SecretValue
    from icesync.probe.connect import Places, Resolve

__all__ = ["MailProber"]

LONGEST_TEXT: Final = 200
"""What is kept of a server's words."""

_MOST_OFFERED: Final = 20
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
        patience: Patience | None = None,
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
        self._patience = patience or Patience()
        self._resolve = resolve
        self._source_address = source_address
        self._lines: set[Line] = set()
        self._closed = False
        self._mutex = threading.Lock()

    def probe(self, target: ProbeTarget, password: SecretValue) -> ProbeResult:
        """Log in once as *target* says and return what was seen; never raises for the far end."""
        return _Probe(self, target, Account(target.username, password)).run()

    def close(self) -> None:
        """Cut all connections and take no more; probes in flight end at once."""
        with self._mutex:
            self._closed = True
            for line in self._lines:
                line.cut()

    def places_of(self, target: ProbeTarget, deadline: Deadline) -> Places:
        """Return the addresses of *target*."""
        return look_up(target, self._resolve, deadline, self._patience.connect_s)

    def open(self, places: Places, deadline: Deadline) -> Line:
        """Return a connection to the first of *places* that answers."""
        wire, ip = connect(places, deadline, self._patience.connect_s, self._source_address)
        line = Line(wire, ip, deadline, self._patience)
        with self._mutex:
            if self._closed:
                line.cut()
            self._lines.add(line)
        return line

    def release(self, line: Line) -> None:
        """Close *line* and forget it."""
        with self._mutex:
            self._lines.discard(line)
        line.close()

    @property
    def patience(self) -> Patience:
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
        self._deadline = Deadline(prober.patience.total_s)
        self._record = Record(target.mode)
        self._places: Places = ()

    def run(self) -> ProbeResult:
        attempts = 1
        stopped = self._attempt()
        if stopped is not None and stopped.kind in _AGAIN and not self._record.spoken:
            time.sleep(self._deadline.left_s(self._prober.patience.retry_s))
            attempts = 2
            stopped = self._attempt()
        if stopped is None:
            return self._result(ProbeKind.OK, attempts)
        if stopped.kind in _CERTIFICATES:
            self._look_at_certificate()
        elif stopped.kind in _DOUBTFUL and not (self._record.greeted or self._record.tls_version):
            stopped = self._try_other_mode(stopped)
        return self._result(stopped.kind, attempts, stopped)

    def _attempt(self) -> Stopped | None:
        """Converse once; return why it did not end well, or None."""
        self._record = Record(self._target.mode)
        try:
            if not self._account.fits_sasl:
                told = "user name or password hold a NUL, which no login can carry"
                raise Stopped(ProbeKind.AUTH_UNAVAILABLE, told)  # noqa: TRY301 - as the far end
            with self._record.step(StepName.DNS):
                self._places = self._prober.places_of(self._target, self._deadline)
            self._converse(self._record, self._secure)
        except Stopped as stopped:
            return stopped
        return None

    def _converse(self, record: Record, secure: Callable[[Line, Record], None]) -> None:
        with record.step(StepName.TCP):
            line = self._prober.open(self._places, self._deadline)
        session = Session(line, self._target, self._account, record, lambda: secure(line, record))
        try:
            record.ip = line.peer_ip
            if record.mode is Mode.IMPLICIT:
                secure(line, record)
            _CONVERSATIONS[self._target.protocol](session)
        except Stopped as stopped:
            if stopped.kind not in _SILENT:
                session.leave()
            raise
        else:
            session.leave()
        finally:
            self._prober.release(line)

    def _secure(self, line: Line, record: Record) -> None:
        """Begin encryption with a server that proves who it is."""
        context = self._prober.context(trusting=False)
        with record.step(StepName.TLS):
            try:
                wire = line.secure(context, self._target.host)
            except OSError as error:
                raise meaning_of(error) from None
        record.tls_version = wire.version() or "TLS"
        record.cipher = (wire.cipher() or ("",))[0]
        record.certificate = _certificate_of(wire)

    def _look_at_certificate(self) -> None:
        """Read the certificate that was not accepted: one more connection, nobody logs in."""

        def look(line: Line, _record: Record) -> None:
            wire = line.secure(self._prober.context(trusting=True), self._target.host)
            self._record.certificate = _certificate_of(wire)
            raise Stopped(ProbeKind.RESET, "seen enough")

        with suppress(Stopped, OSError):
            self._converse(Record(self._target.mode), look)

    def _try_other_mode(self, stopped: Stopped) -> Stopped:
        """Return *stopped*, or what one more connection without credentials shows instead."""
        try:
            line = self._prober.open(self._places, self._deadline)
        except Stopped:
            return stopped
        try:
            if self._target.mode is Mode.IMPLICIT:
                banner = line.read(self._prober.patience.banner_s)
                found = banner.startswith(_GREETINGS[self._target.protocol])
                told, wanted = "the server speaks in clear text first", Mode.STARTTLS
            else:
                line.secure(self._prober.context(trusting=True), self._target.host)
                found, told, wanted = True, "the server speaks TLS at once", Mode.IMPLICIT
        except (Stopped, OSError):
            return stopped
        finally:
            self._prober.release(line)
        if not found:
            return stopped
        hint = (
            f"correct the port or the flags; or if ICE knows better, "
            f"`probe: {{{self._target.protocol}: {wanted}}}`"
        )
        return Stopped(
            ProbeKind.TLS_WRONG_MODE, f"{told}: {wanted} expected on this port", hint=hint
        )

    def _result(
        self, kind: ProbeKind, attempts: int, stopped: Stopped | None = None
    ) -> ProbeResult:
        seen = self._record
        made = ProbeResult(
            kind,
            mode=seen.mode,
            ip=seen.ip,
            tls_version=seen.tls_version,
            cipher=seen.cipher,
            certificate=seen.certificate,
            offered=self._told_names(seen.offered),
            mechanism=seen.mechanism,
            senders=tuple(c._replace(answer=self._told(c.answer)) for c in seen.senders),
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
            code=self._told(stopped.code),
            text=self._told(stopped.text),
        )

    def _told_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return *names* as they may be shown; together they must not spell the password either."""
        if self._account.stands_in(" ".join(names)):
            return (_WITHHELD,)
        return tuple(self._told(name) for name in names[:_MOST_OFFERED])

    def _told(self, words: str) -> str:
        """Return a server's *words* as they may be shown: cut, and never with the password."""
        if self._account.stands_in(words):
            return _WITHHELD
        text = " ".join(words.split())
        return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


_SILENT: Final = frozenset(
    {ProbeKind.TIMEOUT, ProbeKind.RESET, ProbeKind.TLS_WRONG_MODE, ProbeKind.TLS_ERROR}
    | _CERTIFICATES
)
"""After these there is nobody to say goodbye to."""


def _certificate_of(wire: ssl.SSLSocket) -> Certificate | None:
    der = wire.getpeercert(binary_form=True)
    return read_certificate(der) if der else None
