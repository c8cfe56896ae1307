"""Use cases of credentials: a token, a login, the fingerprint key, and where references lead."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from icesync.codec.fingerprint import KEY_BYTES, encode_key
from icesync.engine.apply import check_token
from icesync.engine.secret_resolution import SecretsMode, resolve_references, run_parallel
from icesync.engine.validate import check_files, own_credentials
from icesync.errors import AccessError, SecretMissing
from icesync.frozen import frozen
from icesync.model.secret import SecretMetadata, SecretRef, SecretStatus, SecretValue
from icesync.ports import MetadataProvider, SecretProvider
from icesync.wire.login import Token, read_token, write_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.engine.session import Session
    from icesync.model.desired import DesiredState
    from icesync.model.project import Project


@frozen
class TokenInfo:
    """What a token says of itself at the moment *now*; *claims* is None if it is none."""

    claims: Token | None
    now: datetime


def inspect_token(session: Session) -> TokenInfo:
    """
    Return what the token of ``api.token`` holds.

    Raises:
        AccessError: none is configured, it has ended, or it is no token.

    """
    api = session.project.api
    if api.token is None:
        raise AccessError(
            f"{session.project.config_file} has no `api.token`",
            "with `api.login`, each apply gets its own token",
        )
    token = session.fetch(api.token)
    check_token(token, 0, api, session.clock)
    return _info(session, token)


def log_in(session: Session) -> tuple[bytes, TokenInfo]:
    """
    Return the token of ``api.login`` as the content of a file, and what it holds.

    Raises:
        AccessError: no login is configured, or ICE refused it.
        RemoteError: ICE was not reached.

    """
    login = session.project.api.login
    if login is None:
        raise AccessError(
            f"{session.project.config_file} has no `api.login`",
            "icesync init --go-live --login USER --organization ORG",
        )
    token = session.ice.log_in(login, session.fetch(login.password))
    return write_token(token), _info(session, token)


def make_key() -> bytes:
    """Return a new key of the secrets' fingerprints, as the content of a file."""
    return f"{encode_key(secrets.token_bytes(KEY_BYTES))}\n".encode()


def _info(session: Session, token: SecretValue) -> TokenInfo:
    return TokenInfo(read_token(token), session.clock.now())


def check_secrets(
    project: Project, providers: Mapping[str, SecretProvider]
) -> tuple[SecretStatus, ...]:
    """
    Return what each reference of the configuration and of its files leads to, sorted by reference.

    Raises:
        ConfigInvalid: the files are wrong.

    """
    users = references_of(
        project, check_files(project, providers, secrets=SecretsMode.AUTO).require()
    )
    resolution = resolve_references(users, providers)
    metadata: dict[SecretRef, SecretMetadata] = {}
    found = [r for r in users if r.text in resolution.values]
    run_parallel(lambda reference: _ask(reference, providers, metadata), found)
    failures = resolution.failures
    return tuple(
        SecretStatus(reference, tuple(users[reference]), problem.message, problem.hints)
        if (problem := failures.get(reference.text))
        else SecretStatus(reference, tuple(users[reference]), metadata=metadata[reference])
        for reference in sorted(users)
    )


def variables_of_files(session: Session) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Return the environment variables that the files refer to: of the access to ICE, of passwords.

    That of the fingerprint key is in neither: it need not be referred to. No secret is looked at.

    Raises:
        ConfigInvalid: the files are wrong.

    """
    project = session.project
    checked = check_files(project, session.providers, secrets=SecretsMode.SKIP)
    # A configuration without a server yet is no mistake here.
    users = references_of(project, checked.require() if checked.files else checked.desired)
    named = [(reference, users[reference]) for reference in users if reference.scheme == "env"]
    access = (r.path for r, by in named if by[0].startswith("api."))
    passwords = (r.path for r, by in named if not by[0].startswith(("api.", "fingerprints.")))
    return tuple(dict.fromkeys(access)), tuple(dict.fromkeys(passwords))


def references_of(project: Project, desired: DesiredState) -> dict[SecretRef, list[str]]:
    """Return who refers to each reference: settings of the configuration, then servers."""
    users: dict[SecretRef, list[str]] = {}
    for name, reference in own_credentials(project).items():
        users.setdefault(reference, []).append(name)
    for address, server in sorted(desired.servers.items()):
        for key, reference in server.secrets.items():
            users.setdefault(reference, []).append(f"{address} {key}")
    return users


def _ask(
    reference: SecretRef,
    providers: Mapping[str, SecretProvider],
    metadata: dict[SecretRef, SecretMetadata],
) -> None:
    provider = providers[reference.scheme]
    try:
        known = provider.metadata(reference) if isinstance(provider, MetadataProvider) else None
    except SecretMissing:
        known = None  # it was there a moment ago; what is known about it is only a comfort
    metadata[reference] = known or SecretMetadata()
