"""ICE503 to ICE507: host names."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from icesync.config.lint.problem import Violation
from icesync.diagnostics import Severity

__all__ = ["check_host", "is_placeholder"]

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORDINARY: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
_PLACEHOLDER: Final = re.compile(
    r"sample string ?\d*|change[ _-]?(me|it)|x{3,}|to[ _-]?do|tbd|fixme|<.*>|your[ _-].*|\?+",
    re.IGNORECASE,
)
_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".intranet", ".corp")
_RESERVED: Final = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid)")
_HINT_BARE: Final = "a host is a bare name, such as smtp.example.org; the port is `port`"


def is_placeholder(text: str) -> bool:
    """Return whether *text* stands for a value that somebody meant to fill in."""
    return _PLACEHOLDER.fullmatch(text) is not None


def check_host(key: str, host: str, *, in_use: bool, live: bool) -> list[Violation]:
    """Return what is wrong with *host*, at most one problem; *live*: ICE itself will use it."""
    if is_placeholder(host):
        weight = None if in_use else Severity.WARNING
        told = f"`{key}` looks like a placeholder: {host}"
        return [Violation("ICE507", key, told, "write the host's name", weight)]
    if _ORDINARY.fullmatch(host):
        return _check_reach(key, host, live=live)
    tidy = host.strip().rstrip(".").lower()
    if _ORDINARY.fullmatch(tidy):
        return [
            Violation("ICE506", key, f"`{key}` is sent as it stands: {host!a}", f"write {tidy}")
        ]
    return [_check_odd(key, host)]


def _check_reach(key: str, host: str, *, live: bool) -> list[Violation]:
    if _is_ip(host) or host.endswith(_LOCAL):
        return [_unreachable(key, host)]
    if live and _RESERVED.fullmatch(host):
        told = f"`{key}` {host} is a name for examples: no mail server has it"
        return [Violation("ICE507", key, told, "write the host's name", Severity.WARNING)]
    return []


def _check_odd(key: str, host: str) -> Violation:
    """Return the problem of a *host* that is no ordinary name with a dot."""
    if _is_ip(host) or re.fullmatch(_LABEL, host):
        return _unreachable(key, host)
    reason = next((reason for pattern, reason in _REASONS if re.search(pattern, host)), "")
    if not reason and not host.isascii():
        encoded = _encode(host)
        if encoded is not None:
            told = f"`{key}` {host} is sent as it stands; whether ICE converts it is unknown"
            return Violation("ICE504", key, told, f"write {encoded}")
    told = f"`{key}` is not a host name: {reason or 'its labels do not fit'}"
    return Violation("ICE503", key, told, _HINT_BARE)


_REASONS: Final = (
    (r"://", "it has a scheme"),
    (r"@", "it is a mail address"),
    (r":\d+$", "it has a port"),
    (r"/", "it has a path"),
    (r"\s", "it has a blank"),
    (r"_", "it has an underscore"),
    (r"\.\.|^\.", "it has an empty label"),
    (r"(^|\.)-|-(\.|$)", "a label starts or ends with a dash"),
)


def _unreachable(key: str, host: str) -> Violation:
    told = f"`{key}` {host} cannot be reached by ICE"
    return Violation("ICE505", key, told, "write the public name of the mail server")


def _is_ip(host: str) -> bool:
    if host[-1:].isalpha() and ":" not in host:
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _encode(host: str) -> str | None:
    """Return *host* as it is looked up in DNS, or None if it is no name (RFC 5891)."""
    import idna  # only for the rare name: its tables cost 10 ms

    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        return None
