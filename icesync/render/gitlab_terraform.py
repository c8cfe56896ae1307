"""
The counts of a plan, for the widget that GitLab has for Terraform.

A resend counts as an update, a server that is forgotten as a deletion. Without
a plan the report lacks its keys, and the widget says that it failed:
three zeros would read as "no changes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.codec.canonical import one_line
from icesync.model.plan import Action

if TYPE_CHECKING:
    from icesync.model.command_result import CommandResult
    from icesync.render.formats import RenderContext

__all__ = ["render"]

_COUNTED: Final = {
    "create": (Action.ADD,),
    "update": (Action.UPDATE, Action.MOVE, Action.RESEND),
    "delete": (Action.DISABLE, Action.FORGET),
}

_MOST: Final = 999_999
"""GitLab refuses numbers of more than six digits."""


def render(review: CommandResult, view: RenderContext) -> str:  # noqa: ARG001 - the same for all pipelines
    """Return the counts of *review*'s plan as JSON."""
    if review.plan is None:
        return "{}\n"
    counts = {
        name: min(sum(review.plan.count(action) for action in actions), _MOST)
        for name, actions in _COUNTED.items()
    }
    return one_line(counts)
