"""
What known mail providers offer, as data: hosts, ports, and whether a password is any good.

Each row names its source and the day on which it was checked; providers change
their minds, so a row is a fact about that day. Encryption follows from the port
(RFC 8314) where the row says nothing else: some ports speak TLS at once, at the others
STARTTLS switches it on. Where a provider offers both for sending, 587 comes first: every
mail library knows STARTTLS.

Three kinds of rows: presets written by hand; other providers that businesses use, written
down without a day, so that they only keep the rules silent; and the long tail of
:mod:`icesync.model.provider_data`, which is read when a name or a host is in neither.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from icesync.frozen import NamedTuple, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

IMPLICIT_TLS: Final = frozenset({465, 2465, 586, 993, 995})
"""Ports that speak TLS from the first byte (RFC 8314; 586 and 2465 by their providers)."""

_CHECKED: Final = "2026-11-27"
_NO_MODES: Final[Mapping[int, str]] = {}


@frozen
class Offer:
    """
    One protocol at one provider: the host, and its ports, the recommended one first.

    *refuses* says why a password is no good (never, since when), *ends* that it
    will not be, from which day. *modes* holds the ports whose encryption is not the
    usual one of their number: ``implicit``, ``starttls`` or ``none``.
    """

    host: str
    ports: tuple[int, ...]
    refuses: str = ""
    ends: str = ""
    also: tuple[str, ...] = ()
    """other hosts of the provider for this protocol, which are right too"""
    modes: Mapping[int, str] = field(default_factory=lambda: _NO_MODES)

    def mode(self, port: int) -> str:
        """Return how *port* is encrypted: ``implicit``, ``starttls`` or ``none``."""
        return self.modes.get(port) or ("implicit" if port in IMPLICIT_TLS else "starttls")


@frozen
class SecretForm:
    """The form of a user name or an app password: a regular expression, and it in words."""

    pattern: str
    words: str


@frozen
class Preset:
    """
    One provider, or one region of it; *offers* is by block: ``smtp``, ``pop3``, ``imap``.

    *login* says in words what goes into ``username`` and ``password``. Hosts below
    *domains* that are in no offer are likely slips. *accounts* are the domains of the
    provider's own addresses.
    """

    name: str
    title: str
    offers: Mapping[str, Offer]
    login: str
    source: str
    checked: str = _CHECKED
    domains: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    user: str = ""
    """the one user name that the provider takes, where there is only one"""
    user_form: SecretForm | None = None
    form: SecretForm | None = None
    token_twice: bool = False
    """whether a token may be given as user name, and then as password too"""
    relay: bool = False
    """whether the login is the account's at a relay, and says nothing about the sender"""
    complete: bool = True
    """whether the row lists all ports that the provider has, not only the preferred ones"""

    @property
    def implicit(self) -> bool:
        """Whether sending speaks TLS from the first byte; then ``ssl`` is the flag to set."""
        offer = next(iter(self.offers.values()))
        return offer.mode(offer.ports[0]) == "implicit"


def _offers(
    smtp: Offer | None = None, imap: Offer | None = None, pop3: Offer | None = None
) -> dict[str, Offer]:
    named = {"smtp": smtp, "pop3": pop3, "imap": imap}
    return {block: offer for block, offer in named.items() if offer is not None}


def _ispdb(domain: str) -> str:
    return f"github.com/thunderbird/autoconfig, {domain}"


_EXCHANGE: Final = "outlook.office365.com"
_BASIC: Final = "learn.microsoft.com: deprecation of basic authentication in Exchange Online"
_NO_BASIC: Final = "since January 2023 (at Outlook.com since 16 September 2024); only OAuth is left"
_OUTLOOK: Final = "since 16 September 2024, app passwords too; only OAuth is left"
_WORKMAIL: Final = "the service ends on 31 March 2027"
_APP: Final = "the address, and an app password; the account's own password is rejected"
_TWO_FACTOR: Final = (
    "the address, and its password once POP3 and IMAP are enabled; with two-factor "
    "authentication, an app password"
)
_RELAY_PORTS: Final = (587, 2525, 25, 465)

