"""
ICE201 to ICE211: the blocks of a server, which of them is in use, and who is shown as sender.

`config.resolve` finds what has no value (ICE201 to ICE203), `config.values` what is on no
closed list (ICE208); a plan finds ICE209.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules.base import Violation, declare, on_fleet, on_server
from icesync.config.rules.hosts import domain_of, related
from icesync.diagnostics import Rule, Severity
from icesync.model.fields import FIELDS, INCOMING_BLOCKS, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.rules.base import Fleet
    from icesync.model.desired import DesiredServer

_BLOCK_KEYS: Final = {
    block: tuple(f.key for f in FIELDS if f.block == block and f.presence is Presence.IN_USE)
    for block in INCOMING_BLOCKS
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


@on_server(
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
def spoofing_without_address(server: DesiredServer) -> Iterator[Violation]:
    """Find spoofing that is on without a sender to show."""
    settings = server.settings
    if settings.get("spoofing.enabled") and "spoofing.address" not in settings and server.whole:
        message = "spoofing is on, but `spoofing.address` is missing"
        yield Violation("spoofing.enabled", message, "add `spoofing.address`")


@on_server(
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
def idle_spoofing_address(server: DesiredServer) -> Iterator[Violation]:
    """Find a sender to show while spoofing is off."""
    settings = server.settings
    if "spoofing.address" in settings and not settings.get("spoofing.enabled"):
        message = "`spoofing.address` is ignored while spoofing is off"
        yield Violation(
            "spoofing.address", message, "set `spoofing.enabled: true`, or remove the address"
        )


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
def foreign_spoofing_address(server: DesiredServer) -> Iterator[Violation]:
    """Find a sender to show whose domain is not related to the mailbox's."""
    address = server.settings.get("spoofing.address")
    if address is None or not server.settings.get("spoofing.enabled"):
        return
    shown = domain_of(str(address))
    own = domain_of(str(server.settings.get("smtp.mailbox", "")))
    if own and not related(shown, own):
        yield Violation(
            "spoofing.address",
            f"`spoofing.address` is of {shown}, `smtp.mailbox` of {own}: SPF and DMARC will "
            "likely fail",
            f"allow the mail server of {own} in the DNS records of {shown}, or use one domain",
        )


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
    told = set(alive)
    for server in fleet.servers:
        organization = server.address.organization
        if organization not in told:
            told.add(organization)
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
def incomplete_spare_block(server: DesiredServer) -> Iterator[Violation]:
    """Find a block that is not in use and would overwrite what the record holds."""
    incoming = server.settings.get("incoming")
    unused = next((block for block in INCOMING_BLOCKS if block != incoming), "")
    keys = _BLOCK_KEYS[unused]
    given = [key for key in keys if key in server.settings or key in server.secrets]
    mentioned = {f"{unused}.username", f"{unused}.mailbox", f"{unused}.password"}.intersection(
        given
    )
    if mentioned and len(given) < len(keys) and server.whole:
        missing = ", ".join(f"`{key}`" for key in keys if key not in given)
        message = f"`{unused}` is not in use, and incomplete: {missing} will be sent as empty"
        yield Violation(given[0], message, "complete it, or remove the block")


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
