"""
The one place that joins adapters to ports.

Nothing is decided here, and each adapter is imported when it is needed:
a plan never loads what could send.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
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
    from collections.abc import Callable, Iterable, Mapping

    from icesync.model.project import Login, Project, StateSettings
    from icesync.model.secret import SecretRef
    from icesync.net import ClientOptions
    from icesync.ports import Clock, Gateway, SecretProvider, StateStore

__all__ = [
    "Context",
    "SystemClock",
    "gateways",
    "log_in",
    "obtain_token",
    "open_context",
    "open_store",
]


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

    def within(self, organizations: Iterable[int]) -> Context:
        """Return the context with the snapshots of *organizations*; the same if all have one."""
        if self.project.state.per is None:
            return self
        from icesync.bootstrap.partitions import open_parts

        return replace(self, store=open_parts(self.project, organizations, self.clock))

    def of(self, organization: int) -> Context:
        """Return the context with the one snapshot of *organization*."""
        state = self.project.state.of(organization)
        return replace(
            self, store=open_store(self.project.root, state, self.clock, own_folder=True)
        )


def open_context(folder: Path, config: Path | None = None) -> Context:
    """
    Return the context of the configuration that governs *folder*, or of the file *config*.

    Raises:
        ConfigError: there is none, or it is wrong.

    """
    clock = SystemClock()
    found = config if config is not None else find_config(folder)
    project = read_project(found, os.environ)
    return Context(project, _first_store(project, clock), _open_providers(project), clock)


def _first_store(project: Project, clock: Clock) -> StateStore:
    if project.state.per is not None:
        from icesync.stores.per_organization import UnscopedStore

        return UnscopedStore(project.state.template)
    return open_store(project.root, project.state, clock)


def open_store(
    root: str, state: StateSettings, clock: Clock, *, own_folder: bool = False
) -> StateStore:
    """
    Return the store that *state* names; only a remote one loads what it needs to call.

    With *own_folder* a first write makes the folder of a file.
    """
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

    return LocalStore(Path(root) / state.path, clock, own_folder=own_folder)


def _open_providers(project: Project) -> Mapping[str, SecretProvider]:
    from icesync.secrets.registry import Providers, SecretSettings

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
    from icesync.config.yaml.document import parse_document
    from icesync.config.yaml.source import SourceFile

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
        from icesync.bootstrap.emulator import embedded_emulator

        answer = embedded_emulator(context)
        return ClientOptions("http://emulator", api.timeout_s, agent, answer=answer)
    ca_file = str(Path(project.root) / api.ca_file) if api.ca_file else None
    try:
        trust = trust_store(ca_file)
    except OSError as error:
        raise ConfigInvalid(
            f"`api.ca_file` cannot be used: {error.strerror or 'no certificate in it'}"
        ) from None
    return ClientOptions(api.base_url, api.timeout_s, agent, api.proxy, trust)