_SINGLE: Final = (
    Preset(
        "gmail",
        "Gmail and Google Workspace",
        _offers(
            Offer("smtp.gmail.com", (587, 465), also=("smtp.googlemail.com",)),
            Offer("imap.gmail.com", (993,), also=("imap.googlemail.com",)),
            Offer("pop.gmail.com", (995,), also=("pop.googlemail.com",)),
        ),
        "the address, and an app password of 16 letters, which needs 2-step verification",
        f"{_ispdb('googlemail.com')}; support.google.com/accounts/answer/185833",
        domains=("gmail.com", "googlemail.com"),
        accounts=("gmail.com", "googlemail.com"),
        form=SecretForm(r"([a-z] ?){16}", "16 lower-case letters"),
    ),
    Preset(
        "gmail/relay",
        "Google Workspace, SMTP relay of an organization",
        _offers(Offer("smtp-relay.gmail.com", (587, 465, 25))),
        "the address of a user, and an app password; or no login, if the administrator "
        "allows the sender's IP address",
        "support.google.com/a/answer/2956491, knowledge.workspace.google.com: SMTP relay",
        relay=True,
    ),
    Preset(
        "microsoft365",
        "Microsoft 365 (Exchange Online)",
        _offers(
            Offer(
                "smtp.office365.com",
                (587, 25),
                ends="off by default from the end of December 2026; an administrator can "
                "enable it again for now",
                also=("smtp.office365.us", "smtp.partner.outlook.cn"),
            ),
            Offer(_EXCHANGE, (993,), refuses=_NO_BASIC, also=("outlook.office.com",)),
            Offer(_EXCHANGE, (995,), refuses=_NO_BASIC, also=("outlook.office.com",)),
        ),
        "the address (user principal name), and its password if the tenant allows SMTP AUTH",
        f"{_ispdb('office365.com')}; {_BASIC}; learn.microsoft.com: How to set up a "
        "multifunction device or application to send email",
        domains=("office365.com", "office.com"),
        accounts=("onmicrosoft.com",),
    ),
    Preset(
        "microsoft365/hve",
        "Microsoft 365, High Volume Email",
        _offers(Offer("smtp.hve.mx.microsoft", (587,), also=("smtp-hve.office365.com",))),
        "the address of the HVE account, and its password; it sends only within the organization",
        "learn.microsoft.com: Manage high volume emails for Microsoft 365",
        domains=("hve.mx.microsoft",),
        relay=True,
    ),
    Preset(
        "outlook.com",
        "Outlook.com and Hotmail",
        _offers(
            Offer(
                "smtp-mail.outlook.com",
                (587,),
                refuses=_OUTLOOK,
                also=("smtp.live.com", "smtp.outlook.com", "smtp.hotmail.com", "smtp.msn.com"),
            ),
            Offer(
                _EXCHANGE,
                (993,),
                refuses=_OUTLOOK,
                also=("imap-mail.outlook.com", "imap.outlook.com", "imap.live.com"),
            ),
            Offer(
                _EXCHANGE,
                (995,),
                refuses=_OUTLOOK,
                also=(
                    "pop-mail.outlook.com",
                    "pop3.live.com",
                    "pop.outlook.com",
                    "pop3.hotmail.com",
                ),
            ),
        ),
        "none that ICE can use",
        f"{_ispdb('hotmail.com')}; support.microsoft.com: modern authentication for Outlook.com",
        domains=("outlook.com", "live.com", "hotmail.com"),
        accounts=("outlook.com", "hotmail.com", "live.com", "msn.com"),
    ),
    Preset(
        "yahoo",
        "Yahoo Mail",
        _offers(
            Offer("smtp.mail.yahoo.com", (587, 465), also=("smtp.bizmail.yahoo.com",)),
            Offer(
                "imap.mail.yahoo.com",
                (993,),
                also=("export.imap.mail.yahoo.com", "imap.bizmail.yahoo.com"),
            ),
            Offer("pop.mail.yahoo.com", (995,), also=("pop.bizmail.yahoo.com",)),
        ),
        _APP,
        f"{_ispdb('yahoo.com')}; help.yahoo.com SLN4075",
        domains=("yahoo.com",),
        accounts=("yahoo.com", "ymail.com", "rocketmail.com", "myyahoo.com"),
    ),
    Preset(
        "aol",
        "AOL Mail",
        _offers(
            Offer("smtp.aol.com", (587, 465)),
            Offer("imap.aol.com", (993,), also=("export.imap.aol.com",)),
            Offer("pop.aol.com", (995,)),
        ),
        _APP,
        _ispdb("aol.com"),
        domains=("aol.com",),
        accounts=("aol.com", "aim.com"),
    ),
    Preset(
        "icloud",
        "iCloud Mail",
        _offers(Offer("smtp.mail.me.com", (587,)), Offer("imap.mail.me.com", (993,))),
        "the address (for IMAP the part before the @ if that fails), and an app-specific password",
        f"{_ispdb('me.com')}; support.apple.com/102525, support.apple.com/102654",
        domains=("mail.me.com", "icloud.com"),
        accounts=("icloud.com", "me.com", "mac.com"),
        form=SecretForm(r"[a-z]{4}(-[a-z]{4}){3}", "four groups of four letters with dashes"),
    ),
    Preset(
        "fastmail",
        "Fastmail",
        _offers(
            Offer("smtp.fastmail.com", (587, 465)),
            Offer("imap.fastmail.com", (993,)),
            Offer("pop.fastmail.com", (995,)),
        ),
        _APP,
        f"{_ispdb('messagingengine.com')}; www.fastmail.help: server names and ports",
        domains=("fastmail.com", "messagingengine.com"),
        accounts=("fastmail.com", "fastmail.fm"),
    ),
    Preset(
        "mail.com",
        "mail.com",
        _offers(
            Offer("smtp.mail.com", (587, 465)),
            Offer("imap.mail.com", (993, 143)),
            Offer("pop.mail.com", (995, 110)),
        ),
        _TWO_FACTOR,
        _ispdb("mail.com"),
        domains=("mail.com",),
        accounts=("mail.com", "email.com"),
    ),
    Preset(
        "rediffmail",
        "Rediffmail",
        _offers(
            Offer("smtp.rediffmail.com", (465, 586, 587), modes={587: "none"}),
            pop3=Offer("pop.rediffmail.com", (995, 110), modes={110: "none"}),
        ),
        "the address, and its password; free accounts usually have neither POP3 nor SMTP",
        _ispdb("rediffmail.com"),
        domains=("rediffmail.com",),
        accounts=("rediffmail.com",),
    ),
    Preset(
        "sendgrid",
        "Twilio SendGrid",
        _offers(Offer("smtp.sendgrid.net", _RELAY_PORTS)),
        "the word apikey, and an API key",
        "www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api",
        domains=("sendgrid.net", "sendgrid.com"),
        user="apikey",
        relay=True,
    ),
    Preset(
        "sendgrid/eu",
        "Twilio SendGrid, data kept in the EU",
        _offers(Offer("smtp.eu.sendgrid.net", _RELAY_PORTS)),
        "the word apikey, and an API key of an EU account",
        "www.twilio.com/docs/sendgrid: EU data residency",
        user="apikey",
        relay=True,
    ),
    Preset(
        "postmark",
        "Postmark",
        _offers(
            Offer(
                "smtp.postmarkapp.com", (587, 2525, 25), also=("smtp-broadcasts.postmarkapp.com",)
            )
        ),
        "the access key and the secret key of an SMTP token; or the server's API token as both",
        "postmarkapp.com/developer/user-guide/send-email-with-smtp, support article 811",
        domains=("postmarkapp.com",),
        token_twice=True,
        relay=True,
    ),
)


