"""ICE501 to ICE508: hosts and mail addresses; of one text at most one finding."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from icesync.config.rules.base import Violation, on_address, on_host, on_login
from icesync.diagnostics import Rule, Severity
from icesync.model.host import IpAddress, ascii_host, numeric_address
from icesync.model.typos import damage, near_miss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.rules.base import Host, Login, MailAddress

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS: Final = re.compile(
    rf"(?=[^@]{{1,64}}@)(?=.{{3,254}}\Z){_ATOM}(?:\.{_ATOM})*@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)+"')
_ODD_LOCAL: Final = re.compile(r'[\s@,;<>()\[\]\\:"]|\.\.|^\.|\.$')
_ODD_DOMAIN: Final = re.compile(r'[\s@,;<>()\[\]\\:"_/]|\.\.|^\.|\.$|(^|\.)-|-(\.|$)')
_VENDOR: Final = ("smtp.mail.com", "HHarry")
"""Host and user name of the vendor's sample request (doc:sample)."""
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
_PLACEHOLDER: Final = re.compile(
    r"sample string ?\d*|change[ _-]?(me|it)|x{3,}|to[ _-]?do|tbd|fixme|<.*>|your[ _-].*|\?+",
    re.IGNORECASE,
)
_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".intranet", ".corp")
_RESERVED: Final = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid)")
_EXAMPLES: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""Addresses for documentation, which stand for public ones (RFC 5737, RFC 3849)."""
_HINT_BARE: Final = "use the bare host name, such as smtp.example.org; the port belongs in `port`"

_REASONS: Final = (
    (r"://", "it contains a scheme"),
    (r"@", "it is an email address"),
    (r":\d+$", "it contains a port"),
    (r"/", "it contains a path"),
    (r"\s", "it contains a space"),
    (r"^[0-9.]+$", "it looks like an IP address, but is not valid"),
    (r"_", "it contains an underscore"),
    (r"\.\.|^\.", "it contains an empty label"),
    (r"(^|\.)-|-(\.|$)", "a label starts or ends with a hyphen"),
)


def domain_of(address: str) -> str:
    """Return the domain of a mail address as DNS knows it; the text itself without an @."""
    domain = address.rpartition("@")[2].lower()
    return domain if domain.isascii() else _encode(domain) or domain


def related(one: str, other: str) -> bool:
    """Return whether two domains are one, or one is above the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def is_placeholder(text: str) -> bool:
    """Return whether *text* stands for a value that somebody meant to fill in."""
    return _PLACEHOLDER.fullmatch(text) is not None


_INTERNATIONAL: Final = Rule(
    "ICE504",
    "a host or domain with non-ASCII characters",
    Severity.WARNING,
    what="A host, or the domain of a mailbox, is an international name.",
    why="It is sent unchanged; whether ICE converts it is unknown.",
    before="smtp: {host: smtp.bücher.example}\n",
    after="smtp: {host: smtp.xn--bcher-kva.example}\n",
    source="RFC 5891; that ICE converts is unknown",
)

_PLACEHOLDERS: Final = Rule(
    "ICE507",
    "a placeholder or a damaged value",
    what="A value is a placeholder (`sample string 19`, `changeme`, `xxx`, `<host>`, "
    "`TODO`, the values of the vendor's sample), or was damaged by a spreadsheet, a "
    "masked field or a word processor (`#N/A`, `########`, `2,90650E+11`, `NULL`, "
    "`********`, curly quotes). In a block that is not in use it is a warning. Hosts "
    "such as `example.org` are a warning when calls go to the real service.",
    why="It was probably meant to be replaced later, or the value was lost in an export.",
    before="smtp: {username: changeme}\n",
    after="smtp: {username: desk@example.org}\n",
    source="doc:sample; RFC 2606",
)


@on_host(_PLACEHOLDERS)
def placeholder_host(host: Host) -> Iterator[Violation]:
    """Find a host that somebody meant to fill in, or that exists in documentation only."""
    if is_placeholder(host.name):
        yield _placeholder(host.key, host.name, in_use=host.in_use)
    elif what := damage(host.name):
        yield _damaged(host.key, what, in_use=host.in_use)
    elif host.live and _RESERVED.fullmatch(host.name) and _PLAIN_HOST.fullmatch(host.name):
        message = f"`{host.key}` {host.name} is a reserved example domain"
        yield Violation(
            host.key, message, "replace it with your mail server's name", Severity.WARNING
        )


@on_address(_PLACEHOLDERS)
def placeholder_address(address: MailAddress) -> Iterator[Violation]:
    """Find an address that somebody meant to fill in."""
    if is_placeholder(address.text):
        yield _placeholder(address.key, address.text, in_use=address.in_use)
    elif what := damage(address.text):
        yield _damaged(address.key, what, in_use=address.in_use)


