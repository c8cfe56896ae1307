from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import BILLING, SALES, SUPPORT, desired, server

from icesync.config.rules import lint
from icesync.diagnostics import Severity
from icesync.model.desired import Address

if TYPE_CHECKING:
    from icesync.model.desired import DesiredServer

OTHER = Address(60, 663)


def told(*servers: DesiredServer) -> list[str]:
    """Return address, rule and key of each finding, infos left out."""
    return [
        f"{f.server.address} {f.rule} {f.violation.key}"
        for f in lint(desired(*servers), live=False)
        if f.severity is not Severity.INFO
    ]


def own(address: Address, **changed: object) -> DesiredServer:
    """Return a server whose logins and mailboxes are nobody else's."""
    name = f"q{address.skill}of{address.organization}@example.test"
    unique = {
        f"{block}__{leaf}": name for block in ("smtp", "pop3") for leaf in ("username", "mailbox")
    }
    return server(address, **{**unique, **changed})  # type: ignore[arg-type]


def test_a_good_fleet_has_no_findings() -> None:
    """Rules are silent where nothing is wrong."""
    assert told(own(SUPPORT), own(SALES), own(OTHER)) == []


IMAP = {
    "incoming": "imap",
    "imap__host": "imap.example.test",
    "imap__port": 993,
    "imap__username": "desk",
    "imap__mailbox": "desk@example.test",
    "imap__poll_rate": 10,
    **{f"pop3__{leaf}": None for leaf in ("host", "port", "username", "mailbox", "poll_rate")},
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"smtp__port": 465}, []),
        ({"smtp__port": 2465}, []),
        ({"smtp__port": 995}, ["ICE307 smtp.port"]),
        ({"smtp__port": 995, "tls": False}, ["ICE303 smtp.port", "ICE307 smtp.port"]),
        ({"pop3__port": 143}, ["ICE307 pop3.port"]),
        ({"pop3__port": 589}, ["ICE309 pop3.port"]),
        ({"smtp__port": 25, "tls": None}, []),
        ({"smtp__host": "smtp.gmail.com", "smtp__port": 25}, ["ICE305 smtp.port"]),
        ({"smtp__host": "smtp-relay.gmail.com"}, []),
        ({"smtp__host": "mx.gmail.com"}, ["ICE305 smtp.host"]),
        ({"pop3__host": "pop.mail.me.com"}, ["ICE305 pop3.host"]),
        ({"smtp__host": "smtp.office365.com"}, ["ICE306 smtp.host"]),
        ({"pop3__host": "outlook.office365.com"}, ["ICE306 pop3.host"]),
        ({"smtp__host": "smtp.rediffmail.com", "smtp__port": 586}, []),
        ({"smtp__host": "smtp.sendgrid.net", "smtp__username": "apikey"}, []),
        ({"smtp__host": "smtp.sendgrid.net"}, ["ICE407 smtp.username"]),
        ({"smtp__poll_rate": 1440, "pop3__poll_rate": 24}, ["ICE311 smtp.poll_rate"]),
        ({"smtp__poll_rate": 1440, "pop3__poll_rate": 25}, []),
        ({"smtp__poll_rate": 1441}, ["ICE311 smtp.poll_rate"]),
        ({"smtp__poll_rate": None, "pop3__poll_rate": None}, []),
        ({"active": None}, []),
        ({"spoofing__enabled": True, "spoofing__address": "a@sub.example.test"}, ["ICE605"]),
        ({"spoofing__enabled": True, "spoofing__address": "x"}, ["ICE501", "ICE206"]),
        ({"smtp__mailbox": "other@example.test"}, ["ICE605 pop3.mailbox"]),
        ({"smtp__mailbox": None, "spoofing__enabled": True}, ["ICE204 spoofing.enabled"]),
        ({"smtp__username": "x@other.test"}, ["ICE406 smtp.username"]),
        ({"smtp__username": "Desk@Example.Test"}, []),
        ({"smtp__username": None, "pop3__host": None}, []),
        ({"smtp__host": "smtp.mail.com", "smtp__username": "HHarry"}, ["ICE507 smtp.username"]),
        ({**IMAP, "smtp__mailbox": "desk@example.test"}, []),
        ({"imap__username": "desk"}, ["ICE210 imap.username"]),
        ({"imap__host": "imap.example.test"}, []),
    ],
)
def test_one_server(changed: dict[str, object], expected: list[str]) -> None:
    """Each deviation from a good server breaks the rules that it should, and no other."""
    found = [line.partition(" ")[2] for line in told(own(SUPPORT, **changed))]

    assert len(found) == len(expected)
    assert all(f.startswith(e) for f, e in zip(found, expected, strict=True))