_ZOHO_LISTED: Final = ("com", "eu", "in", "com.au", "jp", "cloud.ca")


def _zoho(tld: str) -> Preset:
    return Preset(
        "zoho" if tld == "com" else f"zoho/{'ca' if tld == 'cloud.ca' else tld}",
        f"Zoho Mail, accounts at zoho{tld if tld == 'cloud.ca' else f'.{tld}'}",
        _offers(
            Offer(f"smtp.{_zoho_domain(tld)}", (587, 465), also=(f"smtppro.{_zoho_domain(tld)}",)),
            Offer(f"imap.{_zoho_domain(tld)}", (993,), also=(f"imappro.{_zoho_domain(tld)}",)),
            Offer(f"pop.{_zoho_domain(tld)}", (995,), also=(f"poppro.{_zoho_domain(tld)}",)),
        ),
        "the address, and its password; with two-factor authentication, an app password. "
        "Logins in another region are rejected",
        f"{f'{_ispdb(_zoho_domain(tld))}; ' if tld in _ZOHO_LISTED else ''}"
        "www.zoho.com/mail/help/imap-access.html",
        domains=(_zoho_domain(tld),),
        accounts=(_zoho_domain(tld), _zoho_domain(tld).replace("zoho", "zohomail")),
    )


def _zoho_domain(tld: str) -> str:
    return "zohocloud.ca" if tld == "cloud.ca" else f"zoho.{tld}"


def _gmx(tld: str) -> Preset:
    return Preset(
        "gmx" if tld == "com" else f"gmx/{tld}",
        f"GMX, accounts at gmx.{tld}",
        _offers(
            Offer(f"mail.gmx.{tld}", (587, 465), also=(f"smtp.gmx.{tld}",)),
            Offer(f"imap.gmx.{tld}", (993, 143)),
            Offer(f"pop.gmx.{tld}", (995, 110), also=(f"pop3.gmx.{tld}",)),
        ),
        _TWO_FACTOR,
        _ispdb(f"gmx.{tld}"),
        accounts=(f"gmx.{tld}",),
    )


