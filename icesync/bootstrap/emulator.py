"""The emulator, in this process or on a port."""

from __future__ import annotations

import atexit
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.errors import ConfigInvalid
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.net import Answer
    from icesync.ports import Clock


_EMULATOR_FILE: Final = ".icesync/emulator.sqlite"


def embedded_emulator(root: str, clock: Clock) -> Answer:
    """
    Return the emulator in this process; what it holds stays in ``.icesync``.

    Raises:
        ConfigInvalid: a link there leads out of the repository.

    """
    from icesync.config.discover import leaves_by_link
    from icesync.emulator.aspnet import Request
    from icesync.emulator.service import Service, WireBroken
    from icesync.emulator.storage import Storage
    from icesync.net import BrokenError, RawReply

    place = str(Path(root) / _EMULATOR_FILE)
    if leaves_by_link(root, place):
        raise ConfigInvalid(
            f"{_EMULATOR_FILE} leads out of the repository by a symbolic link", "remove the link"
        )
    storage = Storage(place)
    service = Service(clock, storage, base_path="")
    # A run exits before the interpreter would close the file.
    atexit.register(weakref.finalize(service, storage.close))

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> RawReply:
        try:
            reply = service.answer(Request(method, path, headers, body))
        except WireBroken as broken:
            raise BrokenError(str(broken)) from None
        return RawReply(reply.status, reply.headers, reply.body)

    return answer


@frozen
class EmulatorOptions:
    """
    How the emulator is served; *data* is a file that keeps what it holds, or None.

    *profile* and *faults* are texts as the command line takes them; *latency* is
    a time such as ``40ms``.
    """

    host: str
    port: int
    data: Path | None = None
    users: Mapping[str, str] | None = None
    token_ttl_s: int = 1200
    insecure_bind: bool = False
    profile: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    latency: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


def run_emulator(options: EmulatorOptions, ready: Callable[[str], None]) -> None:
    """
    Serve the emulator until interrupted; *ready* is told its address.

    Raises:
        UsageError: the address cannot be bound, or is not loopback; a profile
            setting, a fault, a certificate or the data file is no good.

    """
    import asyncio

    from icesync.bootstrap import SystemClock
    from icesync.emulator.faults import FaultInjector, parse_fault
    from icesync.emulator.profile import parse_profile
    from icesync.emulator.server import serve, tls_context
    from icesync.emulator.service import Service
    from icesync.emulator.storage import MEMORY, Storage

    slow = None if options.latency is None else parse_fault(f"latency:{options.latency}").argument
    profile = parse_profile(options.profile)
    trust = tls_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    service = Service(
        SystemClock(),
        Storage(str(options.data or MEMORY)),
        users=options.users,
        token_ttl_s=options.token_ttl_s,
        profile=profile,
        injector=FaultInjector(map(parse_fault, options.faults)),
        latency_ms=slow if isinstance(slow, int) else 0,
    )
    asyncio.run(
        serve(
            service,
            options.host,
            options.port,
            ready=ready,
            insecure_bind=options.insecure_bind,
            ssl_context=trust,
        )
    )
