"""
What the name of a host says without asking anybody, and which may be given a credential.

A repository names addresses, and whoever may edit it must not choose by that
who gets the credentials of the job that reads it. So a host is free only where
one table of every kind of service says so: the vendor's, the clouds', this machine,
and what the job's own variables name (``VAULT_ADDR``, ``CI_API_V4_URL``). All others
need the job's word, outside of the repository: ``ICESYNC_ALLOW_HOST``.

Addresses are read by a grammar of their own, and more strictly than by any
library that later calls them: two readers that disagree about where a host
ends are how a request goes astray. What a DNS library would map (U+3002 is a
dot to it), decode (``%``) or take for a user (``@``) does not parse.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.frozen import NamedTuple, frozen
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PART: Final = regex(r"0[xX][0-9a-fA-F]+|[0-9]+")


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches *host*; of names, that is said of one only."""
    address = numeric_address(host)
    return host == "localhost" if address is None else address.is_loopback


def numeric_address(host: str) -> IpAddress | None:
    """
    Return the address that *host* spells, or None if it is a name.

    Every spelling that a resolver takes counts, as ``inet_aton`` reads them: ``127.1``,
    ``0x7f.0.0.1``, ``0177.0.0.1`` and ``2130706433`` are all the loopback address. An IPv6
    address may stand in brackets; one that carries an IPv4 address means that.
    """
    bare = host.strip().rstrip(".")
    if not bare or not (bare[0].isdigit() or ":" in bare):
        return None
    if ":" in bare:
        try:
            address = ipaddress.IPv6Address(bare.strip("[]").partition("%")[0])
        except ValueError:
            return None
        return address.ipv4_mapped or address
    return _aton(bare)


def _aton(text: str) -> ipaddress.IPv4Address | None:
    parts = text.split(".")
    if len(parts) > 4 or not all(_PART.fullmatch(part) for part in parts):
        return None
    try:
        *heads, tail = (_number(part) for part in parts)
    except ValueError:
        return None
    if any(head > 255 for head in heads) or tail >= 256 ** (4 - len(heads)):
        return None
    return ipaddress.IPv4Address(
        sum(head << (24 - 8 * place) for place, head in enumerate(heads)) + tail
    )


def _number(part: str) -> int:
    hexadecimal = part[:2].lower() == "0x"
    return int(part, 0 if hexadecimal else 8 if part.startswith("0") else 10)


def ascii_host(host: str) -> str:
    """
    Return *host* as DNS and certificates spell it: in lower case and ASCII, without a final dot.

    The one reading of an international name, by IDNA 2008 (RFC 5891, UTS 46).
    Python's ``socket`` and ``ssl`` read by IDNA 2003, where ``straße`` is
    another domain: they are given what this returns.

    Raises:
        ValueError: *host* is no host name.

    """
    tidy = host.lower().rstrip(".")
    if not tidy.isascii():
        import idna  # only for the rare name: its tables cost 10 ms

        try:
            tidy = idna.encode(tidy, uts46=True, std3_rules=True).decode("ascii").rstrip(".")
        except idna.IDNAError as error:
            raise ValueError(f"{host!a} is not a host name") from error
    if len(tidy) > 253 or not all(0 < len(label) < 64 for label in tidy.split(".")):
        raise ValueError(f"{host!a} is not a host name")
    return tidy


ALLOW_HOST: Final = "ICESYNC_ALLOW_HOST"
"""The variable that names further hosts: ``HOST`` or ``HOST:PORT``, divided by blanks or commas."""


class Service(StrEnum):
    """What icesync, or a program that it starts, gives a credential to."""

    ICE = "ICE"
    PROXY = "the proxy"
    STATE = "the state's server"
    BUCKET = "the bucket's service"
    VAULT = "Vault"
    OPENBAO = "OpenBao"
    AZURE_KEY_VAULT = "Azure Key Vault"
    AWS = "AWS"
    GOOGLE = "Google Cloud"
    GITHUB = "GitHub"
    GITLAB = "GitLab"


