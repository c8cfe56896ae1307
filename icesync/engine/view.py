"""Whoever watches a use case: sees what it came to, is asked, and hears what happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.engine.plan import Planning
    from icesync.engine.validate import Validation
    from icesync.model.command_result import Maintenance
    from icesync.model.events import Event
    from icesync.model.plan import Refusal
    from icesync.model.probe import ProbeReport
    from icesync.model.report import Report


@frozen
class Probed:
    """What mail servers answered, and all refusals that are known by now."""

    report: ProbeReport
    refusals: tuple[Refusal, ...] = ()


Part: TypeAlias = "Validation | Planning | Probed | Maintenance | Report"
"""What a use case comes to, part by part."""


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
