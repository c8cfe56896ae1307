"""Mechanisms: the exchanges that their RFCs print, and servers that do not keep to them."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Final

import pytest
from mailscript import SMTP, ScriptedServer

from icesync.model.probe import ProbeKind, ProbeResult
from icesync.model.secret import SecretValue
from icesync.probe.connection import ProbeAborted
from icesync.probe.sasl import Account

if TYPE_CHECKING:
    from collections.abc import Callable

    Probe = Callable[..., ProbeResult]

EXCHANGES: Final = {
    "SCRAM-SHA-1": (  # RFC 5802, section 5
        "fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (  # RFC 7677, section 3
        "rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        (b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mechanism", EXCHANGES)
def test_the_exchange_of_the_rfc(monkeypatch: pytest.MonkeyPatch, mechanism: str) -> None:
    """With the nonce of the example, each message is that of the example."""
    nonce, challenge, final, proof = EXCHANGES[mechanism]
    monkeypatch.setattr("icesync.probe.sasl.secrets.token_urlsafe", lambda _: nonce)
    dialogue = Account("user", SecretValue("pencil")).dialogue(mechanism)

    assert dialogue.first == f"n,,n=user,r={nonce}".encode()
    assert not dialogue.secret
    assert dialogue.answer(challenge) == final
    assert dialogue.secret
    assert dialogue.answer(proof) == b""


def test_a_server_that_does_not_know_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof works both ways: who cannot give it is not the server of this account."""
    nonce, challenge, _, _ = EXCHANGES["SCRAM-SHA-256"]
    monkeypatch.setattr("icesync.probe.sasl.secrets.token_urlsafe", lambda _: nonce)
    dialogue = Account("user", SecretValue("pencil")).dialogue("SCRAM-SHA-256")
    dialogue.answer(challenge)

    with pytest.raises(ProbeAborted, match="did not prove"):
        dialogue.answer(b"v=" + base64.b64encode(b"\0" * 32))


def test_names_are_escaped_and_prepared() -> None:
    """A comma would end a name, and letters have one form (RFC 5802, RFC 4013)."""
    dialogue = Account("a,b=c\u00ad\u2168", SecretValue("x")).dialogue("SCRAM-SHA-1")

    assert dialogue.first is not None
    assert dialogue.first.startswith(b"n,,n=a=2Cb=3DcIX,r=")


@pytest.mark.parametrize(
    ("challenge", "kind"),
    [
        ("r={n}x,s=AAAA,i=2000000000", ProbeKind.PROTOCOL),
        ("r={n}x,s=AAAA,i=99999999", ProbeKind.AUTH_MECHANISM),
        ("r={n}x,s=AAAA,i=" + "9" * 5000, ProbeKind.PROTOCOL),
        ("r={n}x,s=AAAA,i=-1", ProbeKind.PROTOCOL),
        ("r={n},s=AAAA,i=4096", ProbeKind.PROTOCOL),
        ("r=other,s=AAAA,i=4096", ProbeKind.PROTOCOL),
        ("r={n}x,s=!,i=4096", ProbeKind.PROTOCOL),
        ("m=ext,r={n}x,s=AAAA,i=4096", ProbeKind.PROTOCOL),
        ("", ProbeKind.PROTOCOL),
        (",,,=,==", ProbeKind.PROTOCOL),
    ],
)
def test_a_challenge_that_is_none(
    monkeypatch: pytest.MonkeyPatch, challenge: str, kind: ProbeKind
) -> None:
    """No server makes a probe work for minutes, or prove a password to nobody."""
    monkeypatch.setattr("icesync.probe.sasl.secrets.token_urlsafe", lambda _: "nonce")
    dialogue = Account("user", SecretValue("pencil")).dialogue("SCRAM-SHA-256")
    began = time.process_time()

    with pytest.raises(ProbeAborted) as caught:
        dialogue.answer(challenge.replace("{n}", "nonce").encode())
    assert caught.value.kind is kind
    assert time.process_time() - began < 1


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "LOGIN"])
def test_repeated_challenges_end(probe: Probe, mechanism: str) -> None:
    """A server that asks for ever gets a few answers, one login and no endless exchange."""
    table = {**SMTP, "EHLO": f"250-x\r\n250 AUTH {mechanism}", "AUTH": "334 ", "*": "334 cj14"}
    with ScriptedServer(table) as server:
        result = probe(server, "smtp")

    assert result.kind.severity is not ProbeKind.OK.severity
    assert len(server.heard) < 12
    assert len(server.commands("AUTH")) == 1