_SES_USER: Final = SecretForm(r"[A-Z0-9]{16,128}", "capitals and digits, such as AKIA…")


def _ses(region: str) -> Preset:
    return Preset(
        f"amazon-ses/{region}",
        f"Amazon SES in {region}",
        _offers(
            Offer(
                f"email-smtp.{region}.amazonaws.com",
                (587, 2587, 25, 465, 2465),
                also=(
                    f"email-smtp-fips.{region}.amazonaws.com",
                    f"email-smtp.{region}.api.aws",
                    f"email-smtp-fips.{region}.api.aws",
                ),
            )
        ),
        "SMTP credentials of SES, not the IAM access key",
        "docs.aws.amazon.com/general/latest/gr/ses.html",
        user_form=_SES_USER,
        relay=True,
    )


def _workmail(region: str) -> Preset:
    return Preset(
        f"amazon-workmail/{region}",
        f"Amazon WorkMail in {region}",
        _offers(
            Offer(f"smtp.mail.{region}.awsapps.com", (465,), ends=_WORKMAIL),
            Offer(f"imap.mail.{region}.awsapps.com", (993,), ends=_WORKMAIL),
        ),
        "the address, and its password",
        "docs.aws.amazon.com/workmail/latest/userguide/using_IMAP.html",
        accounts=("awsapps.com",),
    )


def _mailgun(region: str) -> Preset:
    return Preset(
        "mailgun" if not region else f"mailgun/{region}",
        f"Mailgun, region {region or 'us'}",
        _offers(Offer(f"smtp.{region}{'.' if region else ''}mailgun.org", _RELAY_PORTS)),
        "the address of the SMTP user, and its SMTP password; not the API key",
        "documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-smtp",
        domains=("mailgun.org", "mailgun.net") if not region else (),
        user_form=SecretForm(r".+@.+", "an address, such as postmaster@mg.example.org"),
        relay=True,
    )


_SES_REGIONS: Final = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1"),
    *("ca-central-1", "sa-east-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"),
    *("eu-north-1", "eu-south-1", "af-south-1", "il-central-1", "me-south-1", "ap-south-1"),
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2"),
    "ap-southeast-3",
)


def _index(presets: Iterable[Preset]) -> dict[str, Preset]:
    return {preset.name: preset for preset in sorted(presets, key=lambda p: p.name)}


PRESETS: Final[Mapping[str, Preset]] = _index(
    (
        *_SINGLE,
        *map(_zoho, (*_ZOHO_LISTED, "sa", "com.cn")),
        *map(_gmx, ("com", "net")),
        *map(_mailgun, ("", "eu")),
        *map(_ses, _SES_REGIONS),
        *map(_workmail, ("us-east-1", "us-west-2", "eu-west-1")),
    )
)
"""Every preset that is written by hand, by its name, sorted; a slash leads to a region."""


def _relay(
    name: str,
    hosts: str,
    ports: tuple[int, ...],
    source: str,
    *,
    user: str = "",
    modes: Mapping[int, str] = _NO_MODES,
) -> Preset:
    first, *also = hosts.split()
    offer = Offer(first, ports, also=tuple(also), modes=modes)
    login = f"the word {user}, and a key" if user else "a login of the relay"
    return Preset(
        name.lower(),
        name,
        {"smtp": offer},
        login,
        source,
        "",
        user=user,
        relay=True,
        complete=False,
    )


def _each(first: str, *endings: str) -> str:
    return " ".join(f"{first}.{ending}" for ending in endings)


