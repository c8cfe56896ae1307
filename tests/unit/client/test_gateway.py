from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from builders import SETTINGS, SUPPORT
from fakes import FakeClock
from hypothesis import example, given
from hypothesis import strategies as st

from icesync.client.gateway import IceGateway
from icesync.client.session import Session
from icesync.model.plan import Update
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.report import Outcome, OutcomeKind
from icesync.model.secret import SecretValue
from icesync.net import (
    BrokenError,
    ClientOptions,
    MisconfiguredError,
    NotSentError,
    RawReply,
    open_client,
)
from icesync.wire.login import sign_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CANARY = "canary-4711"
UPDATE = Update(SUPPORT, SETTINGS, {"smtp.password": SecretValue(CANARY)})
SUCCESS = RawReply(200, {}, b'{"Message":" Success"}')
REFUSED = RawReply(400, {}, b'{"Message":"The request is invalid."}')
NAMED = RawReply(400, {}, b'{"Message":"x","ModelState":{"server.SMTPPort":["x"]}}')
EXPIRED = RawReply(200, {}, b'{"Message":"Token has expired."}')
NOW_S = 1767225600


def token_until(seconds: float) -> SecretValue:
    """Return a token that ends *seconds* after the fake clock's start."""
    return sign_token({"exp": NOW_S + seconds}, b"key")


class Ice:
    """A far end that answers with *replies*, one after the other; the last stays."""

    def __init__(self, *replies: RawReply | Exception) -> None:
        self.replies = list(replies)
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    @property
    def tokens(self) -> list[str]:
        """The tokens that it was shown, in order."""
        return [body["Token"] for body in self.bodies]

    def answer(self, _method: str, path: str, _headers: Mapping[str, str], body: bytes) -> RawReply:
        """Remember a call and answer it."""
        self.paths.append(path)
        self.bodies.append(json.loads(body))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply


def gateway(
    ice: Ice,
    token: SecretValue | None = None,
    renew: Callable[[], SecretValue] | None = None,
    options: WireOptions | None = None,
) -> IceGateway:
    """Return a gateway to *ice* with a token that ends in an hour."""
    clock = FakeClock()
    client = open_client(ClientOptions("http://ice.test", 5, "icesync", answer=ice.answer))
    session = Session(token or token_until(3600), clock, renew)
    return IceGateway(client, session, options or WireOptions(), clock)


def send(ice: Ice, **named: Any) -> Outcome:
    """Send one update to *ice*."""
    opened = gateway(ice, **named)
    try:
        return opened.send(UPDATE)
    finally:
        opened.close()


class StubClient:
    """A client that answers every request with *reply*."""

    def __init__(self, reply: RawReply) -> None:
        self._reply = reply

    def post_json(self, _path: str, _body: bytes) -> RawReply:
        """Return the reply."""
        return self._reply


def hear(reply: RawReply) -> Outcome:
    """Return what a gateway makes of *reply*."""
    clock = FakeClock()
    client: Any = StubClient(reply)
    return IceGateway(client, Session(token_until(3600), clock), WireOptions(), clock).send(UPDATE)


def test_update_goes_to_the_documented_path() -> None:
    """One call is one POST of the whole record, with the token in its body."""
    ice = Ice(SUCCESS)

    outcome = send(ice)

    assert outcome == Outcome(OutcomeKind.APPLIED)
    assert ice.paths == ["/api/EmailAdmin/UpdateEmailServer"]
    assert ice.bodies[0]["SMTPPassword"] == CANARY
    assert ice.tokens == [token_until(3600).reveal()]


def test_wire_options_shape_the_body() -> None:
    """The configuration's choices about the wire reach it."""
    ice = Ice(SUCCESS)

    send(ice, options=WireOptions(OrgKey.ORG_ID, Absent.OMIT))

    assert not {"OrganizationId", "SpoofEmail"} & ice.bodies[0].keys()


@pytest.mark.parametrize(
    ("replies", "kind", "tokens", "logins"),
    [
        ([REFUSED, SUCCESS], OutcomeKind.APPLIED, [3600, 7200], 1),
        ([REFUSED], OutcomeKind.REJECTED, [3600, 7200, 7200], 1),
        ([NAMED], OutcomeKind.REJECTED, [3600, 3600], 0),
    ],
    ids=["the token", "the values", "named values"],
)
def test_refusal_without_a_reason_is_tried_with_another_token(
    replies: list[RawReply], kind: OutcomeKind, tokens: list[int], logins: int
) -> None:
    """Once in a run a login finds out whether it was the token: the text is the same for both."""
    made: list[SecretValue] = []

    def renew() -> SecretValue:
        made.append(token_until(7200))
        return made[-1]

    ice = Ice(*replies)
    opened = gateway(ice, renew=renew)
    outcomes = [opened.send(UPDATE), opened.send(UPDATE)]

    assert outcomes[0].kind is kind
    assert len(made) == logins
    assert ice.tokens[: len(tokens)] == [token_until(end).reveal() for end in tokens]


