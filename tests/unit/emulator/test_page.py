"""The page: what it shows, and what it never does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.emulator.page import Overview, render_page
from icesync.emulator.storage import Call, Stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.emulator.storage import Storage
    from tests.unit.emulator.conftest import Caller


def page(caller: Caller) -> str:
    """Return the page as text."""
    return caller.call("GET", "/_emulator/").body.decode()


def test_an_empty_emulator_says_what_to_do() -> None:
    """Before the first write the page names the command."""
    html = render_page(Overview("http://x/ICEAPI", "token", (), (), Stats(0, 0, {})))

    assert "icesync apply" in html
    assert "No call yet." in html


def test_shows_how_mail_is_sent_and_collected(caller: Caller) -> None:
    """A row names the hosts and ports in use."""
    caller.update(
        SMTPServerAddress="smtp.test", SMTPPort="587", ImapServerAddress="imap.test",
        ImapPort="993", Pop3ServerAddress="pop3.test", IsImap=True, IsTLS=True,
    )  # fmt: skip
    html = page(caller)

    assert "smtp.test:587" in html
    assert "imap.test:993" in html
    assert "pop3.test" not in html


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"Status": "Enabled", "IsActive": True}, '<span class="pill good">Enabled</span>'),
        ({"Status": "Disabled", "IsActive": True}, '<span class="pill ">Disabled</span>'),
        ({"Status": "Enabled"}, "not active"),
        ({"IsSSL": True, "IsTLS": True}, "SSL + TLS"),
        ({}, "unencrypted"),
        ({"IsEmailSpoofing": True, "SpoofEmail": "a@b.c"}, "sends as a@b.c"),
        ({"SMTPPassword": "x"}, "••••<small>smtp</small>"),
        ({"SMTPPassword": ""}, "\N{EN DASH}<small>smtp</small>"),
        ({"OrganizationId": 60}, "two values: OrgId"),
        ({"Zed": 1}, "revision 1; ignored: Zed"),
        ({"IsSSL": "yes"}, "does not fit: IsSSL"),
    ],
)
def test_shows_what_matters(caller: Caller, members: dict[str, object], text: str) -> None:
    """Status, security, passwords as dots and remarks about a call can be read."""
    caller.update(**members)

    assert text in page(caller)


def test_escapes_what_comes_from_outside(caller: Caller, archive: Storage) -> None:
    """Neither a host, a member's name nor a path can become markup."""
    evil = "<script>alert('x')</script>"
    caller.update(SMTPServerAddress=evil, SMTPUserName=evil, Status=evil, **{evil: 1})
    archive.record(Call("<b>T<b>", evil, evil, 404, evil))
    html = page(caller)

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<b>T" not in html


def test_runs_and_loads_nothing(caller: Caller) -> None:
    """The page has no script and no address to load from."""
    html = page(caller)

    assert "<script" not in html
    assert "src=" not in html
    policy = caller.call("GET", "/_emulator/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")


def test_says_how_many_servers_are_not_shown(caller: Caller) -> None:
    """A large fleet is cut, and the page says so."""
    for skill in range(1, 103):
        caller.update(SkillId=skill)

    assert "and 2 more" in page(caller)


def test_shows_faults_and_how_often_they_fired(faulty: Callable[..., Caller]) -> None:
    """Each fault in force has a row: what it does, what becomes of the write, its counts."""
    caller = faulty("apply-then-500@nth=2", "latency:0ms", "reset@skill=1")
    caller.update()
    caller.update()
    html = page(caller)

    assert "<code>apply-then-500@nth=2</code>" in html
    assert '<td>stored</td>\n<td class="number">2</td>' in html
    assert '<span class="pill struck">2</span>' in html
    assert '<div class="struck"><dt>faults fired</dt><dd>3</dd></div>' in html


def test_without_faults_says_how_to_add_one(caller: Caller) -> None:
    """An emulator as it comes tells the command."""
    assert f"X-Emulator-Token: {caller.service.admin_token}' -d status:503@nth=3" in page(caller)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Call("T", "POST", "/", 0, "not processed", 59, 1, "{}", fault="reset"), "nothing stored"),
        (Call("T", "POST", "/", 0, "applied"), "in flight"),
        (Call("T", "POST", "/", 0, "applied"), '<td class="number">\N{EN DASH}</td>'),
        (
            Call("T", "POST", "/", 200, "x", ended_at="T", overlaps=(7, 8)),
            'bad">overlaps call 7, 8<',
        ),
        (Call("T", "POST", "/", 200, "x", fault="<b>"), '<code class="struck">&lt;b&gt;</code>'),
    ],
)
def test_shows_what_became_of_a_call(
    archive: Storage, caller: Caller, call: Call, text: str
) -> None:
    """What a fault did to a call can be read beside it."""
    archive.record(call)

    assert text in page(caller)