_TLS: Final = "implicit"
_RELAYS: Final = (
    _relay("Brevo", "smtp-relay.brevo.com smtp-relay.sendinblue.com", (587, 465, 2525),
           "developers.brevo.com: SMTP relay"),
    _relay("Mailjet", "in-v3.mailjet.com in.mailjet.com", (587, 25, 2525, 588, 80, 465),
           "dev.mailjet.com: SMTP relay"),
    _relay("Mandrill", "smtp.mandrillapp.com", (587, 25, 2525, 465),
           "mailchimp.com/developer/transactional: SMTP integration"),
    _relay("SparkPost", "smtp.sparkpostmail.com smtp.eu.sparkpostmail.com", (587, 2525),
           "support.sparkpost.com: SMTP endpoint", user="SMTP_Injection"),
    _relay("Mailtrap", "live.smtp.mailtrap.io bulk.smtp.mailtrap.io sandbox.smtp.mailtrap.io",
           (587, 2525, 25, 465), "docs.mailtrap.io: SMTP integration"),
    _relay("SMTP2GO", "mail.smtp2go.com mail-eu.smtp2go.com mail-us.smtp2go.com",
           (2525, 8025, 587, 80, 25, 465, 8465, 443), "support.smtp2go.com: SMTP settings",
           modes={8465: _TLS, 443: _TLS}),
    _relay("Elastic Email", "smtp.elasticemail.com smtp25.elasticemail.com",
           (2525, 587, 25, 465), "elasticemail.com/developers: SMTP relay"),
    _relay("Resend", "smtp.resend.com", (587, 25, 2587, 465, 2465), "resend.com/docs: SMTP",
           user="resend"),
    _relay("MailerSend", "smtp.mailersend.net", (587, 2525), "www.mailersend.com/help: SMTP relay"),
    _relay("ZeptoMail", _each("smtp.zeptomail", "com", "eu", "in", "com.au", "jp", "ca"),
           (587, 465), "www.zoho.com/zeptomail/help/smtp-home.html", user="emailapikey"),
    _relay("Azure Communication Services", "smtp.azurecomm.net", (587,),
           "learn.microsoft.com/azure/communication-services: SMTP authentication"),
    _relay("Scaleway", "smtp.tem.scaleway.com smtp.tem.scw.cloud", (587, 25, 2587, 465, 2465),
           "www.scaleway.com/docs: transactional email"),
    _relay("SMTP.com", "send.smtp.com", (587, 2525, 25, 80, 465, 8025, 2526, 26),
           "kb.smtp.com: which ports"),
    _relay("SocketLabs", "smtp.socketlabs.com", (587, 2525, 25, 465), "help.socketlabs.com: SMTP"),
    _relay("MailChannels", "smtp.mailchannels.net", (587, 25, 2525), "support.mailchannels.com"),
    _relay("turboSMTP", "pro.turbo-smtp.com pro.eu.turbo-smtp.com", (587, 2525, 25, 25025, 465),
           "serversmtp.com: server settings"),
    _relay("Alibaba DirectMail", "smtpdm.aliyun.com smtpdm-ap-southeast-1.aliyun.com",
           (80, 25, 465), "alibabacloud.com/help/directmail"),
    _relay("Proton Mail", "smtp.protonmail.ch", (587,), "proton.me/support/smtp-submission"),
    _relay("Forward Email", "smtp.forwardemail.net", (587, 465, 2465, 2587, 2525, 25),
           "forwardemail.net/faq"),
    _relay("ImprovMX", "smtp.improvmx.com", (587, 465, 2525, 25), "improvmx.com/guides: SMTP"),
    _relay("AhaSend", "send.ahasend.com send-us.ahasend.com", (587, 25, 2525), "ahasend.com/docs"),
    _relay("MailPace", "smtp.mailpace.com", (587, 2525, 465, 25), "docs.mailpace.com"),
    _relay("Maileroo", "smtp.maileroo.com", (587, 2525, 465), "maileroo.com/docs"),
    _relay("DNSExit", "relay.dnsexit.com", (587, 25, 26, 80, 110, 940, 8001, 2525, 465),
           "dnsexit.com: mail relay"),
    _relay("AuthSMTP", "mail.authsmtp.com", (587, 25, 26, 23, 2525, 465), "authsmtp.com: ports"),
)  # fmt: skip
"""Relays that are no presets: known so that the rules say nothing wrong about them."""


def _hoster(
    name: str,
    smtp: tuple[str, tuple[int, ...]],
    imap: str,
    pop3: str,
    source: str,
    modes: Mapping[int, str] = _NO_MODES,
) -> Preset:
    first, *also = smtp[0].split()
    offers = _offers(
        Offer(first, smtp[1], also=tuple(also), modes=modes),
        _plain(imap, (993, 143)),
        _plain(pop3, (995, 110)),
    )
    return Preset(
        name.lower(), name, offers, "the address, and its password", source, "", complete=False
    )


def _plain(hosts: str, ports: tuple[int, ...]) -> Offer | None:
    first, *also = hosts.split() or [""]
    return Offer(first, ports, also=tuple(also)) if first else None


