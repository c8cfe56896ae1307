"""From a host name to a connected socket, within a deadline."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from icesync.model.probe import ProbeKind
from icesync.probe.line import Deadline, Stopped

if TYPE_CHECKING:
    from icesync.model.probe import ProbeTarget

__all__ = ["Places", "Resolve", "connect", "look_up", "system_resolve"]

Places: TypeAlias = Sequence[tuple[Any, ...]]
"""As ``socket.getaddrinfo`` returns them: family, type, protocol, name, address."""

Resolve: TypeAlias = Callable[[str, int], Places]
"""Returns where a host and a port are."""


def system_resolve(host: str, port: int) -> Places:
    """Ask this machine's resolver."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def look_up(target: ProbeTarget, resolve: Resolve, deadline: Deadline, limit_s: float) -> Places:
    """
    Return the addresses of *target*'s host, at least one.

    A resolver cannot be interrupted, so it is asked on a thread that is left
    behind when it takes too long.

    Raises:
        Stopped: there is none, or it was not told in time.

    """
    found: list[Places] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.append(resolve(target.host, target.port))
        except (OSError, ValueError) as error:
            failed.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline.left_s(limit_s))
    if failed:
        raise Stopped(ProbeKind.DNS, _reason(target.host, failed[0]))
    if not found or not found[0]:
        told = "no address" if found else "no answer in time"
        raise Stopped(ProbeKind.DNS, f"the name {target.host} was looked up: {told}")
    return found[0]


def _reason(host: str, error: Exception) -> str:
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_NONAME:
        return f"the name {host} cannot be looked up: {error.strerror}"
    if isinstance(error, ValueError):
        return f"{host} is no host name"
    return f"there is no host {host}"


def connect(
    places: Places,
    deadline: Deadline,
    limit_s: float,
    source_address: str | None = None,
) -> tuple[socket.socket, str]:
    """
    Return a socket to the first of *places* that answers, and its IP address.

    *source_address* is the address of this machine to come from.

    Raises:
        Stopped: none does; the last reason counts.

    """
    stopped = Stopped(ProbeKind.TIMEOUT, "there was no time left to connect")
    for family, kind, protocol, _, place in places:
        left_s = deadline.left_s(limit_s)
        if not left_s:
            break
        wire = socket.socket(family, kind, protocol)
        try:
            wire.settimeout(left_s)
            if source_address is not None:
                wire.bind((source_address, 0))
            wire.connect(place)
        except OSError as error:
            wire.close()
            stopped = _meaning(error, place[1])
        else:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return wire, str(place[0])
    raise stopped


def _meaning(error: OSError, port: int) -> Stopped:
    blocked = f"a firewall on the way may block port {port}"
    if isinstance(error, TimeoutError):
        return Stopped(ProbeKind.TIMEOUT, "no connection in time", hint=blocked)
    if isinstance(error, ConnectionRefusedError):
        return Stopped(ProbeKind.REFUSED, f"nobody listens on port {port}", hint=blocked)
    if isinstance(error, ConnectionError):
        return Stopped(ProbeKind.RESET, "the connection broke at once", hint=blocked)
    return Stopped(ProbeKind.REFUSED, f"no way there: {error.strerror or 'no reason given'}")
