"""Use case: follow every reference once, and say where it leads; values are let go at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.engine.secrets import resolve_references
from icesync.engine.sidebyside import side_by_side
from icesync.engine.validate import own_credentials, validate
from icesync.errors import SecretMissing
from icesync.model.secret import SecretFacts, SecretRef, SecretStatus
from icesync.ports import InformedProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import DesiredState
    from icesync.model.project import Project
    from icesync.ports import SecretProvider

__all__ = ["check_secrets"]


def check_secrets(
    project: Project, providers: Mapping[str, SecretProvider]
) -> tuple[SecretStatus, ...]:
    """
    Return what each reference of the configuration and of its files leads to, sorted by reference.

    Raises:
        ConfigInvalid: the files are wrong.

    """
    users = _users(project, validate(project, providers).require())
    resolution = resolve_references(users, providers)
    facts: dict[SecretRef, SecretFacts] = {}
    found = [r for r in users if r.text in resolution.values]
    side_by_side(lambda reference: _ask(reference, providers, facts), found)
    failures = resolution.failures
    return tuple(
        SecretStatus(reference, tuple(users[reference]), problem.message, problem.hints)
        if (problem := failures.get(reference.text))
        else SecretStatus(reference, tuple(users[reference]), facts=facts[reference])
        for reference in sorted(users)
    )


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
    facts: dict[SecretRef, SecretFacts],
) -> None:
    provider = providers[reference.scheme]
    try:
        known = provider.facts(reference) if isinstance(provider, InformedProvider) else None
    except SecretMissing:
        known = None  # it was there a moment ago; what is known about it is only a comfort
    facts[reference] = known or SecretFacts()