_IONOS: Final = ("com", "de", "co.uk", "fr", "es", "it", "at", "ca", "mx")
_NETEASE: Final = {994: _TLS}
_NETEASE_DOMAINS: Final = ("163.com", "126.com", "yeah.net", "qiye.163.com")
_HOSTERS: Final = (
    _hoster("IONOS", (_each("smtp.ionos", *_IONOS), (587, 465)), _each("imap.ionos", *_IONOS),
            _each("pop.ionos", *_IONOS), "www.ionos.com/help/email"),
    _hoster("Hostinger", ("smtp.hostinger.com", (465, 587)), "imap.hostinger.com",
            "pop.hostinger.com", "support.hostinger.com: email settings"),
    _hoster("GoDaddy",
            ("smtpout.secureserver.net smtp.secureserver.net", (587, 465, 25, 80, 3535)),
            "imap.secureserver.net", "pop.secureserver.net", "www.godaddy.com/help: settings"),
    _hoster("Rackspace Email",
            ("secure.emailsrvr.com smtp.emailsrvr.com", (587, 465, 25, 2525, 8025)),
            "secure.emailsrvr.com imap.emailsrvr.com", "secure.emailsrvr.com pop.emailsrvr.com",
            "docs.rackspace.com: Rackspace Email settings"),
    _hoster("Namecheap Private Email", ("mail.privateemail.com", (465, 587)),
            "mail.privateemail.com", "mail.privateemail.com", "www.namecheap.com/support"),
    _hoster("DreamHost", ("smtp.dreamhost.com", (465, 587)), "imap.dreamhost.com",
            "pop.dreamhost.com", "help.dreamhost.com: client protocols and port numbers"),
    _hoster("mailbox.org", ("smtp.mailbox.org", (465, 587)), "imap.mailbox.org",
            "pop3.mailbox.org", "kb.mailbox.org: server settings"),
    _hoster("Infomaniak", ("mail.infomaniak.com", (587, 465)), "mail.infomaniak.com",
            "mail.infomaniak.com", "www.infomaniak.com/support"),
    _hoster("Migadu", ("smtp.migadu.com", (465, 587)), "imap.migadu.com", "pop.migadu.com",
            "www.migadu.com/guides"),
    _hoster("Titan", ("smtp.titan.email", (465, 587)), "imap.titan.email", "pop.titan.email",
            "support.titan.email"),
    _hoster("Tencent Exmail", ("smtp.exmail.qq.com hwsmtp.exmail.qq.com", (465, 587)),
            "imap.exmail.qq.com hwimap.exmail.qq.com", "pop.exmail.qq.com hwpop.exmail.qq.com",
            "open.work.weixin.qq.com/help: mail clients"),
    _hoster("NetEase", (_each("smtp", *_NETEASE_DOMAINS), (465, 994, 25, 587)),
            _each("imap", *_NETEASE_DOMAINS), _each("pop", *_NETEASE_DOMAINS), "help.mail.163.com",
            _NETEASE),
    _hoster("Alibaba Mail", ("smtp.qiye.aliyun.com smtp.mxhichina.com smtp.aliyun.com",
            (465, 25, 80, 587)), "imap.qiye.aliyun.com imap.mxhichina.com imap.aliyun.com",
            "pop.qiye.aliyun.com pop3.mxhichina.com pop3.aliyun.com", "help.aliyun.com: mail"),
    _hoster("Yandex", ("smtp.yandex.com smtp.yandex.ru smtp.ya.ru", (465, 587)),
            "imap.yandex.com imap.yandex.ru imap.ya.ru", "pop.yandex.com pop.yandex.ru pop.ya.ru",
            "yandex.com/support/mail: mail clients"),
)  # fmt: skip
"""Hosters of mailboxes that are no presets; their ports come from their own pages."""

_PROXIES: Final = (
    Preset("fastmail", "Fastmail", {
        "smtp": Offer("smtps-proxy.fastmail.com", (443, 80), modes={443: _TLS, 80: _TLS}),
        "imap": Offer("imaps-proxy.fastmail.com", (443,), modes={443: _TLS}),
        "pop3": Offer("pops-proxy.fastmail.com", (443, 80), modes={443: _TLS, 80: _TLS}),
    }, _APP, "www.fastmail.help: server names and ports", accounts=("fastmail.com",)),
)  # fmt: skip


@cache
def _all_of_tail() -> tuple[Preset, ...]:
    """Return the rows of the long tail, those of providers that are presets, too."""
    return tuple(_read_tail())


class _Named(NamedTuple):
    """The hosts of the long tail and the domains of its accounts, to look for before reading it."""

    hosts: frozenset[str]
    domains: frozenset[str]


