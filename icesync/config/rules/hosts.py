"""
ICE501 to ICE508: hosts and mail addresses; of one text at most one finding.

A table that went through a spreadsheet loses leading zeros, turns long numbers into
``2,90650E+11`` and narrow columns into ``########``; a console masks a password; an editor
makes quotes curly. Such a text would be sent as it stands, as a host, a user name or a
password. And a host such as ``smtp.gmial.com`` exists, belongs to somebody else, and would
be shown the password. A name that is a provider's own, or of its addresses, is no slip.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from icesync.config.rules import Violation, on_address, on_host, on_user
from icesync.diagnostics import Rule, Severity
from icesync.frozen import NamedTuple
from icesync.model.host import IpAddress, ascii_host, numeric_address
from icesync.model.presets import PRESETS, known_hosts, providers_of
from icesync.model.secret import MASKED
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icesync.config.rules import Host, MailAddress, UserName

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS: Final = regex(
    rf"(?=[^@]{{1,64}}@)(?=.{{3,254}}\Z){_ATOM}(?:\.{_ATOM})*@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)
_QUOTED: Final = regex(r'"(?:[^"\\]|\\.)+"')
_ODD_LOCAL: Final = regex(r'[\s@,;<>()\[\]\\:"]|\.\.|^\.|\.$')
_ODD_DOMAIN: Final = regex(r'[\s@,;<>()\[\]\\:"_/]|\.\.|^\.|\.$|(^|\.)-|-(\.|$)')
_VENDOR: Final = ("smtp.mail.com", "HHarry")
"""Host and user name of the vendor's sample request (doc:sample)."""
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_HOST: Final = regex(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
_NUMERIC: Final = regex(r"[0-9.]+")
_PLACEHOLDER_TEXTS: Final = (
    r"sample string ?\d*|change[ _-]?(me|it)|x{3,}|to[ _-]?do|tbd|fixme|<.*>|your[ _-].*|\?+"
)
_PLACEHOLDER: Final = regex(_PLACEHOLDER_TEXTS, re.IGNORECASE)
_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".intranet", ".corp")
_RESERVED: Final = regex(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid)")
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
def placeholder_host(host: Host) -> Violation | None:
    """Find a host that somebody meant to fill in, or that exists in documentation only."""
    if is_placeholder(host.name):
        return _placeholder(host.key, host.name, in_use=host.in_use)
    if what := damage(host.name):
        return _damaged(host.key, what, in_use=host.in_use)
    if host.live and _RESERVED.fullmatch(host.name) and _PLAIN_HOST.fullmatch(host.name):
        message = f"`{host.key}` {host.name} is a reserved example domain"
        return Violation(
            host.key, message, "replace it with your mail server's name", Severity.WARNING
        )
    return None


@on_address(_PLACEHOLDERS)
def placeholder_address(address: MailAddress) -> Violation | None:
    """Find an address that somebody meant to fill in."""
    if is_placeholder(address.text):
        return _placeholder(address.key, address.text, in_use=address.in_use)
    if what := damage(address.text):
        return _damaged(address.key, what, in_use=address.in_use)
    return None


@on_user(_PLACEHOLDERS)
def placeholder_user(user: UserName) -> Violation | None:
    """Find a user name that somebody meant to fill in, or that the vendor printed."""
    block, host, username, in_use = user
    key = f"{block}.username"
    if (host, username) == _VENDOR:
        message = f"`{key}` {username} at {host} is the vendor's sample value"
        severity = None if in_use else Severity.WARNING
        return Violation(key, message, "replace it with the real value", severity)
    if is_placeholder(username):
        return _placeholder(key, username, in_use=in_use)
    if what := damage(username):
        return _damaged(key, what, in_use=in_use)
    return None


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
def not_an_address(address: MailAddress) -> Violation | None:
    """Find a text that no mail server takes as a sender."""
    key, text = address.key, address.text
    if _PLAIN_ADDRESS.fullmatch(text):
        return None
    local, at, domain = text.rpartition("@")
    reason = _odd(local, domain) if at else "it has no @"
    if reason:
        message = f"`{key}` is not an email address: {reason}"
        return Violation(key, message, "use local@domain, such as desk@example.org")
    return None


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
def needs_smtputf8(address: MailAddress) -> Violation | None:
    """Find an address that many relays refuse."""
    if not address.text.rpartition("@")[0].isascii():
        key = address.key
        message = f"`{key}` has non-ASCII characters before the @ and needs SMTPUTF8"
        return Violation(key, message, "many relays reject it; use an ASCII alias")
    return None


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
def unreachable_host(host: Host) -> Violation | None:
    """Find a host that exists only where the author sits; a public IP address can be reached."""
    name = host.name.rstrip(".").lower()
    address = numeric_address(name)
    local = name.endswith(_LOCAL) and _PLAIN_HOST.fullmatch(name)
    private = address is not None and not address.is_global and not _is_example(address)
    word = "." not in name and address is None and re.fullmatch(_LABEL, name)
    if local or private or word:
        message = f"`{host.key}` {host.name} cannot be reached by ICE"
        if private and str(address) != name.strip("[]"):
            message = f"`{host.key}` {host.name} is {address}, which ICE cannot reach"
        return Violation(host.key, message, "use the public name of the mail server")
    return None


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
def untidy_host(host: Host) -> Violation | None:
    """Find upper case and a final dot."""
    tidy = host.name.rstrip(".").lower()
    if tidy != host.name and _PLAIN_HOST.fullmatch(tidy):
        message = f"`{host.key}` is sent unchanged: {host.name!a}"
        return Violation(host.key, message, f"use {tidy}")
    return None