@on_login(_PLACEHOLDERS)
def placeholder_user(login: Login) -> Iterator[Violation]:
    """Find a user name that somebody meant to fill in, or that the vendor printed."""
    block, host, username, _, in_use, _ = login
    if username is None:
        return
    key = f"{block}.username"
    if (host, username) == _VENDOR:
        message = f"`{key}` {username} at {host} is the vendor's sample value"
        severity = None if in_use else Severity.WARNING
        yield Violation(key, message, "replace it with the real value", severity)
    elif is_placeholder(username):
        yield _placeholder(key, username, in_use=in_use)
    elif what := damage(username):
        yield _damaged(key, what, in_use=in_use)


def _damaged(key: str, what: str, *, in_use: bool) -> Violation:
    severity = None if in_use else Severity.WARNING
    return Violation(key, f"`{key}` {what}", "replace it with the real value", severity)


def _placeholder(key: str, text: str, *, in_use: bool) -> Violation:
    severity = None if in_use else Severity.WARNING
    message = f"`{key}` looks like a placeholder: {text}"
    return Violation(key, message, "replace it with the real value", severity)


@on_address(
    Rule(
        "ICE501",
        "not an email address",
        what="A mailbox or the spoofing address is not `local@domain`, its domain has no "
        "dot, or it is longer than 254 characters (64 before the @).",
        why="No mail server accepts it as a sender.",
        before="smtp: {mailbox: desk.example.org}\nimap: {mailbox: desk.example.org}\n",
        after="smtp: {mailbox: desk@example.org}\nimap: {mailbox: desk@example.org}\n",
        source="RFC 5321, sections 4.1.2 and 4.5.3",
    )
)
def not_an_address(address: MailAddress) -> Iterator[Violation]:
    """Find a text that no mail server takes as a sender."""
    key, text = address.key, address.text
    if _PLAIN_ADDRESS.fullmatch(text):
        return
    local, at, domain = text.rpartition("@")
    reason = _odd(local, domain) if at else "it has no @"
    if reason:
        message = f"`{key}` is not an email address: {reason}"
        yield Violation(key, message, "use local@domain, such as desk@example.org")


def _odd(local: str, domain: str) -> str:
    """Return what is wrong with the two parts of an address, or an empty string."""
    quoted = _QUOTED.fullmatch(local)
    faults = (
        (not local or not domain, "a part of it is empty"),
        (len(local.encode()) > 64, "more than 64 bytes before the @"),
        (len(local) + len(domain) >= 254, "more than 254 characters"),
        ("." not in domain.strip("."), "its domain has no dot"),
        (_ODD_DOMAIN.search(domain), "its domain is not a host name"),
        (not quoted and _ODD_LOCAL.search(local), "an invalid character or dot before the @"),
    )
    return next((reason for wrong, reason in faults if wrong), "")


@on_address(
    Rule(
        "ICE502",
        "an address that needs SMTPUTF8",
        Severity.WARNING,
        what="The part before the @ contains non-ASCII characters.",
        why="Many relays do not support the SMTPUTF8 extension and reject the mail.",
        before='spoofing: {enabled: true, address: "jörg@example.org"}\n',
        after='spoofing: {enabled: true, address: "desk+joerg@example.org"}\n',
        source="RFC 6531",
    )
)
def needs_smtputf8(address: MailAddress) -> Iterator[Violation]:
    """Find an address that many relays refuse."""
    if not address.text.rpartition("@")[0].isascii():
        key = address.key
        message = f"`{key}` has non-ASCII characters before the @ and needs SMTPUTF8"
        yield Violation(key, message, "many relays reject it; use an ASCII alias")


@on_host(
    Rule(
        "ICE505",
        "a host that ICE cannot reach",
        Severity.WARNING,
        what="A host is a private or local IP address in any notation, `localhost`, a "
        "single word, or ends in `.local`, `.internal`, `.lan`, `.home.arpa` or "
        "similar.",
        why="It works in your network, but not from ICE's.",
        before="smtp: {host: mail.corp.internal}\n",
        after="smtp: {host: mail.example.org}\n",
        source="RFC 1918, RFC 6761, RFC 6762, RFC 8375",
    )
)
def unreachable_host(host: Host) -> Iterator[Violation]:
    """Find a host that exists only where the author sits; a public IP address can be reached."""
    name = host.name.rstrip(".").lower()
    address = numeric_address(name)
    local = _PLAIN_HOST.fullmatch(name) and name.endswith(_LOCAL)
    private = address is not None and not address.is_global and not _is_example(address)
    if local or private or (address is None and re.fullmatch(_LABEL, name)):
        message = f"`{host.key}` {host.name} cannot be reached by ICE"
        if private and str(address) != name.strip("[]"):
            message = f"`{host.key}` {host.name} is {address}, which ICE cannot reach"
        yield Violation(host.key, message, "use the public name of the mail server")