@cache
def _named_in_tail() -> _Named:
    from icesync.model import provider_data as data

    rows = [line.split("|") for line in data.TABLE.splitlines()]
    hosts = (server.split(":", 2)[1] for *_, servers in rows for server in servers.split())
    domains = (domain for _, _, domains, _ in rows for domain in domains.split())
    return _Named(frozenset(hosts), frozenset(domains))


def _read_tail() -> Iterator[Preset]:
    from icesync.model import provider_data as data

    for line in data.TABLE.splitlines():
        name, title, domains, servers = line.split("|")
        by_block: dict[str, dict[str, dict[int, str]]] = {}
        users, refuses = set(), True
        for server in servers.split():
            block, host, rest = server.split(":")
            digits = rest.rstrip("=+-LNX!")
            marks = rest[len(digits) :]
            by_block.setdefault(block, {}).setdefault(host, {})[int(digits)] = _MODES[marks[0]]
            users.add(marks[1:].rstrip("!"))
            refuses = refuses and marks.endswith("!")
        yield Preset(
            name,
            title,
            {
                block: _offer(by_block[block], refuses=refuses)
                for block in _BLOCKS
                if block in by_block
            },
            _LOGINS.get("".join(users), "a user name that differs by protocol, and the password"),
            f"{data.SOURCE}, {name}",
            data.CHECKED,
            accounts=tuple(d for d in domains.split() if d != "-"),
            complete=False,
        )


_BLOCKS: Final = ("smtp", "pop3", "imap")
_MODES: Final = {"=": "implicit", "+": "starttls", "-": "none"}
_LOGINS: Final = {
    "": "the address, and its password",
    "L": "the part of the address before the @, and its password",
}
_BEST: Final = (587, 993, 995, 465)


def _offer(hosts: Mapping[str, Mapping[int, str]], *, refuses: bool) -> Offer:
    """Return what the source says of one protocol: TLS before none, 587 before 465."""
    merged: dict[int, str] = {}
    for modes in hosts.values():
        merged |= modes
    order = {port: place for place, port in enumerate(_BEST)}
    ports = sorted(merged, key=lambda p: (merged[p] == "none", order.get(p, len(_BEST)), p))
    odd = {
        port: mode
        for port, mode in merged.items()
        if mode != ("implicit" if port in IMPLICIT_TLS else "starttls")
    }
    first, *also = hosts
    reason = "only OAuth is left" if refuses else ""
    return Offer(first, tuple(ports), reason, also=tuple(also), modes=odd)


@cache
def tail() -> Mapping[str, Preset]:
    """
    Return the providers of the long tail by name: what no preset above knows already.

    Their rows list the ports that mail clients prefer, not all that there are.
    """
    covered = {offer.host for preset in PRESETS.values() for offer in preset.offers.values()}
    found = {}
    for preset in _all_of_tail():
        own = {block: o for block, o in preset.offers.items() if o.host not in covered}
        if own:
            found[preset.name] = (
                preset if len(own) == len(preset.offers) else replace(preset, offers=own)
            )
    return found


@cache
def tail_presets() -> Mapping[str, Preset]:
    """Return those of the long tail that can be presets: one host a block, and TLS on each."""
    return {
        name: p
        for name, p in tail().items()
        if all(
            not offer.also and not offer.refuses and offer.mode(offer.ports[0]) != "none"
            for offer in p.offers.values()
        )
        and len(p.offers) > 1
        and name not in PRESETS
    }


