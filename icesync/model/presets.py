"""
What known mail providers offer, as data: hosts, ports, and whether a password is any good.

Each row names its source and the day on which it was checked; providers change
their minds, so a row is a fact about that day. Encryption follows from the port
(RFC 8314): some ports speak TLS at once, at the others STARTTLS switches it on.
Where a provider offers both for sending, 587 comes first: .NET's own mail client
cannot do implicit TLS, and ICE is built on .NET (assumed).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["IMPLICIT_TLS", "PRESETS", "Offer", "Preset", "SecretForm", "find_offer", "preset_of"]

IMPLICIT_TLS: Final = frozenset({465, 2465, 586, 993, 995})
"""Ports that speak TLS from the first byte (RFC 8314; 586 and 2465 by their providers)."""

_CHECKED: Final = "2026-11-22"


@dataclass(frozen=True, slots=True)
class Offer:
    """
    One protocol at one provider: the host, and its ports, the recommended one first.

    *refuses* says why a password is no good (never, since when), *ends* that it
    will not be, from which day.
    """

    host: str
    ports: tuple[int, ...]
    refuses: str = ""
    ends: str = ""
    also: tuple[str, ...] = ()
    """other hosts of the provider for this protocol, which are right too"""


@dataclass(frozen=True, slots=True)
class SecretForm:
    """The form of a provider's app passwords: a regular expression, and the same in words."""

    pattern: str
    words: str


@dataclass(frozen=True, slots=True)
class Preset:
    """
    One provider, or one region of it; *offers* is by block: ``smtp``, ``pop3``, ``imap``.

    *login* says in words what goes into ``username`` and ``password``. Hosts below
    *domain* that are in no offer are likely slips.
    """

    name: str
    title: str
    offers: Mapping[str, Offer]
    login: str
    source: str
    checked: str = _CHECKED
    domain: str = ""
    user: str = ""
    """the one user name that the provider takes, where there is only one"""
    form: SecretForm | None = None
    token_twice: bool = False
    """whether user name and password are one and the same token"""

    @property
    def implicit(self) -> bool:
        """Whether sending speaks TLS from the first byte; then ``ssl`` is the flag to set."""
        ports = [offer.ports[0] for offer in self.offers.values()]
        return ports[0] in IMPLICIT_TLS


def _offers(
    smtp: Offer | None = None, imap: Offer | None = None, pop3: Offer | None = None
) -> dict[str, Offer]:
    named = {"smtp": smtp, "pop3": pop3, "imap": imap}
    return {block: offer for block, offer in named.items() if offer is not None}


def _ispdb(domain: str) -> str:
    return f"github.com/thunderbird/autoconfig, {domain}"


_EXCHANGE: Final = "outlook.office365.com"
_BASIC: Final = "learn.microsoft.com: deprecation of basic authentication in Exchange Online"
_NO_BASIC: Final = "since January 2023; only OAuth is left"
_OUTLOOK: Final = "since 16 September 2024, app passwords too; only OAuth is left"
_WORKMAIL: Final = "the service ends on 31 March 2027"
_APP: Final = "the address, and an app password; the account's own password is refused"
_RELAY_PORTS: Final = (587, 2525, 25, 465)

