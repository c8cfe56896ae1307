"""
The rules about configuration: each family in a file, row and check side by side.

The checks here are pure functions over typed settings, offline and without secrets: one
pass over the servers and one over the fleet, each linear. What can be read at all was
checked before; rules about secrets, the token and a plan fire where those are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.config.rules import blocks, credentials, documents, fleet, hosts
from icesync.config.rules.base import (
    DECLARED,
    FLEET_CHECKS,
    Broken,
    Endpoint,
    Fleet,
    Host,
    Login,
    MailAddress,
    UnplacedFinding,
    on_address,
    on_endpoint,
    on_host,
    on_login,
    on_server,
)
from icesync.model.fields import needs_login

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.diagnostics import Rule
    from icesync.model.desired import DesiredServer, DesiredState

FAMILIES: Final = (documents, blocks, credentials, hosts, fleet)

RULES: Final[Mapping[str, Rule]] = dict(sorted(DECLARED.items()))
"""Every rule by its id, in the order of the ids."""

_KEYS: Final = tuple(
    (
        block,
        f"{block}.host",
        f"{block}.port",
        f"{block}.username",
        f"{block}.mailbox",
        f"{block}.poll_rate",
    )
    for block in ("smtp", "pop3", "imap")
)


class _Endpoints(dict[Endpoint, tuple[Broken, ...]]):
    """
    What the rules say about each endpoint that was seen.

    A fleet has few distinct endpoints, so a rule here may look closely: a second
    server with the same endpoint costs one look-up.
    """

    def __missing__(self, endpoint: Endpoint) -> tuple[Broken, ...]:
        found: list[Broken] = []
        if endpoint.host is not None:
            key = f"{endpoint.block}.host"
            host = Host(key, endpoint.host, endpoint.in_use, endpoint.live)
            found += on_host.first(host)
        found += on_endpoint.all(endpoint)
        self[endpoint] = tuple(found)
        return self[endpoint]


def lint(desired: DesiredState, *, live: bool) -> list[UnplacedFinding]:
    """
    Return what the rules find in *desired*, in no promised order.

    *live* says whether calls go to the real service rather than to an emulator.
    """
    endpoints = _Endpoints()
    servers = [desired.servers[address] for address in sorted(desired.servers)]
    found = [
        UnplacedFinding(server, rule, violation)
        for server in servers
        for rule, violation in _check(server, endpoints, live=live)
    ]
    fleet_ = Fleet(servers, [server for server in servers if fleet.is_enabled(server)])
    return [
        *found,
        *(
            UnplacedFinding(server, rule, violation)
            for rule, check in FLEET_CHECKS
            for server, violation in check(fleet_)
        ),
    ]


def _check(server: DesiredServer, endpoints: _Endpoints, *, live: bool) -> Iterator[Broken]:
    settings: Mapping[str, Any] = server.settings  # each key's type is its field's
    get, presets = settings.get, server.presets.get
    in_use = ("smtp", get("incoming"))
    # A flag that is missing has its own finding, and is not taken for false here.
    encrypted = get("ssl") is not False or get("tls") is not False
    logs_in = needs_login(settings)
    for block, host, port, username, mailbox, poll_rate in _KEYS:
        used = block in in_use
        name, preset = get(host), presets(block, "")
        login = block != "smtp" or logs_in
        yield from endpoints[
            Endpoint(block, name, get(port), encrypted, used, get(poll_rate), preset, live, login)
        ]
        box = get(mailbox)
        if box is not None:
            yield from on_address.first(MailAddress(mailbox, box, used))
        yield from on_login.all(Login(block, name, get(username), box, used, preset))
    sender = get("spoofing.address")
    if sender is not None:
        spoofing = MailAddress("spoofing.address", sender, bool(get("spoofing.enabled")))
        yield from on_address.first(spoofing)
    yield from on_server.all(server)