def _is_example(address: IpAddress) -> bool:
    return any(address in net for net in _EXAMPLES if net.version == address.version)


@on_host(
    Rule(
        "ICE506",
        "host name is not normalized",
        Severity.WARNING,
        what="A host contains upper-case letters or ends with a dot.",
        why="It is sent unchanged. Certificates do not contain a final dot, and two "
        "spellings of one host look like a change.",
        before="smtp: {host: SMTP.example.org}\n",
        after="smtp: {host: smtp.example.org}\n",
        source="RFC 4343",
    )
)
def untidy_host(host: Host) -> Iterator[Violation]:
    """Find upper case and a final dot."""
    tidy = host.name.rstrip(".").lower()
    if tidy != host.name and _PLAIN_HOST.fullmatch(tidy):
        message = f"`{host.key}` is sent unchanged: {host.name!a}"
        yield Violation(host.key, message, f"use {tidy}")


@on_address(_INTERNATIONAL)
def international_domain(address: MailAddress) -> Iterator[Violation]:
    """Find an address whose domain somebody has to convert before mail can go there."""
    local, _, domain = address.text.rpartition("@")
    if local.isascii() and not domain.isascii() and (encoded := _encode(domain)) is not None:
        key = address.key
        message = f"`{key}` has the domain {domain}; whether ICE converts it is unknown"
        yield Violation(key, message, f"use {local}@{encoded}")


@on_host(_INTERNATIONAL)
def international_host(host: Host) -> Iterator[Violation]:
    """Find a name that somebody has to convert before it can be looked up."""
    if host.name.isascii() or any(re.search(pattern, host.name) for pattern, _ in _REASONS):
        return
    encoded = _encode(host.name)
    if encoded is not None:
        message = f"`{host.key}` {host.name} is sent unchanged; whether ICE converts it is unknown"
        yield Violation(host.key, message, f"use {encoded}")


@on_host(
    Rule(
        "ICE503",
        "not a host name",
        what="A host is not a bare name: it contains a space, an underscore, a scheme, a port, "
        "a slash, an empty label, or a hyphen at the edge of a label.",
        why="It cannot be looked up. Host and port are separate settings.",
        before='smtp: {host: "smtp.example.org:587"}\n',
        after="smtp: {host: smtp.example.org, port: 587}\n",
        source="RFC 1123, section 2.1; RFC 5891",
    )
)
def not_a_host(host: Host) -> Iterator[Violation]:
    """Find a text that cannot be looked up."""
    name, address = host.name, numeric_address(host.name)
    if address is not None and name == name.strip():
        if name.strip("[]") != str(address):
            message = (
                f"`{host.key}` {name} is a notation of {address} that not every program accepts"
            )
            yield Violation(host.key, message, f"use {address}, or better the host name")
        return
    numeric = re.fullmatch(r"[0-9.]+", name)
    if numeric or not _PLAIN_HOST.fullmatch(name):
        found = (reason for pattern, reason in _REASONS if re.search(pattern, name))
        message = f"`{host.key}` is not a host name: {next(found, 'its labels are invalid')}"
        yield Violation(host.key, message, _HINT_BARE)


@on_host(
    Rule(
        "ICE508",
        "a host that looks like a typo of a provider's host",
        what="The domain of a host differs by a letter or two from that of a known provider, a "
        "host from another one of its provider, or its first part is `smpt`, `iamp` or the like.",
        why="Such domains often belong to someone else, who would receive the password.",
        before="smtp: {host: smtp.gmial.com}\n",
        after="smtp: {host: smtp.gmail.com}\n",
        source="the hosts of the presets and of the providers known",
    )
)
def near_miss_host(host: Host) -> Iterator[Violation]:
    """Find a name that looks like a provider's and is not."""
    found = near_miss(host.name)
    if found is not None:
        severity = None if host.in_use else Severity.WARNING
        message = f"`{host.key}` {host.name} looks like a typo of {found.meant}"
        hint = f"use {found.meant}; if {found.slip} is intended, suppress this finding"
        yield Violation(host.key, message, hint, severity)


def _encode(host: str) -> str | None:
    """Return *host* as it is looked up in DNS, or None if it is no name (RFC 5891)."""
    try:
        return ascii_host(host)
    except ValueError:
        return None
