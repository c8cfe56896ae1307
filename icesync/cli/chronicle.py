"""Remembers how an apply went, so that a run that broke off is reported as far as it got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.report import Outcome, OutcomeKind, Report, Result, ResultStatus

if TYPE_CHECKING:
    from icesync.model.address import Address
    from icesync.model.plan import Plan, ResourceChange
    from icesync.ports import Progress

__all__ = ["Chronicle"]


class Chronicle:
    """Takes down what happens to the changes of *plan*, and passes it on to *inner*."""

    def __init__(self, plan: Plan, inner: Progress) -> None:
        self._plan = plan
        self._inner = inner
        self._called: set[Address] = set()
        self._ended: dict[Address, Result] = {}

    def start(self, total: int) -> None:
        """Pass on that it begins."""
        self._inner.start(total)

    def calling(self, change: ResourceChange) -> None:
        """Remember that the call leaves."""
        self._called.add(change.address)
        self._inner.calling(change)

    def pausing(self, wait_s: float, reason: str) -> None:
        """Pass on that no call leaves."""
        self._inner.pausing(wait_s, reason)

    def advance(self, result: Result) -> None:
        """Remember how a change ended."""
        self._ended[result.address] = result
        self._inner.advance(result)

    def stop(self) -> None:
        """Pass on that no more changes come."""
        self._inner.stop()

    def report(self) -> Report:
        """Return how far it got; its serial is that of the plan, since nobody knows a newer one."""
        results = (self._ended.get(c.address) or self._left(c) for c in self._plan.effective)
        return Report(tuple(results), self._plan.base_serial)

    def _left(self, change: ResourceChange) -> Result:
        if change.address not in self._called:
            return Result(change.address, change.action, ResultStatus.NOT_ATTEMPTED)
        outcome = Outcome(OutcomeKind.UNCERTAIN, "outcome unknown: the run broke off")
        return Result(change.address, change.action, ResultStatus.UNCERTAIN, outcome)
