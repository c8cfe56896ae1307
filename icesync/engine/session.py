"""What every use case works with: a project, and the ports through which it meets the world."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import field
from typing import TYPE_CHECKING

from icesync.errors import SecretMissing, UsageError
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from icesync.model.project import Project
    from icesync.model.secret import SecretRef, SecretValue
    from icesync.ports import (
        Caller,
        Clock,
        Ice,
        MailServers,
        SecretProvider,
        Signals,
        StateStore,
        StopRequest,
        Stores,
    )


class NoSignals:
    """Leaves signals to whoever runs the process."""

    def stopping(self, stop: StopRequest) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()

    def finishing(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


@frozen
class Session:
    """
    A project with all that a use case needs; nothing is opened before it is used.

    Made by :func:`icesync.open_project`. A test, or another program, can make one
    from ports of its own.
    """

    project: Project
    stores: Stores
    providers: Mapping[str, SecretProvider]
    clock: Clock
    ice: Ice
    mail: MailServers
    caller: Caller
    signals: Signals = field(default_factory=NoSignals)

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the secret behind *reference*.

        Raises:
            SecretMissing: there is none.

        """
        return fetch(self.providers, reference)

    def store_of(self, organization: int | None) -> StateStore:
        """
        Return the store of one state: that of *organization*, or the only one.

        Where an organization must be named and is not, the store refuses each use.

        Raises:
            UsageError: it must not be named, since all have one state.

        """
        if organization is None:
            return self.stores.single()
        if self.project.state.per is None:
            raise UsageError(
                "all organizations have one state here, so --organization names none",
                "leave it out",
            )
        return self.stores.of(organization)


def fetch(providers: Mapping[str, SecretProvider], reference: SecretRef) -> SecretValue:
    """
    Return the secret behind *reference*.

    Raises:
        SecretMissing: there is none.

    """
    provider = providers.get(reference.scheme)
    if provider is None:
        raise SecretMissing(f"`{reference}` names an unknown secret provider")
    return provider.fetch(reference)
