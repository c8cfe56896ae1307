"""Use case: follow every reference once, and say where it leads; values are let go at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.engine.parallel import run_parallel
from icesync.engine.secret_resolution import SecretsMode, resolve_references
from icesync.engine.validate import check_files, own_credentials
from icesync.errors import SecretMissing
from icesync.model.secret import SecretMetadata, SecretRef, SecretStatus
from icesync.ports import MetadataProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.engine.session import Session
    from icesync.model.desired import DesiredState
    from icesync.model.project import Project
    from icesync.ports import SecretProvider


def check_secrets(
    project: Project, providers: Mapping[str, SecretProvider]
) -> tuple[SecretStatus, ...]:
    """
    Return what each reference of the configuration and of its files leads to, sorted by reference.

    Raises:
        ConfigInvalid: the files are wrong.

    """
    users = _users(project, check_files(project, providers, secrets=SecretsMode.AUTO).require())
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
    users = _users(project, checked.require())
    named = [(reference, users[reference]) for reference in users if reference.scheme == "env"]
    access = (r.path for r, by in named if by[0].startswith("api."))
    passwords = (r.path for r, by in named if not by[0].startswith(("api.", "fingerprints.")))
    return tuple(dict.fromkeys(access)), tuple(dict.fromkeys(passwords))


def _users(project: Project, desired: DesiredState) -> dict[SecretRef, list[str]]:
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