def find_preset(name: str) -> Preset | None:
    """Return the preset called *name*; the long tail is only read for a name of its own."""
    return PRESETS.get(name) or tail_presets().get(name)


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, those written by hand first, each group sorted."""
    return (*PRESETS, *tail_presets())


@frozen
class _Hosts:
    """The hosts of all offers by block, and the domains of the providers."""

    exact: dict[tuple[str, str], tuple[Preset, Offer]] = field(default_factory=dict)
    anywhere: dict[str, Preset] = field(default_factory=dict)
    domains: dict[str, Preset] = field(default_factory=dict)
    accounts: dict[str, list[Preset]] = field(default_factory=dict)

    def add(self, preset: Preset) -> None:
        for block, offer in preset.offers.items():
            for host in (offer.host, *offer.also):
                self.exact.setdefault((block, host), (preset, offer))
                self.anywhere.setdefault(host, preset)
        for domain in preset.domains:
            self.domains.setdefault(domain, preset)
        for domain in preset.accounts:
            self.accounts.setdefault(domain, []).append(preset)


_SES_HOST: Final = r"email-smtp(-fips)?\.[a-z0-9-]+\.(amazonaws\.com|api\.aws|amazonaws\.com\.cn)"
_ORACLE_HOST: Final = r"smtp\.(email|us)\.[a-z0-9-]+\.oci\.oraclecloud\.com"
_REGIONAL: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".oraclecloud.com")


@cache
def _hosts() -> _Hosts:
    found = _Hosts()
    # A host that two rows share is the business one's; the consumer's own hosts are its own.
    for preset in (*_SINGLE, *PRESETS.values(), *_PROXIES, *_RELAYS, *_HOSTERS):
        found.add(preset)
    return found


@cache
def _tail_hosts() -> _Hosts:
    found = _Hosts()
    for preset in tail().values():
        found.add(preset)
    # Addresses of a provider that has a preset are in its row of the source, too.
    exact = _hosts().exact
    for preset in _all_of_tail():
        for block, offer in preset.offers.items():
            known = exact.get((block, offer.host))
            if known is not None and preset.name not in tail():
                for domain in preset.accounts:
                    found.accounts.setdefault(domain, []).append(known[0])
                break
    return found


_MOST_LABELS: Final = 8
"""More than any domain of the table has."""


@lru_cache(maxsize=8192)
def find_offer(block: str, host: str) -> tuple[Preset, Offer | None] | None:
    """
    Return the provider that *host* belongs to for *block*, or None if it is of none.

    Without an offer, the host is the provider's for another protocol, or lies in its domain
    and is none of its hosts.
    """
    tables = (_hosts, _tail_hosts) if host in _named_in_tail().hosts else (_hosts,)
    for hosts in tables:
        known = hosts().exact.get((block, host)) or _region(block, host)
        if known is not None:
            return known
        other = hosts().anywhere.get(host)
        if other is not None and (other.complete or block in other.offers):
            return other, None
    owner = _owner(host)
    return (owner, None) if owner is not None else None


def _owner(host: str) -> Preset | None:
    """Return the provider in whose domain *host* lies."""
    parts = host.rsplit(".", _MOST_LABELS)
    for start in range(1, len(parts) - 1):
        preset = _hosts().domains.get(".".join(parts[start:]))
        if preset is not None:
            return preset
    return None


def is_provider_host(host: str) -> bool:
    """Return whether *host* is a provider's for any block, or lies in its domain."""
    return host in known_hosts() or bool(_region("smtp", host) or _owner(host))


def _region(block: str, host: str) -> tuple[Preset, Offer] | None:
    """Return a relay whose hosts differ by region, some of which are in no row."""
    if block != "smtp" or not host.endswith(_REGIONAL):
        return None
    if re.fullmatch(_SES_HOST, host):
        model = PRESETS["amazon-ses/us-east-1"]
        offer = replace(model.offers["smtp"], host=host, also=())
        return replace(model, name="amazon-ses", title="Amazon SES"), offer
    if re.fullmatch(_ORACLE_HOST, host):
        oracle = _relay("Oracle Email Delivery", host, (587, 25), "docs.oracle.com: Email Delivery")
        return oracle, oracle.offers["smtp"]
    return None


def providers_of(domain: str) -> tuple[Preset, ...]:
    """Return the providers whose own addresses end in ``@domain``."""
    found = _hosts().accounts.get(domain, [])
    if domain in _named_in_tail().domains:
        found = [*found, *_tail_hosts().accounts.get(domain, ())]
    return tuple(found)


@cache
def known_hosts() -> frozenset[str]:
    """Return every host of every provider that is known here."""
    return _named_in_tail().hosts.union(_hosts().anywhere)


def known_providers() -> Mapping[str, Preset]:
    """Return every provider by its name: presets, relays, hosters, and the long tail."""
    return dict(tail()) | {p.name: p for p in (*_HOSTERS, *_RELAYS)} | dict(PRESETS)


def find_providers(word: str) -> tuple[Preset, ...]:
    """Return the providers that *word* means: a name, else a domain of addresses, else a host."""
    named = known_providers().get(word)
    if named is not None:
        return (named,)
    found = list(providers_of(word))
    if not found:
        found = [h.anywhere[word] for h in (_hosts(), _tail_hosts()) if word in h.anywhere][:1]
    return tuple({preset.name: preset for preset in reversed(found)}.values())[::-1]


def preset_of(block: str, host: str | None, name: str) -> Preset | None:
    """Return the provider of a block: the preset called *name*, else the one that *host* is of."""
    if name:
        return find_preset(name)
    found = find_offer(block, host) if host else None
    return found[0] if found else None