@frozen
class Recipient:
    """
    One row: what a service gets, and which of its hosts are free.

    *hosts* are whole names, *domains* closed lists of which exactly one label
    may stand in front, *patterns* the same for names of several parts.
    *variables* are those of the job that name such a host by an address; where
    one does, another program on this machine is no longer free.
    """

    gets: str
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("https",)


_REGION: Final = r"[a-z]{2}(?:-[a-z]{1,10}){1,3}-[0-9]{1,2}"

RECIPIENTS: Final[Mapping[Service, Recipient]] = {
    Service.ICE: Recipient("the token and three passwords", hosts=("www.enterice.com",)),
    Service.PROXY: Recipient("every call to ICE", schemes=("https", "http")),
    Service.STATE: Recipient(
        "the state and its credential",
        variables=("ICESYNC_STATE_ADDRESS", "TF_HTTP_ADDRESS", "CI_API_V4_URL", "CI_SERVER_URL"),
    ),
    Service.BUCKET: Recipient(
        "the state, by the cloud's credential",
        hosts=("storage.googleapis.com",),
        domains=("blob.core.windows.net", "dfs.core.windows.net"),
        patterns=(rf"(?:[a-z0-9.-]+\.)?s3(?:\.dualstack)?\.{_REGION}\.amazonaws\.com(?:\.cn)?",),
        variables=(
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL",
            "AZURE_STORAGE_ENDPOINT",
            "GOOGLE_BASE_URL",
        ),
    ),
    Service.VAULT: Recipient("a token of Vault", variables=("VAULT_ADDR",)),
    Service.OPENBAO: Recipient("a token of OpenBao", variables=("BAO_ADDR", "VAULT_ADDR")),
    Service.AZURE_KEY_VAULT: Recipient(
        "a token for key vaults",
        domains=("vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"),
    ),
    Service.AWS: Recipient(
        "a signature by the AWS credential",
        patterns=(rf"(?:kms|secretsmanager|ssm|sts)\.{_REGION}\.amazonaws\.com(?:\.cn)?",),
        variables=("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"),
    ),
    Service.GOOGLE: Recipient(
        "a token for Google Cloud",
        hosts=("secretmanager.googleapis.com", "cloudkms.googleapis.com", "oauth2.googleapis.com"),
    ),
    Service.GITHUB: Recipient(
        "the token of GitHub",
        hosts=("api.github.com",),
        variables=("GITHUB_API_URL", "GITHUB_SERVER_URL"),
    ),
    Service.GITLAB: Recipient(
        "the token of GitLab",
        hosts=("gitlab.com",),
        variables=("CI_API_V4_URL", "CI_SERVER_URL"),
    ),
}
"""
Every kind of host that gets a credential.

The domains of key vaults are those that Microsoft lists for its clouds.
"""


class Endpoint(NamedTuple):
    """Where a call goes: lower case, *host* without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is a program on this machine."""
        return is_loopback(self.host)


class Untrusted(NamedTuple):
    """Why a host gets no credential, and what to set or write."""

    message: str
    hint: str | None = None


