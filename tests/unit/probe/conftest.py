"""What the tests of dialogues have in common: a prober that has time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from icesync.model.probe import MailProtocol, Mode, ProbeResult, ProbeTarget
from icesync.model.secret import SecretValue
from icesync.probe.connection import Timeouts
from icesync.probe.prober import MailProber

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailscript import Certificates, ScriptedServer

PATIENT = Timeouts(connect_s=20, look_s=20, retry_s=0, total_s=60)
"""For servers that answer, however busy this machine is."""


@pytest.fixture
def probe(certificates: Certificates) -> Callable[..., ProbeResult]:
    """Probe a scripted server; what is not said is as simple as can be."""

    def run(
        server: ScriptedServer | None,
        protocol: MailProtocol | str,
        mode: Mode | str = Mode.NONE,
        *,
        host: str = "localhost",
        user: str = "desk",
        password: str = "open sesame 8261",  # noqa: S107
        senders: tuple[str, ...] = (),
        clear_text: bool = True,
        timeouts: Timeouts = PATIENT,
        **named: Any,
    ) -> ProbeResult:
        port = named.pop("port", server.port if server else 0)
        prober = MailProber(certificates.ca_file, timeouts=timeouts, **named)
        target = ProbeTarget(
            MailProtocol(protocol), host, port, Mode(mode), "test", user, senders, clear_text
        )
        return prober.probe(target, SecretValue(password))

    return run
