"""ICE406, ICE407, ICE501, ICE502 and ICE507: who logs in, and for which mailbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.config.lint.hosts import is_placeholder
from icesync.config.lint.problem import Violation
from icesync.diagnostics import Severity
from icesync.model.presets import PRESETS, find_offer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.presets import Preset

__all__ = ["Login", "check_address", "check_login", "domain_of", "preset_of"]

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ORDINARY: Final = re.compile(
    rf"(?=[^@]{{1,64}}@)(?=.{{3,254}}\Z){_ATOM}(?:\.{_ATOM})*@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)+"')
_ONE_USER: Final = frozenset(name for name, preset in PRESETS.items() if preset.user)
_ONE_USER_HOSTS: Final = frozenset(
    offer.host for name in _ONE_USER for offer in PRESETS[name].offers.values()
)
"""Providers with one user name for everybody, and their hosts."""
_ODD_LOCAL: Final = re.compile(r'[\s@,;<>()\[\]\\:"]|\.\.|^\.|\.$')
_ODD_DOMAIN: Final = re.compile(r'[\s@,;<>()\[\]\\:"_/]|\.\.|^\.|\.$|(^|\.)-|-(\.|$)')
_VENDOR: Final = ("smtp.mail.com", "HHarry")
"""Host and user name of the vendor's sample request (doc:sample)."""


class Login(NamedTuple):
    """Who logs in at one block; None stands for a value that is not given."""

    block: str
    host: str | None
    username: str | None
    mailbox: str | None
    in_use: bool
    preset: str


def check_login(login: Login) -> Iterator[Violation]:
    """Yield what the rules about user names and mailboxes say about *login*."""
    block, _, username, mailbox, in_use, _ = login
    if mailbox is not None:
        yield from check_address(f"{block}.mailbox", mailbox, in_use=in_use)
    if username is None:
        return
    if (login.host, username) == _VENDOR:
        told = f"`{block}.username` {username} at {login.host} is the vendor's printed sample"
        weight = None if in_use else Severity.WARNING
        yield Violation("ICE507", f"{block}.username", told, "write the real value", weight)
    elif is_placeholder(username):
        yield _placeholder(f"{block}.username", username, in_use=in_use)
    elif in_use:
        if mailbox is not None and "@" in username and "@" in mailbox:
            yield from _other_domain(block, username, mailbox)
        yield from _one_user(login, username)


def _other_domain(block: str, username: str, mailbox: str) -> Iterator[Violation]:
    mine, its = domain_of(username), domain_of(mailbox)
    if mine != its:
        told = f"`{block}.username` is of {mine}, `{block}.mailbox` of {its}"
        yield Violation("ICE406", f"{block}.username", told, "one of the two may be copied")


def _one_user(login: Login, username: str) -> Iterator[Violation]:
    if login.preset not in _ONE_USER and login.host not in _ONE_USER_HOSTS:
        return
    preset = preset_of(login.block, login.host, login.preset)
    if preset is not None and username != preset.user:
        told = f"`{login.block}.username`: {preset.name} takes the word {preset.user} only"
        yield Violation("ICE407", f"{login.block}.username", told, f"login: {preset.login}")


def preset_of(block: str, host: str | None, name: str) -> Preset | None:
    """Return the provider of a block: the preset called *name*, else the one that *host* is of."""
    if name:
        return PRESETS[name]
    found = find_offer(block, host) if host else None
    return found[0] if found else None


def check_address(key: str, text: str, *, in_use: bool = True) -> list[Violation]:
    """Return what is wrong with the mail address *text*, at most one problem."""
    if _ORDINARY.fullmatch(text):
        return []
    if is_placeholder(text):
        return [_placeholder(key, text, in_use=in_use)]
    local, at, domain = text.rpartition("@")
    reason = _odd(local, domain) if at else "it has no @"
    if reason:
        told = f"`{key}` is not an email address: {reason}"
        return [Violation("ICE501", key, told, "write local@domain, such as desk@example.org")]
    if not local.isascii():
        told = f"`{key}` has a part before the @ that needs SMTPUTF8"
        return [Violation("ICE502", key, told, "many relays refuse it; use an ASCII alias")]
    return []


def _odd(local: str, domain: str) -> str:
    """Return what is wrong with the two parts of an address, or an empty string."""
    quoted = _QUOTED.fullmatch(local)
    faults = (
        (not local or not domain, "a part of it is empty"),
        (len(local.encode()) > 64, "more than 64 bytes before the @"),
        (len(local) + len(domain) >= 254, "more than 254 characters"),
        ("." not in domain.strip("."), "its domain has no dot"),
        (_ODD_DOMAIN.search(domain), "its domain is no host name"),
        (not quoted and _ODD_LOCAL.search(local), "a character or dot too many before the @"),
    )
    return next((reason for wrong, reason in faults if wrong), "")


def domain_of(address: str) -> str:
    """Return the domain of a mail address, folded; the text itself without an @."""
    return address.rpartition("@")[2].lower()


def _placeholder(key: str, text: str, *, in_use: bool) -> Violation:
    weight = None if in_use else Severity.WARNING
    told = f"`{key}` looks like a placeholder: {text}"
    return Violation("ICE507", key, told, "write the real value", weight)