def test_refusal_of_an_older_token_is_tried_with_the_new_one() -> None:
    """What another worker learned meanwhile counts for this one too."""
    clock = FakeClock()
    session = Session(token_until(3600), clock, lambda: token_until(7200))
    old = session.token()

    assert session.refused(old, surely=False)
    assert session.refused(old, surely=False)
    assert not session.refused(session.token(), surely=False)
    assert session.refused(session.token())


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotSentError("no connection"), Outcome(OutcomeKind.TRANSIENT, "not sent: no connection")),
        (
            MisconfiguredError("the address cannot be called"),
            Outcome(OutcomeKind.MISCONFIGURED, "the address cannot be called"),
        ),
        (
            BrokenError("no reply in time"),
            Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: no reply in time"),
        ),
    ],
    ids=["not sent", "misconfigured", "broken"],
)
def test_failure_of_the_network_is_an_outcome(error: Exception, outcome: Outcome) -> None:
    """Whatever the network does, a gateway answers with what it means."""
    assert send(Ice(error)) == outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("99999999999999", 86400.0),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thu, 01 Jan 2026 01:02:00 +0100", 120.0),
        ("Thu, 01 Jan 2026 00:02:00 -0000", 120.0),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120.0),
        ("Thu Jan  1 00:02:00 2026", 120.0),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
        ("Fri, 01 Jan 2036 00:00:00 GMT", 86400.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("\u0665", None),
        ("soon", None),
        ("Mon, 99 Foo 2026", None),
        ("1 Jan 99999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999999", None),
    ],
)
def test_wait_is_read_in_every_form(text: str, seconds: float | None) -> None:
    """A number or a date of three kinds; never negative, never more than a day."""
    outcome = hear(RawReply(429, {"retry-after": text}))

    assert (outcome.kind, outcome.retry_after_s) == (OutcomeKind.THROTTLED, seconds)


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
    | st.from_regex(r"(Thu, )?[0-9]{1,20} (Jan|Dec) [0-9]{1,12}( [0-9]{1,20}:[0-9]+:[0-9]+)?"
                    r"( [+-][0-9]{1,20})?", fullmatch=True)
)  # fmt: skip
@example("1 Jan 99999999999 00:00:00 GMT")
def test_any_wait_is_survived(text: str) -> None:
    """No header that a far end may send ends the run."""
    seconds = hear(RawReply(429, {"retry-after": text})).retry_after_s

    assert seconds is None or 0 <= seconds <= 86400


def test_refused_token_is_renewed_once_and_the_call_made_again() -> None:
    """A token that ICE does not accept is replaced by a login, and the same record sent."""
    ice = Ice(EXPIRED, SUCCESS)
    fresh = token_until(7200)

    outcome = send(ice, renew=lambda: fresh)

    assert outcome.kind is OutcomeKind.APPLIED
    assert ice.tokens == [token_until(3600).reveal(), fresh.reveal()]


def test_refused_token_without_a_login_is_final() -> None:
    """Without a login there is no other token to try."""
    ice = Ice(EXPIRED)

    assert send(ice).kind is OutcomeKind.AUTH
    assert len(ice.bodies) == 1


def test_second_refusal_is_final() -> None:
    """A fresh token that is refused too is not the token's fault."""
    ice = Ice(EXPIRED)

    assert send(ice, renew=lambda: token_until(7200)).kind is OutcomeKind.AUTH
    assert len(ice.bodies) == 2


@pytest.mark.parametrize(("left_s", "kind"), [(3600, OutcomeKind.REJECTED), (30, OutcomeKind.AUTH)])
def test_documented_refusal_under_an_ended_token_is_about_the_token(
    left_s: float, kind: OutcomeKind
) -> None:
    """The same words mean a bad value and a bad token; the token's end tells which."""
    assert send(Ice(REFUSED), token=token_until(left_s)).kind is kind


def test_refusal_that_names_fields_is_about_the_values() -> None:
    """ModelState says what is wrong, whatever the token's age."""
    reply = RawReply(
        400, {}, b'{"Message":"The request is invalid.","ModelState":{"s.SMTPPort":["x"]}}'
    )

    assert send(Ice(reply), token=token_until(30)).kind is OutcomeKind.REJECTED


@pytest.mark.parametrize(
    ("reply", "kind"), [(SUCCESS, OutcomeKind.APPLIED), (REFUSED, OutcomeKind.UNCERTAIN)]
)
def test_repeated_request_is_certain_only_of_success(reply: RawReply, kind: OutcomeKind) -> None:
    """A refusal of the second request says nothing about the first."""
    assert hear(replace(reply, repeated=True)).kind is kind


@pytest.mark.parametrize(
    "reply",
    [
        REFUSED,
        EXPIRED,
        RawReply(302, {"location": f"https://x.test/{CANARY}"}),
        RawReply(500, {}, CANARY.encode()),
        RawReply(200, {}, json.dumps({"Message": CANARY}).encode()),
        BrokenError("no reply in time"),
    ],
    ids=["refused", "expired", "redirect", "server error", "echo", "broken"],
)
def test_outcome_holds_no_password(reply: RawReply | Exception) -> None:
    """What the far end echoes goes nowhere."""
    assert CANARY not in repr(send(Ice(reply)))
