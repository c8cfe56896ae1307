"""Right settings break no rule, wrong ones break the rule that names the slip; both as rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from builders import SALES, SUPPORT, desired, server

from icesync.config.resolve import fill
from icesync.config.rules import lint
from icesync.diagnostics import Severity
from icesync.model import provider_data
from icesync.model.presets import PRESETS, find_preset, tail_presets

if TYPE_CHECKING:
    from icesync.model.desired import Address, DesiredServer


def findings(*servers: DesiredServer) -> list[str]:
    """Return the rules that warn or stop, with their keys; against the real service."""
    found = lint(desired(*servers), live=True)
    return [f"{f.rule} {f.violation.key}" for f in found if f.severity is not Severity.INFO]


class Mail(NamedTuple):
    """One way to send or to collect: host, port and user name."""

    host: str
    port: int
    user: str


def a_server(
    smtp: Mail,
    incoming: Mail,
    mailbox: str,
    block: str = "imap",
    address: Address = SUPPORT,
    **more: object,
) -> DesiredServer:
    """Return a server with TLS on that sends by *smtp* and collects by *incoming*."""
    settings: dict[str, object] = {"incoming": block, "ssl": False, "tls": True, **more}
    for name, way in (("smtp", smtp), (block, incoming)):
        settings |= {
            f"{name}__host": way.host,
            f"{name}__port": way.port,
            f"{name}__username": way.user,
            f"{name}__mailbox": mailbox,
            f"{name}__poll_rate": 10,
        }
    settings |= {key: value for key, value in more.items() if "__" in key}
    return server(address, **settings)  # type: ignore[arg-type]


# --- the settings of mail clients: every pair of ways to send and to collect ------------------


class Pair(NamedTuple):
    """A row of the public database: who, how to send, how to collect."""

    provider: str
    smtp: Mail
    incoming: Mail
    block: str
    mailbox: str
    encrypted: bool


def _pairs() -> list[Pair]:
    found = []
    for line in provider_data.TABLE.splitlines():
        name, _, domains, servers = line.split("|")
        domain = next((d for d in domains.split() if d != "-"), "contoso.com")
        ways: dict[str, list[tuple[Mail, str]]] = {}
        for text in servers.split():
            block, host, rest = text.split(":")
            port = re.match("[0-9]+", rest)
            assert port is not None
            marks = rest[port.end() :]
            user = "desk" if "L" in marks else f"desk@{domain}"
            if "!" not in marks:
                ways.setdefault(block, []).append((Mail(host, int(port[0]), user), marks))
        found += [
            Pair(name, smtp, way, block, f"desk@{domain}", sent[0] != "-" and got[0] != "-")
            for smtp, sent in ways.get("smtp", [])
            for block in ("imap", "pop3")
            for way, got in ways.get(block, [])
        ]
    return found


PAIRS: Final = _pairs()


def test_the_corpus_is_whole() -> None:
    """Each provider that takes passwords both ways is in it."""
    assert len(PAIRS) > 400
    assert len({pair.provider for pair in PAIRS}) > 150


@pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda p: f"{p.provider} {p.smtp.port} {p.block} {p.incoming.port}"
)
def test_no_finding_on_the_settings_of_mail_clients(pair: Pair) -> None:
    """What a provider publishes is right; where that is no TLS, it is said and nothing else."""
    found = findings(
        a_server(pair.smtp, pair.incoming, pair.mailbox, pair.block, tls=pair.encrypted)
    )

    rules = {line.partition(" ")[0] for line in found}
    assert rules <= ({"ICE303", "ICE308"} if not pair.encrypted else set())


EXPECTED_OF_PRESETS: Final = {
    # Facts that a user must hear of: no password will be taken, or the service ends.
    "microsoft365": {"ICE306"},
    "outlook.com": {"ICE306"},
    **{name: {"ICE306"} for name in PRESETS if name.startswith("amazon-workmail/")},
}
USERS: Final = {
    **{name: "AKIAIOSFODNN7EXAMPLE" for name in PRESETS if name.startswith("amazon-ses/")},
    **{name: "apikey" for name in PRESETS if name.startswith("sendgrid")},
}


@pytest.mark.parametrize("name", [*PRESETS, *tail_presets()])
def test_a_preset_alone_is_clean(name: str) -> None:
    """A server that leaves hosts, ports and flags to the preset breaks no rule."""
    preset = find_preset(name)
    assert preset is not None
    domain = preset.accounts[0] if preset.accounts and not preset.relay else "contoso.com"
    block = next((b for b in ("imap", "pop3") if b in preset.offers), "imap")
    given = {
        "incoming": block,
        "smtp.username": USERS.get(name, f"desk@{domain}"),
        "smtp.mailbox": f"desk@{domain}",
        f"{block}.username": f"desk@{domain}",
        f"{block}.mailbox": f"desk@{domain}",
    }
    if block not in preset.offers:
        given |= {f"{block}.host": "imap.contoso.com", f"{block}.port": 993}
    full = fill(given, {}, {"preset": name})
    changed = {key.replace(".", "__"): value for key, value in full.settings.items()}
    absent = {f"smtp__{k}": None for k in ("host", "port") if f"smtp.{k}" not in full.settings}
    wanted = server(SUPPORT, **{**changed, **absent})  # type: ignore[arg-type]

    rules = {line.partition(" ")[0] for line in findings(wanted)}

    assert rules <= EXPECTED_OF_PRESETS.get(name, set())


# --- settings of businesses, written by hand -----------------------------------------------

OWN: Final = "desk@contoso.com"
SMTP: Final = Mail("smtp.contoso.com", 587, OWN)
IMAP: Final = Mail("imap.contoso.com", 993, OWN)

RIGHT_SENDING: Final = (
    # relays: the login is the account's, the sender any address of the organization
    ("smtp-relay.brevo.com", 587, "9a1b2c001@smtp-brevo.com"),
    ("smtp-relay.brevo.com", 2525, "billing@fabrikam.com"),
    ("in-v3.mailjet.com", 587, "0123456789abcdef0123456789abcdef"),
    ("in-v3.mailjet.com", 588, "0123456789abcdef0123456789abcdef"),
    ("live.smtp.mailtrap.io", 587, "api"),
    ("live.smtp.mailtrap.io", 2525, "smtp@mailtrap.io"),
    ("bulk.smtp.mailtrap.io", 587, "api"),
    ("smtp.elasticemail.com", 2525, "owner@fabrikam.com"),
    ("mail.smtp2go.com", 8025, "contoso.com"),
    ("mail.smtp2go.com", 8465, "contoso.com"),
    ("mail.smtp2go.com", 443, "contoso"),
    ("smtp.mandrillapp.com", 587, "owner@fabrikam.com"),
    ("smtp.sparkpostmail.com", 587, "SMTP_Injection"),
    ("smtp.eu.sparkpostmail.com", 2525, "SMTP_Injection"),
    ("smtp.resend.com", 465, "resend"),
    ("smtp.resend.com", 2587, "resend"),
    ("smtp.mailersend.net", 587, "MS_ab12cd@trial-x.mlsender.net"),
    ("smtp.zeptomail.eu", 587, "emailapikey"),
    ("smtp.azurecomm.net", 587, "contoso-acs.1b1c5ef0.72f988bf"),
    ("smtp.tem.scaleway.com", 2465, "1b1c5ef0-7f53-4a4e-9d7f-30f0c7f0a000"),
    ("smtp.email.eu-frankfurt-1.oci.oraclecloud.com", 587,
     "ocid1.user.oc1..aaaa@ocid1.tenancy.oc1..bbbb.vf.com"),
    ("smtp.sendgrid.net", 587, "apikey"),
    ("smtp.sendgrid.net", 2525, "apikey"),
    ("smtp.eu.sendgrid.net", 465, "apikey"),
    ("smtp.postmarkapp.com", 587, "1b1c5ef0-7f53-4a4e-9d7f-30f0c7f0a000"),
    ("smtp-broadcasts.postmarkapp.com", 2525, "PM-B-broadcast-key"),
    ("smtp.mailgun.org", 587, "postmaster@mg.contoso.com"),
    ("smtp.mailgun.org", 2525, "desk@sandbox1a2b.mailgun.org"),
    ("smtp.eu.mailgun.org", 465, "postmaster@mg.contoso.com"),
    ("email-smtp.eu-west-1.amazonaws.com", 587, "AKIAIOSFODNN7EXAMPLE"),
    ("email-smtp.us-east-1.amazonaws.com", 2465, "AKIAIOSFODNN7EXAMPLE"),
    ("email-smtp-fips.us-gov-west-1.amazonaws.com", 587, "AKIAIOSFODNN7EXAMPLE"),
    ("email-smtp.eu-central-2.amazonaws.com", 587, "AKIAIOSFODNN7EXAMPLE"),
    ("email-smtp.ap-south-2.amazonaws.com", 587, "AKIAIOSFODNN7EXAMPLE"),
    ("smtp-relay.gmail.com", 25, OWN),
    ("smtp-relay.gmail.com", 587, "relay@fabrikam.com"),
    ("smtp.gmail.com", 587, OWN),
    ("smtp.gmail.com", 465, "contoso.desk@gmail.com"),
    ("smtp.hve.mx.microsoft", 587, "hve-desk@contoso.com"),
    ("smtp.mail.me.com", 587, "contoso@icloud.com"),
    ("smtp.fastmail.com", 465, "contoso@fastmail.com"),
    ("smtps-proxy.fastmail.com", 443, OWN),
    ("smtppro.zoho.eu", 465, OWN),
    ("smtp.zohocloud.ca", 587, OWN),
    ("smtp.mail.eu-west-1.awsapps.com", 465, OWN),
    ("smtp.ionos.co.uk", 587, OWN),
    ("smtp.hostinger.com", 465, OWN),
    ("smtpout.secureserver.net", 3535, OWN),
    ("smtpout.secureserver.net", 80, OWN),
    ("secure.emailsrvr.com", 8025, OWN),
    ("mail.privateemail.com", 465, OWN),
    ("smtp.qiye.163.com", 994, OWN),
    ("ssl0.ovh.net", 587, OWN),
    ("smtp.yandex.com", 465, OWN),
    ("mail.infomaniak.com", 587, OWN),
    ("smtp.protonmail.ch", 587, OWN),
    # a server of one's own
    ("mail.contoso.com", 25, "desk"),
    ("mail.contoso.com", 26, OWN),
    ("mail.contoso.com", 465, OWN),
    ("mail.contoso.com", 587, "CONTOSO\\desk"),
    ("mail.contoso.com", 587, "desk+contoso.com"),
    ("mail.contoso.com", 587, "desk%contoso.com"),
    ("mail.contoso.com", 587, "desk=contoso.com"),
    ("mail.contoso.com", 587, "o'neil"),
    ("mail.contoso.com", 587, "desk@mail.contoso.com"),
    ("mail.contoso.com", 2525, OWN),
    ("mx1.contoso.com", 587, OWN),
    ("smtp-1.eu.contoso.com", 587, OWN),
    ("203.0.113.10", 587, OWN),
    ("8.8.8.8", 587, OWN),
    ("2a00:1450:4001:800::200e", 587, OWN),
    ("xn--bcher-kva.de", 587, OWN),
    ("smtp.contoso.cloud", 587, OWN),
    ("email.contoso.com", 587, OWN),
    ("outlook.contoso.com", 587, "CONTOSO\\svc-desk"),
    ("smtp.mailhost.io", 587, "contoso@mailhost.io"),
)  # fmt: skip

RIGHT_COLLECTING: Final = (
    ("imap", "outlook.contoso.com", 993, "svc@contoso.com\\desk"),
    ("imap", "mail.contoso.com", 993, "svc@contoso.com/desk"),
    ("imap", "mail.contoso.com", 993, "svc@contoso.com\\desk@contoso.com"),
    ("imap", "mail.contoso.com", 993, "desk@contoso.com*master"),
    ("imap", "mail.contoso.com", 993, "CONTOSO\\svc\\desk"),
    ("imap", "mail.contoso.com", 993, "contoso.com\\desk"),
    ("imap", "mail.contoso.com", 143, "desk"),
    ("imap", "mail.contoso.com", 993, "desk@contoso.onmicrosoft.com"),
    ("imap", "mail.contoso.com", 993, "desk@mail.contoso.com"),
    ("imap", "mail.eu.contoso.com", 993, "desk@eu.contoso.com"),
    ("imap", "imap.gmail.com", 993, OWN),
    ("imap", "imap.gmail.com", 993, "contoso.desk@gmail.com"),
    ("imap", "imap.googlemail.com", 993, OWN),
    ("imap", "imap.mail.me.com", 993, "contoso@icloud.com"),
    ("imap", "imap.mail.me.com", 993, "contoso"),
    ("imap", "imap.fastmail.com", 993, "contoso@fastmail.com"),
    ("imap", "imaps-proxy.fastmail.com", 443, OWN),
    ("imap", "imap.mail.yahoo.com", 993, "contoso@yahoo.com"),
    ("imap", "export.imap.mail.yahoo.com", 993, "contoso@yahoo.com"),
    ("imap", "imappro.zoho.com", 993, OWN),
    ("imap", "imap.zohocloud.ca", 993, OWN),
    ("imap", "imap.mail.us-east-1.awsapps.com", 993, OWN),
    ("imap", "imap.ionos.de", 993, OWN),
    ("imap", "imap.hostinger.com", 993, OWN),
    ("imap", "secure.emailsrvr.com", 993, OWN),
    ("imap", "ssl0.ovh.net", 993, OWN),
    ("imap", "imap.mailbox.org", 993, OWN),
    ("imap", "mail.your-server.de", 993, OWN),
    ("imap", "imap.strato.de", 993, OWN),
    ("pop3", "pop.contoso.com", 995, "desk"),
    ("pop3", "pop.contoso.com", 110, OWN),
    ("pop3", "pop.gmail.com", 995, OWN),
    ("pop3", "pop.mail.yahoo.com", 995, "contoso@yahoo.com"),
    ("pop3", "pop3.strato.de", 995, OWN),
    ("pop3", "pop.secureserver.net", 995, OWN),
    ("pop3", "poppro.zoho.eu", 995, OWN),
    ("pop3", "mail.contoso.com", 995, "desk@contoso.com"),
    ("pop3", "203.0.113.11", 995, OWN),
)  # fmt: skip

RIGHT_MAILBOXES: Final = (
    {"spoofing__enabled": True, "spoofing__address": OWN},
    {"spoofing__enabled": True, "spoofing__address": "desk+news@contoso.com"},
    {"spoofing__enabled": True, "spoofing__address": "noreply@contoso.com"},
    {"spoofing__enabled": True, "spoofing__address": "Desk@Contoso.com"},
    {"smtp__mailbox": "no-reply@contoso.com"},
    {"smtp__mailbox": "DESK@contoso.com"},
    {"imap__mailbox": "desk+in@contoso.com"},
    {"smtp__username": "svc@mg.contoso.com"},
    {"imap__username": "desk@xn--bcher-kva.de", "imap__mailbox": "desk@xn--bcher-kva.de",
     "smtp__mailbox": "desk@xn--bcher-kva.de", "smtp__username": "desk@xn--bcher-kva.de"},
    {"smtp__poll_rate": 1, "imap__poll_rate": 5},
    {"imap__poll_rate": 60},
    {"smtp__host": "smtp.office365.us", "smtp__port": 25},
    {"ssl": True, "tls": False},
)  # fmt: skip
ENDS: Final = {"awsapps.com", "smtp.office365.us"}
"""Hosts that come with a dated fact, which is no mistake of the settings (ICE306)."""


def _without_dated(found: list[str], host: str) -> list[str]:
    dated = any(host.endswith(end) for end in ENDS)
    return [line for line in found if not (dated and line.startswith("ICE306"))]


@pytest.mark.parametrize(("host", "port", "user"), RIGHT_SENDING)
def test_right_ways_to_send(host: str, port: int, user: str) -> None:
    """No warning, whoever the relay or hoster is."""
    found = findings(a_server(Mail(host, port, user), IMAP, OWN))

    assert _without_dated(found, host) == []


@pytest.mark.parametrize(("block", "host", "port", "user"), RIGHT_COLLECTING)
def test_right_ways_to_collect(block: str, host: str, port: int, user: str) -> None:
    """No warning: shared mailboxes, tenants, own domains, plain user names."""
    found = findings(a_server(SMTP, Mail(host, port, user), OWN, block))

    assert _without_dated(found, host) == []


@pytest.mark.parametrize("changed", RIGHT_MAILBOXES, ids=str)
def test_right_mailboxes_and_senders(changed: dict[str, object]) -> None:
    """A tag, another case, an address that nobody answers to."""
    found = findings(a_server(SMTP, IMAP, OWN, **changed))

    assert _without_dated(found, str(changed.get("smtp__host", ""))) == []


def test_two_skills_with_mailboxes_of_one_login() -> None:
    """Shared mailboxes behind one service account are two."""
    one = a_server(SMTP, Mail("mail.contoso.com", 993, "svc@contoso.com\\desk"), OWN)
    sales = "sales@contoso.com"
    way = Mail("mail.contoso.com", 993, "svc@contoso.com\\sales")
    other = a_server(Mail("smtp.contoso.com", 587, sales), way, sales, address=SALES)

    assert findings(one, other) == []


# --- slips ------------------------------------------------------------------------------

WRONG_HOSTS: Final = (
    # one slip away from a provider
    *(("smtp", host, "ICE508") for host in (
        "smtp.gmial.com", "smtp.gmail.co", "smtp.gmaill.com", "smtp.gamil.com", "smtp.gmai.com",
        "smtp.gnail.com", "smtp.gmail.con", "smtp.gmail.cm", "smtp.offic365.com",
        "smtp.office356.com", "smtp.ofice365.com", "smtp.office365.co", "smtp-mail.outlok.com",
        "smtp-mail.outloook.com", "smtp.mail.yaho.com", "smtp.mail.yahooo.com", "smtp.sendgrd.net",
        "smtp.sengrid.net", "smtp.sendgrid.ne", "smtp.mailgunn.org", "smtp.fastmial.com",
        "smtp.postmarkap.com", "smtp.rediffmial.com", "smpt.contoso.com", "stmp.contoso.com",
        "email-smtp.eu-west-1.amazonaw.com", "smtp.hostingr.com", "smtp.strto.de",
    )),
    *(("imap", host, "ICE508") for host in (
        "imap.gmial.com", "imap.gmal.com", "imap.fastmal.com", "iamp.contoso.com",
        "imap.mail.yahho.com", "imap.googlemial.com", "imap.laposte.ne", "imap.mailbx.org",
    )),
    # hosts of a provider that it does not have for this
    ("smtp", "imap.gmail.com", "ICE305"),
    ("smtp", "smpt.gmail.com", "ICE305"),
    ("imap", "smtp.gmail.com", "ICE305"),
    ("imap", "imap.yahoo.com", "ICE305"),
    ("smtp", "smtp.yahoo.com", "ICE305"),
    ("smtp", "mail.sendgrid.net", "ICE305"),
    ("smtp", "smtp.sendgrid.com", "ICE305"),
    ("smtp", "imap.web.de", "ICE305"),
    ("imap", "smtp.strato.de", "ICE305"),
    # no login there
    *(("smtp", host, "ICE313") for host in (
        "aspmx.l.google.com", "alt1.aspmx.l.google.com", "smtp.google.com", "gmail.com",
        "contoso-com.mail.protection.outlook.com", "mail.google.com", "mx01.mail.icloud.com",
        "in1-smtp.messagingengine.com", "mx.zoho.eu", "mxa.mailgun.org", "mx.sendgrid.net",
        "inbound-smtp.eu-west-1.amazonaws.com", "email.eu-west-1.amazonaws.com",
        "api.mailgun.net", "api.eu.mailgun.net", "api.sendgrid.com", "graph.microsoft.com",
        "mx00.gmx.net", "outlook.live.com", "www.icloud.com",
    )),
    *(("imap", host, "ICE313") for host in (
        "gmail.com", "mail.google.com", "web.de", "yahoo.com", "t-online.de", "mail.zoho.com",
        "outlook.com", "hotmail.com", "icloud.com", "gmx.net",
    )),
    # passwords refused
    ("imap", "outlook.office365.com", "ICE306"),
    ("imap", "outlook.office.com", "ICE306"),
    ("imap", "imap-mail.outlook.com", "ICE306"),
    ("imap", "imap.outlook.com", "ICE306"),
    ("smtp", "smtp-mail.outlook.com", "ICE306"),
    ("smtp", "smtp.live.com", "ICE306"),
    ("smtp", "smtp.outlook.com", "ICE306"),
    # not reachable, or no name at all
    *(("smtp", host, "ICE505") for host in (
        "localhost", "mail", "10.0.0.5", "192.168.1.20", "127.1", "0x7f.1", "0177.0.0.1",
        "2130706433", "0x0a000001", "172.16.0.1", "169.254.1.1", "[::1]", "fd00::1",
        "mail.contoso.local", "smtp.corp.internal", "nas.lan", "100.64.0.1",
    )),
    *(("smtp", host, "ICE503") for host in (
        "smtp.contoso.com ", " smtp.contoso.com", "smtp.contoso.com:587", "smtp://contoso.com",
        "desk@contoso.com", "smtp_1.contoso.com", "smtp..contoso.com", "999.1.1.1", "10.0.0.256",
        "1.2.3", "smtp contoso.com", "smtp.contoso.com/mail", "0xcb00710a",
    )),
    *(("smtp", host, "ICE507") for host in (
        "#N/A", "########", "NULL", "changeme", "<host>", "********", "undefined",
        "\u201csmtp.contoso.com\u201d", "smtp.example.com",
    )),
    ("smtp", "SMTP.contoso.com", "ICE506"),
    ("smtp", "smtp.contoso.com.", "ICE506"),
    ("smtp", "smtp.b\u00fccher.de", "ICE504"),
)  # fmt: skip


@pytest.mark.parametrize(("block", "host", "rule"), WRONG_HOSTS)
def test_wrong_hosts(block: str, host: str, rule: str) -> None:
    """The rule that names the slip, at the host."""
    way = Mail(host, 587 if block == "smtp" else 993, OWN)
    wanted = a_server(way, IMAP, OWN) if block == "smtp" else a_server(SMTP, way, OWN)

    assert f"{rule} {block}.host" in findings(wanted)


WRONG_USERS: Final = (
    *((user, "ICE414") for user in (
        " desk@contoso.com", "desk@contoso.com ", "desk @contoso.com", "mailto:desk@contoso.com",
        "Desk <desk@contoso.com>", "CONTOSO\\\\desk", "CONTOSO/desk", "desk@contoso.com,",
        "desk@contoso.com;", "MAILTO:desk@contoso.com", "help desk",
    )),
    *((user, "ICE507") for user in (
        "#N/A", "NULL", "########", "********", '="0012"', "2,90650E+11", "\u201cdesk\u201d",
        '"desk@contoso.com"', "changeme", "xxx", "todo", "sample string 19", "#REF!",
        "<your user>", "<desk@contoso.com>", "[REDACTED]",
    )),
    *((user, "ICE406") for user in (
        "desk@fabrikam.com", "desk@contoso.co", "desk@contosso.com", "desk@gmx.net",
    )),
)  # fmt: skip


@pytest.mark.parametrize(("user", "rule"), WRONG_USERS)
def test_wrong_user_names(user: str, rule: str) -> None:
    """Blanks, wrappings, debris and other people's addresses."""
    way = Mail("imap.contoso.com", 993, user)

    assert f"{rule} imap.username" in findings(a_server(SMTP, way, OWN))