_SINGLE: Final = (
    Preset(
        "gmail",
        "Gmail and Google Workspace",
        _offers(
            Offer("smtp.gmail.com", (587, 465), also=("smtp-relay.gmail.com",)),
            Offer("imap.gmail.com", (993,)),
            Offer("pop.gmail.com", (995,)),
        ),
        "the address, and an app password of 16 letters, which needs 2-step verification",
        f"{_ispdb('googlemail.com')}; support.google.com/accounts/answer/185833",
        domain="gmail.com",
        form=SecretForm(r"([a-z] ?){16}", "16 letters"),
    ),
    Preset(
        "microsoft365",
        "Microsoft 365 (Exchange Online)",
        _offers(
            Offer(
                "smtp.office365.com",
                (587,),
                ends="off by default from the end of December 2026; an administrator may "
                "switch it on again for now",
            ),
            Offer(_EXCHANGE, (993,), refuses=_NO_BASIC, also=("imap-mail.outlook.com",)),
            Offer(_EXCHANGE, (995,), refuses=_NO_BASIC, also=("pop-mail.outlook.com",)),
        ),
        "the address (user principal name), and its password where the tenant permits SMTP AUTH",
        f"{_ispdb('office365.com')}; {_BASIC}",
        domain="office365.com",
    ),
    Preset(
        "outlook.com",
        "Outlook.com and Hotmail",
        _offers(
            Offer("smtp-mail.outlook.com", (587,), refuses=_OUTLOOK),
            Offer(_EXCHANGE, (993,), refuses=_OUTLOOK, also=("imap-mail.outlook.com",)),
            Offer(_EXCHANGE, (995,), refuses=_OUTLOOK, also=("pop-mail.outlook.com",)),
        ),
        "none that ICE could use",
        f"{_ispdb('hotmail.com')}; support.microsoft.com: modern authentication for Outlook.com",
    ),
    Preset(
        "yahoo",
        "Yahoo Mail",
        _offers(
            Offer("smtp.mail.yahoo.com", (587, 465)),
            Offer("imap.mail.yahoo.com", (993,)),
            Offer("pop.mail.yahoo.com", (995,)),
        ),
        _APP,
        f"{_ispdb('yahoo.com')}; help.yahoo.com SLN4075",
        domain="mail.yahoo.com",
    ),
    Preset(
        "aol",
        "AOL Mail",
        _offers(
            Offer("smtp.aol.com", (465, 587)),
            Offer("imap.aol.com", (993,)),
            Offer("pop.aol.com", (995,)),
        ),
        _APP,
        _ispdb("aol.com"),
        domain="aol.com",
    ),
    Preset(
        "icloud",
        "iCloud Mail",
        _offers(Offer("smtp.mail.me.com", (587,)), Offer("imap.mail.me.com", (993,))),
        "the address (for IMAP the part before the @ if that fails), and an app-specific password",
        f"{_ispdb('me.com')}; support.apple.com/102525, support.apple.com/102654",
        domain="mail.me.com",
        form=SecretForm(r"[a-z]{4}(-[a-z]{4}){3}", "four groups of four letters with dashes"),
    ),
    Preset(
        "fastmail",
        "Fastmail",
        _offers(
            Offer("smtp.fastmail.com", (465, 587)),
            Offer("imap.fastmail.com", (993,)),
            Offer("pop.fastmail.com", (995,)),
        ),
        _APP,
        f"{_ispdb('messagingengine.com')}; www.fastmail.com/help/technical/servernamesandports",
        domain="fastmail.com",
    ),
    Preset(
        "mail.com",
        "mail.com",
        _offers(
            Offer("smtp.mail.com", (587, 465)),
            Offer("imap.mail.com", (993,)),
            Offer("pop.mail.com", (995,)),
        ),
        "the address, and its password once POP3 and IMAP are switched on; an app password with "
        "two-factor authentication",
        _ispdb("mail.com"),
        domain="mail.com",
    ),
    Preset(
        "rediffmail",
        "Rediffmail",
        _offers(
            Offer("smtp.rediffmail.com", (465, 586, 587)),
            pop3=Offer("pop.rediffmail.com", (995, 110)),
        ),
        "the address, and its password; free accounts usually have neither POP3 nor SMTP",
        _ispdb("rediffmail.com"),
        domain="rediffmail.com",
    ),
    Preset(
        "sendgrid",
        "Twilio SendGrid",
        _offers(Offer("smtp.sendgrid.net", _RELAY_PORTS)),
        "the word apikey, and an API key",
        "www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api",
        domain="sendgrid.net",
        user="apikey",
    ),
    Preset(
        "postmark",
        "Postmark",
        _offers(
            Offer(
                "smtp.postmarkapp.com", (587, 2525, 25), also=("smtp-broadcasts.postmarkapp.com",)
            )
        ),
        "an SMTP token; the server's API token works as both user name and password",
        "postmarkapp.com/developer/user-guide/send-email-with-smtp",
        domain="postmarkapp.com",
        token_twice=True,
    ),
)


