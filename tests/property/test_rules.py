"""What the rules leave out for speed is what breaks none: every check, called on every subject."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from builders import desired, server
from hypothesis import assume, given
from hypothesis import strategies as st

from icesync.config.rules import (
    Account,
    Broken,
    Endpoint,
    Host,
    Login,
    MailAddress,
    Options,
    UserName,
    lint,
    on_account,
    on_address,
    on_endpoint,
    on_host,
    on_login,
    on_options,
    on_server,
    on_user,
)
from icesync.config.rules.blocks import _NO_LOGIN, _NO_LOGIN_LABELS, _no_login
from icesync.model.desired import Address, DesiredServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCKS: Final = ("smtp", "pop3", "imap")

HOSTS: Final = (
    *("mail.contoso.com", "smtp.fabrikam.net", "mx1.wingtip.co.uk", "smtp.gmail.com"),
    *("imap.gmail.com", "smtp.eu.sendgrid.net", "foo.mail.yahoo.com", "smtp.office365.com"),
    *("outlook.office365.com", "gmail.com", "me.com", "aspmx.l.google.com", "graph.microsoft.com"),
    *("contoso.mail.protection.outlook.com", "smtp.email.eu-zurich-1.oci.oraclecloud.com"),
    *("email-smtp.eu-west-9.amazonaws.com", "api.mailgun.net", "mail.gmx.net", "imap.1und1.de"),
    *("smtp.gmial.com", "smpt.contoso.com", "IMAP.contoso.com.", "Smtp.Gmail.com", "smtp_1.org"),
    *("localhost", "10.0.0.1", "127.1", "mail.corp", "smtp.example.org", "bücher.example"),
    *("changeme", "########", "your-host", "smtp.mail.com", "mail.contoso.com:587", ""),
)
TEXTS: Final = (
    *("desk", "desk@contoso.com", "sales@contoso.com", "desk@fabrikam.net", "desk@gmail.com"),
    *(
        "apikey",
        "HHarry",
        "CHANGEME",
        "Hidden",
        "1.5e10",
        "Desk@Contoso.com",
        "your-name@contoso.com",
        "changeme",
        "xxxx",
        "to-do",
        "null",
        "hidden",
    ),
    *("1e+11", "#N/A", "'1@contoso.com", '"desk"', "a@contoso.com/b", "a@b@contoso.com"),
    *("d..esk@contoso.com", "desk.@contoso.com", "desk@contoso", "desk@-a.com", "desk@a-.com"),
    *(f"{'x' * 65}@contoso.com", f"desk@{'x' * 64}.com", "jörg@contoso.com", "desk@bücher.de"),
    *(
        "CONTOSO\\\\desk",
        "CONTOSO\\desk",
        "A\\desk@contoso.com",
        "contoso/desk",
        "mailto:desk@contoso.com",
        "desk \u2019",
        " desk",
        "",
    ),
)
PIECES: Final = st.sampled_from(
    [
        *("desk", "your", "name", "change", "me", "xx", "to", "do", "none", "1", "e+1", ".", "-"),
        *("@", "@contoso.com", "@gmail.com", "+", "_", "'", " ", "<", ">", "\u2019", "ö", ",", "*"),
    ]
)
NAMES: Final = st.sampled_from(HOSTS)
USERS: Final = st.sampled_from(TEXTS) | st.lists(PIECES, max_size=4).map("".join)
PORTS: Final = st.sampled_from([25, 26, 110, 143, 465, 587, 586, 993, 994, 995, 2525])
RATES: Final = st.sampled_from([1, 10, 10, 600, 3600])
FLAGS: Final = st.booleans()

SETTINGS: Final = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["Enabled", "Disabled"]),
        "active": FLAGS,
        "incoming": st.sampled_from(["pop3", "imap"]),
        "ssl": FLAGS,
        "tls": FLAGS,
        "spoofing.enabled": FLAGS,
        "spoofing.address": USERS,
        "smtp.login": st.sampled_from(["none", "password"]),
        **{f"{b}.host": NAMES for b in BLOCKS},
        **{f"{b}.port": PORTS for b in BLOCKS},
        **{f"{b}.username": USERS for b in BLOCKS},
        **{f"{b}.mailbox": USERS for b in BLOCKS},
        **{f"{b}.poll_rate": RATES for b in BLOCKS},
    },
)
PRESETS: Final = st.dictionaries(
    st.sampled_from(BLOCKS), st.sampled_from(["gmail", "sendgrid", "postmark", "1und1.de"])
)


def wanted(skill: int, settings: Mapping[str, Any], presets: Mapping[str, str]) -> DesiredServer:
    """Return a server of which *settings* are all that is given."""
    made = server(Address(59, skill))
    return replace(made, settings=dict(settings), presets=presets, whole=skill % 2 > 0)


SERVERS: Final = st.builds(wanted, st.integers(1, 9), SETTINGS, PRESETS)


def broken_by(server: DesiredServer, *, live: bool) -> list[Broken]:
    """Return what *server* breaks, by all checks."""
    get: Any = server.settings.get
    incoming, ssl, tls = get("incoming"), get("ssl"), get("tls")
    spoofing, sender = get("spoofing.enabled"), get("spoofing.address")
    encrypted = ssl is not False or tls is not False
    found = []
    for block in BLOCKS:
        used, preset = block in {"smtp", incoming}, server.presets.get(block, "")
        host, user, box = get(f"{block}.host"), get(f"{block}.username"), get(f"{block}.mailbox")
        port, rate = get(f"{block}.port"), get(f"{block}.poll_rate")
        login = block != "smtp" or get("smtp.login") != "none"
        if host is not None:
            found += on_host.first(Host(f"{block}.host", host, used, live))
        found += on_endpoint.all(
            Endpoint(block, host, port, encrypted, used, rate, preset, live, login)
        )
        if user is not None:
            found += on_user.all(UserName(block, host, user, used))
        if box is not None:
            found += on_address.first(MailAddress(f"{block}.mailbox", box, used))
        if used and user is not None and box is not None:
            found += on_login.all(Login(block, host, user, box, preset))
        if used:
            found += on_account.all(Account(block, host, user, box, preset))
    if sender is not None:
        found += on_address.first(MailAddress("spoofing.address", sender, bool(spoofing)))
    rates = get("smtp.poll_rate"), get(f"{incoming}.poll_rate")
    status, shown = (get("status"), get("active")), sender is not None
    options = Options(*status, incoming, ssl, tls, spoofing, shown, *rates, server.whole)
    return [*found, *on_options.all(options), *on_server.all(server)]


def check(servers: list[DesiredServer], *, live: bool) -> None:
    """Demand that the rules find in each of *servers* what all checks find in it alone."""
    found = [f for f in lint(desired(*servers), live=live) if f.rule not in OF_FLEETS]

    for one in servers:
        here = [(f.rule, f.violation) for f in found if f.server is one]
        assert sorted(map(repr, here)) == sorted(map(repr, broken_by(one, live=live)))


OF_FLEETS: Final = {"ICE103", "ICE207", "ICE601", "ICE602", "ICE603", "ICE604", "ICE605"}


@given(st.lists(SERVERS, max_size=4, unique_by=lambda s: s.address))
def test_what_is_not_looked_at_breaks_no_rule(servers: list[DesiredServer]) -> None:
    """The rules find in the servers of a fleet what all checks find."""
    check(servers, live=True)


@pytest.mark.parametrize("incoming", ["pop3", "imap"])
@pytest.mark.parametrize("live", [True, False])
def test_each_host_and_text_is_judged(incoming: str, live: bool) -> None:
    """No host is taken for an ordinary one, and no text, of which a check has something to say."""
    given = [
        *(in_all_blocks(host=h, username=user) for h in HOSTS for user in ("desk", "HHarry")),
        *(in_all_blocks(username=text, mailbox=text) for text in TEXTS),
    ]
    servers = [wanted(n, {"incoming": incoming, **s}, {}) for n, s in enumerate(given, 1)]

    check(servers, live=live)


def in_all_blocks(**values: str) -> dict[str, str]:
    """Return settings that give *values* in each block."""
    return {f"{block}.{key}": value for block in BLOCKS for key, value in values.items()}


SAME: Final = {
    "desk@contoso.com": "desk@contoso.com",
    "Desk+tag@contoso.com": "desk@contoso.com",
    "d.esk@googlemail.com": "desk@gmail.com",
    "desk@gmail.com": "desk@gmail.com",
    "desk": "desk",
}
"""The mailbox that each address leads to."""
PLACES: Final = {"imap.contoso.com": "contoso.com", "mail.contoso.com": "contoso.com", "a.org": "a"}
COLLECTING: Final = st.fixed_dictionaries(
    {
        "status": st.just("Enabled"),
        "incoming": st.sampled_from(["pop3", "imap"]),
        "host": st.sampled_from(sorted(PLACES)),
        "username": st.sampled_from(sorted(SAME)),
        "mailbox": st.sampled_from(sorted(SAME)),
        "smtp.mailbox": st.sampled_from(sorted(SAME)),
    }
)


@given(st.lists(COLLECTING, max_size=4))
def test_who_shares_a_mailbox(given: list[dict[str, Any]]) -> None:
    """One pass over a fleet finds what a look at each pair of servers finds."""
    servers = []
    for skill, one in enumerate(given, 1):
        block = {f"{one['incoming']}.{key}": one[key] for key in ("host", "username", "mailbox")}
        servers.append(wanted(skill, {**one, **block}, {}))
    found = {(f.server.address.skill, f.rule) for f in lint(desired(*servers), live=True)}

    assert {f for f in found if f[1] in OF_MAILBOXES} == set(by_pairs(given))


OF_MAILBOXES: Final = {"ICE601", "ICE602", "ICE603", "ICE604", "ICE605"}


def by_pairs(given: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Yield which of *given* breaks what about shared mailboxes."""
    texts = [{SAME[one["mailbox"]], SAME[one["username"]]} for one in given]
    keys = [{(PLACES[one["host"]], t) for t in texts[n]} for n, one in enumerate(given)]
    for n, one in enumerate(given):
        same = [o for o, other in enumerate(given) if keys[o] & keys[n] and o != n]
        if any(o < n and given[o]["incoming"] == one["incoming"] for o in same):
            yield n + 1, "ICE601" if one["incoming"] == "pop3" else "ICE602"
        if one["incoming"] == "imap" and any(given[o]["incoming"] == "pop3" for o in same):
            yield n + 1, "ICE603"
        sender, own = SAME[one["smtp.mailbox"]], {t for t in texts[n] if "@" in t}
        if own and "@" in sender and sender not in own:
            yield n + 1, "ICE604" if any(sender in t for t in texts) else "ICE605"


@given(st.sampled_from(_NO_LOGIN).flatmap(lambda row: st.from_regex(row[0], fullmatch=True)))
def test_each_host_that_takes_no_login_has_a_label_of_its_own(host: str) -> None:
    """A host without one of the labels is not looked for among the patterns."""
    assume(host.isascii() and "\n" not in host)

    assert not _NO_LOGIN_LABELS.isdisjoint(host.split("."))
    assert _no_login(host) is not None