@pytest.mark.parametrize(
    ("host", "user"),
    [
        ("smtp.sendgrid.net", OWN),
        ("smtp.eu.sendgrid.net", "SG.abc"),
        ("smtp.resend.com", OWN),
        ("smtp.sparkpostmail.com", OWN),
        ("smtp.zeptomail.com", OWN),
        ("email-smtp.eu-west-1.amazonaws.com", OWN),
        ("email-smtp.eu-west-1.amazonaws.com", "desk"),
        ("email-smtp.us-gov-west-1.amazonaws.com", "ses-smtp-user.20260101"),
        ("smtp.mailgun.org", "api"),
        ("smtp.eu.mailgun.org", "key-0123"),
    ],
)
def test_users_that_a_relay_does_not_take(host: str, user: str) -> None:
    """The word, the key or the address that it wants is named."""
    assert "ICE407 smtp.username" in findings(a_server(Mail(host, 587, user), IMAP, OWN))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"smtp__port": 588}, "ICE309 smtp.port"),
        ({"smtp__port": 5870}, "ICE309 smtp.port"),
        ({"smtp__port": 857}, "ICE309 smtp.port"),
        ({"smtp__port": 8025, "imap__port": 994}, "ICE309 imap.port"),
        ({"imap__port": 9993}, "ICE309 imap.port"),
        ({"imap__port": 589}, "ICE309 imap.port"),
        ({"imap__port": 995}, "ICE307 imap.port"),
        ({"imap__port": 587}, "ICE307 imap.port"),
        ({"smtp__port": 993}, "ICE307 smtp.port"),
        ({"smtp__port": 110}, "ICE307 smtp.port"),
        ({"tls": False}, "ICE303 imap.port"),
        ({"tls": False}, "ICE308 smtp.port"),
        ({"tls": False, "imap__port": 143}, "ICE308 imap.port"),
        ({"ssl": True}, "ICE302 tls"),
        ({"smtp__host": "smtp.gmail.com", "smtp__port": 2525}, "ICE305 smtp.port"),
        ({"smtp__host": "smtp.mail.me.com", "smtp__port": 465}, "ICE305 smtp.port"),
        ({"imap__host": "imap.gmail.com", "imap__port": 143}, "ICE305 imap.port"),
        ({"imap__poll_rate": 3600}, "ICE311 imap.poll_rate"),
        ({"imap__poll_rate": 600}, "ICE311 imap.poll_rate"),
        ({"active": False}, "ICE108 active"),
        ({"spoofing__enabled": True, "spoofing__address": "info@contoso.com"},
         "ICE605 spoofing.address"),
        ({"spoofing__enabled": True, "spoofing__address": "desk@fabrikam.com"},
         "ICE206 spoofing.address"),
        ({"spoofing__enabled": True}, "ICE204 spoofing.enabled"),
        ({"spoofing__address": OWN}, "ICE205 spoofing.address"),
        ({"smtp__mailbox": "info@contoso.com"}, "ICE605 imap.mailbox"),
        ({"imap__mailbox": "desk"}, "ICE501 imap.mailbox"),
        ({"imap__mailbox": "desk@contoso"}, "ICE501 imap.mailbox"),
        ({"imap__mailbox": "desk@@contoso.com"}, "ICE501 imap.mailbox"),
        ({"imap__mailbox": "desk@contoso..com"}, "ICE501 imap.mailbox"),
        ({"smtp__mailbox": "j\u00f6rg@contoso.com"}, "ICE502 smtp.mailbox"),
        ({"imap__mailbox": "desk@b\u00fccher.shop"}, "ICE504 imap.mailbox"),
        ({"imap__host": "imap.gmx.net", "imap__username": "desk@gmail.com",
          "imap__mailbox": "desk@gmail.com"}, "ICE415 imap.host"),
        ({"imap__host": "imap.gmail.com", "imap__username": "desk@web.de",
          "imap__mailbox": "desk@web.de"}, "ICE415 imap.host"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_settings(changed: dict[str, object], rule: str) -> None:
    """Ports, flags, rates, senders and mailboxes."""
    assert rule in findings(a_server(SMTP, IMAP, OWN, **changed))


@pytest.mark.parametrize(
    ("block", "one", "other", "rule"),
    [
        ("imap", ("imap.gmail.com", OWN), ("imap.googlemail.com", OWN), "ICE602"),
        ("imap", ("imap.contoso.com", OWN), ("imap.contoso.com.", OWN), "ICE602"),
        ("imap", ("imap.contoso.com", OWN), ("IMAP.contoso.com", "DESK@contoso.com"), "ICE602"),
        ("imap", ("imap.contoso.com", OWN), ("imap.contoso.com", "desk"), "ICE602"),
        ("imap", ("imap.contoso.com", "one"), ("imap.contoso.com", "two"), "ICE602"),
        ("pop3", ("pop.gmail.com", OWN), ("pop.googlemail.com", OWN), "ICE601"),
        ("pop3", ("pop.contoso.com", OWN), ("pop.contoso.com", "desk"), "ICE601"),
    ],
)
def test_one_mailbox_twice(
    block: str, one: tuple[str, str], other: tuple[str, str], rule: str
) -> None:
    """Under two host names, two logins or one address."""
    port = 993 if block == "imap" else 995
    first = a_server(SMTP, Mail(one[0], port, one[1]), OWN, block)
    second = a_server(SMTP, Mail(other[0], port, other[1]), OWN, block, SALES)

    assert f"{rule} {block}.username" in findings(first, second)


def test_there_are_enough_rows() -> None:
    """Two hundred right ones, one hundred wrong ones; the corpus of mail clients comes on top."""
    right = [*RIGHT_SENDING, *RIGHT_COLLECTING, *RIGHT_MAILBOXES, *PRESETS, *tail_presets()]

    assert len(right) >= 200
    assert len(WRONG_HOSTS) + len(WRONG_USERS) >= 100