@on_address(_INTERNATIONAL)
def international_domain(address: MailAddress) -> Violation | None:
    """Find an address whose domain somebody has to convert before mail can go there."""
    local, _, domain = address.text.rpartition("@")
    if local.isascii() and not domain.isascii() and (encoded := _encode(domain)) is not None:
        key = address.key
        message = f"`{key}` has the domain {domain}; whether ICE converts it is unknown"
        return Violation(key, message, f"use {local}@{encoded}")
    return None


@on_host(_INTERNATIONAL)
def international_host(host: Host) -> Violation | None:
    """Find a name that somebody has to convert before it can be looked up."""
    if host.name.isascii() or any(re.search(pattern, host.name) for pattern, _ in _REASONS):
        return None
    encoded = _encode(host.name)
    if encoded is not None:
        message = f"`{host.key}` {host.name} is sent unchanged; whether ICE converts it is unknown"
        return Violation(host.key, message, f"use {encoded}")
    return None


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
def not_a_host(host: Host) -> Violation | None:
    """Find a text that cannot be looked up."""
    name, address = host.name, numeric_address(host.name)
    if address is not None and name == name.strip():
        if name.strip("[]") != str(address):
            message = (
                f"`{host.key}` {name} is a notation of {address} that not every program accepts"
            )
            return Violation(host.key, message, f"use {address}, or better the host name")
        return None
    if _NUMERIC.fullmatch(name) or not _PLAIN_HOST.fullmatch(name):
        found = (reason for pattern, reason in _REASONS if re.search(pattern, name))
        message = f"`{host.key}` is not a host name: {next(found, 'its labels are invalid')}"
        return Violation(host.key, message, _HINT_BARE)
    return None


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
def near_miss_host(host: Host) -> Violation | None:
    """Find a name that looks like a provider's and is not."""
    found = near_miss(host.name)
    if found is not None:
        severity = None if host.in_use else Severity.WARNING
        message = f"`{host.key}` {host.name} looks like a typo of {found.meant}"
        hint = f"use {found.meant}; if {found.slip} is intended, suppress this finding"
        return Violation(host.key, message, hint, severity)
    return None


def _encode(host: str) -> str | None:
    """Return *host* as it is looked up in DNS, or None if it is no name (RFC 5891)."""
    try:
        return ascii_host(host)
    except ValueError:
        return None