@pytest.mark.parametrize("mailbox", ["sample string 22", "changeme"])
def test_a_placeholder_out_of_use_is_a_warning(mailbox: str) -> None:
    """It is sent, but nothing depends on it."""
    spare = {"imap__host": "todo", "imap__username": "xxx", "imap__mailbox": mailbox}
    found = lint(desired(own(SUPPORT, **spare)), live=False)

    assert {f.severity for f in found if f.rule == "ICE507"} == {Severity.WARNING}
    assert [f.rule for f in found] == ["ICE507"] * 3 + ["ICE210"]


def test_eager_polling_informs_only() -> None:
    """It is told for known providers, and stops nothing."""
    eager = own(SUPPORT, pop3__host="pop.gmx.net", pop3__poll_rate=1)
    [finding] = lint(desired(eager), live=False)

    assert (finding.rule, finding.severity) == ("ICE312", Severity.INFO)


SHARED = {"pop3__username": "Desk", "pop3__host": "MAIL.example.test"}


def test_two_skills_at_one_mailbox_are_told_at_the_second() -> None:
    """Hosts and user names are folded; each later server names the first."""
    first = own(SUPPORT, pop3__username="desk", pop3__host="mail.example.test")
    found = told(first, own(SALES, **SHARED), own(OTHER, **SHARED))

    assert [line for line in found if "ICE601" in line] == [
        f"{SALES} ICE601 pop3.username",
        "60/663 ICE601 pop3.username",
    ]


@pytest.mark.parametrize("off", [{"status": "Disabled"}, {"active": False}])
def test_disabled_servers_collect_nothing(off: dict[str, object]) -> None:
    """A server that is off takes nobody's mail."""
    found = told(own(SUPPORT, **SHARED), own(SALES, **{**SHARED, **off}))

    assert not any("ICE601" in line for line in found)


@pytest.mark.parametrize(
    ("user", "host", "found"),
    [
        ("desk@example.test", "imap.example.test", True),
        ("desk@example.test", "imap.other.test", False),
        ("desk", "imap.example.test", True),
        ("desk", "imap.other.test", False),
    ],
)
def test_pop3_empties_what_imap_reads(user: str, host: str, *, found: bool) -> None:
    """A mailbox is one by its address or its user name, and the domain of the hosts."""
    pop3 = own(SUPPORT, pop3__username=user, pop3__host="pop.example.test")
    imap = own(SALES, **{**IMAP, "imap__username": user, "imap__host": host})

    assert (f"{SALES} ICE603 imap.username" in told(pop3, imap)) is found


def test_one_server_id_at_two_addresses() -> None:
    """The second one is told."""
    found = told(own(SUPPORT, email_server_id=1), own(SALES, email_server_id=1), own(OTHER))

    assert found == [f"{SALES} ICE103 email_server_id"]


def test_an_organization_without_an_enabled_server_is_told_once() -> None:
    """At its first server; other organizations do not help."""
    off = {"status": "Disabled", "active": False}
    found = told(own(SUPPORT, **off), own(SALES, **off), own(OTHER))

    assert found == [f"{SUPPORT} ICE207 status"]


def test_a_server_without_mailboxes_answers_nobody() -> None:
    """What is missing has its own finding, and is not compared."""
    bare = own(SUPPORT, smtp__mailbox=None, pop3__mailbox=None)
    unknown = own(SALES, smtp__mailbox=None, spoofing__address="a@b.de", spoofing__enabled=True)

    assert told(bare, unknown) == [f"{SALES} ICE605 spoofing.address"]


def test_a_server_that_could_not_be_read_lacks_nothing() -> None:
    """What is absent from it may be what was refused."""
    gaps = {"spoofing__enabled": True, "imap__username": "desk"}
    whole = own(SUPPORT, **gaps)

    assert {line.split()[1] for line in told(whole)} == {"ICE204", "ICE210"}
    assert told(replace(whole, whole=False)) == []


def test_answers_that_another_skill_collects() -> None:
    """The shown sender counts; who collects its own answers is left alone."""
    sales = own(SALES)
    sender = own(SUPPORT, spoofing__enabled=True, spoofing__address=sales.settings["smtp.mailbox"])

    assert told(sender, sales, own(BILLING)) == [f"{SUPPORT} ICE604 spoofing.address"]
