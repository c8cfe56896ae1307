"""
The rules about mail: pure functions over typed settings, offline and without secrets.

One pass over the servers and one over the fleet, each linear. What can be read
at all was checked before (:mod:`icesync.config.resolve`); rules about secrets,
the token and a plan fire where those are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.config.lint.endpoints import Endpoint, check_endpoint
from icesync.config.lint.fleet import check_fleet
from icesync.config.lint.logins import Login, check_login
from icesync.config.lint.problem import UnplacedFinding, Violation
from icesync.config.lint.servers import check_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.model.desired import DesiredServer, DesiredState

__all__ = ["UnplacedFinding", "Violation", "lint"]

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


class _Endpoints(dict[Endpoint, tuple[Violation, ...]]):
    """What the rules say about each endpoint that was seen."""

    def __missing__(self, endpoint: Endpoint) -> tuple[Violation, ...]:
        self[endpoint] = check_endpoint(endpoint)
        return self[endpoint]


def lint(desired: DesiredState, *, live: bool) -> list[UnplacedFinding]:
    """
    Return what the rules find in *desired*, in no promised order.

    *live* says whether calls go to the real service rather than to an emulator.
    """
    endpoints = _Endpoints()
    servers = [desired.servers[address] for address in sorted(desired.servers)]
    found = [
        UnplacedFinding(server, problem)
        for server in servers
        for problem in _check(server, endpoints, live=live)
    ]
    return [*found, *check_fleet(servers)]


def _check(server: DesiredServer, endpoints: _Endpoints, *, live: bool) -> Iterator[Violation]:
    settings: Mapping[str, Any] = server.settings  # each key's type is its field's
    get, presets = settings.get, server.presets.get
    in_use = ("smtp", get("incoming"))
    # A flag that is missing has its own finding, and is not taken for false here.
    encrypted = get("ssl") is not False or get("tls") is not False
    for block, host, port, username, mailbox, poll_rate in _KEYS:
        used = block in in_use
        name, preset = get(host), presets(block, "")
        yield from endpoints[
            Endpoint(block, name, get(port), encrypted, used, get(poll_rate), preset, live)
        ]
        yield from check_login(Login(block, name, get(username), get(mailbox), used, preset))
    yield from check_server(server)