_MASK: Final = "is a masked value: the real value was not copied"
_NOTHING: Final = 'is a placeholder for "no value"'
_WORDS: Final = {
    **dict.fromkeys(("null", "nil", "none", "undefined", "nan", "n/a", "(null)"), _NOTHING),
    **dict.fromkeys(("(none)", "<null>", "<none>", "[object object]", "<nil>"), _NOTHING),
    **dict.fromkeys(("redacted", "hidden", "masked", "sensitive"), _MASK),
    **dict.fromkeys(("(redacted)", "[redacted]", "<redacted>", "<hidden>", "(hidden)"), _MASK),
    **dict.fromkeys(("(sensitive)", "(sensitive value)", "<sensitive>", "[masked]"), _MASK),
}
_ORDINARY: Final = regex(r"[A-Za-z_@][A-Za-z0-9_.@-]*(?: [A-Za-z0-9_.@-]+)*")
_KINDS: Final = (
    (
        # The errors of Excel and LibreOffice, in English, German, French and Spanish.
        regex(
            r"#(N/?[AD]|NV|DIV/0!|[A-Z\u00c0-\u00de]{3,9}[!?]|\u00a1[A-Z]+!|\u00bf[A-Z]+\?)"
            r"|(Err|Fehler):5[0-9]{2}"
        ),
        "is a spreadsheet error value",
    ),
    (regex(r"#{3,}"), "is shown by spreadsheets when a column is too narrow"),
    (regex(r'="[^"]*"|=[A-Z]+\(.*\)'), "is a spreadsheet formula"),
    (
        regex(r"[-+]?[0-9]+([.,][0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}"),
        "is a number that a spreadsheet rounded",
    ),
    (regex(MASKED), _MASK),
    (
        regex(r"'[0-9=+@-][^']*"),
        "starts with the apostrophe that marks text in a spreadsheet",
    ),
    (
        # Postman and .http files, shells and CI, cmd.
        regex(r"\{\{.*\}\}|\$\{.*\}|\$\(.*\)|%[A-Za-z_]\w*%"),
        "is a variable that was not filled in",
    ),
)
_CURLY: Final = regex("[\u2018-\u201f\u00ab\u00bb\u2039\u203a]")
_MISREAD: Final = regex("\ufffd|\u00c3[\u0080-\u00bf]|\u00e2\u20ac")
_IN_QUOTES: Final = regex(r'"[^"]*"|\'[^\']*\'|`[^`]*`')


def damage(text: str) -> str:
    """
    Return what happened to *text*, as the rest of a sentence; empty if nothing shows.

    The answer never quotes the text, so it may be asked of a password.
    """
    bare = text.strip()
    word = _WORDS.get(bare.lower(), "")
    if word or _ORDINARY.fullmatch(text):
        return word
    for pattern, meaning in _KINDS:
        if pattern.fullmatch(bare):
            return meaning
    if _CURLY.search(text):
        return "contains curly quotes from a word processor"
    if _MISREAD.search(text):
        return "was read with the wrong encoding; characters are lost"
    if _IN_QUOTES.fullmatch(bare):
        return "has quotes that are part of the value"
    return ""


_ORDINARY_TEXT: Final = regex(
    rf"(?!(?i:{_PLACEHOLDER_TEXTS}|[0-9.+e]+)\Z)"
    r"(?:\w[\w-]*+(?:[.+][\w-]++)*+(?:@(?:[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+\.)+[A-Za-z]{2,})?"
    r"|[\w-]++\\[\w.-]++)",
    re.ASCII,
)
_SHORT: Final = 64
"""A part of an address may have this many characters."""
_NO_NAMES: Final = _WORDS.keys() | {_VENDOR[1].lower()}


@lru_cache(maxsize=64)
def is_ordinary(text: str) -> bool:
    """
    Return whether *text* is a name or an address as most are: short, and of plain characters.

    The checks of user names and addresses skip such a text. The cache is small because only
    the blocks of one server often have the same address.
    """
    short = len(text) <= _SHORT and text.lower() not in _NO_NAMES
    return short and _ORDINARY_TEXT.fullmatch(text) is not None


_SECOND_LEVEL: Final = frozenset({"co", "com", "ne", "or", "ac", "net", "org", "gov", "edu", "gr"})
_SERVICES: Final = {
    **dict.fromkeys(("mstp", "stmp", "smpt", "smttp", "smtpp", "smt", "smtop", "sntp"), "smtp"),
    **dict.fromkeys(("miap", "iamp", "impa", "imaap", "imapp", "imp", "inap", "umap"), "imap"),
}
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_MIN_LABEL: Final = 5
_LONG_LABEL: Final = 9


class NearMiss(NamedTuple):
    """What was likely meant, and what of the name is the slip."""

    meant: str
    slip: str


class _Domain(NamedTuple):
    label: str
    ending: str

    def __str__(self) -> str:
        return f"{self.label}.{self.ending}"


def _split(host: str) -> tuple[str, _Domain] | None:
    """Return what stands before the domain that somebody registered, and that domain."""
    labels = host.split(".")
    if len(labels) < 2 or "" in labels:
        return None
    ending = labels.pop()
    if len(labels) > 1 and len(ending) == 2 and labels[-1] in _SECOND_LEVEL:
        ending = f"{labels.pop()}.{ending}"
    label = labels.pop()
    return ".".join(labels), _Domain(label, ending)


