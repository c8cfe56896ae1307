"""From a host name to a connected socket, within a deadline."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from icesync.model.host import ascii_host
from icesync.model.probe import ProbeKind, ProbeTarget
from icesync.probe.connection import Deadline, ProbeAborted

Endpoints: TypeAlias = Sequence[tuple[Any, ...]]
"""As ``socket.getaddrinfo`` returns them: family, type, protocol, name, address."""

Resolve: TypeAlias = Callable[[str, int], Endpoints]
"""Returns where a host and a port are."""


def system_resolve(host: str, port: int) -> Endpoints:
    """Ask this machine's resolver."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def look_up(target: ProbeTarget, resolve: Resolve, deadline: Deadline, limit_s: float) -> Endpoints:
    """
    Return the addresses of *target*'s host, at least one.

    A resolver cannot be interrupted, so it is asked on a thread that is left
    behind when it takes too long.

    Raises:
        ProbeAborted: there is none, or DNS did not answer in time.

    """
    found: list[Endpoints] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.append(resolve(ascii_host(target.host), target.port))
        except (OSError, ValueError) as error:
            failed.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline.left_s(limit_s))
    if failed:
        raise ProbeAborted(ProbeKind.DNS, _reason(target.host, failed[0]))
    if not found or not found[0]:
        if found:
            message = f"host {target.host} has no address in DNS"
        else:
            message = f"DNS did not answer in time for {target.host}"
        raise ProbeAborted(ProbeKind.DNS, message)
    return found[0]


def _reason(host: str, error: Exception) -> str:
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_NONAME:
        return f"{host} cannot be looked up in DNS: {error.strerror}"
    if isinstance(error, ValueError):
        return f"{host} is not a host name"
    return f"host {host} does not exist"


def connect(
    endpoints: Endpoints,
    deadline: Deadline,
    limit_s: float,
    source_address: str | None = None,
) -> tuple[socket.socket, str]:
    """
    Return a socket to the first of *endpoints* that answers, and its IP address.

    All of them together may take twice *limit_s*, however many there are.
    *source_address* is the address of this machine to come from.

    Raises:
        ProbeAborted: none does; the last reason counts.

    """
    stopped = ProbeAborted(ProbeKind.TIMEOUT, "no time left to connect")
    share_s = min(limit_s, max(2 * limit_s / max(len(endpoints), 1), 0.5))
    for family, kind, protocol, _, address in endpoints:
        left_s = deadline.left_s(share_s)
        if not left_s:
            break
        sock = None
        try:
            # A machine without IPv6 refuses the socket itself.
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(left_s)
            if source_address is not None:
                sock.bind((source_address, 0))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            if sock is not None:
                sock.close()
            stopped = _meaning(error, address[1])
        else:
            return sock, str(address[0])
    raise stopped


def _meaning(error: OSError, port: int) -> ProbeAborted:
    blocked = f"check host and port; a firewall may block port {port}"
    if isinstance(error, TimeoutError):
        return ProbeAborted(ProbeKind.TIMEOUT, "no connection in time", hint=blocked)
    if isinstance(error, ConnectionRefusedError):
        return ProbeAborted(ProbeKind.REFUSED, f"nothing listens on port {port}", hint=blocked)
    if isinstance(error, ConnectionError):
        return ProbeAborted(ProbeKind.RESET, "the connection was closed immediately", hint=blocked)
    return ProbeAborted(ProbeKind.REFUSED, f"no connection: {error.strerror or 'no reason given'}")
