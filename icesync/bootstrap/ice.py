"""The client of ICE: a token, a login, and what makes the calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.engine.session import fetch
from icesync.errors import AccessError, ConfigInvalid
from icesync.model.secret import SecretRef, SecretValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.model.project import Login, Project
    from icesync.net import ClientOptions
    from icesync.ports import Clock, Gateway, SecretProvider


def obtain_token(
    project: Project, providers: Mapping[str, SecretProvider], clock: Clock
) -> SecretValue:
    """
    Return the token to call with: the configured one, or that of a login.

    Raises:
        SecretMissing: a reference leads nowhere.
        AccessError: neither is configured, or the login was refused.

    """
    api = project.api
    if api.token is not None:
        return fetch(providers, api.token)
    if api.login is not None:
        return log_in(project, clock, api.login, fetch(providers, api.login.password))
    if api.emulated:
        from icesync.model.project import Login

        nobody = Login(1, "emulator", _NO_REFERENCE)
        return log_in(project, clock, nobody, SecretValue("emulator"))
    raise AccessError(
        f"no credentials: {project.config_file} sets neither `api.token` nor `api.login`",
        "add `token: ref+env://ICE_TOKEN` under `api:` to read it from the environment",
    )


def _no_reference() -> SecretRef:
    from icesync.model.secret import SecretRef

    return SecretRef("", "", "")


_NO_REFERENCE: Final = _no_reference()


def log_in(project: Project, clock: Clock, login: Login, password: SecretValue) -> SecretValue:
    """
    Return the token that *login* gives.

    Raises:
        AccessError: ICE refused.
        RemoteError: ICE was not reached.

    """
    from icesync.client.session import log_in as ask
    from icesync.net import open_client

    client = open_client(_client_options(project, clock))
    try:
        return ask(client, login, password)
    finally:
        client.close()


def gateways(
    project: Project, providers: Mapping[str, SecretProvider], clock: Clock, token: SecretValue
) -> Callable[[], Gateway]:
    """Return what opens a gateway for each worker; they share one trust store."""
    from icesync.client.gateway import IceGateway
    from icesync.client.session import Session
    from icesync.net import open_client

    options = _client_options(project, clock)
    api = project.api
    renew = (
        (lambda: obtain_token(project, providers, clock)) if api.login and not api.token else None
    )
    session = Session(token, clock, renew)

    def open_gateway() -> Gateway:
        return IceGateway(open_client(options), session, api.wire, clock)

    return open_gateway


def _client_options(project: Project, clock: Clock) -> ClientOptions:
    from icesync.net import ClientOptions, bundle_problem, job_options, trust_store

    api = project.api
    agent = f"icesync/{__version__}"
    if api.emulated:
        from icesync.bootstrap.emulator import embedded_emulator

        answer = embedded_emulator(project.root, clock)
        return ClientOptions("http://emulator", api.timeout_s, agent, answer=answer)
    ca_file = str(Path(project.root) / api.ca_file) if api.ca_file else None
    try:
        trust = trust_store(ca_file) if ca_file else None
    except OSError as error:
        raise ConfigInvalid(f"`api.ca_file` cannot be used: {bundle_problem(error)}") from None
    options = ClientOptions(api.base_url, api.timeout_s, agent, api.proxy, trust)
    return job_options(options, api.base_url, os.environ)
