"""
The network as the job describes it: its proxy and its certificates, for every call of icesync.

Only variables of the environment count here, which a repository cannot set.
Nothing on this machine is asked through a proxy, and plain HTTP never is.
"""

from __future__ import annotations

import atexit
import re
import tempfile
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import certifi

from icesync.errors import ConfigInvalid
from icesync.model.host import is_loopback
from icesync.net.client import (
    ClientOptions,
    bundle_problem,
    find_issuer,
    trust_store,
    untrusted,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from urllib.parse import SplitResult

REPLACING = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Files of certificates that are trusted instead of the public list; the first that is set."""

ADDED = ("ICESYNC_CA_FILE", "CI_SERVER_TLS_CA_FILE")
"""Files of certificates that are trusted as well."""


def job_options(options: ClientOptions, address: str, environ: Mapping[str, str]) -> ClientOptions:
    """
    Return *options* for calls to *address*, through the job's proxy and with its certificates.

    What *options* says itself stays.

    Raises:
        ConfigInvalid: a variable of the job names no proxy, or no file of certificates.

    """
    plain = urlsplit(address).scheme == "http"
    return replace(
        options,
        proxy=options.proxy or job_proxy(address, environ),
        trust=options.trust or (None if plain else job_trust(environ)),
    )


def job_proxy(address: str, environ: Mapping[str, str]) -> str | None:
    """
    Return the proxy that the job sets for *address*, or None.

    Raises:
        ConfigInvalid: it is not the address of an HTTP proxy.

    """
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    name = next((n for n in ("HTTPS_PROXY", "https_proxy") if environ.get(n)), None)
    if name is None or parts.scheme != "https" or is_loopback(host):
        return None
    if _bypassed(host.rstrip("."), _port(parts), environ):
        return None
    proxy = environ[name]
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        found = urlsplit(proxy)
        known = found.scheme in {"http", "https"} and bool(found.hostname) and found.port != 0
    except ValueError:
        known = False
    if not known:
        raise ConfigInvalid(
            f"the variable {name} is not the URL of an HTTP proxy", f"{name}=http://HOST:PORT"
        )
    return proxy


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or _HTTPS
    except ValueError:
        return _HTTPS


def _bypassed(host: str, port: int, environ: Mapping[str, str]) -> bool:
    """
    Return whether ``NO_PROXY`` names *host*: itself, a domain that it is below, or a network.

    The forms are those of curl, Go and requests: ``.a.test``, ``*.a.test``, ``a.test:8443``,
    ``10.0.0.0/8``, ``[::1]``, and ``*`` for everything.
    """
    words = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    for word in words.lower().replace(",", " ").split():
        name, named_port = _split_port(word.partition("://")[2] or word)
        if word == "*":
            return True
        if named_port in {None, port} and (_is_below(host, name) or _is_within(host, name)):
            return True
    return False


def _split_port(word: str) -> tuple[str, int | None]:
    name, _, number = word.rpartition(":")
    bare = not word.startswith("[") and word.count(":") > 1  # an address of IPv6
    if bare or not number.isdecimal():
        return word.strip("[]"), None
    return name.strip("[]"), int(number)


def _is_below(host: str, name: str) -> bool:
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


_HTTPS: Final = 443
_ORIGIN: Final = re.compile(r"https://[^\s/?#,()<>'\"]+")


def told_of_certificate(text: str, environ: Mapping[str, str]) -> str:
    """Return whose certificate a library did not accept: *text* is its own, with an address."""
    found = _ORIGIN.search(text)
    host = urlsplit(found[0]).hostname if found else None
    if found is None or not host:
        return untrusted("the far end", "")
    origin = f"{found[0]}/"
    return untrusted(host, find_issuer(host, origin, job_proxy(origin, environ)))


def job_bundle(environ: Mapping[str, str]) -> str | None:
    """
    Return a file of the certificates that the job trusts, for libraries that take a file.

    None where the job says nothing. What is made here ends with the process.

    Raises:
        ConfigInvalid: a file that a variable names cannot be used.

    """
    first = next((environ[name] for name in REPLACING if environ.get(name)), None)
    added = [environ[name] for name in ADDED if environ.get(name)]
    if first is None and not added:
        return None
    job_trust(environ)
    if not added:
        return first
    whole = b"\n".join(Path(name).read_bytes() for name in (first or certifi.where(), *added))
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        atexit.register(Path(file.name).unlink, missing_ok=True)
        file.write(whole)
    return file.name


def job_trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """
    Return whom the job trusts: the public list, or what its variables name.

    Raises:
        ConfigInvalid: a file that one of them names cannot be used.

    """
    first = next((name for name in REPLACING if environ.get(name)), None)
    name = first or ""
    try:
        context = trust_store(environ[first] if first else None)
        for name in ADDED:
            if environ.get(name):
                context.load_verify_locations(environ[name])
    except OSError as error:
        raise ConfigInvalid(
            f"the file that the variable {name} names cannot be used: {bundle_problem(error)}"
        ) from None
    return context
