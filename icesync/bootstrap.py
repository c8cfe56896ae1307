"""
The one place that joins adapters to ports.

Nothing is decided here, and each adapter is imported when it is needed:
a plan never loads what could send.
"""

from __future__ import annotations

import os
import time
import weakref
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.config.discover import find_config
from icesync.config.project import read_project
from icesync.errors import AccessError, ConfigInvalid, SecretMissing
from icesync.model.project import Backend
from icesync.model.secret import SecretValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from icesync.model.ci import Forge
    from icesync.model.forge import Place
    from icesync.model.project import Login, Project
    from icesync.model.secret import SecretRef
    from icesync.net import Answer, ClientOptions
    from icesync.ports import (
        Clock,
        DomainLookup,
        Gateway,
        IssueBoard,
        Prober,
        SecretProvider,
        StateStore,
    )

__all__ = [
    "Context",
    "EmulatorOptions",
    "SystemClock",
    "find_place",
    "gateways",
    "log_in",
    "obtain_token",
    "open_board",
    "open_context",
    "open_domains",
    "open_prober",
    "run_emulator",
]

_EMULATOR_FILE: Final = ".icesync/emulator.sqlite"
_ALLOW_HOST: Final = "ICESYNC_ALLOW_HOST"


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Context:
    """A project with its store, its secret providers and a clock: all that a plan needs."""

    project: Project
    store: StateStore
    providers: Mapping[str, SecretProvider]
    clock: Clock = field(default_factory=SystemClock)

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the secret behind *reference*.

        Raises:
            SecretMissing: there is none.

        """
        provider = self.providers.get(reference.scheme)
        if provider is None:
            raise SecretMissing(f"`{reference}` names an unknown secret provider")
        return provider.fetch(reference)


def open_context(folder: Path, config: Path | None = None) -> Context:
    """
    Return the context of the configuration that governs *folder*, or of the file *config*.

    Raises:
        ConfigError: there is none, or it is wrong.

    """
    clock = SystemClock()
    found = config if config is not None else find_config(folder)
    allowed = os.environ.get(_ALLOW_HOST, "").replace(",", " ").split()
    project = read_project(found, allowed)
    return Context(project, _open_store(project, clock), _open_providers(project), clock)


def _open_store(project: Project, clock: Clock) -> StateStore:
    """Return the store that ``state:`` names; only a remote one loads what it needs to call."""
    state = project.state
    if state.backend is Backend.HTTP:
        from icesync.net import ClientOptions, trust_store
        from icesync.stores.gitlab import http_endpoint
        from icesync.stores.httpstore import HttpStore

        options = ClientOptions("", 0, f"icesync/{__version__}", trust=trust_store())
        return HttpStore(http_endpoint(state, os.environ), options, clock)
    if state.backend is Backend.OBJECTSTORE:
        from icesync.stores.objectstore import ObjectStore, open_bucket

        url = state.url or ""
        return ObjectStore(open_bucket(url, os.environ), url, clock)
    from icesync.stores.local import LocalStore

    return LocalStore(Path(project.root) / state.path, clock)


def _open_providers(project: Project) -> Mapping[str, SecretProvider]:
    from icesync.secrets.catalogue import Providers, SecretSettings

    scope = project.secrets
    settings = SecretSettings(
        root=Path(project.root),
        environ=os.environ,
        agent=f"icesync/{__version__}",
        env_allow=(*scope.env_allow, *_own_variables(project)),
        file_allow=scope.file_allow,
        parse=_parse_secrets,
        third_party=scope.providers,
    )
    return Providers(settings)


def _own_variables(project: Project) -> tuple[str, ...]:
    """Return the variable of the fingerprint key, which is never sent anywhere."""
    key = project.fingerprint_key
    return (key.path,) if key is not None and key.scheme == "env" else ()


def _parse_secrets(content: bytes, path: str) -> object:
    """Return the YAML in *content* by the strict reader; ValueError quotes nothing."""
    from icesync.config.document import parse_document
    from icesync.config.source import SourceFile

    document = parse_document(SourceFile(path, content))
    if document.problems:
        problem = document.problems[0]
        raise ValueError(f"line {problem.position.line}: {problem.message}")
    return document.data


def obtain_token(context: Context) -> SecretValue:
    """
    Return the token to call with: the configured one, or that of a login.

    Raises:
        SecretMissing: a reference leads nowhere.
        AccessError: neither is configured, or the login was refused.

    """
    api = context.project.api
    if api.token is not None:
        return context.fetch(api.token)
    if api.login is not None:
        return log_in(context, api.login, context.fetch(api.login.password))
    if api.emulated:
        from icesync.model.project import Login

        nobody = Login(1, "emulator", _NO_REFERENCE)
        return log_in(context, nobody, SecretValue("emulator"))
    raise AccessError(
        f"nobody to act as: {context.project.config_file} has neither `api.token` nor `api.login`",
        "token: ref+env://ICE_TOKEN   under `api:` reads it from the environment",
    )


def _no_reference() -> SecretRef:
    from icesync.model.secret import SecretRef

    return SecretRef("", "", "")


_NO_REFERENCE: Final = _no_reference()


def log_in(context: Context, login: Login, password: SecretValue) -> SecretValue:
    """
    Return the token that *login* gives.

    Raises:
        AccessError: ICE refused.
        RemoteError: ICE was not reached.

    """
    from icesync.client.session import log_in as ask
    from icesync.net import open_client

    client = open_client(_client_options(context))
    try:
        return ask(client, login, password)
    finally:
        client.close()


def gateways(context: Context, token: SecretValue) -> Callable[[], Gateway]:
    """Return what opens a gateway for each worker; they share one trust store."""
    from icesync.client.gateway import IceGateway
    from icesync.client.session import Session
    from icesync.net import open_client

    options = _client_options(context)
    api = context.project.api
    renew = (lambda: obtain_token(context)) if api.login and not api.token else None
    session = Session(token, context.clock, renew)

    def open_gateway() -> Gateway:
        return IceGateway(open_client(options), session, api.wire, context.clock)

    return open_gateway


def _client_options(context: Context) -> ClientOptions:
    from icesync.net import ClientOptions, trust_store

    project, api = context.project, context.project.api
    agent = f"icesync/{__version__}"
    if api.emulated:
        answer = _embedded_emulator(context)
        return ClientOptions("http://emulator", api.timeout_s, agent, answer=answer)
    ca_file = str(Path(project.root) / api.ca_file) if api.ca_file else None
    try:
        trust = trust_store(ca_file)
    except OSError as error:
        raise ConfigInvalid(
            f"`api.ca_file` cannot be used: {error.strerror or 'no certificate in it'}"
        ) from None
    return ClientOptions(api.base_url, api.timeout_s, agent, api.proxy, trust)


def find_place(
    forge: Forge | None, *, api_url: str | None, project: str | None, number: int | None
) -> Place:
    """
    Return where this run's pipeline is; what is given here counts more.

    Raises:
        UsageError: there is no pipeline, or what is known does not make a place.

    """
    from icesync.forge.place import find_place as find

    return find(os.environ, forge, api_url=api_url, project=project, number=number)


def open_board(
    place: Place, clock: Clock, ends_s: float, *, title: str | None = None, ca_file: Path | None
) -> AbstractContextManager[IssueBoard]:
    """
    Give the comments of the review at *place*, or with *title* the project's open issues.

    Raises:
        AccessError: there is no token in the environment, or it is none.
        ForgeReadOnly: there is none, in the pipeline of a fork.
        UsageError: *ca_file* is no good.

    """
    from icesync.forge.opening import Line
    from icesync.forge.opening import open_board as open_it

    line = Line(f"icesync/{__version__}", clock, ends_s, str(ca_file) if ca_file else None)
    return open_it(place, os.environ, line, title)


def _embedded_emulator(context: Context) -> Answer:
    """Return the emulator in this process; what it holds stays in ``.icesync``."""
    from icesync.emulator.archive import Archive
    from icesync.emulator.exchange import WireBroken
    from icesync.emulator.framework import Request
    from icesync.emulator.service import Service
    from icesync.net import BrokenError, RawReply

    archive = Archive(str(Path(context.project.root) / _EMULATOR_FILE))
    service = Service(context.clock, archive, base_path="")
    weakref.finalize(service, archive.close)

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> RawReply:
        try:
            reply = service.answer(Request(method, path, headers, body))
        except WireBroken as broken:
            raise BrokenError(str(broken)) from None
        return RawReply(reply.status, reply.headers, reply.body)

    return answer


@dataclass(frozen=True, slots=True)
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
    seed: int = 0
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

    from icesync.emulator.archive import MEMORY, Archive
    from icesync.emulator.faultparse import parse_fault
    from icesync.emulator.player import FaultPlayer
    from icesync.emulator.profile import parse_profile
    from icesync.emulator.server import serve, tls_context
    from icesync.emulator.service import Service

    slow = () if options.latency is None else (f"latency:{options.latency}@path=/",)
    player = FaultPlayer(map(parse_fault, (*slow, *options.faults)), options.seed)
    profile = parse_profile(options.profile)
    trust = tls_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    service = Service(
        SystemClock(),
        Archive(str(options.data or MEMORY)),
        users=options.users,
        token_ttl_s=options.token_ttl_s,
        profile=profile,
        player=player,
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


def open_prober(ca_file: Path | None = None) -> Prober:
    """
    Return what logs in to mail servers; it trusts *ca_file* besides the public list.

    Raises:
        UsageError: *ca_file* cannot be used.

    """
    from icesync.errors import UsageError
    from icesync.probe.prober import MailProber

    try:
        return MailProber(None if ca_file is None else str(ca_file))
    except OSError as error:
        reason = error.strerror or "no certificate in it"
        raise UsageError(f"--ca-file cannot be used: {reason}") from None


def open_domains() -> DomainLookup:
    """
    Return what asks the DNS.

    Raises:
        UsageError: its library is not installed, or this machine has no resolver.

    """
    from icesync.errors import UsageError

    try:
        from icesync.probe.domains import Domains

        return Domains()
    except ImportError:
        told = "--dns needs dnspython, which is not installed"
        raise UsageError(told, "pip install 'icesync[dns]'") from None
    except OSError as error:
        raise UsageError(f"--dns cannot ask: {error}") from None