def _zoho(tld: str) -> Preset:
    return Preset(
        "zoho" if tld == "com" else f"zoho/{tld}",
        f"Zoho Mail, accounts at zoho.{tld}",
        _offers(
            Offer(f"smtp.zoho.{tld}", (587, 465), also=(f"smtppro.zoho.{tld}",)),
            Offer(f"imap.zoho.{tld}", (993,), also=(f"imappro.zoho.{tld}",)),
            Offer(f"pop.zoho.{tld}", (995,), also=(f"poppro.zoho.{tld}",)),
        ),
        "the address, and its password; an app password with two-factor authentication. In "
        "another region the login is refused",
        f"{_ispdb('zoho.com')}; www.zoho.com/mail/help/imap-access.html",
        domain=f"zoho.{tld}",
    )


def _gmx(tld: str) -> Preset:
    return Preset(
        "gmx" if tld == "com" else f"gmx/{tld}",
        f"GMX, accounts at gmx.{tld}",
        _offers(
            Offer(f"mail.gmx.{tld}", (587, 465)),
            Offer(f"imap.gmx.{tld}", (993, 143)),
            Offer(f"pop.gmx.{tld}", (995, 110)),
        ),
        "the address, and its password once POP3 and IMAP are switched on; an app password with "
        "two-factor authentication",
        _ispdb(f"gmx.{tld}"),
    )


def _ses(region: str) -> Preset:
    return Preset(
        f"amazon-ses/{region}",
        f"Amazon SES in {region}",
        _offers(Offer(f"email-smtp.{region}.amazonaws.com", (587, 2587, 25, 465, 2465))),
        "SMTP credentials of SES, not the IAM access key",
        "docs.aws.amazon.com/general/latest/gr/ses.html",
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
    )


def _mailgun(region: str) -> Preset:
    return Preset(
        "mailgun" if not region else f"mailgun/{region}",
        f"Mailgun, region {region or 'us'}",
        _offers(Offer(f"smtp.{region}{'.' if region else ''}mailgun.org", _RELAY_PORTS)),
        "the address of the SMTP user, and its SMTP password; not the API key",
        "documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-smtp",
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
        *map(_zoho, ("com", "eu", "in", "com.au", "jp")),
        *map(_gmx, ("com", "net")),
        *map(_mailgun, ("", "eu")),
        *map(_ses, _SES_REGIONS),
        *map(_workmail, ("us-east-1", "us-west-2", "eu-west-1")),
    )
)
"""Every preset by its name, sorted; a name with a slash is a region of a provider."""


@dataclass(frozen=True, slots=True)
class _Hosts:
    """The hosts of all offers by block, and the domains of the providers."""

    exact: dict[tuple[str, str], tuple[Preset, Offer]] = field(default_factory=dict)
    domains: dict[str, Preset] = field(default_factory=dict)


def _hosts() -> _Hosts:
    found = _Hosts()
    for preset in PRESETS.values():
        for block, offer in preset.offers.items():
            for host in (offer.host, *offer.also):
                found.exact.setdefault((block, host), (preset, offer))
        if preset.domain:
            found.domains[preset.domain] = preset
    return found


_HOSTS: Final = _hosts()


def find_offer(block: str, host: str) -> tuple[Preset, Offer | None] | None:
    """
    Return the provider that *host* belongs to for *block*, or None if it is of none.

    Without an offer, the host lies in the provider's domain and is none of its hosts.
    """
    known = _HOSTS.exact.get((block, host))
    if known is not None:
        return known
    parts = host.split(".")
    for start in range(1, len(parts) - 1):
        preset = _HOSTS.domains.get(".".join(parts[start:]))
        if preset is not None:
            return preset, None
    return None


def preset_of(block: str, host: str | None, name: str) -> Preset | None:
    """Return the provider of a block: the preset called *name*, else the one that *host* is of."""
    if name:
        return PRESETS[name]
    found = find_offer(block, host) if host else None
    return found[0] if found else None
