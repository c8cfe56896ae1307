"""
ICE201 to ICE313: the blocks of a server, who is shown as sender, ports and encryption.

`config.resolve` finds what has no value (ICE201 to ICE203), `config.values` what is on no
closed list (ICE208); a plan finds ICE209.

The vendor documents two flags, SSL and TLS, for three protocols, and says
neither which protocol they concern nor what they switch. So a port decides what
is spoken, and the flags only whether encryption is wanted (assumed).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from icesync.config.rules import (
    Violation,
    declare,
    on_endpoint,
    on_fleet,
    on_options,
    on_server,
)
from icesync.config.rules.hosts import domain_of, related
from icesync.diagnostics import Rule, Severity
from icesync.frozen import NamedTuple
from icesync.model.fields import FIELDS, INCOMING_BLOCKS, Presence
from icesync.model.presets import (
    IMPLICIT_TLS,
    Offer,
    Preset,
    find_offer,
    find_preset,
    is_provider_host,
    providers_of,
)
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.rules import Endpoint, Fleet, Options
    from icesync.model.desired import DesiredServer

_BLOCK_KEYS: Final = {
    block: tuple(f.key for f in FIELDS if f.block == block and f.presence is Presence.IN_USE)
    for block in INCOMING_BLOCKS
}

_BLOCK_SETTINGS: Final = {
    block: frozenset(keys) - {f"{block}.password"} for block, keys in _BLOCK_KEYS.items()
}

_SERVER: Final = """\
version: 1
organization: 59
servers:
  - skill: 663
    status: Enabled
    active: true
    incoming: {incoming}
    ssl: false
    tls: true
    smtp:
      host: smtp.example.org
      port: 587
      username: desk
      password: ref+env://ICE_SMTP
      mailbox: desk@example.org{smtp}
    {incoming}:
      host: {incoming}.example.org
      port: {port}
      username: desk
      password: ref+env://ICE_IN
      mailbox: desk@example.org{rate}
"""
_RATE: Final = "\n      poll_rate: 10"


def _server(incoming: str = "imap", smtp: str = _RATE, rate: str = _RATE) -> str:
    port = 993 if incoming == "imap" else 995
    return _SERVER.format(incoming=incoming, port=port, smtp=smtp, rate=rate)


declare(
    Rule(
        "ICE201",
        "the IMAP block is in use but incomplete",
        what="`incoming` is imap, and a required setting of `imap` is missing.",
        why="It would be sent as empty, and mail would no longer be collected.",
        before=_server(rate=""),
        after=_server(),
        source="doc:table: True=Imap, False=Pop3",
    )
)
declare(
    Rule(
        "ICE202",
        "the POP3 block is in use but incomplete",
        what="`incoming` is pop3, and a required setting of `pop3` is missing.",
        why="It would be sent as empty, and mail would no longer be collected.",
        before=_server("pop3", rate=""),
        after=_server("pop3"),
        source="doc:table: True=Imap, False=Pop3",
    )
)
declare(
    Rule(
        "ICE203",
        "the SMTP block is incomplete",
        what="A required setting of `smtp` is missing.",
        why="It would be sent as empty, and replies to customers would not be sent.",
        before=_server(smtp=""),
        after=_server(),
        source="doc:sample",
    )
)
declare(
    Rule(
        "ICE208",
        "not one of the allowed values",
        what="`status`, `incoming`, `preset`, an action or a choice in icesync.yaml is "
        "not one of the allowed values.",
        why="The vendor names two statuses. What ICE does with any other spelling is unknown.",
        before="status: enabled\n",
        after="status: Enabled\n",
        source="doc:table",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE209",
        "a change in the block that is not in use",
        Severity.INFO,
        what="A plan changes the `pop3` or `imap` block that `incoming` does not select.",
        why="Each call replaces the whole record, including the block that is not in use.",
        before="imap: {port: 993}\npop3: {port: 995}\n",
        after="imap: {port: 993}\n",
        source="doc:sample",
        offline=False,
    )
)


@on_options(
    Rule(
        "ICE204",
        "spoofing without an address",
        what="`spoofing.enabled` is true, and `spoofing.address` is missing.",
        why="ICE would send with an empty sender address, which mail servers reject.",
        before="spoofing: {enabled: true}\n",
        after="spoofing: {enabled: true, address: desk+help@example.org}\n",
        source="doc:table",
    )
)
def spoofing_without_address(options: Options) -> Violation | None:
    """Find spoofing that is on without a sender to show."""
    if options.spoofing and not options.sender and options.whole:
        message = "spoofing is on, but `spoofing.address` is missing"
        return Violation("spoofing.enabled", message, "add `spoofing.address`")
    return None


@on_options(
    Rule(
        "ICE205",
        "a spoofing address while spoofing is off",
        Severity.WARNING,
        what="`spoofing.address` is set, but `spoofing.enabled` is not true.",
        why="The address is ignored while spoofing is off; the edit may be incomplete.",
        before="spoofing: {address: help@example.org}\n",
        after="spoofing: {enabled: true, address: desk+help@example.org}\n",
        source="doc:table",
    )
)
def idle_spoofing_address(options: Options) -> Violation | None:
    """Find a sender to show while spoofing is off."""
    if options.sender and not options.spoofing:
        message = "`spoofing.address` is ignored while spoofing is off"
        return Violation(
            "spoofing.address", message, "set `spoofing.enabled: true`, or remove the address"
        )
    return None


@on_server(
    Rule(
        "ICE206",
        "a spoofing address of another domain",
        Severity.WARNING,
        what="The domain of `spoofing.address` is neither the domain of `smtp.mailbox` "
        "nor a parent or subdomain of it.",
        why="The SPF and DMARC records of the sender's domain rarely allow the mailbox's "
        "mail server, so such mail ends up in spam folders or is rejected.",
        before="spoofing: {enabled: true, address: help@example.net}\n",
        after="spoofing: {enabled: true, address: desk+help@example.org}\n",
        source="RFC 7489 (DMARC), section 3.1: alignment",
    )
)
def foreign_spoofing_address(server: DesiredServer) -> Violation | None:
    """Find a sender to show whose domain is not related to the mailbox's."""
    get = server.settings.get
    address, mailbox = get("spoofing.address"), get("smtp.mailbox", "")
    if address is None or address == mailbox or not get("spoofing.enabled"):
        return None
    shown, own = domain_of(str(address)), domain_of(str(mailbox))
    if own and not related(shown, own):
        return Violation(
            "spoofing.address",
            f"`spoofing.address` is of {shown}, `smtp.mailbox` of {own}: SPF and DMARC will "
            "likely fail",
            f"allow the mail server of {own} in the DNS records of {shown}, or use one domain",
        )
    return None


