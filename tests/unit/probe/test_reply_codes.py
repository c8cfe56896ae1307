"""What a refused login means: every documented wording that was found, as a table."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from icesync.model.probe import ProbeKind, ProbeSeverity
from icesync.probe.reply_codes import (
    TABLE,
    Meaning,
    ended_login,
    meaning_of,
    refused_connection,
    refused_inbox,
    refused_login,
    response_codes,
)

REFUSALS = Path(__file__).parents[2] / "data" / "refusals.txt"

SEVERITIES = {
    Meaning.WRONG: ProbeSeverity.FAILED,
    Meaning.OFF: ProbeSeverity.FAILED,
    Meaning.LOCKED: ProbeSeverity.WARNING,
    Meaning.BUSY: ProbeSeverity.WARNING,
    Meaning.IN_USE: ProbeSeverity.WARNING,
    Meaning.BLOCKED: ProbeSeverity.WARNING,
    Meaning.MECHANISM: ProbeSeverity.WARNING,
    Meaning.ENCRYPTION: ProbeSeverity.WARNING,
}


def table() -> list[tuple[Meaning, int, str]]:
    """Return what the table says: the meaning, SMTP's reply code or 0, and the words."""
    rows = []
    for line in REFUSALS.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        meaning, _who, answer = (part.strip() for part in line.split("|", 2))
        match = re.fullmatch(r"([2-5]\d\d) (.*)", answer)
        reply, text = (int(match[1]), match[2]) if match else (0, answer)
        rows.append((Meaning(meaning), reply, text))
    return rows


def judged(text: str, reply: int) -> Meaning:
    """Return the meaning, as a refused login takes it where no row knows one."""
    return meaning_of(text, reply) or (Meaning.BUSY if reply // 100 == 4 else Meaning.WRONG)


@pytest.mark.parametrize(("meaning", "reply", "text"), table())
def test_a_refusal_is_read_as_it_is_meant(meaning: Meaning, reply: int, text: str) -> None:
    """Words decide before codes; only a wrong password and a switch fail a probe."""
    assert judged(text, reply) is meaning
    assert refused_login(text, reply).kind.severity is SEVERITIES[meaning]


def test_every_meaning_is_in_the_table() -> None:
    """A meaning that nothing leads to would be a promise that nobody keeps."""
    assert {row.meaning for row in TABLE} == set(Meaning) == {row[0] for row in table()}
    assert all(row.source for row in TABLE)


@pytest.mark.parametrize("reply", range(400, 500))
def test_a_transient_reply_is_no_verdict(reply: int) -> None:
    """Whatever a 4xx says, it may be otherwise in a minute (RFC 5321, section 4.2.1)."""
    for text in ("5.7.8 authentication failed", "wrong password", "account disabled", ""):
        assert refused_login(text, reply).kind.severity is ProbeSeverity.WARNING


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", ProbeKind.AUTH_UNANSWERED),
        ("I have enough", ProbeKind.AUTH_UNANSWERED),
        ("Too many authentication failures", ProbeKind.AUTH_UNANSWERED),
        ("[AUTHENTICATIONFAILED] Authentication failed", ProbeKind.AUTH_REJECTED),
        ("IMAP access is disabled for this user", ProbeKind.AUTH_DISABLED),
        ("Too many connections", ProbeKind.AUTH_TEMPORARY),
    ],
)
def test_a_goodbye_after_a_password(text: str, kind: ProbeKind) -> None:
    """Who hangs up on a password has refused it, but for a server that is busy and says so."""
    assert ended_login(text).kind is kind


@pytest.mark.parametrize(
    ("text", "reply", "kind"),
    [
        ("Too many connections", 0, ProbeKind.AUTH_TEMPORARY),
        ("[UNAVAILABLE] starting up", 0, ProbeKind.AUTH_TEMPORARY),
        ("4.3.2 try again", 421, ProbeKind.AUTH_TEMPORARY),
        ("4.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", 450, ProbeKind.REFUSED),
        ("5.7.1 no access from there", 554, ProbeKind.REFUSED),
        ("go away", 0, ProbeKind.REFUSED),
    ],
)
def test_a_refused_connection(text: str, reply: int, kind: ProbeKind) -> None:
    """A server that is busy is asked again; one that bars this machine says nothing about ICE."""
    assert refused_connection(text, reply).kind is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("User is authenticated but not connected.", ProbeKind.INBOX_UNAVAILABLE),
        ("EXAMINE Unsafe Login. Please contact us", ProbeKind.INBOX_UNAVAILABLE),
        ("[UNAVAILABLE] later", ProbeKind.AUTH_TEMPORARY),
        ("Mailbox is locked by another session", ProbeKind.IN_USE),
    ],
)
def test_a_mailbox_that_cannot_be_opened(text: str, kind: ProbeKind) -> None:
    """The login was good: what is said is about the mailbox."""
    assert refused_inbox(text).kind is kind


def test_only_known_words_in_brackets_are_codes() -> None:
    """What a server makes up may be anything, also a secret: it is text."""
    found = response_codes("[alert] x [OPENSESAME] [Unavailable y] [IN-USE] [SYS/TEMP z]")

    assert found == ("ALERT", "UNAVAILABLE", "IN-USE", "SYS/TEMP")


@pytest.mark.parametrize(
    "text",
    ["a " * 50_000, "-" * 100_000, "not " * 20_000, "too many " * 10_000, "ip " * 30_000,
     "imap access " * 9_000, "\x00" * 90_000, "\u017f\u2019" * 40_000, "https://" * 10_000],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    """A hostile server cannot make the table work for long."""
    began = time.process_time()
    meaning_of(text, 535)

    assert time.process_time() - began < 1