@cache
def _domains() -> dict[_Domain, bool]:
    """Return the domains of all known hosts, and whether a preset is behind it."""
    own = {h for p in PRESETS.values() for o in p.offers.values() for h in (o.host, *o.also)}
    found: dict[_Domain, bool] = {}
    for host in sorted(known_hosts()):
        parts = _split(host)
        if parts is not None:
            found[parts[1]] = found.get(parts[1], False) or host in own
    return found


def near_miss(host: str) -> NearMiss | None:
    """Return what *host*, a name in lower case, was likely meant to be; None if it is fine."""
    parts = _split(host)
    if parts is None or host in known_hosts():
        return None
    before, domain = parts
    if domain in _domains():
        return _same_domain(host, before, domain)
    known = _meant(domain)
    if known is not None:
        return NearMiss(f"{before}.{known}".lstrip("."), str(domain))
    label = before.partition(".")[0].partition("-")[0]
    if label in _SERVICES:
        return NearMiss(_SERVICES[label] + host[len(label) :], label)
    return None


@lru_cache(maxsize=4096)
def _meant(domain: _Domain) -> _Domain | None:
    """Return the domain that *domain* is a slip of; the hosts of a fleet share few of them."""
    if providers_of(str(domain)):
        return None
    letters, (label, ending) = set(domain.label), domain
    likely = [*_alike().get(label, ())]
    for length in range(len(label) - 2, len(label) + 3):
        # Each wrong letter changes at most two of the letters that only one of them has.
        alike = _alike().get((ending, length), ())
        likely += (a for a in alike if len(a.letters ^ letters) <= 4)
    near = (a for a in likely if _is_slip(domain, a.domain, written=a.written))
    found = min(near, default=None)
    return found.domain if found is not None else None


class _Alike(NamedTuple):
    number: int
    domain: _Domain
    letters: frozenset[str]
    written: bool


@cache
def _alike() -> Mapping[object, Sequence[_Alike]]:
    """Return the known domains, by the label, and by the ending and the label's length."""
    found: dict[object, list[_Alike]] = {}
    for number, (domain, written) in enumerate(_domains().items()):
        alike = _Alike(number, domain, frozenset(domain.label), written)
        for key in (domain.label, (domain.ending, len(domain.label))):
            found.setdefault(key, []).append(alike)
    return found


def _same_domain(host: str, before: str, domain: _Domain) -> NearMiss | None:
    """Return the provider's host that differs in one letter, not in a number."""
    for known in sorted(h for h in known_hosts() if h.endswith(f".{domain}")):
        other = known[: -len(str(domain)) - 1]
        if _distance(host, known) == 1 and _without_digits(before) != _without_digits(other):
            return NearMiss(known, before)
    return None


def _without_digits(text: str) -> str:
    return "".join(c for c in text if not c.isdigit())


def _is_slip(domain: _Domain, known: _Domain, *, written: bool) -> bool:
    label, right = domain.label, known.label
    if len(right) < _MIN_LABEL or abs(len(label) - len(right)) > 2:
        return False
    if label == right:
        close = _distance(domain.ending, known.ending) == 1
        return close and (written or len(right) > _MIN_LABEL + 1)
    if domain.ending != known.ending:
        return False
    distance = _distance(label, right)
    if distance == 1 and len(label) == len(right) and label[0] != right[0]:
        # Another first letter is often another word: only a neighbour on the keyboard counts.
        return label[1:] != right[1:] or _neighbours(label[0], right[0])
    return distance == 1 or (distance == 2 and len(right) >= _LONG_LABEL)


def _neighbours(one: str, other: str) -> bool:
    places = {c: (row, column) for row, keys in enumerate(_KEYS) for column, c in enumerate(keys)}
    if one not in places or other not in places:
        return False
    (row, column), (row2, column2) = places[one], places[other]
    return abs(row - row2) <= 1 and abs(column - column2) <= 1


def _distance(one: str, other: str) -> int:
    """Return how many letters are wrong, missing, too many or swapped; at most 3."""
    # Each wrong letter changes at most two of the letters that only one of them has.
    if abs(len(one) - len(other)) > 2 or len(set(one) ^ set(other)) > 4:
        return 3
    older: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        new = [i]
        for j, right in enumerate(other, start=1):
            cost = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (letter != right))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == right:
                cost = min(cost, older[j - 2] + 1)
            new.append(cost)
        older, row = row, new
    return min(row[-1], 3)