@on_fleet(
    Rule(
        "ICE207",
        "all servers of an organization are disabled",
        Severity.WARNING,
        what="All servers of an organization are disabled; or a plan disables a server and the "
        "guard `disabled` is off.",
        why="Mail to these skills stops without any error.",
        before="status: Disabled\nactive: false\n",
        after="status: Enabled\nactive: true\n",
        source="doc:table",
        offline=False,
    )
)
def nobody_left(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find an organization whose servers are all off; a missing value has its own finding."""
    alive = {server.address.organization for server in fleet.servers if not _is_off(server)}
    seen = set(alive)
    for server in fleet.servers:
        organization = server.address.organization
        if organization not in seen:
            seen.add(organization)
            message = f"no server of organization {organization} is enabled: its mail stops"
            yield server, Violation("status", message)


def _is_off(server: DesiredServer) -> bool:
    return server.settings.get("status") == "Disabled" or server.settings.get("active") is False


@on_server(
    Rule(
        "ICE210",
        "the block that is not in use is incomplete",
        Severity.WARNING,
        what="The `pop3` or `imap` block that `incoming` does not select has a login or a "
        "mailbox, but is incomplete.",
        why="Missing settings are sent as empty and overwrite the record; switching to "
        "that block later would fail.",
        before="pop3: {username: desk@example.org, mailbox: desk@example.org}\n",
        after="pop3:\n  host: pop3.example.org\n  port: 995\n  username: desk@example.org\n"
        "  password: ref+env://ICE_POP3\n  mailbox: desk@example.org\n  poll_rate: 10\n",
        source="observed: Json.NET binding",
    )
)
def incomplete_spare_block(server: DesiredServer) -> Violation | None:
    """Find a block that is not in use and would overwrite what the record holds."""
    settings, secrets = server.settings, server.secrets
    unused = "imap" if settings.get("incoming") == "pop3" else "pop3"
    keys, password = _BLOCK_KEYS[unused], f"{unused}.password"
    if not server.whole or (settings.keys() >= _BLOCK_SETTINGS[unused] and password in secrets):
        return None
    missing = [key for key in keys if key not in settings and key not in secrets]
    given = [key for key in keys if key not in missing]
    if {f"{unused}.username", f"{unused}.mailbox", password}.intersection(given):
        named = ", ".join(f"`{key}`" for key in missing)
        message = f"`{unused}` is not in use, and incomplete: {named} will be sent as empty"
        return Violation(given[0], message, "complete it, or remove the block")
    return None


declare(
    Rule(
        "ICE211",
        "a login together with `login: none`",
        what="`smtp.login` is none, but the server has a user name or a password.",
        why="One of the two is a leftover. Without a login, both are sent as empty.",
        before="smtp: {login: none, username: desk}\n",
        after="smtp: {login: none}\n",
        source="icesync",
        suppressible=False,
    )
)


_IMPLICIT: Final = "RFC 8314: 465, 993 and 995 use implicit TLS"

_PORTS: Final = {
    **dict.fromkeys((25, 465, 586, 587, 2465, 2525, 2587), "smtp"),
    **dict.fromkeys((110, 995), "pop3"),
    **dict.fromkeys((143, 993), "imap"),
}
"""The ports that mail servers use, and their protocol (IANA; 586 and 2xxx by providers)."""

_SPARE_PORTS: Final = frozenset({26, 2526, 3535, 8025, 8465})
"""Where several hosters and relays take mail besides, since networks close the others."""

_DEFAULT: Final = {"smtp": "587", "pop3": "995", "imap": "993"}
_MAX_RATE: Final = 1440
_WIDE: Final = 60

_NO_LOGIN: Final = (
    (
        r"(alt\d\.)?(aspmx\d?\.l\.google\.com|aspmx\d?\.googlemail\.com)|smtp\.google\.com",
        "mx",
        "gmail",
    ),
    (r"(alt\d\.)?gmail-smtp-in\.l\.google\.com", "mx", "gmail"),
    (
        r".*\.mail\.protection\.(outlook\.com|partner\.outlook\.cn|office365\.us)",
        "mx",
        "microsoft365",
    ),
    (r".*\.mx\.microsoft", "mx", "microsoft365"),
    (r".*\.olc\.protection\.outlook\.com|.*\.mail\.eo\.outlook\.com", "mx", "outlook.com"),
    (r"mta\d\.am0\.yahoodns\.net|.*-mx\.mail\.am0\.yahoodns\.net", "mx", "yahoo"),
    (r"mx\d+\.mail\.icloud\.com", "mx", "icloud"),
    (r"mx\d*\.(emig\.)?gmx\.(net|com)", "mx", "gmx"),
    (r"in\d-smtp\.messagingengine\.com", "mx", "fastmail"),
    (r"mx\d*\.zoho\.(com|eu|in|com\.au|jp)|mx\d*\.zohomail\.com", "mx", "zoho"),
    (r"mx[ab]\.(eu\.)?mailgun\.org", "mx", "mailgun"),
    (r"mx\.sendgrid\.net", "mx", "sendgrid"),
    (r"inbound-smtp\.[a-z0-9-]+\.amazonaws\.com", "mx", "amazon-ses/us-east-1"),
    (r"inbound\.postmarkapp\.com", "mx", "postmark"),
    (r"email(-fips)?\.[a-z0-9-]+\.amazonaws\.com", "api", "amazon-ses/us-east-1"),
    (r"api\.(eu\.)?mailgun\.(net|org)", "api", "mailgun"),
    (r"api\.(eu\.)?sendgrid\.com", "api", "sendgrid"),
    (r"api\.postmarkapp\.com", "api", "postmark"),
    (r"graph\.microsoft\.com", "api", "microsoft365"),
    (r"(gmail|www)\.googleapis\.com", "api", "gmail"),
    (
        r"(mail|accounts|workspace|www|smtp-mail)\.google\.com|(www|mail)\.gmail\.com",
        "web",
        "gmail",
    ),
    (
        r"(portal|www|login)\.office(365)?\.com",
        "web",
        "microsoft365",
    ),
    (r"outlook\.live\.com|(www\.)?outlook\.com|(www\.)?hotmail\.com", "web", "outlook.com"),
    (r"(login|www|mail)\.yahoo\.com", "web", "yahoo"),
    (r"(mail|www)\.aol\.com", "web", "aol"),
    (r"(www\.)?icloud\.com|mail\.me\.com", "web", "icloud"),
    (r"(www|app|login)\.(sendgrid|mailgun|postmarkapp)\.com", "web", ""),
    (r"(mail|accounts)\.zoho\.(com|eu|in|com\.au|jp)", "web", "zoho"),
)
"""Hosts that take no login, what they are, and whose: MX records, APIs, web mail."""

_NO_LOGIN_LABELS: Final = frozenset(
    {
        "amazonaws", "aol", "gmail", "gmx", "google", "googleapis", "googlemail", "hotmail",
        "icloud", "live", "mailgun", "me", "messagingengine", "microsoft", "office", "office365",
        "outlook", "postmarkapp", "sendgrid", "yahoo", "yahoodns", "zoho", "zohomail",
    }
)  # fmt: skip
"""One of them is in each of these hosts; for other fleets the patterns need not be compiled."""

_WHAT: Final = {
    "mx": "receives mail from other servers (MX) and accepts no login",
    "api": "is an API, not a mail server",
    "web": "is webmail, not a mail server",
}


class _Known(NamedTuple):
    """The provider of an endpoint; no offer where it has none for this host or block."""

    preset: Preset
    offer: Offer | None


@lru_cache(maxsize=8)
def _provider(endpoint: Endpoint) -> _Known | None:
    """Return whose endpoint it is: the preset's by name, else by the host."""
    host = (endpoint.host or "").lower().rstrip(".")
    found = find_offer(endpoint.block, host) if host else None
    preset = find_preset(endpoint.preset) if endpoint.preset else None
    if preset is None:
        return _Known(*found) if found else None
    if found is not None and _family(found[0]) == _family(preset):
        return _Known(*found)
    offer = preset.offers.get(endpoint.block)
    right = offer is not None and host in {offer.host, *offer.also}
    return _Known(preset, offer if right else None)


def _family(preset: Preset) -> str:
    return preset.name.partition("/")[0]


_ANY_NO_LOGIN: Final = regex("|".join(pattern for pattern, _, _ in _NO_LOGIN))


def _no_login(host: str) -> tuple[str, str] | None:
    """Return what *host* is, and whose, if it takes no login."""
    if _NO_LOGIN_LABELS.isdisjoint(host.split(".")) or not _ANY_NO_LOGIN.fullmatch(host):
        return None
    for pattern, what, owner in _NO_LOGIN:
        if re.fullmatch(pattern, host):
            return what, owner
    return None


def is_known(host: str) -> bool:
    """Return whether a check of endpoints depends on *host*, such as that of a provider."""
    name = host.lower().rstrip(".")
    return bool(is_provider_host(name) or _no_login(name) or providers_of(name))


def _mode(endpoint: Endpoint) -> str:
    """Return how the port is encrypted, by its provider or by its number."""
    known, port = _provider(endpoint), endpoint.port or 0
    if known is not None and known.offer is not None and port in known.offer.ports:
        return known.offer.mode(port)
    return "implicit" if port in IMPLICIT_TLS else "starttls"


declare(
    Rule(
        "ICE301",
        "a port outside the range 1 to 65535",
        what="A port is not a decimal number from 1 to 65535.",
        why="Ports are sent as strings, so `0587` or `-1` would reach ICE unchanged.",
        before="smtp: {port: 70000}\n",
        after="smtp: {port: 587}\n",
        source="doc:sample",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE310",
        "a poll rate that is not a positive integer",
        what="A poll rate is not a positive integer.",
        why="0 may stop polling or poll without a pause; the vendor does not say.",
        before="imap: {poll_rate: 0}\n",
        after="imap: {poll_rate: 10}\n",
        source="doc:sample",
        suppressible=False,
    )
)


@on_options(
    Rule(
        "ICE302",
        "both encryption flags are on",
        Severity.WARNING,
        what="`ssl` and `tls` are both true.",
        why="The vendor does not say which one applies, so a reviewer cannot tell what is "
        "intended.",
        before="ssl: true\ntls: true\n",
        after="ssl: false\ntls: true\n",
        source="doc:table",
    )
)
def both_flags(options: Options) -> Violation | None:
    """Find two flags of which one is enough."""
    if options.ssl and options.tls:
        message = "`ssl` and `tls` are both true; the vendor does not say which one applies"
        return Violation("tls", message, "set one of them to false")
    return None


@on_endpoint(
    Rule(
        "ICE303",
        "a TLS port with both flags off",
        Severity.WARNING,
        what="A block in use has port 465, 2465, 586, 993 or 995, and `ssl` and `tls` are both "
        "false.",
        why="These ports use implicit TLS; an unencrypted connection never works there. "
        "The vendor's own sample has this mistake: 995 with both flags off.",
        before="ssl: false\ntls: false\nimap: {port: 993}\n",
        after="ssl: false\ntls: true\nimap: {port: 993}\n",
        source=f"doc:sample; {_IMPLICIT}",
    )
)
def clear_on_tls_port(endpoint: Endpoint) -> Violation | None:
    """Find a connection that works nowhere."""
    if endpoint.in_use and not endpoint.encrypted and _mode(endpoint) == "implicit":
        return Violation(
            f"{endpoint.block}.port",
            f"`{endpoint.block}.port` {endpoint.port} uses TLS, but `ssl` and `tls` are both false",
            "set `ssl` or `tls` to true",
        )
    return None


@on_endpoint(
    Rule(
        "ICE304",
        "sending on a port with implicit TLS",
        Severity.INFO,
        what="`smtp.port` is 465 or 2465, and the provider is not known to have no other port.",
        why="Such a port uses implicit TLS. .NET's System.Net.Mail does not support it, "
        "MailKit and most other libraries do; which one ICE uses is unknown. Port 587 "
        "with STARTTLS works with all.",
        before="smtp: {port: 465}\n",
        after="smtp: {port: 587}\n",
        source="learn.microsoft.com: SmtpClient.EnableSsl; github.com/jstedfast/MailKit, "
        "SecureSocketOptions",
    )
)
def implicit_sending(endpoint: Endpoint) -> Violation | None:
    """Find a way of sending that not every mail library knows, where there is another one."""
    if endpoint.block != "smtp" or endpoint.port not in {465, 2465}:
        return None
    known = _provider(endpoint)
    if known is not None and not _offers_starttls(known.offer):
        return None
    where = f"{endpoint.host} offers it" if known else "where the provider offers it"
    return Violation(
        "smtp.port",
        f"`smtp.port` {endpoint.port} uses implicit TLS, which some .NET mail clients do "
        "not support; which one ICE uses is unknown",
        f"if sending fails, try 587 with STARTTLS, {where}",
    )


def _offers_starttls(offer: Offer | None) -> bool:
    return offer is not None and 587 in offer.ports and offer.mode(587) == "starttls"


@on_endpoint(
    Rule(
        "ICE305",
        "a host or port that the provider does not offer",
        Severity.WARNING,
        what="The host or port of a block in use is not offered by its preset; or a host "
        "in the domain of a known provider is not one of its hosts, or is its host "
        "for another protocol.",
        why="Your own values always override a preset, so a leftover value sends mail to "
        "another host than the preset names.",
        before="imap: {preset: gmail, host: imap.example.org}\n",
        after="imap: {preset: gmail, host: imap.gmail.com}\n",
        source="the provider's own page, which the finding names with the day it was checked",
    )
)
def not_offered(endpoint: Endpoint) -> Violation | None:
    """Find a host or a port that the provider does not have."""
    known = _provider(endpoint)
    if known is None or not endpoint.in_use or _no_login((endpoint.host or "").lower()):
        return None
    block, (preset, offer) = endpoint.block, known
    if offer is None:
        other = preset.offers.get(block)
        offers = f"it offers {other.host}" if other else f"it offers no {block.upper()}"
        return Violation(
            f"{block}.host",
            f"`{block}.host` {endpoint.host} is not a host of "
            f"{preset.name} for {block.upper()}: {offers}",
            _checked(preset),
        )
    if preset.complete and endpoint.port is not None and endpoint.port not in offer.ports:
        offers = ", ".join(f"{port} ({_MODE_WORDS[offer.mode(port)]})" for port in offer.ports)
        return Violation(
            f"{block}.port",
            f"`{block}.port` {endpoint.port} is not one of {preset.name}: {offers}",
            _checked(preset),
        )
    return None


_MODE_WORDS: Final = {"implicit": "TLS", "starttls": "STARTTLS", "none": "no encryption"}


def _checked(preset: Preset) -> str:
    when = f"checked on {preset.checked}" if preset.checked else "see"
    return f"{when}: {preset.source}"


@on_endpoint(
    Rule(
        "ICE306",
        "a provider that does not accept passwords",
        what="The provider of a block in use does not accept passwords for this protocol. "
        "If it stops accepting them, or shuts down, on a known future date, the "
        "finding is a warning.",
        why="ICE has a field for a password but none for OAuth, so no login can succeed.",
        before="incoming: imap\nimap: {host: outlook.office365.com}\n",
        after="incoming: imap\nimap: {host: imap.example.org}\n",
        source="learn.microsoft.com: deprecation of basic authentication in Exchange Online",
    )
)
def no_passwords(endpoint: Endpoint) -> Violation | None:
    """Find a provider with which no password works, or soon none will."""
    known = _provider(endpoint)
    if known is None or known.offer is None or not endpoint.in_use or not endpoint.login:
        return None
    offer, key = known.offer, f"{endpoint.block}.host"
    who, what = known.preset.name, endpoint.block.upper()
    hint = _checked(known.preset)
    if offer.refuses:
        reason = (
            f"{who} does not accept passwords for {what} ({offer.refuses}); ICE has no "
            "field for a token"
        )
        return Violation(key, f"`{key}` {endpoint.host}: {reason}", hint)
    if offer.ends:
        message = f"`{key}` {endpoint.host}: {who}, {what}: {offer.ends}"
        return Violation(key, message, hint, Severity.WARNING)
    return None


@on_endpoint(
    Rule(
        "ICE307",
        "a port of another protocol",
        Severity.WARNING,
        what="`smtp` has a port of POP3 or IMAP, or `pop3` or `imap` has a port of "
        "another protocol.",
        why="Often a copy-and-paste mistake: the server on that port uses another protocol.",
        before="imap: {port: 995}\n",
        after="imap: {port: 993}\n",
        source="IANA service names and port numbers",
    )
)
def crossed_port(endpoint: Endpoint) -> Violation | None:
    """Find a port at which another protocol is spoken."""
    known = _provider(endpoint)
    if known is not None and known.offer is not None and endpoint.port in known.offer.ports:
        return None
    home = _PORTS.get(endpoint.port or 0)
    if home is not None and home != endpoint.block:
        key = f"{endpoint.block}.port"
        return Violation(
            key,
            f"`{key}` {endpoint.port} is a port of {home.upper()}",
            f"{endpoint.block.upper()} usually uses {_DEFAULT[endpoint.block]}",
        )
    return None


@on_endpoint(
    Rule(
        "ICE308",
        "an unencrypted password",
        Severity.WARNING,
        what="A block in use has no encryption: its port has no implicit TLS, and `ssl` "
        "and `tls` are both false.",
        why="Every network on the way can read the password.",
        before="ssl: false\ntls: false\nimap: {port: 143}\n",
        after="ssl: false\ntls: true\nimap: {port: 143}\n",
        source="RFC 8314",
    )
)
def clear_text(endpoint: Endpoint) -> Violation | None:
    """Find a password that anybody on the way can read."""
    if endpoint.port is None or not endpoint.in_use or endpoint.encrypted or not endpoint.login:
        return None
    if _mode(endpoint) != "implicit":
        return Violation(
            f"{endpoint.block}.port",
            f"the password of `{endpoint.block}` would be sent unencrypted on port "
            f"{endpoint.port}: `ssl` and `tls` are both false",
            "set `ssl` or `tls` to true",
        )
    return None


@on_endpoint(
    Rule(
        "ICE309",
        "an unusual port",
        Severity.WARNING,
        what="A port is neither a common mail port nor one of the provider's: 25, 110, "
        "143, 465, 586, 587, 993, 995, 2465, 2525, 2587; for sending also 26, 2526, "
        "3535, 8025, 8465.",
        why="Often a typo. The vendor's own sample has 589 for IMAP.",
        before="imap: {port: 994}\n",
        after="imap: {port: 993}\n",
        source="doc:sample; IANA service names and port numbers; pages of hosters and relays",
    )
)
def unusual_port(endpoint: Endpoint) -> Violation | None:
    """Find a port that looks like a slip of a digit."""
    known, port = _provider(endpoint), endpoint.port
    offered = known.offer.ports if known is not None and known.offer is not None else ()
    if port is None or port in _PORTS or port in offered:
        return None
    if endpoint.block != "smtp" or port not in _SPARE_PORTS:
        key, what = f"{endpoint.block}.port", endpoint.block.upper()
        message = f"`{key}` {endpoint.port} is not a usual port for {what}"
        return Violation(key, message, f"{what} usually uses {_DEFAULT[endpoint.block]}")
    return None


@on_options(
    Rule(
        "ICE311",
        "a poll rate that may be in the wrong unit",
        Severity.WARNING,
        what="A poll rate is above 1440, or 60 times the rate of the server's other block.",
        why="The vendor does not document the unit; the sample has 10. 3600 looks like "
        "seconds, but minutes are likely: then mail would be collected every two and "
        "a half days.",
        before="imap: {poll_rate: 3600}\n",
        after="imap: {poll_rate: 10}\n",
        source="doc:sample",
    )
)
def odd_poll_rates(options: Options) -> Violation | None:
    """Find a poll rate that looks like seconds where the other one looks like minutes."""
    blocks = (options.smtp_rate, "smtp"), (options.incoming_rate, options.incoming)
    rates = [(rate, f"{block}.poll_rate") for rate, block in blocks if rate is not None]
    for rate, key in rates:
        if rate > _MAX_RATE:
            message = f"`{key}` {rate}: is this in seconds? The vendor does not document the unit"
            return Violation(key, message, "the vendor's sample has 10")
    (low, _), (high, key) = min(rates, default=(1, "")), max(rates, default=(1, ""))
    if high >= low * _WIDE:
        message = f"`{key}` {high} is {high // low} times the other block's {low}"
        return Violation(key, message, "one of the two may be in another unit")
    return None


@on_endpoint(
    Rule(
        "ICE312",
        "polling a large provider too often",
        Severity.INFO,
        what="The poll rate is 1, and the provider is a large one (with a preset).",
        why="Large providers throttle frequent logins, and a lockout looks like a wrong password.",
        before="preset: fastmail\nsmtp: {host: smtp.fastmail.com, port: 587}\n"
        "imap: {host: imap.fastmail.com, port: 993, poll_rate: 1}\n",
        after="preset: fastmail\nsmtp: {host: smtp.fastmail.com, port: 587}\n"
        "imap: {host: imap.fastmail.com, port: 993, poll_rate: 10}\n",
        source="assumed",
    )
)
def eager_polling(endpoint: Endpoint) -> Violation | None:
    """Find a poll rate that a big provider may not like."""
    incoming = endpoint.in_use and endpoint.block != "smtp"
    known = _provider(endpoint) if incoming and endpoint.poll_rate == 1 else None
    if known is not None:
        key = f"{endpoint.block}.poll_rate"
        return Violation(key, f"`{key}` 1: {known.preset.name} may throttle such frequent logins")
    return None


@on_endpoint(
    Rule(
        "ICE313",
        "a host that accepts no login",
        what="The host of a block in use receives mail from other servers (an MX record), "
        "or is an API or webmail. If it is the bare domain of a provider's "
        "addresses, the finding is a warning.",
        why="Nobody can log in there with a user name and password.",
        before="smtp: {host: aspmx.l.google.com, port: 25}\n",
        after="smtp: {host: smtp.gmail.com, port: 587}\n",
        source="the MX records and API pages of the providers; RFC 5321, section 5",
    )
)
def no_login(endpoint: Endpoint) -> Violation | None:
    """Find a host at which no password is asked for."""
    host = (endpoint.host or "").lower().rstrip(".")
    if not host or not endpoint.in_use:
        return None
    key, what = f"{endpoint.block}.host", _no_login(host)
    found = find_offer(endpoint.block, host)
    if found is not None and found[1] is not None:
        return None
    if what is not None and what[0] == "mx" and not endpoint.login:
        return None  # a connector takes mail of its organization there, by the sender's address
    if what is not None:
        preset = find_preset(what[1])
        return Violation(key, f"`{key}` {host} {_WHAT[what[0]]}", _instead(endpoint.block, preset))
    if found is None:
        for preset in providers_of(host)[:1]:
            message = f"`{key}` {host} is the domain of addresses, not a mail server"
            hint = _instead(endpoint.block, preset)
            return Violation(key, message, hint, Severity.WARNING)
    return None


def _instead(block: str, preset: Preset | None) -> str:
    offer = preset.offers.get(block) if preset is not None else None
    if offer is None or preset is None or offer.refuses:
        return "use the host of the provider's mail server"
    return f"{preset.title} offers {offer.host}"
