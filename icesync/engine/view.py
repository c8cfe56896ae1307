"""Whoever watches a use case: sees what it came to, is asked, and hears what happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.engine.plan import Planning
    from icesync.model.events import Event
    from icesync.model.plan import Refusal
    from icesync.model.probe import ProbeReport


class Part(Protocol):
    """What a use case comes to, part by part."""

    def members(self) -> dict[str, Any]:
        """Return the members of a :class:`~icesync.model.command_result.CommandResult` it fills."""
        ...


@frozen
class Probed:
    """What mail servers answered, and all refusals that are known by now."""

    report: ProbeReport
    refusals: tuple[Refusal, ...] = ()

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {"probe": self.report, "refusals": self.refusals}


class View(Protocol):
    """Shows, asks and tells; a use case knows no other way to a person."""

    def show(self, part: Part) -> None:
        """Take in a part of the result, as soon as it is known."""
        ...

    def approve(self, planning: Planning) -> bool:
        """Return whether the plan may be carried out."""
        ...

    def notify(self, event: Event) -> None:
        """Take note of what happens meanwhile; called from several threads."""
        ...


class Silent:
    """Shows nothing and approves nothing: for whoever only wants the result."""

    def show(self, part: Part) -> None:
        """Show nothing."""

    def approve(self, planning: Planning) -> bool:  # noqa: ARG002 - the view's signature
        """Approve nothing."""
        return False

    def notify(self, event: Event) -> None:
        """Say nothing."""


SILENT = Silent()