_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = regex(rf"(?:{_LABEL}\.)*{_LABEL}")
_NUMERIC: Final = regex(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""Resolvers read such a name as a number; only four plain decimals are one here."""

_QUAD: Final = regex(r"(?:(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])(?:\.(?!\Z)|\Z)){4}")
_SIX: Final = regex(r"[0-9a-f:.]{2,45}")
_ADDRESS: Final = regex(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:\[(?P<six>[^\]/]*)\]|(?P<host>[^\[\]/:@?#\\%\s]*))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>/[^\\\s#]*)?"
)
_ENTRY: Final = regex(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")
_PORTS: Final = {"https": 443, "http": 80}
_MAX_NAME: Final = 253
_MAX_PORT: Final = 65535


def read_endpoint(address: str) -> Endpoint | None:
    """Return where *address* leads, or None where readers could disagree about it."""
    match = _ADDRESS.fullmatch(address)
    if match is None or not address.isascii() or not address.isprintable():
        return None
    scheme = match["scheme"].lower()
    host = _host(match["host"], match["six"])
    port = int(match["port"]) if match["port"] else _PORTS.get(scheme, 0)
    if host is None or scheme not in _PORTS or not 0 < port <= _MAX_PORT:
        return None
    return Endpoint(scheme, host, port)


def _host(name: str | None, six: str | None) -> str | None:
    """Return a host in lower case, or None where it is none."""
    if six is not None:
        return six.lower() if is_address_6(six.lower()) else None
    host = (name or "").lower()
    if not _NAME.fullmatch(host) or len(host) > _MAX_NAME:
        return None
    if _NUMERIC.fullmatch(host) and not _QUAD.fullmatch(host):
        return None
    return host


def is_address_6(text: str) -> bool:
    """Return whether *text* is an address of IP version 6, without a zone."""
    import ipaddress

    try:
        return bool(_SIX.fullmatch(text)) and ipaddress.IPv6Address(text).packed != b""
    except ValueError:
        return False


class TrustedHosts:
    """
    Which hosts the job named, by its variables in *environ*.

    *malformed* are the words of ``ICESYNC_ALLOW_HOST`` that name no host.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._allowed: set[tuple[str, int | None]] = set()
        malformed = []
        for word in environ.get(ALLOW_HOST, "").replace(",", " ").split():
            match = _ENTRY.fullmatch(word)
            host = _host(match["host"], match["six"]) if match else None
            if match is None or host is None:
                if is_address_6(word.lower()):
                    self._allowed.add((word.lower(), None))
                    continue
                malformed.append(word)
                continue
            self._allowed.add((host, int(match["port"]) if match["port"] else None))
        self.malformed = tuple(malformed)

    def check(self, service: Service, address: str, setting: str) -> Untrusted | None:
        """
        Return why *service* at *address* may get nothing, or None if it may.

        *setting* names what says the address, for the sentence: ```state.address```.
        """
        endpoint = read_endpoint(address)
        row = RECIPIENTS[service]
        if endpoint is None:
            return Untrusted(
                f"{setting} is not a valid URL",
                "use https://HOST/PATH: ASCII only, no user, no `%`, `\\` or `#`",
            )
        if endpoint.scheme not in row.schemes and not endpoint.local:
            return Untrusted(f"{setting} must be https: {service} gets {row.gets}", "use https://")
        if self.names(service, endpoint):
            return None
        named = " or ".join(self._naming(row))
        by = f"  ({named} allows another one)" if named else ""
        return Untrusted(
            f"{setting} would send {row.gets} to {endpoint.host}, but this job does not "
            f"allow that host{by}",
            f"{ALLOW_HOST}={_shown(endpoint)} in the job's environment allows it",
        )

    def names(self, service: Service, endpoint: Endpoint) -> bool:
        """Return whether *endpoint* is free for *service*, or the job named it."""
        row = RECIPIENTS[service]
        if {(endpoint.host, None), (endpoint.host, endpoint.port)} & self._allowed:
            return True
        named = [read_endpoint(self._environ[name]) for name in self._naming(row)]
        if any(n is not None and n[1:] == endpoint[1:] for n in named):
            return True
        if endpoint.local:
            return not named
        if endpoint.port != _PORTS["https"]:
            return False  # who answers at another port of such a host, no list says
        label, _, domain = endpoint.host.partition(".")
        return (
            endpoint.host in row.hosts
            or (bool(label) and domain in row.domains)
            or any(re.fullmatch(pattern, endpoint.host) for pattern in row.patterns)
        )

    def _naming(self, row: Recipient) -> Iterator[str]:
        """Yield the variables of *row* that the job has set."""
        return (name for name in row.variables if self._environ.get(name))


def _shown(endpoint: Endpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return host if endpoint.port in _PORTS.values() else f"{host}:{endpoint.port}"
